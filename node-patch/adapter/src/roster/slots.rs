//! Room for sessions: regular slots, and those beyond the limit that last a moment.

use hegemon_discovery::{DialError, Direction, Mono, Now, PeerId};

use super::{End, Order, Peer, Roster};
use crate::limits::{OVERFLOW_SERVED, OVERFLOW_SLOTS, OVERFLOW_TIME};

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
            Direction::Inbound if self.overflow_room(now, out) => {
                Ok(Some(now.mono.after(OVERFLOW_TIME)))
            }
            Direction::Inbound | Direction::Outbound => Err(DialError::NoSlot),
        }
    }

    /// Ends what had its moment; or lets it stay, if there is room by now.
    pub(super) fn end_overflow(&mut self, now: Now, out: &mut Vec<Order>) {
        let due = |peer: &Peer| peer.ends.is_some_and(|ends| ends <= now.mono);
        while let Some((peer_id, direction)) =
            self.peers.iter().find(|(_, peer)| due(peer)).map(|(id, peer)| (*id, peer.direction))
        {
            let limit = match direction {
                Direction::Inbound => self.limits.inbound,
                Direction::Outbound => self.limits.outbound,
            };
            if self.taken(direction) < limit {
                self.peers.entry(peer_id).and_modify(|peer| peer.ends = None);
            } else {
                self.turn_away(peer_id, now, out);
            }
        }
    }

    /// Regular slots that are taken.
    fn taken(&self, direction: Direction) -> usize {
        let regular = |peer: &&Peer| peer.direction == direction && peer.ends.is_none();
        self.peers.values().filter(regular).count()
    }

    /// Whether there is an overflow slot, or can be one.
    fn overflow_room(&mut self, now: Now, out: &mut Vec<Order>) -> bool {
        let overflow = || self.peers.iter().filter(|(_, peer)| peer.ends.is_some());
        if overflow().count() < OVERFLOW_SLOTS {
            return true;
        }
        let oldest = overflow().min_by_key(|(_, peer)| peer.ends);
        let served = oldest
            .filter(|(_, peer)| now.mono.since(peer.proof.opened()) >= OVERFLOW_SERVED)
            .map(|(id, _)| *id);
        served.inspect(|peer_id| self.turn_away(*peer_id, now, out)).is_some()
    }

    fn turn_away(&mut self, peer_id: PeerId, now: Now, out: &mut Vec<Order>) {
        self.part(peer_id, now, out);
        self.end(peer_id, End::Full, now, out);
    }
}
