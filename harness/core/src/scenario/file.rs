//! `ScenarioFile`: a scenario as written, read strictly. What it says is checked in `validate`,
//! what it means is decided in `plan`.

use std::{collections::BTreeMap, ops::Range, time::Duration};

use toml::de::DeTable;

use super::{
    problem::{MISSING, Problems},
    step::{CheckFile, FaultFile},
    table::{At, Table},
};

/// Where the text is no TOML, and why.
pub(super) type SyntaxErrors = Vec<(Range<usize>, String)>;

/// A scenario as written.
#[derive(Debug, Clone)]
pub(super) struct ScenarioFile {
    pub(super) description: String,
    /// Not written: as long as its phases may take.
    pub(super) timeout: Option<Duration>,
    pub(super) subnet: Option<At<String>>,
    pub(super) groups: Vec<GroupFile>,
    pub(super) phases: Vec<PhaseFile>,
}

/// A group of nodes as written.
#[derive(Debug, Clone)]
pub(super) struct GroupFile {
    pub(super) span: Range<usize>,
    pub(super) name: Option<At<String>>,
    /// Written (or asked for with `--nodes`): the nodes are numbered. Else there is one, named as
    /// the group.
    pub(super) count: Option<At<u32>>,
    pub(super) seed: bool,
    pub(super) mine: bool,
    pub(super) env: BTreeMap<String, At<String>>,
    pub(super) args: Option<At<Vec<String>>>,
    pub(super) image: Option<At<String>>,
    pub(super) bin: Option<At<String>>,
}

/// A phase as written.
#[derive(Debug, Clone)]
pub(super) struct PhaseFile {
    pub(super) name: String,
    /// Faults are written, even if they could not be read.
    pub(super) has_faults: bool,
    pub(super) faults: Vec<FaultFile>,
    pub(super) checks: Vec<CheckFile>,
}

impl ScenarioFile {
    /// Reads all that can be read, and what of the text is no TOML. Usable only if both are without
    /// errors.
    pub(super) fn read(text: &str, problems: &mut Problems) -> (Self, SyntaxErrors) {
        let (document, errors) = DeTable::parse_recoverable(text);
        let root = Table::root(&document);
        root.only(&["scenario", "network", "nodes", "phases"], problems);
        let (description, timeout) = read_scenario(&root, problems);
        let subnet = root.table("network", problems).and_then(|network| {
            network.only(&["subnet"], problems);
            network.text("subnet", problems)
        });
        let groups = root
            .tables("nodes", "a node group", problems)
            .iter()
            .map(|table| GroupFile::read(table, problems))
            .collect();
        let phases = root
            .tables("phases", "a phase", problems)
            .iter()
            .map(|table| PhaseFile::read(table, problems))
            .collect();
        let syntax = errors
            .iter()
            .map(|error| (error.span().unwrap_or(0..0), format!("syntax: {}", error.message())))
            .collect();
        (Self { description, timeout, subnet, groups, phases }, syntax)
    }
}

fn read_scenario(root: &Table<'_, '_>, problems: &mut Problems) -> (String, Option<Duration>) {
    if !root.has("scenario") {
        problems.error_file(format!("{MISSING}table `[scenario]`"));
    }
    let Some(table) = root.table("scenario", problems) else {
        return (String::new(), None);
    };
    table.only(&["description", "timeout"], problems);
    let description = table.text("description", problems).map_or(String::new(), |text| text.value);
    let timeout = table.positive_duration("timeout", problems).map(|timeout| timeout.value);
    (description, timeout)
}

impl GroupFile {
    fn read(table: &Table<'_, '_>, problems: &mut Problems) -> Self {
        table.only(
            &["name", "count", "seed", "mine", "env", "args", "image", "bin", "start"],
            problems,
        );
        table.require("name", problems);
        match table.text("start", problems) {
            Some(start) if start.value == "later" => {
                problems.error(start.span, "`start = \"later\"` is for the fault `join`, which is specified, but this version does not have it yet")
            }
            Some(start) if start.value != "at-start" => {
                problems.error_hint(start.span, format!("`start` cannot be `{}`", start.value), "write \"at-start\" or \"later\"");
            }
            Some(_) | None => {}
        }
        let (image, bin) = (table.text("image", problems), table.text("bin", problems));
        if let (Some(_), Some(bin)) = (&image, &bin) {
            problems.error_hint(
                bin.span.clone(),
                "`image` and `bin` in one group",
                "write one of them",
            );
        }
        Self {
            span: table.span.clone(),
            name: table.text("name", problems),
            count: table.number("count", 1, problems),
            seed: table.boolean("seed", problems).is_some_and(|seed| seed.value),
            mine: table.boolean("mine", problems).is_some_and(|mine| mine.value),
            env: table.text_table("env", problems).unwrap_or_default(),
            args: table.texts("args", problems),
            image,
            bin,
        }
    }
}

impl PhaseFile {
    /// The longest `within` of some of its checks.
    pub(super) fn longest(&self, of: impl Fn(&CheckFile) -> bool) -> Duration {
        self.checks
            .iter()
            .filter(|check| of(check))
            .filter_map(|check| check.within.as_ref())
            .map(|within| within.value)
            .max()
            .unwrap_or_default()
    }

    fn read(table: &Table<'_, '_>, problems: &mut Problems) -> Self {
        table.only(&["name", "faults", "checks"], problems);
        table.require("name", problems);
        Self {
            name: table.text("name", problems).map_or(String::new(), |name| name.value),
            has_faults: table.has("faults"),
            faults: table
                .tables("faults", "a fault", problems)
                .iter()
                .map(|table| FaultFile::read(table, problems))
                .collect(),
            checks: table
                .tables("checks", "a check", problems)
                .iter()
                .map(|table| CheckFile::read(table, problems))
                .collect(),
        }
    }
}
