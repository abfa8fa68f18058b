//! The steps of a phase as written: faults and checks, each with the keys that belong to it.

use std::{ops::Range, time::Duration};

use super::{
    names::{listed, nearest, suggest},
    plan::When,
    problem::Problems,
    table::{At, Table},
};
use crate::check::{
    CheckKind,
    alive::Alive,
    height_advances::HeightAdvances,
    peers::{Peers, PeersNeeded},
    recovers::Recovers,
    same_chain::{Above, SameChain},
};

/// Checks that this version has; what the specification has beyond them is in [`CHECKS_LATER`].
const CHECKS: [&str; 5] = ["peers", "height-advances", "same-chain", "recovers", "alive"];
const CHECKS_LATER: [&str; 5] = ["no-stall", "converged", "distinct-peers", "store-survives", "resources"];
const FAULTS: [&str; 1] = ["restart"];
const FAULTS_LATER: [&str; 13] = ["stop", "start", "kill", "pause", "resume", "isolate", "rejoin", "partition", "heal", "wipe", "delay", "join", "hostile"];

/// Keys that every check takes.
const COMMON: [&str; 5] = ["check", "nodes", "within", "for", "during"];

/// A fault as written.
#[derive(Debug, Clone)]
pub(super) struct FaultFile {
    pub(super) nodes: Option<At<String>>,
    /// Zero if not written: until it is proven, and until its `during` checks are settled.
    pub(super) downtime: Duration,
}

/// A check as written.
#[derive(Debug, Clone)]
pub(super) struct CheckFile {
    pub(super) span: Range<usize>,
    pub(super) kind: Option<KindFile>,
    pub(super) nodes: Option<At<String>>,
    pub(super) within: Option<At<Duration>>,
    pub(super) hold: Option<At<Duration>>,
    pub(super) during: Option<At<When>>,
}

/// What a check looks for, as written: what is left out and depends on the rest of the scenario is still open.
#[derive(Debug, Clone)]
pub(super) enum KindFile {
    Peers(At<PeersNeeded>),
    HeightAdvances { by: u64 },
    SameChain { depth: u64, above: Option<At<Above>> },
    Recovers { peers_at_least: Option<At<u64>>, height_by: Option<u64> },
    Alive,
}

impl KindFile {
    /// `fault_before` says whether a fault was healed before this check starts: what `above` is measured from if nothing is written.
    pub(super) fn resolve(self, fault_before: bool) -> CheckKind {
        match self {
            Self::Peers(needed) => CheckKind::Peers(Peers { needed: needed.value }),
            Self::HeightAdvances { by } => CheckKind::HeightAdvances(HeightAdvances { by }),
            Self::SameChain { depth, above } => {
                let default = if fault_before { Above::Fault } else { Above::Start };
                CheckKind::SameChain(SameChain { depth, above: above.map_or(default, |above| above.value) })
            }
            Self::Recovers { peers_at_least, height_by } => {
                CheckKind::Recovers(Recovers { peers_at_least: peers_at_least.map(|least| least.value), height_by })
            }
            Self::Alive => CheckKind::Alive(Alive),
        }
    }
}

impl FaultFile {
    /// A fault that nobody knows is an error, and so is whatever else is wrong with its table.
    pub(super) fn read(table: &Table<'_, '_>, problems: &mut Problems) -> Self {
        const KEYS: [&str; 3] = ["fault", "nodes", "downtime"];
        table.require("fault", problems);
        match table.text("fault", problems).and_then(|fault| known(&fault, "fault", &FAULTS, &FAULTS_LATER, problems)) {
            Some(fault) if FAULTS.contains(&fault) => table.only(&KEYS, problems),
            Some(_) | None => table.misspelt(&KEYS, problems),
        }
        table.require("nodes", problems);
        Self { nodes: table.text("nodes", problems), downtime: table.duration("downtime", problems).map_or(Duration::ZERO, |downtime| downtime.value) }
    }
}

impl CheckFile {
    pub(super) fn read(table: &Table<'_, '_>, problems: &mut Problems) -> Self {
        table.require("check", problems);
        let kind = table.text("check", problems).and_then(|check| known(&check, "check", &CHECKS, &CHECKS_LATER, problems));
        let kind = read_kind(kind.unwrap_or_default(), table, problems);
        table.require("nodes", problems);
        table.require("within", problems);
        let during = table.text("during", problems).and_then(|during| {
            if during.value == "fault" {
                return Some(during.map(|_| When::DuringFault));
            }
            problems.error_hint(during.span, format!("`during` cannot be `{}`", during.value), "the only value is \"fault\"");
            None
        });
        Self {
            span: table.span.clone(),
            kind,
            nodes: table.text("nodes", problems),
            within: table.positive_duration("within", problems),
            hold: table.duration("for", problems),
            during,
        }
    }
}

