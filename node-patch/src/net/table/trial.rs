//! Two sessions with one peer: which of them survives, and whether the survivor is remembered at
//! the other end.

use hegemon_discovery::{
    Direction, Mono, PeerId, SessionId,
    limits::{PROVE, PROVE_AFTER},
};

use super::{
    Cleanup, CloseReason, Command, DOUBT_AFTER, Delivered, Entry, FORGETFUL, FORGOTTEN, Forgot,
    FrameKind, KEPT_SILENT, PROMPT, REPLACEMENT_INTERVAL, Suspect, Table, Taken, Trial,
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
            let taken = self.taken(peer, older, now);
            Trial::Opposite { kept, other, taken, until: now.after(KEPT_SILENT) }
        };
        // The newer one says `Hello` by itself; the older one has to be asked.
        out.push(Command::Probe(older));
        self.trials.insert(peer, trial);
    }

    /// What a frame says about the peer: ours begin with an empty one, older nodes send none at all.
    pub(super) fn learn(&mut self, session: SessionId, kind: FrameKind) {
        let Some(peer) = self.sessions.get(session).map(|entry| entry.peer) else { return };
        let Some(known) = self.peers.get_mut(&peer) else { return };
        match kind {
            FrameKind::Empty => known.cleanup = Some(Cleanup::BySession),
            FrameKind::Hello | FrameKind::Full => {
                known.cleanup.get_or_insert(Cleanup::ByPeer);
            }
        }
    }

    /// What is known of a rivalry as it begins. An older node that was slow between its look and its
    /// insert may have said `Hello` over the first just before the second is here. Over one that has
    /// stood for long it says nothing about the second: its node may have restarted since.
    fn taken(&self, peer: PeerId, first: SessionId, now: Mono) -> Taken {
        let young = |entry: &Entry| now.since(entry.opened) < PROVE;
        let took = self.is_older(peer)
            && self.watches.spoke(first)
            && self.sessions.get(first).is_some_and(young);
        Taken { kept: false, hellos: u32::from(took) }
    }

    /// What a frame says about two sessions of its peer, or the one that is left.
    pub(super) fn delivered(
        &mut self,
        session: SessionId,
        peer: PeerId,
        kind: FrameKind,
        now: Mono,
        out: &mut Vec<Command>,
    ) {
        let is_older = self.is_older(peer);
        // Who has spoken over one of two and is an older node need not be waited for long.
        let hurry = if is_older { now.after(PROMPT) } else { Mono(i64::MAX) };
        match self.trials.get_mut(&peer) {
            Some(Trial::Opposite { kept, other, taken, until }) => {
                taken.note(*kept == session, kind);
                *until = hurry.min(*until);
                let (kept, other, seen) = (*kept, *other, *taken);
                if is_older && seen.both() {
                    self.end_both(peer, kept, other, now, out);
                } else if !is_older && seen.kept {
                    self.decide(peer, kept, other, CloseReason::Duplicate, now, out);
                }
            }
            Some(Trial::SameDirection { older, delivered, until, .. }) => {
                let flag =
                    if *older == session { &mut delivered.older } else { &mut delivered.newer };
                *flag = true;
                *until = hurry.min(*until);
            }
            Some(Trial::Probed { session: survivor, suspect, .. }) if *survivor == session => {
                match *suspect {
                    Suspect::Survivor { since } if now < since.after(PROVE_AFTER) => {
                        let probe = since.after(PROVE_AFTER);
                        self.trials.insert(peer, Trial::Survivor { session, since, probe });
                    }
                    Suspect::Survivor { .. } | Suspect::Fresh { .. } => {
                        self.trials.remove(&peer);
                    }
                }
            }
            Some(Trial::Survivor { .. } | Trial::Fresh { .. } | Trial::Probed { .. }) | None => {}
        }
    }

    /// Ends two sessions that an older node has taken, one after the other: it cleans up by peer, so
    /// the end of either makes it forget both, and to wait for the survivor's silence takes more than
    /// a second. Now both sides may dial again at once.
    fn end_both(
        &mut self,
        peer: PeerId,
        kept: SessionId,
        other: SessionId,
        now: Mono,
        out: &mut Vec<Command>,
    ) {
        self.note_forgetful(peer, Suspect::Survivor { since: now }, now);
        self.end(kept, CloseReason::Forgotten, out);
        self.end(other, CloseReason::Forgotten, out);
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
            let probe = now.after(if self.is_older(peer) { DOUBT_AFTER } else { PROVE_AFTER });
            self.trials.insert(peer, Trial::Survivor { session: survivor, since: now, probe });
        }
    }

    /// Asks a session on trial for a sign of life.
    pub(super) fn probe(
        &mut self,
        peer: PeerId,
        session: SessionId,
        suspect: Suspect,
        now: Mono,
        out: &mut Vec<Command>,
    ) {
        out.push(Command::Probe(session));
        let until = match suspect {
            _ if self.is_older(peer) => now.after(PROMPT),
            Suspect::Survivor { since } => since.after(PROVE),
            Suspect::Fresh { .. } => now.after(PROVE),
        };
        self.trials.insert(peer, Trial::Probed { session, suspect, until });
    }

    /// A peer's session is closed as forgotten.
    pub(super) fn note_forgetful(&mut self, peer: PeerId, suspect: Suspect, now: Mono) {
        let lost = match suspect {
            Suspect::Survivor { .. } => 1,
            Suspect::Fresh { lost } => lost + 1,
        };
        self.forgetful.retain(|_, forgot| now.since(forgot.at) < PROVE);
        if lost < FORGOTTEN && self.is_older(peer) && self.forgetful.len() < FORGETFUL {
            self.forgetful.insert(peer, Forgot { at: now, lost });
        }
    }

    /// Whether a peer may have forgotten the session that is left.
    pub(super) fn is_doubted(&self, peer: PeerId) -> bool {
        matches!(
            self.trials.get(&peer),
            Some(Trial::Survivor { .. } | Trial::Probed { suspect: Suspect::Survivor { .. }, .. })
        ) && self.cleanup(peer) != Some(Cleanup::BySession)
    }

    pub(super) fn is_older(&self, peer: PeerId) -> bool {
        self.cleanup(peer) == Some(Cleanup::ByPeer)
    }

    fn cleanup(&self, peer: PeerId) -> Option<Cleanup> {
        self.peers.get(&peer).and_then(|known| known.cleanup)
    }

    fn direction(&self, session: SessionId) -> Option<Direction> {
        self.sessions.get(session).map(|entry| entry.direction)
    }
}

impl Taken {
    fn note(&mut self, kept: bool, kind: FrameKind) {
        self.kept |= kept;
        self.hellos += u32::from(kind == FrameKind::Hello);
    }

    /// Whether an older node has taken both. Its words go over the one that it took last, so both may
    /// have come over one.
    fn both(self) -> bool {
        self.hellos > 1
    }

    /// Who survives when the time is over, who does not, and why.
    pub(super) fn verdict(
        self,
        kept: SessionId,
        other: SessionId,
    ) -> (SessionId, SessionId, CloseReason) {
        if self.kept {
            (kept, other, CloseReason::Duplicate)
        } else {
            (other, kept, CloseReason::Silent)
        }
    }
}
