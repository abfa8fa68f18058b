//! `ScenarioFile`: a scenario as written, read strictly. What it says is checked in `validate`,
//! what it means is decided in `plan`.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    time::Duration,
};

use toml::de::DeTable;

use super::{
    hostile,
    step::{CheckFile, FaultFile},
    storm::StormFile,
};
use crate::{
    document::{At, Given, Key, MISSING, Problems, Table, Takes},
    hostile::Hostile,
};

/// Where the text is no TOML, and why.
pub(super) type SyntaxErrors = Vec<(Range<usize>, String)>;

const fn table(name: &'static str, about: &'static str) -> Key {
    Key { name, takes: Takes::Text, given: Given::Else("none"), about }
}

/// The tables of a file.
const ROOT: &[Key] = &[
    table("scenario", "what it is"),
    table("network", "where it runs"),
    table("nodes", "groups of nodes"),
    table("phases", "what is done and checked, in order"),
];

/// The arrays of a phase.
const STEPS: &[Key] = &[
    table("faults", "what is done, one after another"),
    table("storm", "faults that are drawn from the run's seed, after those"),
    table("checks", "what must hold"),
];

/// Keys of `[scenario]`.
pub const SCENARIO: &[Key] = &[
    Key {
        name: "description",
        takes: Takes::Text,
        given: Given::Else("none"),
        about: "what it shows, in one sentence",
    },
    Key {
        name: "timeout",
        takes: Takes::Duration,
        given: Given::Else("what the phases may take, `\"5m\"` at least"),
        about: "from the last node's start; what is undecided then fails",
    },
    Key {
        name: "takes",
        takes: Takes::Duration,
        given: Given::Else("`\"60s\"`"),
        about: "about how long a run of it is: shorter ones run first",
    },
    Key {
        name: "tags",
        takes: Takes::Texts,
        given: Given::Else("none"),
        about: "words by which `--tag` picks it: `quick`, under 30 s, is what CI runs on every change",
    },
];

/// Keys of `[network]`.
pub const NETWORK: &[Key] = &[
    Key {
        name: "subnet",
        takes: Takes::Text,
        given: Given::Else("a free one"),
        about: "like `\"198.18.7.0/24\"`",
    },
    Key {
        name: "seeds",
        takes: Takes::Word(&["addresses", "names"]),
        given: Given::Else("`\"addresses\"`"),
        about: "whether `HEGEMON_SEEDS` has addresses or host names (the nodes' names)",
    },
    Key {
        name: "block_time",
        takes: Takes::Duration,
        given: Given::Else("the nodes' profile's"),
        about: "the mean time between two blocks, from which windows of checks about blocks follow (`within = \"auto\"`); nodes whose profile names a variable for it are told",
    },
];

/// Keys of a group of nodes.
pub const GROUP: &[Key] = &[
    Key { name: "name", takes: Takes::Text, given: Given::Always, about: "a DNS label" },
    Key {
        name: "kind",
        takes: Takes::Word(&["node", "hostile"]),
        given: Given::Else("`\"node\"`"),
        about: "`\"hostile\"`: adversaries (`hegemon-hostile`) beside the nodes, which attack all nodes, or those of its `seeds`. `*` does not mean them, no check may name them, and of the faults only `hostile`. Whether they attacked is their own report: a run in which one of them did not is inconclusive. Nodes may count their sessions as peers, so more than nodes − 1 is possible then",
    },
    Key {
        name: "attack",
        takes: Takes::Text,
        given: Given::Else("required of adversaries"),
        about: "what they do: an attack of `hegemon-hostile`, like `\"address-flood\"`",
    },
    Key {
        name: "rate",
        takes: Takes::Number(1),
        given: Given::Else("the attack's own"),
        about: "new peers in a second of each adversary, at most 1000",
    },
    Key {
        name: "count",
        takes: Takes::Number(1),
        given: Given::Else("one node, `name`, which a check or fault may also call `name-1`"),
        about: "how many nodes: `name-1`, `name-2`, …",
    },
    Key {
        name: "seed",
        takes: Takes::Flag,
        given: Given::Else("`false`"),
        about: "its nodes go into everybody's `HEGEMON_SEEDS`; at least one group must",
    },
    Key {
        name: "seeds",
        takes: Takes::Texts,
        given: Given::Else("all seeds"),
        about: "nodes or groups: what is in its nodes' `HEGEMON_SEEDS` instead",
    },
    Key {
        name: "mine",
        takes: Takes::Flag,
        given: Given::Else("`false`"),
        about: "its nodes mine",
    },
    Key {
        name: "reachable",
        takes: Takes::Flag,
        given: Given::Else("`true`"),
        about: "`false`: its nodes listen where nobody else can reach them (their own loopback), as behind a router that lets nobody in; they dial as others do",
    },
    Key {
        name: "env",
        takes: Takes::TextTable,
        given: Given::Else("none"),
        about: "the last word over the environment that the harness sets",
    },
    Key {
        name: "args",
        takes: Takes::Texts,
        given: Given::Else("none"),
        about: "appended to the arguments that the harness sets, and the last word over them; not where the node lives (ports, addresses, `--base-path`)",
    },
    Key {
        name: "image",
        takes: Takes::Text,
        given: Given::Else("the run's"),
        about: "an image instead of the run's nodes; not together with `bin`",
    },
    Key {
        name: "bin",
        takes: Takes::Text,
        given: Given::Else("the run's"),
        about: "a binary instead of the run's nodes, relative to the file",
    },
    Key {
        name: "start",
        takes: Takes::Word(&["at-start", "later"]),
        given: Given::Else("`\"at-start\"`"),
        about: "`\"later\"`: its nodes are started by the fault `join`, adversaries by `hostile`",
    },
];

