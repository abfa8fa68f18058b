//! What a run is: how many nodes, over what network, and which faults when. All of it from a seed.

use std::{fmt, time::Duration};

use rand::{Rng, RngExt, seq::IndexedRandom};
use rand_chacha::ChaCha12Rng;

use super::{disk::Loss, net::Weather};
use crate::chance::{Chance, Purpose};

/// What a run has to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Anything goes, until the end: nothing bad may happen.
    Safety,
    /// The faults end, and then it must become good within the stated times.
    Liveness,
}

/// What happens to a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// The node starts, if none runs there.
    Start(usize),
    /// It is told to stop, as by SIGTERM.
    Stop(usize),
    /// It is gone at this instant.
    End(usize, Loss),
    /// It is gone in the middle of its work on the disk, so many operations from now.
    EndInWrite(usize, Loss, u64),
    /// One of its tasks panics.
    Fall(usize),
    /// It stands still.
    Freeze(usize),
    /// It goes on.
    Thaw(usize),
    /// No packet from the one to the other.
    Cut(usize, usize),
    /// They pass again.
    Heal(usize, usize),
    /// Packets from the one to the other wait.
    Hold(usize, usize),
    /// They arrive.
    Release(usize, usize),
    /// Connections between the two are reset.
    Sever(usize, usize),
    /// So many packets in a thousand are lost everywhere; `None`: as the weather has it.
    Loss(Option<u64>),
    /// Its wall clock is off by so many milliseconds.
    Clock(usize, i64),
    /// Names are found, or not, by anybody.
    Names(Names),
}

impl Act {
    /// Whether it happens to this node, or to a line that it has an end of.
    #[must_use]
    pub fn concerns(&self, node: usize) -> bool {
        match *self {
            Self::Start(it)
            | Self::Stop(it)
            | Self::End(it, _)
            | Self::EndInWrite(it, _, _)
            | Self::Fall(it)
            | Self::Freeze(it)
            | Self::Thaw(it)
            | Self::Clock(it, _) => it == node,
            Self::Cut(one, other)
            | Self::Heal(one, other)
            | Self::Hold(one, other)
            | Self::Release(one, other)
            | Self::Sever(one, other) => one == node || other == node,
            Self::Loss(_) | Self::Names(_) => false,
        }
    }
}

/// Whether names are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// They are.
    Found,
    /// The resolver does not answer.
    Lost,
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = |loss: &Loss| match loss {
            Loss::Process => "is killed",
            Loss::Power => "loses its power",
        };
        match self {
            Self::Start(node) => write!(f, "node {node} starts"),
            Self::Stop(node) => write!(f, "node {node} is told to stop"),
            Self::End(node, loss) => write!(f, "node {node} {}", how(loss)),
            Self::EndInWrite(node, loss, after) => {
                write!(f, "node {node} {} in a write, {after} operations from now", how(loss))
            }
            Self::Fall(node) => write!(f, "node {node} panics"),
            Self::Freeze(node) => write!(f, "node {node} stands still"),
            Self::Thaw(node) => write!(f, "node {node} goes on"),
            Self::Cut(from, to) => write!(f, "{from} → {to} is cut"),
            Self::Heal(from, to) => write!(f, "{from} → {to} is whole"),
            Self::Hold(from, to) => write!(f, "{from} → {to} is held"),
            Self::Release(from, to) => write!(f, "{from} → {to} is released"),
            Self::Sever(one, other) => write!(f, "{one} – {other} is reset"),
            Self::Loss(Some(loss)) => write!(f, "{loss} of 1000 packets are lost"),
            Self::Loss(None) => write!(f, "packets are no longer lost"),
            Self::Names(Names::Lost) => write!(f, "no name is found"),
            Self::Names(Names::Found) => write!(f, "names are found"),
            Self::Clock(node, by) => write!(f, "node {node}'s clock is off by {by} ms"),
        }
    }
}

/// A fault: what happens, and what ends it; taken away as one when a schedule is made smaller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Acts with the time of each, in milliseconds.
    pub acts: Vec<(u64, Act)>,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Decides all else that is drawn.
    pub seed: u64,
    /// What it has to show.
    pub mode: Mode,
    /// How many; numbers 0 and on.
    pub nodes: usize,
    /// The first so many are everybody's seeds.
    pub seeds: usize,
    /// How many mine, from the last one down.
    pub miners: usize,
    /// What blocks aim at, in milliseconds.
    pub block_time: u64,
    /// The network.
    pub weather: Weather,
    /// Polls in a thousand that are put off once.
    pub yields: u64,
    /// Whether each is in a network of its own, and nodes prefer that.
    pub groups: bool,
    /// When each starts, in milliseconds.
    pub starts: Vec<u64>,
    /// When the first seed is gone for good, in milliseconds, if it is.
    pub leaves: Option<u64>,
    /// Nodes that are never there: taken away when a schedule is made smaller. The others keep their numbers.
    pub without: Vec<usize>,
    /// What happens.
    pub faults: Vec<Fault>,
    /// When no fault is any more, in a [`Mode::Liveness`] run, and when a [`Mode::Safety`] run ends.
    pub calm: Duration,
}