fn read_kind(check: &str, table: &Table<'_, '_>, problems: &mut Problems) -> Option<KindFile> {
    match check {
        "peers" => {
            only(table, &["more_than", "at_least"], problems);
            read_peers(table, problems)
        }
        "height-advances" => {
            only(table, &["by"], problems);
            table.require("by", problems);
            Some(KindFile::HeightAdvances { by: table.number("by", 1, problems)?.value.into() })
        }
        "same-chain" => {
            only(table, &["depth", "above"], problems);
            let depth = if table.has("depth") { table.number("depth", 0, problems)?.value } else { 2 };
            Some(KindFile::SameChain { depth: depth.into(), above: read_above(table, problems) })
        }
        "recovers" => {
            only(table, &["peers_at_least", "height_by"], problems);
            let peers_at_least = table.number("peers_at_least", 1, problems);
            let height_by = table.number("height_by", 1, problems);
            if !table.has("peers_at_least") && !table.has("height_by") {
                problems.error(table.span.clone(), "missing key `peers_at_least` or `height_by` (or both) in a `recovers` check");
            }
            Some(KindFile::Recovers { peers_at_least: peers_at_least.map(|peers| peers.map(u64::from)), height_by: height_by.map(|by| by.value.into()) })
        }
        "alive" => {
            only(table, &[], problems);
            Some(KindFile::Alive)
        }
        // What is meant is not known, so neither are its own keys.
        _ => {
            table.misspelt(&COMMON, problems);
            None
        }
    }
}

fn read_peers(table: &Table<'_, '_>, problems: &mut Problems) -> Option<KindFile> {
    let more_than = table.number("more_than", 0, problems);
    let at_least = table.number("at_least", 1, problems);
    match (table.has("more_than"), table.has("at_least")) {
        (true, true) => {
            problems.error_hint(table.key_span("at_least"), "`more_than` and `at_least` in one check", "write one of them");
            None
        }
        (false, false) => {
            problems.error(table.span.clone(), "missing key `more_than` or `at_least` in a `peers` check");
            None
        }
        (true, false) => more_than.map(|n| KindFile::Peers(n.map(|n| PeersNeeded::MoreThan(n.into())))),
        (false, true) => at_least.map(|n| KindFile::Peers(n.map(|n| PeersNeeded::AtLeast(n.into())))),
    }
}

fn read_above(table: &Table<'_, '_>, problems: &mut Problems) -> Option<At<Above>> {
    let above = table.text("above", problems)?;
    let value = match above.value.as_str() {
        "fault" => Above::Fault,
        "start" => Above::Start,
        other => {
            problems.error_hint(above.span, format!("`above` cannot be `{other}`"), "write \"fault\" or \"start\"");
            return None;
        }
    };
    Some(At { value, span: above.span })
}

fn only(table: &Table<'_, '_>, own: &[&str], problems: &mut Problems) {
    let keys: Vec<&str> = COMMON.iter().chain(own).copied().collect();
    table.only(&keys, problems);
}

/// What is meant: the name itself, or the nearest one, so that the rest of the table can be looked at. If this version does not have it, says whether nobody does, or a later
/// version will.
fn known(name: &At<String>, what: &str, have: &[&'static str], later: &[&'static str], problems: &mut Problems) -> Option<&'static str> {
    let word = name.value.as_str();
    if let Some(known) = have.iter().find(|known| **known == word) {
        return Some(known);
    }
    if later.contains(&word) {
        problems.error_hint(
            name.span.clone(),
            format!("{what} `{word}` is specified, but this version does not have it yet"),
            format!("it has {}", listed(have.iter().copied())),
        );
        return later.iter().find(|known| **known == word).copied();
    }
    let near = nearest(word, have.iter().chain(later).copied());
    let hint = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => suggest(word, have.iter().copied()),
    };
    problems.error_hint(name.span.clone(), format!("unknown {what} `{word}`"), hint);
    have.iter().chain(later).find(|known| near == Some(**known)).copied()
}
