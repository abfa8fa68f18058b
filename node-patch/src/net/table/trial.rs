//! Two sessions with one peer: which of them survives, and whether the survivor is remembered at
//! the other end.

use hegemon_discovery::{Direction, Mono, PeerId, SessionId};

use super::{
    CloseReason, Command, Delivered, KEPT_SILENT, PROVE, REPLACEMENT_INTERVAL, Table, Trial,
};

impl Table {
    /// Whether a second session may stand against the first: not a third, not our own later dial,
    /// not so soon after a replacement.
    pub(super) fn may_contend(
        &self,
        peer: PeerId,
        rival: SessionId,
        rivals: usize,
        direction: Direction,
        now: Mono,
    ) -> bool {
        let both_dialled_by_us =
            direction == Direction::Outbound && self.direction(rival) == Some(Direction::Outbound);
        let replaced = self.peers.get(&peer).and_then(|known| known.replaced);
        rivals == 1
            && !both_dialled_by_us
            && replaced.is_none_or(|at| now.since(at) >= REPLACEMENT_INTERVAL)
    }

    pub(super) fn contend(
        &mut self,
        peer: PeerId,
        older: SessionId,
        newer: SessionId,
        now: Mono,
        out: &mut Vec<Command>,
    ) {
        let newer_direction = self.direction(newer);
        let trial = if self.direction(older) == newer_direction {
            Trial::SameDirection {
                older,
                newer,
                delivered: Delivered::default(),
                until: now.after(PROVE),
            }
        } else {
            let kept_direction =
                if self.own < peer { Direction::Outbound } else { Direction::Inbound };
            let (kept, other) = if newer_direction == Some(kept_direction) {
                (newer, older)
            } else {
                (older, newer)
            };
            Trial::Opposite { kept, other, until: now.after(KEPT_SILENT) }
        };
        // The newer one says `Hello` by itself; the older one has to be asked.
        out.push(Command::Probe(older));
        self.trials.insert(peer, trial);
    }

    /// Closes `loser`; `survivor` has to show that the other side did not forget it.
    pub(super) fn decide(
        &mut self,
        peer: PeerId,
        survivor: SessionId,
        loser: SessionId,
        reason: CloseReason,
        now: Mono,
        out: &mut Vec<Command>,
    ) {
        let replacement = loser < survivor;
        self.end(loser, reason, out);
        if let Some(known) = self.peers.get_mut(&peer)
            && replacement
        {
            known.replaced = Some(now);
        }
        self.prove(peer, survivor, now);
    }

    pub(super) fn prove(&mut self, peer: PeerId, survivor: SessionId, now: Mono) {
        // A deadline that every further dial of the peer put off would keep a dead session for
        // ever.
        let on_trial = matches!(self.trials.get(&peer), Some(Trial::Survivor { session, .. } | Trial::Probed { session, .. }) if *session == survivor);
        if !on_trial && self.peers.contains_key(&peer) {
            self.trials.insert(peer, Trial::Survivor { session: survivor, since: now });
        }
    }

    fn direction(&self, session: SessionId) -> Option<Direction> {
        self.sessions.get(session).map(|entry| entry.direction)
    }
}
