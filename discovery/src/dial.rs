//! Dials in flight, and how many more there may be. Which addresses: [`crate::select`].

use std::{collections::BTreeMap, net::SocketAddr};

use crate::{
    limits::{DIALS_IN_FLIGHT, DIALS_IN_FLIGHT_LONELY, LONELY, YIELD_LOW, YIELD_WEIGHT},
    policy::Host,
    types::{DialId, Mono},
};

/// What a dial is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To fill an outbound slot.
    Slot,
    /// To see whether somebody is there.
    Feeler,
    /// To be connected with a seed.
    Seed,
}

/// A dial on its way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flight {
    pub(crate) addr: SocketAddr,
    pub(crate) began: Mono,
    pub(crate) purpose: Purpose,
}

#[derive(Debug)]
pub(crate) struct InFlight {
    next: u64,
    /// The share of dials that succeed, of late.
    yielded: f64,
    /// Somebody shook hands, if only to turn us away.
    answered: bool,
    by_id: BTreeMap<DialId, Flight>,
}

impl InFlight {
    pub(crate) fn new() -> Self {
        Self { next: 0, yielded: 1.0, answered: false, by_id: BTreeMap::new() }
    }

    pub(crate) fn succeeded(&mut self) {
        self.yielded += (1.0 - self.yielded) * YIELD_WEIGHT;
        self.answered = true;
    }

    pub(crate) fn failed(&mut self) {
        self.yielded -= self.yielded * YIELD_WEIGHT;
    }

    pub(crate) fn start(&mut self, addr: SocketAddr, purpose: Purpose, now: Mono) -> DialId {
        let dial = DialId(self.next);
        self.next += 1;
        self.by_id.insert(dial, Flight { addr, began: now, purpose });
        dial
    }

    pub(crate) fn end(&mut self, dial: DialId) -> Option<Flight> {
        self.by_id.remove(&dial)
    }

    /// Whether most dials failed of late.
    pub(crate) fn mostly_fail(&self) -> bool {
        self.yielded < YIELD_LOW
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Flight> {
        self.by_id.values()
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(crate) fn count(&self, purpose: Purpose) -> usize {
        self.iter().filter(|flight| flight.purpose == purpose).count()
    }

    /// The dial to an address that is out, if any.
    pub(crate) fn to(&self, addr: SocketAddr) -> Option<DialId> {
        self.by_id.iter().find(|(_, flight)| flight.addr == addr).map(|(dial, _)| *dial)
    }

    /// Whether a dial to this host is out: one at a time.
    pub(crate) fn touches(&self, host: Host) -> bool {
        self.iter().any(|flight| Host::of(flight.addr) == host)
    }

    /// How many more dials may start: as many as are likely to fill the free outbound slots, by how
    /// many succeeded of late, but no more than [`DIALS_IN_FLIGHT`] at once; while we are all but
    /// alone and dials fail, or nobody answered any, [`DIALS_IN_FLIGHT_LONELY`], since most may be
    /// black holes. Where people answer, even if they have no room, the fewer do.
    pub(crate) fn room(&self, peers: usize, outbound: usize, target: usize) -> usize {
        if outbound >= target {
            0
        } else if peers < LONELY && (!self.answered || self.mostly_fail()) {
            DIALS_IN_FLIGHT_LONELY.saturating_sub(self.len())
        } else {
            let out = self.len() - self.count(Purpose::Feeler);
            let free = target - outbound;
            let share = if self.mostly_fail() { self.yielded } else { 1.0 };
            let likely = (1..DIALS_IN_FLIGHT)
                .find(|dials| *dials as f64 * share >= free as f64)
                .unwrap_or(DIALS_IN_FLIGHT);
            likely.saturating_sub(out)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dials_fill_the_slots_and_no_more_unless_we_are_alone() {
        let mut dials = InFlight::new();
        assert_eq!(dials.room(0, 0, 8), 32);
        assert_eq!(dials.room(2, 0, 8), 8);
        assert_eq!(dials.room(9, 8, 8), 0);
        assert_eq!(dials.room(1, 1, 1), 0, "alone, with all the slots that there are");
        for port in 0..5 {
            dials.start(SocketAddr::from(([198, 18, 0, 1], port)), Purpose::Slot, Mono(0));
        }
        assert_eq!(dials.room(2, 1, 8), 2);
        assert_eq!(dials.room(2, 5, 8), 0);
        assert_eq!(dials.room(0, 0, 8), 27);
        dials.start(SocketAddr::from(([198, 18, 0, 2], 1)), Purpose::Feeler, Mono(0));
        assert_eq!(dials.room(2, 1, 8), 2, "a feeler takes no slot");
    }

    #[test]
    fn more_are_dialled_than_there_are_slots_while_few_succeed() {
        let mut dials = InFlight::new();
        (0..6).for_each(|_| dials.failed());
        assert_eq!(dials.room(2, 6, 8), 2, "a few failures are chance");
        (0..20).for_each(|_| dials.failed());
        assert_eq!(dials.room(2, 6, 8), 8);
        (0..7).for_each(|_| dials.succeeded());
        assert_eq!(dials.room(2, 6, 8), 2);
    }

    #[test]
    fn who_is_alone_among_many_who_have_no_room_dials_no_more_than_the_slots_take() {
        let mut dials = InFlight::new();
        dials.succeeded();
        assert_eq!(dials.room(0, 0, 8), 8);
        (0..20).for_each(|_| dials.failed());
        assert_eq!(dials.room(0, 0, 8), 32, "the next ones are black holes again");
    }
}
