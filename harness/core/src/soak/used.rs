//! What is kept of what nodes used. A leak is found by the newest life and by the longest, so older and shorter ones go;
//! and what is long ago is told by the middle of a stretch as well as by each sample. So neither a ledger of two months nor the
//! time to judge it grows beyond bounds.

use std::collections::BTreeMap;

use super::{
    quantity::Quantity,
    seen::{NodeSeen, Sample, Window},
};
use crate::{
    gate::Outcome,
    statistics::{middle, slope::FEWEST},
};

/// A life that is shorter than this part of a window says nothing: everything grows at first.
pub(super) const LONG_ENOUGH: f64 = 0.66;

/// So many windows of a network are written down in full: four hours of the usual ones. Later ones of [`LATER`] samples each
/// go on from there: that many windows have enough for a slope even then.
pub(super) const IN_FULL: usize = 24;

/// Samples of a node in a window that is written in full: a slope needs forty.
const FULL: usize = 60;

/// Samples of a node in a later window.
pub(super) const LATER: usize = 3;

/// Points of a life, before two and two become one: more than all windows that are written in full have.
const MOST: usize = 2048;

/// Thins what a node used in a window to about so many samples, the middle ones of stretches; the highest stays beside them.
/// Of many starts in one window the longest stay, and the last, which goes on.
pub(super) fn thin(node: &mut NodeSeen, is_late: bool) {
    let most = if is_late { LATER } else { FULL };
    let samples: usize = node.used.values().map(Vec::len).sum();
    if samples <= most {
        return;
    }
    node.most = highest(node.used.values().flatten().chain(&node.most));
    let last = node.used.keys().next_back().copied();
    let mut starts: Vec<(usize, u32)> =
        node.used.iter().map(|(start, samples)| (samples.len(), *start)).collect();
    starts.sort_unstable();
    for (_, start) in starts.iter().rev().skip(most).filter(|(_, start)| Some(*start) != last) {
        node.used.remove(start);
    }
    let size = samples.div_ceil(most);
    for samples in node.used.values_mut() {
        *samples = samples.chunks(size).filter_map(centre_of).collect();
    }
}

fn highest<'a>(samples: impl Iterator<Item = &'a Sample>) -> Option<Sample> {
    samples.copied().reduce(|a, b| Sample(a.0.max(b.0), a.1.max(b.1), a.2.max(b.2), a.3.max(b.3)))
}

/// The middle of each of its parts.
fn centre_of(samples: &[Sample]) -> Option<Sample> {
    fn half<T: Copy + Ord>(mut values: Vec<T>) -> Option<T> {
        values.sort_unstable();
        values.get(values.len() / 2).copied()
    }
    let mut times: Vec<f64> = samples.iter().map(|sample| sample.0).collect();
    times.sort_by(f64::total_cmp);
    Some(Sample(
        *times.get(times.len() / 2)?,
        half(samples.iter().filter_map(|sample| sample.1).collect()),
        half(samples.iter().filter_map(|sample| sample.2).collect()),
        half(samples.iter().map(|sample| sample.3).collect())?,
    ))
}

/// What all nodes used, by name and quantity.
#[derive(Debug, Clone, Default)]
pub(super) struct Used(BTreeMap<String, [Lives; 3]>);

/// One quantity of one node.
#[derive(Debug, Clone, Default)]
pub(super) struct Lives {
    /// The most that was ever seen.
    pub(super) most: Option<u64>,
    /// The one that says most of those that are over.
    over: Option<Life>,
    newest: Option<Life>,
}

/// One life.
#[derive(Debug, Clone)]
pub(super) struct Life {
    /// Network and start.
    key: (u64, u32),
    first: f64,
    /// Seconds since its network began.
    pub(super) last: f64,
    /// How many samples that is.
    pub(super) samples: usize,
    /// Seconds that one point stands for; none at first: every sample is one.
    width: f64,
    points: Vec<(f64, f64)>,
    /// Of the point that is not complete.
    open: Vec<(f64, f64)>,
}