/// Keys of a phase, beside its faults and checks.
pub const PHASE: &[Key] =
    &[Key { name: "name", takes: Takes::Text, given: Given::Always, about: "for people" }];

/// A scenario as written.
#[derive(Debug)]
pub(super) struct ScenarioFile {
    pub(super) description: String,
    /// Not written: as long as its phases may take.
    pub(super) timeout: Option<Duration>,
    pub(super) takes: Option<Duration>,
    pub(super) tags: Vec<String>,
    pub(super) subnet: Option<At<String>>,
    pub(super) block_time: Option<At<Duration>>,
    pub(super) seeds_by_name: bool,
    pub(super) groups: Vec<GroupFile>,
    pub(super) phases: Vec<PhaseFile>,
    /// Its nodes run already, and there may be others.
    pub(super) attached: bool,
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
    pub(super) seeds: Option<At<Vec<String>>>,
    pub(super) mine: bool,
    /// Nobody can dial its nodes.
    pub(super) hidden: bool,
    pub(super) env: BTreeMap<String, At<String>>,
    pub(super) args: Option<At<Vec<String>>>,
    pub(super) image: Option<At<String>>,
    pub(super) bin: Option<At<String>>,
    /// Its nodes are started by `join`.
    pub(super) later: bool,
    /// Its nodes are adversaries.
    pub(super) hostile: Option<Hostile>,
}

/// A phase as written.
#[derive(Debug)]
pub(super) struct PhaseFile {
    pub(super) name: String,
    /// Faults are written, even if they could not be read.
    pub(super) has_faults: bool,
    pub(super) faults: Vec<FaultFile>,
    pub(super) storms: Vec<StormFile>,
    pub(super) checks: Vec<CheckFile>,
}

impl ScenarioFile {
    /// Reads all that can be read, and what of the text is no TOML. Usable only if both are without
    /// errors.
    pub(super) fn read(text: &str, problems: &mut Problems) -> (Self, SyntaxErrors) {
        let (document, errors) = DeTable::parse_recoverable(text);
        let root = Table::root(&document, "a scenario");
        root.only(&[ROOT], problems);
        let About { description, timeout, takes, tags } = read_scenario(&root, problems);
        let network = root.table("network", problems);
        let network = network.inspect(|network| network.only(&[NETWORK], problems));
        let subnet = network.as_ref().and_then(|network| network.text("subnet", problems));
        let seeds = network
            .as_ref()
            .and_then(|network| network.word("seeds", &["addresses", "names"], problems));
        let seeds_by_name = seeds.is_some_and(|seeds| seeds.value == "names");
        let block_time =
            network.as_ref().and_then(|network| network.positive_duration("block_time", problems));
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
        let attached = false;
        let file = Self {
            description,
            timeout,
            takes,
            tags,
            subnet,
            block_time,
            seeds_by_name,
            groups,
            phases,
            attached,
        };
        (file, syntax)
    }
}

