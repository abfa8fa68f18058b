//! Dials under way, and which of them a new connection ends.

use std::{collections::BTreeMap, net::SocketAddr};

use hegemon_discovery::{DialId, Mono, PeerId, policy::canonical};

use crate::limits::CONNECTED_WITHIN;

/// See the module. As many as the engine has in flight.
#[derive(Debug, Default)]
pub(super) struct Dials(BTreeMap<DialId, Dial>);

#[derive(Debug)]
struct Dial {
    addr: SocketAddr,
    /// The network says who is there; the connection itself was not told of yet.
    answered: Option<(PeerId, Mono)>,
}

impl Dials {
    pub(super) fn begin(&mut self, dial: DialId, addr: SocketAddr) {
        self.0.insert(dial, Dial { addr: canonical(addr), answered: None });
    }

    /// Whether it was still under way.
    pub(super) fn end(&mut self, dial: DialId) -> bool {
        self.0.remove(&dial).is_some()
    }

    /// The network says who is there. Whether the dial is still under way.
    pub(super) fn answered(&mut self, dial: DialId, peer: PeerId, now: Mono) -> bool {
        let known = self.0.get_mut(&dial);
        known.map(|dial| dial.answered = Some((peer, now))).is_some()
    }

    /// The dial that led to an outbound connection.
    pub(super) fn to(&mut self, peer: PeerId, addr: SocketAddr) -> Option<DialId> {
        let addr = canonical(addr);
        let mut dials = self.0.iter();
        let (found, _) = dials.find(|(_, dial)| dial.addr == addr || dial.is_of(peer))?;
        let found = *found;
        self.0.remove(&found);
        Some(found)
    }

    /// A dial that found out a peer's address, but was not what connected it.
    pub(super) fn beside(&mut self, peer: PeerId) -> Option<DialId> {
        let found = self.0.iter().find(|(_, dial)| dial.is_of(peer)).map(|(id, _)| *id)?;
        self.0.remove(&found);
        Some(found)
    }

    /// When the first answered dial is no longer waited for.
    pub(super) fn due(&self) -> Option<Mono> {
        self.0.values().filter_map(Dial::due).min()
    }

    /// One whose connection the network did not tell of.
    pub(super) fn overdue(&self, now: Mono) -> Option<(PeerId, SocketAddr)> {
        let overdue = |dial: &Dial| {
            dial.due().filter(|due| *due <= now)?;
            dial.answered.map(|(peer, _)| (peer, dial.addr))
        };
        self.0.values().find_map(overdue)
    }
}

impl Dial {
    fn is_of(&self, peer: PeerId) -> bool {
        self.answered.is_some_and(|(answered, _)| answered == peer)
    }

    fn due(&self) -> Option<Mono> {
        self.answered.map(|(_, at)| at.after(CONNECTED_WITHIN))
    }
}