impl Used {
    /// Takes in what was seen in a window. `is_late`: it has few samples.
    pub(super) fn take(&mut self, window: &Window, length: f64, is_late: bool) {
        // A window that did not pass may have been slept through.
        let is_usual = is_late && window.outcome() == Some(Outcome::Pass);
        let width = if is_usual { length.max(window.seconds) / LATER as f64 } else { 0.0 };
        for (name, node) in &window.nodes {
            if !self.0.contains_key(name) {
                self.0.insert(name.clone(), Default::default());
            }
            let Some(all) = self.0.get_mut(name) else { continue };
            for (lives, quantity) in all.iter_mut().zip(Quantity::ALL) {
                lives.take(window.network, node, quantity, length);
                if let Some(life) = lives.newest.as_mut().filter(|life| life.width < width) {
                    life.widen(width);
                }
            }
        }
    }

    /// What was measured of a node.
    pub(super) fn of(&self, node: &str) -> impl Iterator<Item = (Quantity, &Lives)> {
        Quantity::ALL.into_iter().zip(self.0.get(node).into_iter().flatten())
    }
}

impl Lives {
    fn take(&mut self, network: u64, node: &NodeSeen, quantity: Quantity, length: f64) {
        let all = node.used.values().flatten().chain(&node.most);
        self.most = self.most.max(all.filter_map(|sample| quantity.of(sample)).max());
        for (start, samples) in &node.used {
            let key = (network, if quantity == Quantity::Log { 0 } else { *start });
            for sample in samples {
                let Some(value) = quantity.of(sample) else { continue };
                if self.newest.as_ref().is_none_or(|life| life.key != key) {
                    self.over = self.longest(length).cloned();
                    self.newest = None;
                }
                let life = self.newest.get_or_insert_with(|| Life::new(key, sample.0));
                life.add((sample.0, value as f64));
            }
        }
    }

    /// The one that counts: the longest of those that say anything, and the newer of two that are as long.
    pub(super) fn longest(&self, length: f64) -> Option<&Life> {
        let says = |life: &Life| {
            life.span() >= length * LONG_ENOUGH && life.points().len() + 1 >= 2 * FEWEST
        };
        let order = |one: &&Life, other: &&Life| {
            says(one).cmp(&says(other)).then(one.span().total_cmp(&other.span()))
        };
        self.over.iter().chain(&self.newest).max_by(order)
    }

    /// Whether this life goes on in this network, and was seen since.
    pub(super) fn goes_on(&self, life: &Life, network: u64, since: f64) -> bool {
        let newest = self.newest.as_ref().is_some_and(|newest| newest.key == life.key);
        newest && life.key.0 == network && life.last >= since
    }
}

impl Life {
    fn new(key: (u64, u32), first: f64) -> Self {
        let (points, open) = (Vec::new(), Vec::new());
        Self { key, first, last: first, samples: 0, width: 0.0, points, open }
    }

    /// Seconds from the first sample to the last.
    pub(super) fn span(&self) -> f64 {
        self.last - self.first
    }

    /// Seconds since its network began, and a value: the middle ones of stretches.
    pub(super) fn points(&self) -> Vec<(f64, f64)> {
        self.points.iter().copied().chain(centre(&self.open)).collect()
    }

    fn add(&mut self, sample: (f64, f64)) {
        self.last = sample.0;
        self.samples += 1;
        self.put(sample);
        if self.points.len() > MOST {
            self.widen((self.width * 2.0).max(self.span() / (MOST / 2) as f64));
        }
    }

    fn put(&mut self, sample: (f64, f64)) {
        let place = |at: f64| (at / self.width).floor();
        if self.width <= 0.0 {
            self.points.push(sample);
            return;
        }
        if self.open.first().is_some_and(|first| place(first.0) != place(sample.0)) {
            self.points.extend(centre(&self.open));
            self.open.clear();
        }
        self.open.push(sample);
    }

    /// From now on a point stands for so many seconds.
    fn widen(&mut self, width: f64) {
        let mut all = std::mem::take(&mut self.points);
        all.append(&mut self.open);
        self.width = width;
        all.into_iter().for_each(|sample| self.put(sample));
    }
}

fn centre(samples: &[(f64, f64)]) -> Option<(f64, f64)> {
    let half = |of: fn(&(f64, f64)) -> f64| {
        let mut values: Vec<f64> = samples.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        middle(&values)
    };
    Some((half(|sample| sample.0)?, half(|sample| sample.1)?))
}
