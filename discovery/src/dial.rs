//! Dials in flight, and how many more there may be. Which addresses: the engine's candidates.

use std::{collections::BTreeMap, net::SocketAddr};

use crate::{
    limits::{DIALS_IN_FLIGHT, DIALS_IN_FLIGHT_LONELY, LONELY},
    policy::Host,
    types::DialId,
};

#[derive(Debug, Default)]
pub(crate) struct InFlight {
    next: u64,
    by_id: BTreeMap<DialId, SocketAddr>,
}

impl InFlight {
    pub(crate) fn start(&mut self, addr: SocketAddr) -> DialId {
        let dial = DialId(self.next);
        self.next += 1;
        self.by_id.insert(dial, addr);
        dial
    }

    pub(crate) fn end(&mut self, dial: DialId) -> Option<SocketAddr> {
        self.by_id.remove(&dial)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// The dial to an address that is out, if any.
    pub(crate) fn to(&self, addr: SocketAddr) -> Option<DialId> {
        self.by_id.iter().find(|(_, out)| **out == addr).map(|(dial, _)| *dial)
    }

    /// Whether a dial to this host is out: one at a time.
    pub(crate) fn touches(&self, host: Host) -> bool {
        self.by_id.values().any(|addr| Host::of(*addr) == host)
    }

    /// How many more dials may start: enough to fill the outbound slots; as many as can be while a slot is free and we are all but alone, since most may be black holes.
    pub(crate) fn room(&self, peers: usize, outbound: usize, target: usize) -> usize {
        if outbound >= target {
            0
        } else if peers < LONELY {
            DIALS_IN_FLIGHT_LONELY.saturating_sub(self.len())
        } else {
            let slots = target.saturating_sub(outbound).saturating_sub(self.len());
            slots.min(DIALS_IN_FLIGHT.saturating_sub(self.len()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dials_fill_the_slots_and_no_more_unless_we_are_alone() {
        let mut dials = InFlight::default();
        assert_eq!(dials.room(0, 0, 8), 32);
        assert_eq!(dials.room(2, 0, 8), 8);
        assert_eq!(dials.room(9, 8, 8), 0);
        assert_eq!(dials.room(1, 1, 1), 0, "alone, with all the slots that there are");
        for port in 0..5 {
            dials.start(SocketAddr::from(([198, 18, 0, 1], port)));
        }
        assert_eq!(dials.room(2, 1, 8), 2);
        assert_eq!(dials.room(2, 5, 8), 0);
        assert_eq!(dials.room(0, 0, 8), 27);
    }
}
