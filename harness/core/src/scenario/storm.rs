//! A storm: faults drawn from the run's seed. What it comes to is written into the plan as any other
//! fault is, so that the same seed gives the same storm, and whoever verifies a bundle needs no dice.

use std::{ops::Range, time::Duration};

use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::{
    conditions::{Conditions, Selectors},
    plan::FaultPlan,
};
use crate::{
    document::{At, Given, Key, Problems, Table, Takes, listed, suggest},
    fault::{FaultKind, in_a_storm},
};

/// Keys of a storm.
pub const STORM: &[Key] = &[
    Key {
        name: "faults",
        takes: Takes::Texts,
        given: Given::Always,
        about: "what is drawn from: `restart`, `kill`, `pause`, `isolate`",
    },
    Key {
        name: "nodes",
        takes: Takes::Text,
        given: Given::Always,
        about: "whom they hit: everybody once, in a drawn order, then again",
    },
    Key {
        name: "every",
        takes: Takes::Duration,
        given: Given::Always,
        about: "from one fault to the next, on average; a fault that lasts longer delays the next",
    },
    Key {
        name: "for",
        takes: Takes::Duration,
        given: Given::Always,
        about: "how long faults begin: one at least, if need be at the end of that",
    },
    Key {
        name: "downtime",
        takes: Takes::Duration,
        given: Given::Else("`\"1s\"`"),
        about: "how long each lasts, at least",
    },
];

/// More faults than that are a mistake: a day of one every minute and a half.
const MOST: u32 = 1_000;

/// A storm as written.
#[derive(Debug)]
pub(super) struct StormFile {
    span: Range<usize>,
    faults: Option<At<Vec<String>>>,
    nodes: Option<At<String>>,
    every: Option<At<Duration>>,
    lasts: Option<At<Duration>>,
    downtime: Duration,
}

impl StormFile {
    pub(super) fn read(table: &Table<'_, '_>, problems: &mut Problems) -> Self {
        table.only(&[STORM], problems);
        for key in STORM.iter().filter(|key| key.given == Given::Always) {
            table.require(key.name, problems);
        }
        let downtime = table.duration("downtime", problems);
        Self {
            span: table.span.clone(),
            faults: table.texts("faults", problems),
            nodes: table.text("nodes", problems),
            every: table.positive_duration("every", problems),
            lasts: table.positive_duration("for", problems),
            downtime: downtime.map_or(Duration::from_secs(1), |downtime| downtime.value),
        }
    }

    /// The nodes that it may hit, if anybody knows them.
    pub(super) fn nodes<'s>(&self, selectors: &'s Selectors) -> Option<&'s Vec<String>> {
        selectors.get(&self.nodes.as_ref()?.value)
    }

    /// How long its faults may take in all.
    pub(super) fn takes(&self) -> Duration {
        let lasts = self.lasts.as_ref().map_or(Duration::ZERO, |lasts| lasts.value);
        lasts + self.downtime * self.count()
    }

    pub(super) fn validate(
        &self,
        selectors: &Selectors,
        conditions: &Conditions,
        problems: &mut Problems,
    ) {
        if let Some(faults) = &self.faults {
            let can: Vec<&str> = in_a_storm(self.downtime).iter().map(FaultKind::name).collect();
            if faults.value.is_empty() {
                problems.error_hint(
                    faults.span.clone(),
                    "a storm of no faults",
                    format!("it draws from {}", listed(can.iter().copied())),
                );
            }
            for name in faults.value.iter().filter(|name| !can.contains(&name.as_str())) {
                let why = format!("`{name}` is not a fault that a storm can draw");
                problems.error_hint(faults.span.clone(), why, suggest(name, can.iter().copied()));
            }
        }
        if let Some(nodes) = &self.nodes {
            match selectors.get(&nodes.value) {
                None => problems.error_hint(
                    nodes.span.clone(),
                    format!("storm for an unknown node or group `{}`", nodes.value),
                    suggest(&nodes.value, selectors.keys().map(String::as_str)),
                ),
                Some(nodes_of) => {
                    if let Some((node, condition)) =
                        nodes_of.iter().find_map(|node| Some((node, conditions.silent(node)?)))
                    {
                        problems.error_hint(
                            nodes.span.clone(),
                            format!("`{node}` is {} then", condition.words()),
                            condition.remedy(),
                        );
                    }
                }
            }
        }
        if self.count() > MOST {
            problems.error(
                self.span.clone(),
                format!("a storm of {} faults; at most {MOST}", self.count()),
            );
        }
    }

    /// Its faults, drawn from a seed: the times between them are evenly spread over a half to one and
    /// a half times `every`.
    pub(super) fn draw(
        &self,
        seed: u64,
        selectors: &Selectors,
        prove_back: Duration,
    ) -> Vec<FaultPlan> {
        let (Some(faults), Some(nodes)) = (&self.faults, self.nodes(selectors)) else {
            return Vec::new();
        };
        let (Some(every), Some(lasts)) = (&self.every, &self.lasts) else { return Vec::new() };
        let mut kinds = in_a_storm(self.downtime);
        kinds.retain(|kind| faults.value.iter().any(|written| written == kind.name()));
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let (mut drawn, mut at, mut turn) = (Vec::new(), Duration::ZERO, Vec::new());
        while let Some(kind) = kinds.get(dice.random_range(0..kinds.len().max(1))) {
            at += every.value.mul_f64(dice.random_range(0.5..1.5));
            // The first one comes in any case: a storm of nothing would be a fault that nobody saw.
            if (at > lasts.value && !drawn.is_empty()) || drawn.len() >= MOST as usize {
                break;
            }
            if turn.is_empty() {
                turn.clone_from(nodes);
                turn.shuffle(&mut dice);
            }
            let Some(node) = turn.pop() else { break };
            drawn.push(FaultPlan {
                kind: kind.clone(),
                selector: node.clone(),
                nodes: vec![node],
                prove_back,
                with_previous: false,
                at: Some(at.min(lasts.value)),
            });
        }
        drawn
    }

    fn count(&self) -> u32 {
        let (Some(every), Some(lasts)) = (&self.every, &self.lasts) else { return 0 };
        (lasts.value.as_secs_f64() / every.value.as_secs_f64()).ceil().min(f64::from(u32::MAX))
            as u32
    }
}
