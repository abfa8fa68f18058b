//! The steps of a phase as written: faults and checks, each with the keys that belong to it.

use std::{ops::Range, time::Duration};

use super::{
    conditions::Selectors,
    within::{AUTO, Within},
};
use crate::{
    check::{self, CHECKS, CheckEntry, CheckKind, Context, When, Window},
    document::{At, Problems, Table, nearest, suggest},
    fault::{self, Condition, Course, FAULTS, FaultEntry, Targets},
};

/// How long a condition must hold if `for` is not written.
pub(super) const DEFAULT_HOLD: Duration = Duration::from_secs(2);

/// A fault as written.
#[derive(Debug)]
pub(super) struct FaultFile {
    pub(super) span: Range<usize>,
    pub(super) nodes: Option<At<String>>,
    pub(super) own: Option<Box<dyn fault::WrittenKind>>,
    /// `with = "previous"`, if it is written.
    pub(super) with_previous: Option<Range<usize>>,
}

/// A check as written.
#[derive(Debug)]
pub(super) struct CheckFile {
    pub(super) span: Range<usize>,
    pub(super) entry: Option<&'static CheckEntry>,
    pub(super) own: Option<Box<dyn check::WrittenKind>>,
    pub(super) nodes: Option<At<String>>,
    pub(super) within: Option<At<Within>>,
    pub(super) hold: Option<At<Duration>>,
    pub(super) during: Option<At<When>>,
}

impl FaultFile {
    /// A fault that nobody knows is an error, and so is whatever else is wrong with its table.
    pub(super) fn read(table: &Table<'_, '_>, problems: &mut Problems) -> Self {
        table.require("fault", problems);
        let name = table.text("fault", problems);
        let names: Vec<&str> = FAULTS.iter().map(|entry| entry.name).collect();
        let known = name.and_then(|name| known(&name, "fault", &names, problems));
        let entry = known.and_then(|name| FAULTS.iter().copied().find(|entry| entry.name == name));
        Self {
            span: table.span.clone(),
            nodes: read_nodes(entry, table, problems),
            own: entry.and_then(|entry| fault::read(entry, table, problems)),
            with_previous: table.word("with", &["previous"], problems).map(|with| with.span),
        }
    }

    /// How it goes, as far as that is known.
    pub(super) fn course(&self) -> Option<Course> {
        Some(self.own.as_ref()?.resolve(&|_| Vec::new()).course())
    }

    /// Everything that it names.
    pub(super) fn names(&self) -> impl Iterator<Item = &At<String>> {
        self.nodes.iter().chain(self.own.iter().flat_map(|own| own.names()))
    }
}

/// Whom it hits, if it says so with `nodes`; and no other key than its own.
fn read_nodes(
    entry: Option<&FaultEntry>,
    table: &Table<'_, '_>,
    problems: &mut Problems,
) -> Option<At<String>> {
    match entry {
        Some(entry) => table.only(&[&entry.common(), entry.keys], problems),
        // What is meant is not known; only what is nearly a key is a mistake.
        None => {
            let own = FAULTS.iter().flat_map(|entry| entry.keys);
            let keys: Vec<_> =
                fault::COMMON.iter().chain(fault::NODES).chain(own).copied().collect();
            table.misspelt(&keys, problems);
        }
    }
    if entry.is_none_or(|entry| entry.targets == Targets::Nodes) {
        table.require("nodes", problems);
    }
    table.text("nodes", problems)
}

