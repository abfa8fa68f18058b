//! What lies between two hosts: how long a packet takes, and whether it arrives at all.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::chance::{Chance, Purpose};

/// A host, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(pub usize);

/// What a packet that is repeated waits for at first, as Linux does on a path this short.
pub(super) const RETRANSMIT: u64 = 200;

/// How the network is, for all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weather {
    /// One way, the shortest and the longest, in milliseconds; drawn once for each pair.
    pub latency: (u64, u64),
    /// Up to so many milliseconds more, for each packet.
    pub jitter: u64,
    /// Packets in a thousand that have to be repeated.
    pub loss: u64,
    /// Bytes that may be under way in one direction of a connection.
    pub window: usize,
}

impl Weather {
    /// A quiet local network.
    pub const CALM: Self = Self { latency: (1, 3), jitter: 0, loss: 0, window: 256 * 1024 };
}

/// What becomes of a packet on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Crossing {
    Passes,
    /// A cut: nobody is told.
    Lost,
    /// It waits until the path is released.
    Held,
}

/// Which packets were seen to suffer what: a fault that did nothing is no fault.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Toll {
    /// Lost in a cut.
    pub lost: u64,
    /// Held back until a release.
    pub held: u64,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Paths {
    chance: Chance,
    weather: Weather,
    /// Loss while a fault has it, in a thousand.
    storm: Option<u64>,
    cut: BTreeSet<(HostId, HostId)>,
    held: BTreeSet<(HostId, HostId)>,
    tolls: BTreeMap<(HostId, HostId), Toll>,
}

impl Paths {
    pub(super) fn new(chance: Chance, weather: Weather) -> Self {
        Self {
            chance,
            weather,
            storm: None,
            cut: BTreeSet::new(),
            held: BTreeSet::new(),
            tolls: BTreeMap::new(),
        }
    }

    pub(super) fn weather(&self) -> Weather {
        self.weather
    }

    pub(super) fn set_storm(&mut self, storm: Option<u64>) {
        self.storm = storm;
    }

    pub(super) fn cut(&mut self, from: HostId, to: HostId) {
        self.cut.insert((from, to));
    }

    pub(super) fn heal(&mut self, from: HostId, to: HostId) {
        self.cut.remove(&(from, to));
    }

    pub(super) fn hold(&mut self, from: HostId, to: HostId) {
        self.held.insert((from, to));
    }

    pub(super) fn release(&mut self, from: HostId, to: HostId) {
        self.held.remove(&(from, to));
    }

    pub(super) fn toll(&self, from: HostId, to: HostId) -> Toll {
        self.tolls.get(&(from, to)).copied().unwrap_or_default()
    }

    /// Whether a packet gets across now, and counts it if not.
    pub(super) fn cross(&mut self, from: HostId, to: HostId) -> Crossing {
        if self.cut.contains(&(from, to)) {
            self.tolls.entry((from, to)).or_default().lost += 1;
            Crossing::Lost
        } else if self.held.contains(&(from, to)) {
            self.tolls.entry((from, to)).or_default().held += 1;
            Crossing::Held
        } else {
            Crossing::Passes
        }
    }

    /// Milliseconds that packet `number` of connection `key` takes: the pair's latency, the packet's
    /// jitter, and what repeating it costs if it is lost now and then.
    pub(super) fn travel(&self, (from, to): (HostId, HostId), key: u64, number: u64) -> u64 {
        let lost = self.storm.unwrap_or(self.weather.loss);
        let repeats = (0..4).take_while(|attempt| {
            self.chance.bits(Purpose::Loss, key, number << 3 | attempt) % 1_000 < lost
        });
        let repeated: u64 = repeats.map(|attempt| RETRANSMIT << attempt).sum();
        let jitter = self.chance.bits(Purpose::Jitter, key, number) % (self.weather.jitter + 1);
        self.latency(from, to) + jitter + repeated
    }

    /// The pair's, the same both ways; within one host the least that there is.
    pub(super) fn latency(&self, from: HostId, to: HostId) -> u64 {
        if from == to {
            return 1;
        }
        let (low, high) = (from.min(to).0 as u64, from.max(to).0 as u64);
        let (shortest, longest) = self.weather.latency;
        let bounds = (Duration::from_millis(shortest), Duration::from_millis(longest));
        let drawn = self.chance.time(Purpose::Latency, (low, high), bounds);
        u64::try_from(drawn.as_millis()).unwrap_or(u64::MAX).max(1)
    }
}