/// The first faults come when nodes have met, the last ones end by themselves before this.
const FAULTS: (u64, u64) = (2_000, 40_000);

/// The furthest that a clock is ahead in a run that has to become good, in milliseconds: blocks may
/// be 90 s ahead.
const AHEAD: i64 = 80_000;

impl Schedule {
    /// The run of a seed.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let mut random = Chance(seed).generator(Purpose::Schedule, 0, 0);
        // Small networks are quick, and most of what goes wrong needs two or three.
        let nodes = *[3, 3, 3, 4, 4, 5, 6, 8].choose(&mut random).unwrap_or(&3);
        let weathers = [
            Weather::CALM,
            Weather { latency: (1, 80), jitter: 10, loss: 0, window: 64 * 1024 },
            Weather { latency: (20, 150), jitter: 40, loss: 5, window: 32 * 1024 },
            Weather { latency: (5, 40), jitter: 200, loss: 40, window: 16 * 1024 },
        ];
        let mode = if random.random_bool(0.6) { Mode::Liveness } else { Mode::Safety };
        let starts = (0..nodes).map(|_| match random.random_range(0..8) {
            // A joiner, who finds the others at work, or some fault.
            0 => random.random_range(0..FAULTS.1 / 2),
            _ => random.random_range(0..1_500),
        });
        let starts = starts.collect();
        let mut schedule = Self {
            seed,
            mode,
            nodes,
            seeds: *[1, 1, 1, 2].choose(&mut random).unwrap_or(&1),
            miners: random.random_range(1..=nodes.min(4)),
            block_time: *[1_000, 2_000, 4_000].choose(&mut random).unwrap_or(&2_000),
            weather: *weathers.choose(&mut random).unwrap_or(&Weather::CALM),
            yields: *[0, 20, 200].choose(&mut random).unwrap_or(&0),
            groups: random.random_bool(0.5),
            starts,
            leaves: None,
            without: Vec::new(),
            faults: Vec::new(),
            calm: Duration::from_millis(FAULTS.1 + 5_000),
        };
        if random.random_bool(0.15) {
            // The others have known each other for a while then.
            schedule.starts.iter_mut().for_each(|start| *start %= 1_500);
            schedule.leaves = Some(random.random_range(20_000..FAULTS.1));
        }
        let mut begins = 0;
        for _ in 0..random.random_range(1..=10) {
            // A fault in the wake of another finds the node in the middle of something.
            begins = if begins > 0 && random.random_bool(0.4) {
                (begins + random.random_range(0..1_000)).min(FAULTS.1 - 1)
            } else {
                random.random_range(FAULTS.0..FAULTS.1)
            };
            let fault = schedule.fault(begins, &mut random);
            schedule.faults.push(fault);
        }
        schedule
    }

    /// A run without faults.
    #[must_use]
    pub fn quiet(seed: u64, nodes: usize, seconds: u64) -> Self {
        Self {
            seed,
            mode: Mode::Safety,
            nodes,
            seeds: 1,
            miners: nodes,
            block_time: 2_000,
            weather: Weather::CALM,
            yields: 0,
            groups: true,
            starts: vec![0; nodes],
            leaves: None,
            without: Vec::new(),
            faults: Vec::new(),
            calm: Duration::from_secs(seconds),
        }
    }

    /// All acts in the order of their time.
    #[must_use]
    pub fn acts(&self) -> Vec<(u64, Act)> {
        let starts = self.starts.iter().enumerate().map(|(node, at)| (*at, Act::Start(node)));
        let faults = self.faults.iter().flat_map(|fault| fault.acts.iter().cloned());
        let mut acts: Vec<_> = starts.chain(faults).collect();
        if let Some(leaves) = self.leaves {
            acts.retain(|(at, act)| *at < leaves || *act != Act::Start(0));
            acts.push((leaves, Act::End(0, Loss::Power)));
        }
        acts.retain(|(_, act)| !self.without.iter().any(|node| act.concerns(*node)));
        acts.sort_by_key(|(at, _)| *at);
        acts
    }

    fn fault(&self, begins: u64, random: &mut ChaCha12Rng) -> Fault {
        // From a blink to half a minute, every order of magnitude as often.
        let lasts = 20_u64 << random.random_range(0..11);
        let lasts = lasts + random.random_range(0..lasts);
        let ends = (begins + lasts).min(FAULTS.1);
        let node = random.random_range(0..self.nodes);
        let other = (node + random.random_range(1..self.nodes)) % self.nodes;
        let loss = if random.random_bool(0.5) { Loss::Power } else { Loss::Process };
        let pair = |begin: Act, end: Act| vec![(begins, begin), (ends, end)];
        let acts = match random.random_range(0..14) {
            0 | 1 => pair(Act::End(node, loss), Act::Start(node)),
            2 => pair(Act::EndInWrite(node, loss, random.random_range(0..12)), Act::Start(node)),
            3 => pair(Act::Stop(node), Act::Start(node)),
            4 => pair(Act::Fall(node), Act::Start(node)),
            5 => pair(Act::Freeze(node), Act::Thaw(node)),
            6 => [pair(Act::Cut(node, other), Act::Heal(node, other))]
                .into_iter()
                .chain(
                    random
                        .random_bool(0.5)
                        .then(|| pair(Act::Cut(other, node), Act::Heal(other, node))),
                )
                .flatten()
                .collect(),
            7 => self.parted(random.next_u64(), begins, ends),
            8 => pair(Act::Hold(node, other), Act::Release(node, other)),
            9 => vec![(begins, Act::Sever(node, other))],
            12 => self.nameless(begins, ends, random),
            13 => (0..self.nodes)
                .flat_map(|node| pair(Act::End(node, loss), Act::Start(node)))
                .collect(),
            10 => pair(Act::Loss(Some(random.random_range(10..300))), Act::Loss(None)),
            _ => {
                let most = 1_i64 << random.random_range(8..22);
                let skew = random.random_range(-most..=most);
                // What a clock that is further ahead has mined is nobody's until its time has come,
                // and nothing follows from its being right again.
                let skew = if self.mode == Mode::Liveness { skew.min(AHEAD) } else { skew };
                pair(Act::Clock(node, skew), Act::Clock(node, 0))
            }
        };
        Fault { acts }
    }

    /// In words, after their number.
    fn not_there(&self) -> String {
        let without: Vec<_> = self.without.iter().map(ToString::to_string).collect();
        if without.is_empty() {
            String::new()
        } else {
            format!(" without {}", without.join(" and "))
        }
    }

    /// No name is found for a while: half of the time when a late joiner starts, which knows nobody
    /// whom it could ask instead.
    fn nameless(&self, begins: u64, ends: u64, random: &mut ChaCha12Rng) -> Vec<(u64, Act)> {
        let late = self.starts.iter().copied().filter(|start| *start > FAULTS.0).max();
        let (begins, ends) = match late {
            Some(start) if random.random_bool(0.5) => {
                let lasts = random.random_range(1_000..10_000);
                (start.saturating_sub(random.random_range(1..500)), start + lasts)
            }
            Some(_) | None => (begins, ends),
        };
        vec![(begins, Act::Names(Names::Lost)), (ends.min(FAULTS.1), Act::Names(Names::Found))]
    }

    /// Two groups between which nothing passes.
    fn parted(&self, sides: u64, begins: u64, ends: u64) -> Vec<(u64, Act)> {
        let side = |node: usize| sides >> (node % 64) & 1;
        let pairs = (0..self.nodes).flat_map(|one| (0..self.nodes).map(move |two| (one, two)));
        pairs
            .filter(|(one, two)| side(*one) != side(*two))
            .flat_map(|(one, two)| [(begins, Act::Cut(one, two)), (ends, Act::Heal(one, two))])
            .collect()
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = match self.mode {
            Mode::Safety => "safety",
            Mode::Liveness => "liveness",
        };
        let Weather { latency, jitter, loss, window } = self.weather;
        writeln!(
            f,
            "{mode}: {} nodes{}, {} of them seeds, {} miners, blocks of {} ms, groups {}",
            self.nodes,
            self.not_there(),
            self.seeds,
            self.miners,
            self.block_time,
            if self.groups { "on" } else { "off" }
        )?;
        writeln!(
            f,
            "{} to {} ms one way, {jitter} ms of jitter, {loss} of 1000 lost, window {window}; {} of 1000 polls put off",
            latency.0, latency.1, self.yields
        )?;
        for (at, act) in self.acts() {
            writeln!(f, "{:>8.3} s  {act}", at as f64 / 1_000.0)?;
        }
        match self.mode {
            Mode::Safety => writeln!(f, "{:>8.3} s  the end", self.calm.as_secs_f64()),
            Mode::Liveness => {
                writeln!(f, "{:>8.3} s  no fault any more", self.calm.as_secs_f64())
            }
        }
    }
}