/// What `[scenario]` says.
#[derive(Default)]
struct About {
    description: String,
    timeout: Option<Duration>,
    takes: Option<Duration>,
    tags: Vec<String>,
}

fn read_scenario(root: &Table<'_, '_>, problems: &mut Problems) -> About {
    if !root.has("scenario") {
        problems.error_file(format!("{MISSING}table `[scenario]`"));
    }
    let Some(table) = root.table("scenario", problems) else {
        return About::default();
    };
    table.only(&[SCENARIO], problems);
    let description = table.text("description", problems).map_or(String::new(), |text| text.value);
    let timeout = table.positive_duration("timeout", problems).map(|timeout| timeout.value);
    About {
        description,
        timeout,
        takes: table.positive_duration("takes", problems).map(|takes| takes.value),
        tags: table.texts("tags", problems).map_or_else(Vec::new, |tags| tags.value),
    }
}

impl ScenarioFile {
    /// Puts nodes that run already in place of its own. Names that differ in nothing but a number from 1 up
    /// are a group, as they are where nodes are started.
    pub(super) fn attach(&mut self, names: &[String]) {
        let (mut groups, mut placed) = (Vec::new(), BTreeSet::new());
        // In whatever order they are listed.
        for prefix in names.iter().filter_map(|name| name.strip_suffix("-1")) {
            let numbered = (1..).map(|number| format!("{prefix}-{number}"));
            let members: Vec<String> = numbered.take_while(|name| names.contains(name)).collect();
            groups.push(GroupFile::attached(prefix, Some(members.len())));
            placed.extend(members);
        }
        let alone = names.iter().filter(|name| !placed.contains(*name));
        groups.extend(alone.map(|name| GroupFile::attached(name, None)));
        (self.groups, self.subnet, self.attached) = (groups, None, true);
    }
}

impl GroupFile {
    /// Nobody starts its nodes, so that nothing else is known of them.
    fn attached(name: &str, count: Option<usize>) -> Self {
        let at = |count: usize| At { value: u32::try_from(count).unwrap_or(u32::MAX), span: 0..0 };
        Self {
            span: 0..0,
            name: Some(At { value: name.to_owned(), span: 0..0 }),
            count: count.map(at),
            seed: true,
            seeds: None,
            mine: false,
            hidden: false,
            env: BTreeMap::new(),
            args: None,
            image: None,
            bin: None,
            later: false,
            hostile: None,
        }
    }

    fn read(table: &Table<'_, '_>, problems: &mut Problems) -> Self {
        table.only(&[GROUP], problems);
        table.require("name", problems);
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
            seeds: table.texts("seeds", problems),
            mine: table.boolean("mine", problems).is_some_and(|mine| mine.value),
            hidden: table.boolean("reachable", problems).is_some_and(|reachable| !reachable.value),
            env: table.text_table("env", problems).unwrap_or_default(),
            args: table.texts("args", problems),
            image,
            bin,
            later: table
                .word("start", &["at-start", "later"], problems)
                .is_some_and(|start| start.value == "later"),
            hostile: hostile::read(table, problems),
        }
    }
}

impl PhaseFile {
    /// The longest `within` of some of its checks that is written.
    pub(super) fn longest(&self, of: impl Fn(&CheckFile) -> bool) -> Duration {
        self.checks
            .iter()
            .filter(|check| of(check))
            .filter_map(|check| check.within.as_ref()?.value.written())
            .max()
            .unwrap_or_default()
    }

    fn read(table: &Table<'_, '_>, problems: &mut Problems) -> Self {
        table.only(&[PHASE, STEPS], problems);
        table.require("name", problems);
        Self {
            name: table.text("name", problems).map_or(String::new(), |name| name.value),
            has_faults: table.has_some("faults"),
            faults: table
                .tables("faults", "a fault", problems)
                .iter()
                .map(|table| FaultFile::read(table, problems))
                .collect(),
            storms: table
                .tables("storm", "a storm", problems)
                .iter()
                .map(|table| StormFile::read(table, problems))
                .collect(),
            checks: table
                .tables("checks", "a check", problems)
                .iter()
                .map(|table| CheckFile::read(table, problems))
                .collect(),
        }
    }
}
