//! Many seeds, one after the other on each thread; and a seed that fails, with less in it.

use std::{
    collections::BTreeMap,
    ops::Range,
    panic,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
};

use super::{
    life,
    net::Weather,
    properties::Violation,
    run::{Outcome, run},
    schedule::Schedule,
};
use crate::chance::fold;

/// What is to go on after a seed that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failing {
    /// Nothing: no later seed is begun.
    Stops,
    /// Everything.
    GoesOn,
}

/// What came of one seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// See [`Outcome::digest`].
    pub digest: u64,
    /// See [`Outcome::violations`].
    pub violations: Vec<Violation>,
}

/// What came of many.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Explored {
    /// By seed.
    pub tried: BTreeMap<u64, Tried>,
}

impl Explored {
    /// Of all of them, in the order of the seeds.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.tried.iter().fold(0, |sum, (seed, tried)| fold(fold(sum, *seed), tried.digest))
    }

    /// Those that failed, in order.
    pub fn failed(&self) -> impl Iterator<Item = (u64, &[Violation])> {
        let tried = self.tried.iter().map(|(seed, tried)| (*seed, tried.violations.as_slice()));
        tried.filter(|(_, violations)| !violations.is_empty())
    }
}

/// Runs seeds on so many threads, and says after each how many are done, which one was, and what it
/// broke.
///
/// # Panics
///
/// If the box itself does: a panic of a node is a violation.
pub fn explore(
    seeds: Range<u64>,
    jobs: usize,
    failing: Failing,
    progress: impl Fn(u64, u64, &[Violation]) + Sync,
) -> Explored {
    let (next, last) = (AtomicU64::new(seeds.start), AtomicU64::new(seeds.end));
    let done = Mutex::new(Explored::default());
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Relaxed);
                    if seed >= last.load(Relaxed) {
                        return;
                    }
                    let Outcome { violations, digest, .. } = run(&Schedule::of(seed));
                    if !violations.is_empty() && failing == Failing::Stops {
                        last.fetch_min(seed, Relaxed);
                    }
                    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                    progress(done.tried.len() as u64 + 1, seed, &violations);
                    done.tried.insert(seed, Tried { digest, violations });
                }
            });
        }
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// What is left of a schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// Its faults, by their place.
    pub faults: Vec<usize>,
    /// Nodes that are not there, nor what happens to them.
    pub without: Vec<usize>,
    /// Whether its network is a quiet one, and no poll is put off.
    pub plain: bool,
}

impl Left {
    /// All of it.
    #[must_use]
    pub fn all(schedule: &Schedule) -> Self {
        let faults = (0..schedule.faults.len()).collect();
        Self { faults, without: Vec::new(), plain: false }
    }

    /// It.
    #[must_use]
    pub fn of(&self, schedule: &Schedule) -> Schedule {
        let faults = self.faults.iter().filter_map(|place| schedule.faults.get(*place).cloned());
        let (faults, without) = (faults.collect(), self.without.clone());
        let left = Schedule { faults, without, ..schedule.clone() };
        if self.plain { Schedule { weather: Weather::CALM, yields: 0, ..left } } else { left }
    }

    /// With one thing less, the largest first. The first seed stays: without it nobody finds anybody. So does a miner:
    /// without one no block comes, whatever the bug.
    fn less(&self, schedule: &Schedule) -> Vec<Self> {
        let plain = (!self.plain).then(|| Self { plain: true, ..self.clone() });
        let nodes = (1..schedule.nodes).rev().filter(|node| !self.without.contains(node));
        let nodes = nodes.filter_map(|node| {
            let without: Vec<usize> = self.without.iter().copied().chain([node]).collect();
            let mut miners = schedule.nodes.saturating_sub(schedule.miners)..schedule.nodes;
            let gone = |miner: usize| miner == 0 && schedule.leaves.is_some();
            let mined = miners.any(|miner| !without.contains(&miner) && !gone(miner));
            mined.then(|| Self { without, ..self.clone() })
        });
        let faults = self.faults.iter().rev().map(|place| {
            let faults = self.faults.iter().copied().filter(|other| other != place).collect();
            Self { faults, ..self.clone() }
        });
        plain.into_iter().chain(nodes).chain(faults).collect()
    }
}

/// A schedule with less in it that still fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Smaller {
    /// What is left of the seed's.
    pub left: Left,
    /// Properties that it breaks.
    pub violations: Vec<Violation>,
}

/// Takes away whatever a property can be broken without: one thing may have stood in for another, so all that is
/// left is tried again until nothing more can go.
#[must_use]
pub fn shrink(schedule: &Schedule, property: &str) -> Smaller {
    let mut smallest = Smaller { left: Left::all(schedule), violations: run(schedule).violations };
    let mut kept = Vec::new();
    loop {
        let less = smallest.left.less(schedule);
        let Some(left) = less.into_iter().find(|left| !kept.contains(left)) else {
            return smallest;
        };
        let violations = run(&left.of(schedule)).violations;
        if violations.iter().any(|violation| violation.property == property) {
            smallest = Smaller { left, violations };
        } else {
            kept.push(left);
        }
    }
}

/// From now on a panic of a node is a line of its log, and no backtrace on the terminal.
pub fn quiet_panics() {
    let loud = panic::take_hook();
    panic::set_hook(Box::new(move |info| match life::current() {
        Some(_) => tracing::error!("{info}"),
        None => loud(info),
    }));
}
