//! Room for sessions: regular slots, and those beyond the limit that last a moment.

use hegemon_discovery::{DialError, Direction, Event, Mono, Now, PeerId};

use super::{End, Order, Peer, Roster};
use crate::limits::{OVERFLOW_SLOTS, OVERFLOW_TIME};

impl Roster {
    /// Room for a new session: when it has to end, if it is in an overflow slot. A peer that is
    /// connected already keeps what it has.
    ///
    /// # Errors
    ///
    /// It is ourselves, or there is none.
    pub(super) fn slot(
        &mut self,
        peer_id: PeerId,
        direction: Direction,
        now: Now,
        out: &mut Vec<Order>,
    ) -> Result<Option<Mono>, DialError> {
        if peer_id == self.own {
            return Err(DialError::Itself);
        }
        if let Some(peer) = self.peers.get(&peer_id) {
            return Ok(peer.ends);
        }
        match direction {
            Direction::Outbound if self.taken(direction) < self.limits.outbound => Ok(None),
            Direction::Inbound if self.taken(direction) < self.limits.inbound => Ok(None),
            Direction::Inbound => {
                self.make_visit_room(now, out);
                Ok(Some(now.mono.after(OVERFLOW_TIME)))
            }
            Direction::Outbound => Err(DialError::NoSlot),
        }
    }

    /// Ends what had its moment; or lets it stay, if there is room by now.
    pub(super) fn end_overflow(&mut self, now: Now, out: &mut Vec<Order>) {
        let due = |peer: &Peer| peer.ends.is_some_and(|ends| ends <= now.mono);
        while let Some(peer_id) = self.peers.iter().find(|(_, peer)| due(peer)).map(|(id, _)| *id) {
            self.seat(peer_id);
            if self.peers.get(&peer_id).is_some_and(due) {
                self.turn_away(peer_id, now, out);
            }
        }
    }

    /// Somebody may have made room for a peer: if a regular slot is free, it is its own.
    pub(super) fn seat(&mut self, peer_id: PeerId) {
        let Some(peer) = self.peers.get(&peer_id).filter(|peer| peer.ends.is_some()) else {
            return;
        };
        let limit = match peer.direction {
            Direction::Inbound => self.limits.inbound,
            Direction::Outbound => self.limits.outbound,
        };
        if self.taken(peer.direction) < limit {
            self.peers.entry(peer_id).and_modify(|peer| peer.ends = None);
        }
    }

    /// Regular slots that are taken.
    fn taken(&self, direction: Direction) -> usize {
        let regular = |peer: &&Peer| peer.direction == direction && peer.ends.is_none();
        self.peers.values().filter(regular).count()
    }

    /// With all overflow slots taken the oldest visit ends: its answer was out before it could ask.
    fn make_visit_room(&mut self, now: Now, out: &mut Vec<Order>) {
        let visits = || self.peers.iter().filter(|(_, peer)| peer.ends.is_some());
        if visits().count() >= OVERFLOW_SLOTS
            && let Some((oldest, _)) = visits().min_by_key(|(_, peer)| (peer.ends, peer.session))
        {
            self.turn_away(*oldest, now, out);
        }
    }

    /// Ends a visit, with all that was said to the visitor.
    fn turn_away(&mut self, peer_id: PeerId, now: Now, out: &mut Vec<Order>) {
        let Some(Peer { session, .. }) = self.peers.remove(&peer_id) else { return };
        self.parted.note(peer_id, now.mono);
        out.push(Order::Dismiss { session, peer_id });
        out.push(Order::End { session, peer_id, why: End::Full });
        self.discover(Event::Closed { session }, now, out);
    }
}