impl CheckFile {
    pub(super) fn read(table: &Table<'_, '_>, problems: &mut Problems) -> Self {
        table.require("check", problems);
        let name = table.text("check", problems);
        let names: Vec<&str> = CHECKS.iter().map(|entry| entry.name).collect();
        let known = name.and_then(|name| known(&name, "check", &names, problems));
        let entry = known.and_then(|name| CHECKS.iter().copied().find(|entry| entry.name == name));
        let own = match entry {
            Some(entry) => {
                only(entry, table, problems);
                check::read(entry, table, problems)
            }
            // What is meant is not known, so neither are its own keys.
            None => {
                table.misspelt(check::COMMON, problems);
                None
            }
        };
        table.require("nodes", problems);
        table.require("within", problems);
        Self {
            span: table.span.clone(),
            entry,
            own,
            nodes: table.text("nodes", problems),
            within: read_within(table, problems),
            hold: table.duration("for", problems),
            during: read_during(table, problems),
        }
    }

    /// What it needs of its window.
    pub(super) fn window(&self) -> Window {
        self.entry.map_or(Window::Part, |entry| entry.window)
    }

    /// The nodes that it holds its own against.
    pub(super) fn others(&self, selectors: &Selectors) -> Vec<String> {
        self.kind(selectors).map_or_else(Vec::new, |kind| kind.others().to_vec())
    }

    /// A named node that does not answer, as it is in this condition, cannot pass it.
    pub(super) fn wants_answers(&self, condition: Condition, selectors: &Selectors) -> bool {
        match self.kind(selectors) {
            // A frozen process is one that runs.
            Some(CheckKind::Alive(_)) => condition != Condition::Frozen,
            kind => matches!(
                kind,
                Some(
                    CheckKind::Peers(_)
                        | CheckKind::DistinctPeers(_)
                        | CheckKind::HeightAdvances(_)
                        | CheckKind::SameChain(_)
                )
            ),
        }
    }

    fn kind(&self, selectors: &Selectors) -> Option<CheckKind> {
        let context = Context { after_a_heal: false, seeds: &[], names: selectors };
        self.own.as_ref().map(|own| own.resolve(&context))
    }

    /// It runs while a fault lasts.
    pub(super) fn is_during(&self) -> bool {
        self.during.as_ref().is_some_and(|during| during.value == When::DuringFault)
    }
}

fn only(entry: &CheckEntry, table: &Table<'_, '_>, problems: &mut Problems) {
    let no_for = match entry.window {
        Window::Part => None,
        Window::Whole => {
            Some(("`for` in a check of its whole window", "`within` is how long it is watched"))
        }
        Window::Once => Some((
            "`for` in a check of what need be seen once",
            "`within` is how long it is looked for",
        )),
    };
    if let Some((why, hint)) = no_for.filter(|_| table.has("for")) {
        problems.error_hint(table.key_span("for"), why, hint);
        table.only(&[check::COMMON, entry.keys], problems);
    } else {
        table.only(&[&entry.common(), entry.keys], problems);
    }
}

fn read_within(table: &Table<'_, '_>, problems: &mut Problems) -> Option<At<Within>> {
    if table.is_text("within", AUTO) {
        return table.text("within", problems).map(|text| text.map(|_| Within::Auto));
    }
    table.positive_duration("within", problems).map(|length| length.map(Within::For))
}

fn read_during(table: &Table<'_, '_>, problems: &mut Problems) -> Option<At<When>> {
    let during = table.text("during", problems)?;
    if during.value == "fault" {
        return Some(during.map(|_| When::DuringFault));
    }
    problems.error_hint(
        during.span,
        format!("`during` cannot be `{}`", during.value),
        "the only value is \"fault\"",
    );
    None
}

/// What is meant: the name itself, or the nearest one, so that the rest of the table can be looked
/// at.
fn known(
    name: &At<String>,
    what: &str,
    have: &[&'static str],
    problems: &mut Problems,
) -> Option<&'static str> {
    let word = name.value.as_str();
    if let Some(known) = have.iter().find(|known| **known == word) {
        return Some(known);
    }
    let near = nearest(word, have.iter().copied());
    let hint = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => suggest(word, have.iter().copied()),
    };
    problems.error_hint(name.span.clone(), format!("unknown {what} `{word}`"), hint);
    have.iter().find(|known| near == Some(**known)).copied()
}
