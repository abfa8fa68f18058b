//! The steps of a phase as written: faults and checks, each with the keys that belong to it.

use std::{ops::Range, time::Duration};

use super::{
    names::{listed, nearest, suggest},
    plan::When,
    problem::Problems,
    table::{At, Table},
};
use crate::{
    check::{
        CHECKS, CheckKind,
        alive::Alive,
        converged::Converged,
        distinct_peers::DistinctPeers,
        height_advances::HeightAdvances,
        no_stall::NoStall,
        peers::{Peers, PeersNeeded},
        recovers::Recovers,
        resources::ResourceLimits,
        same_chain::{Above, SameChain},
        store_survives::StoreSurvives,
    },
    control::Registration,
    fault::FAULTS,
};

/// Faults of the specification that this version does not have yet.
const FAULTS_LATER: [&str; 13] = [
    "stop",
    "start",
    "kill",
    "pause",
    "resume",
    "isolate",
    "rejoin",
    "partition",
    "heal",
    "wipe",
    "delay",
    "join",
    "hostile",
];

/// Keys that every check takes.
const COMMON: [&str; 5] = ["check", "nodes", "within", "for", "during"];

/// Keys of a check about its window as a whole: it has nothing to hold `for`.
const COMMON_WHOLE: [&str; 4] = ["check", "nodes", "within", "during"];

/// Peers that `converged` asks for if nothing is written: as many outbound ones as our node wants.
const DEFAULT_TARGET: u32 = 8;

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

/// What a check looks for, as written: what is left out and depends on the rest of the scenario is
/// still open.
#[derive(Debug, Clone)]
pub(super) enum KindFile {
    Peers(At<PeersNeeded>),
    HeightAdvances { by: u64 },
    SameChain { depth: u64, above: Option<At<Above>> },
    Recovers { peers_at_least: Option<At<u64>>, height_by: Option<u64> },
    NoStall { longest: Option<At<Duration>> },
    Converged { target: At<u64> },
    DistinctPeers(At<u64>),
    StoreSurvives,
    Resources { memory: Option<u64>, cpu: Option<u32> },
    Alive,
}

impl KindFile {
    /// The condition holds for the window as a whole, not `for` a part of it.
    pub(super) fn needs_whole_window(&self) -> bool {
        matches!(self, Self::NoStall { .. } | Self::Resources { .. })
    }

    /// `fault_before` says whether a fault was healed before this check starts: what `above` is
    /// measured from if nothing is written.
    pub(super) fn resolve(self, fault_before: bool, seeds: &[String]) -> CheckKind {
        match self {
            Self::Peers(needed) => CheckKind::Peers(Peers { needed: needed.value }),
            Self::HeightAdvances { by } => CheckKind::HeightAdvances(HeightAdvances { by }),
            Self::SameChain { depth, above } => {
                let default = if fault_before { Above::Fault } else { Above::Start };
                CheckKind::SameChain(SameChain {
                    depth,
                    above: above.map_or(default, |above| above.value),
                })
            }
            Self::Recovers { peers_at_least, height_by } => CheckKind::Recovers(Recovers {
                peers_at_least: peers_at_least.map(|least| least.value),
                height_by,
            }),
            Self::NoStall { longest } => {
                let ms = |longest: At<Duration>| {
                    u64::try_from(longest.value.as_millis()).unwrap_or(u64::MAX)
                };
                CheckKind::NoStall(NoStall { longest_ms: longest.map(ms) })
            }
            Self::Converged { target } => CheckKind::Converged(Converged { target: target.value }),
            Self::DistinctPeers(at_least) => {
                CheckKind::DistinctPeers(DistinctPeers { at_least: at_least.value })
            }
            Self::StoreSurvives => {
                CheckKind::StoreSurvives(StoreSurvives { seeds: seeds.to_vec() })
            }
            Self::Resources { memory, cpu } => {
                CheckKind::Resources(ResourceLimits { memory_bytes: memory, cpu_permille: cpu })
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
        match table
            .text("fault", problems)
            .and_then(|fault| known(&fault, "fault", &names(&FAULTS), &FAULTS_LATER, problems))
        {
            Some(fault) if names(&FAULTS).contains(&fault) => table.only(&KEYS, problems),
            Some(_) | None => table.misspelt(&KEYS, problems),
        }
        table.require("nodes", problems);
        Self {
            nodes: table.text("nodes", problems),
            downtime: table
                .duration("downtime", problems)
                .map_or(Duration::ZERO, |downtime| downtime.value),
        }
    }
}

impl CheckFile {
    pub(super) fn read(table: &Table<'_, '_>, problems: &mut Problems) -> Self {
        table.require("check", problems);
        let kind = table
            .text("check", problems)
            .and_then(|check| known(&check, "check", &names(&CHECKS), &[], problems));
        let kind = read_kind(kind.unwrap_or_default(), table, problems);
        table.require("nodes", problems);
        table.require("within", problems);
        let during = table.text("during", problems).and_then(|during| {
            if during.value == "fault" {
                return Some(during.map(|_| When::DuringFault));
            }
            problems.error_hint(
                during.span,
                format!("`during` cannot be `{}`", during.value),
                "the only value is \"fault\"",
            );
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
            let depth =
                if table.has("depth") { table.number("depth", 0, problems)?.value } else { 2 };
            Some(KindFile::SameChain { depth: depth.into(), above: read_above(table, problems) })
        }
        "recovers" => {
            only(table, &["peers_at_least", "height_by"], problems);
            let peers_at_least = table.number("peers_at_least", 1, problems);
            let height_by = table.number("height_by", 1, problems);
            if !table.has("peers_at_least") && !table.has("height_by") {
                problems.error(
                    table.span.clone(),
                    "missing key `peers_at_least` or `height_by` (or both) in a `recovers` check",
                );
            }
            Some(KindFile::Recovers {
                peers_at_least: peers_at_least.map(|peers| peers.map(u64::from)),
                height_by: height_by.map(|by| by.value.into()),
            })
        }
        "no-stall" => {
            only_whole(table, &["longest"], problems);
            Some(KindFile::NoStall { longest: table.positive_duration("longest", problems) })
        }
        "converged" => {
            only(table, &["target"], problems);
            let default = At { value: DEFAULT_TARGET, span: table.span.clone() };
            let target =
                if table.has("target") { table.number("target", 1, problems)? } else { default };
            Some(KindFile::Converged { target: target.map(u64::from) })
        }
        "distinct-peers" => {
            only(table, &["at_least"], problems);
            table.require("at_least", problems);
            Some(KindFile::DistinctPeers(table.number("at_least", 1, problems)?.map(u64::from)))
        }
        "store-survives" => {
            only(table, &[], problems);
            Some(KindFile::StoreSurvives)
        }
        "resources" => {
            only_whole(table, &["memory", "cpu"], problems);
            if !table.has("memory") && !table.has("cpu") {
                problems.error(
                    table.span.clone(),
                    "missing key `memory` or `cpu` (or both) in a `resources` check",
                );
            }
            let (memory, cpu) = (table.size("memory", problems), table.share("cpu", problems));
            Some(KindFile::Resources {
                memory: memory.map(|memory| memory.value),
                cpu: cpu.map(|cpu| cpu.value),
            })
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
            problems.error_hint(
                table.key_span("at_least"),
                "`more_than` and `at_least` in one check",
                "write one of them",
            );
            None
        }
        (false, false) => {
            problems.error(
                table.span.clone(),
                "missing key `more_than` or `at_least` in a `peers` check",
            );
            None
        }
        (true, false) => {
            more_than.map(|n| KindFile::Peers(n.map(|n| PeersNeeded::MoreThan(n.into()))))
        }
        (false, true) => {
            at_least.map(|n| KindFile::Peers(n.map(|n| PeersNeeded::AtLeast(n.into()))))
        }
    }
}

fn read_above(table: &Table<'_, '_>, problems: &mut Problems) -> Option<At<Above>> {
    let above = table.text("above", problems)?;
    let value = match above.value.as_str() {
        "fault" => Above::Fault,
        "start" => Above::Start,
        other => {
            problems.error_hint(
                above.span,
                format!("`above` cannot be `{other}`"),
                "write \"fault\" or \"start\"",
            );
            return None;
        }
    };
    Some(At { value, span: above.span })
}

/// What is registered, with its controls, is what there is.
fn names(registrations: &[&'static Registration]) -> Vec<&'static str> {
    registrations.iter().map(|registration| registration.name).collect()
}

fn only(table: &Table<'_, '_>, own: &[&str], problems: &mut Problems) {
    let keys: Vec<&str> = COMMON.iter().chain(own).copied().collect();
    table.only(&keys, problems);
}

fn only_whole(table: &Table<'_, '_>, own: &[&str], problems: &mut Problems) {
    if table.has("for") {
        problems.error_hint(
            table.key_span("for"),
            "`for` in a check of its whole window",
            "`within` is how long it is watched",
        );
    }
    let keys: Vec<&str> = COMMON_WHOLE.iter().chain(&["for"]).chain(own).copied().collect();
    table.only(&keys, problems);
}

/// What is meant: the name itself, or the nearest one, so that the rest of the table can be looked
/// at. If this version does not have it, says whether nobody does, or a later version will.
fn known(
    name: &At<String>,
    what: &str,
    have: &[&'static str],
    later: &[&'static str],
    problems: &mut Problems,
) -> Option<&'static str> {
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
