//! The session table: which sessions exist, which of two with one peer survives, who is still
//! alive. Pure: told of everything with the time, it answers with commands.
//!
//! The rules are those of the wire protocol (`WIRE.md`, "Two sessions with one peer"); they come
//! from trying older nodes in every interleaving. Older nodes look for an existing session and
//! insert theirs later, close the newer on a hit, and clean up by peer: closing one of two may
//! leave the other open but forgotten on their side. So nothing is closed before its rival has
//! shown that it is alive, and the survivor has to show it once more afterwards.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use hegemon_discovery::{Direction, Mono, PeerId, SessionId};

/// The kept one of two opposite sessions must deliver a frame in this time.
pub const KEPT_SILENT: Duration = Duration::from_secs(10);
/// A listener watches two sessions of the same direction for so long; a survivor has as long to
/// prove itself.
pub const PROVE: Duration = Duration::from_secs(5);
/// A survivor is probed so long after its rival was closed. What arrives earlier may have been sent
/// before an older node forgot the session, and proves nothing.
pub const PROVE_AFTER: Duration = Duration::from_secs(1);
/// At most one replacement per peer in this time.
pub const REPLACEMENT_INTERVAL: Duration = Duration::from_secs(30);
/// A session that nothing came over for so long is probed.
pub const SILENT: Duration = Duration::from_secs(60);
/// Between two probes.
pub const PROBE_INTERVAL: Duration = Duration::from_secs(30);
/// Probes that may go unanswered by a peer that answered before.
pub const PROBES_UNANSWERED: u32 = 2;
/// A session without a rival that nothing came over yet counts as settled after so long: older
/// nodes may have nothing to say.
pub const SETTLED_AFTER: Duration = Duration::from_secs(2);
/// Sessions beyond the limit that are served one answer: a newcomer must find somebody even in a
/// full network. The design says four; with eight, fifty nodes that start at once with one seed of
/// default limits are all heard at their first attempt, half a second earlier than with four
/// (`hegemon-sim table --only cold-start`).
pub const OVERFLOW_SLOTS: usize = 8;
/// How long such a session lasts at the most.
pub const OVERFLOW_TIME: Duration = Duration::from_secs(10);
/// With all overflow slots taken, a newcomer takes the oldest that has had this long: it has its
/// answer. So even a crowd at the start of a network is served in seconds.
pub const OVERFLOW_SERVED: Duration = Duration::from_millis(500);

/// Why a session is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// Another session with the same peer is kept.
    Duplicate,
    /// Nothing came over it although it had to.
    Silent,
    /// There is no slot for it.
    Full,
}

/// Whether a new session may stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It is in the table.
    Admitted,
    /// It is not: end it.
    Refused(CloseReason),
}

/// What the owner of the table has to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// End this session. It has left the table already.
    Close(SessionId, CloseReason),
    /// Ask this peer something that it answers.
    Probe(SessionId),
}

/// How many sessions there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Inbound ones; [`OVERFLOW_SLOTS`] more for a moment.
    pub inbound: usize,
    /// Outbound ones, seeds included.
    pub outbound: usize,
}

/// See the module.
#[derive(Debug)]
pub struct Table {
    own: PeerId,
    limits: Limits,
    sessions: BTreeMap<SessionId, Entry>,
    peers: BTreeMap<PeerId, Peer>,
    rivalries: u64,
}

#[derive(Debug)]
struct Entry {
    peer: PeerId,
    direction: Direction,
    opened: Mono,
    last_frame: Option<Mono>,
    answered: bool,
    probes: u32,
    next_probe: Mono,
    overflow: bool,
}

#[derive(Debug, Default)]
struct Peer {
    sessions: BTreeSet<SessionId>,
    trial: Option<Trial>,
    replaced: Option<Mono>,
}

/// A place for a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    /// One that lasts.
    Regular,
    /// One for a moment.
    Overflow,
    /// The same, taken over from this one.
    OverflowOf(SessionId),
}

/// What is being found out about a peer's sessions.
#[derive(Debug, Clone, Copy)]
enum Trial {
    /// Two of opposite directions: `kept` stays if it delivers.
    Opposite { kept: SessionId, other: SessionId, until: Mono },
    /// Two that the peer dialled.
    SameDirection { older: SessionId, newer: SessionId, delivered: Delivered, until: Mono },
    /// One that is left: it will be probed.
    Survivor { session: SessionId, since: Mono },
    /// One that was probed: it has to deliver.
    Probed { session: SessionId, until: Mono },
}

#[derive(Debug, Clone, Copy, Default)]
struct Delivered {
    older: bool,
    newer: bool,
}

impl Table {
    /// An empty table of the node `own`.
    #[must_use]
    pub fn new(own: PeerId, limits: Limits) -> Self {
        Self { own, limits, sessions: BTreeMap::new(), peers: BTreeMap::new(), rivalries: 0 }
    }

    /// A session was established.
    pub fn open(
        &mut self,
        session: SessionId,
        peer: PeerId,
        direction: Direction,
        now: Mono,
        out: &mut Vec<Command>,
    ) -> Admission {
        let rivals: Vec<SessionId> = self
            .peers
            .get(&peer)
            .map(|known| known.sessions.iter().copied().collect())
            .unwrap_or_default();
        let slot = match self.slot(direction, &rivals, now) {
            Some(slot) => slot,
            None => return Admission::Refused(CloseReason::Full),
        };
        if let Some(rival) = rivals.first()
            && !self.may_contend(peer, *rival, rivals.len(), direction, now)
        {
            if rivals.len() == 1 {
                self.prove(peer, *rival, now);
            }
            return Admission::Refused(CloseReason::Duplicate);
        }
        if let Slot::OverflowOf(served) = slot {
            self.end_overflow_of(served, now, out);
        }
        let overflow = slot != Slot::Regular;
        let entry = Entry {
            peer,
            direction,
            opened: now,
            last_frame: None,
            answered: false,
            probes: 0,
            next_probe: now.after(SILENT),
            overflow,
        };
        self.sessions.insert(session, entry);
        self.peers.entry(peer).or_default().sessions.insert(session);
        if let Some(rival) = rivals.first() {
            self.rivalries += 1;
            self.contend(peer, *rival, session, now, out);
        }
        Admission::Admitted
    }

    /// A frame came over a session.
    pub fn frame(&mut self, session: SessionId, now: Mono, out: &mut Vec<Command>) {
        let Some(entry) = self.sessions.get_mut(&session) else { return };
        entry.last_frame = Some(now);
        entry.probes = 0;
        entry.next_probe = now.after(SILENT);
        let peer = entry.peer;
        let Some(known) = self.peers.get_mut(&peer) else { return };
        match &mut known.trial {
            Some(Trial::Opposite { kept, other, .. }) if *kept == session => {
                let (kept, other) = (*kept, *other);
                self.decide(peer, kept, other, CloseReason::Duplicate, now, out);
            }
            Some(Trial::SameDirection { older, delivered, .. }) => {
                let flag =
                    if *older == session { &mut delivered.older } else { &mut delivered.newer };
                *flag = true;
            }
            Some(Trial::Probed { session: survivor, .. }) if *survivor == session => {
                known.trial = None
            }
            Some(Trial::Opposite { .. } | Trial::Survivor { .. } | Trial::Probed { .. }) | None => {
            }
        }
    }

    /// The peer answered `GetAddrs` over this session: from now on silence means something.
    pub fn answered(&mut self, session: SessionId) {
        if let Some(entry) = self.sessions.get_mut(&session) {
            entry.answered = true;
        }
    }

    /// A session ended by itself, or somebody but the table ended it.
    pub fn closed(&mut self, session: SessionId, now: Mono) {
        let Some(peer) = self.remove(session) else { return };
        let Some(known) = self.peers.get_mut(&peer) else { return };
        known.trial = None;
        if let Some(survivor) = known.sessions.first().copied() {
            self.prove(peer, survivor, now);
        }
    }

    /// Decides what is due.
    pub fn wakeup(&mut self, now: Mono, out: &mut Vec<Command>) {
        let due: Vec<(PeerId, Trial)> = self
            .peers
            .iter()
            .filter_map(|(id, peer)| {
                peer.trial.filter(|trial| trial.until() <= now).map(|trial| (*id, trial))
            })
            .collect();
        for (peer, trial) in due {
            match trial {
                Trial::Opposite { kept, other, .. } => {
                    self.decide(peer, other, kept, CloseReason::Silent, now, out)
                }
                Trial::SameDirection { older, newer, delivered, .. } => {
                    let older_stays = delivered.older && !delivered.newer;
                    let (survivor, loser) =
                        if older_stays { (older, newer) } else { (newer, older) };
                    self.decide(peer, survivor, loser, CloseReason::Duplicate, now, out);
                }
                Trial::Survivor { session, since } => {
                    out.push(Command::Probe(session));
                    if let Some(known) = self.peers.get_mut(&peer) {
                        known.trial = Some(Trial::Probed { session, until: since.after(PROVE) });
                    }
                }
                Trial::Probed { session, .. } => self.end(session, CloseReason::Silent, out),
            }
        }
        self.end_overflow(now, out);
        self.probe_silent(now, out);
    }

    /// When [`Table::wakeup`] has something to decide.
    #[must_use]
    pub fn next_wakeup(&self) -> Option<Mono> {
        let trials = self.peers.values().filter_map(|peer| peer.trial.map(|trial| trial.until()));
        let sessions = self.sessions.values().map(|entry| {
            if entry.overflow { entry.opened.after(OVERFLOW_TIME) } else { entry.next_probe }
        });
        trials.chain(sessions).min()
    }

    /// Distinct peers with a settled session.
    #[must_use]
    pub fn settled_peers(&self, now: Mono) -> usize {
        self.peers
            .values()
            .filter(|peer| peer.sessions.iter().any(|id| self.sessions[id].is_settled(now)))
            .count()
    }

    /// How often two sessions with one peer stood against each other.
    #[must_use]
    pub fn rivalries(&self) -> u64 {
        self.rivalries
    }

    /// Whether a session counts.
    #[must_use]
    pub fn is_settled(&self, session: SessionId, now: Mono) -> bool {
        self.sessions.get(&session).is_some_and(|entry| entry.is_settled(now))
    }

    /// When the number of settled peers may change without anything happening.
    #[must_use]
    pub fn next_settled(&self, now: Mono) -> Option<Mono> {
        self.sessions
            .values()
            .filter(|entry| !entry.is_settled(now))
            .map(|entry| entry.opened.after(SETTLED_AFTER))
            .min()
    }

    /// Sessions in the table.
    pub fn sessions(&self) -> impl Iterator<Item = SessionId> {
        self.sessions.keys().copied()
    }

    /// The slot that there is for a new session, if any. A rival's slot may be inherited.
    fn slot(&self, direction: Direction, rivals: &[SessionId], now: Mono) -> Option<Slot> {
        let inherits = rivals.iter().any(|id| !self.sessions[id].overflow);
        match direction {
            _ if inherits => Some(Slot::Regular),
            Direction::Outbound => {
                (self.regular(direction) < self.limits.outbound).then_some(Slot::Regular)
            }
            Direction::Inbound if self.regular(direction) < self.limits.inbound => {
                Some(Slot::Regular)
            }
            Direction::Inbound
                if self.sessions.values().filter(|entry| entry.overflow).count()
                    < OVERFLOW_SLOTS =>
            {
                Some(Slot::Overflow)
            }
            Direction::Inbound => {
                let served = self.sessions.iter().filter(|(id, entry)| {
                    entry.overflow
                        && !rivals.contains(id)
                        && now >= entry.opened.after(OVERFLOW_SERVED)
                });
                served
                    .min_by_key(|(id, entry)| (entry.opened, **id))
                    .map(|(id, _)| Slot::OverflowOf(*id))
            }
        }
    }

    /// Sessions of a direction that are not in an overflow slot.
    fn regular(&self, direction: Direction) -> usize {
        self.sessions
            .values()
            .filter(|entry| entry.direction == direction && !entry.overflow)
            .count()
    }

    /// Whether a second session may stand against the first: not a third, not our own later dial,
    /// not so soon after a replacement.
    fn may_contend(
        &self,
        peer: PeerId,
        rival: SessionId,
        rivals: usize,
        direction: Direction,
        now: Mono,
    ) -> bool {
        let both_dialled_by_us = direction == Direction::Outbound
            && self.sessions[&rival].direction == Direction::Outbound;
        let replaced = self.peers.get(&peer).and_then(|known| known.replaced);
        rivals == 1
            && !both_dialled_by_us
            && replaced.is_none_or(|at| now.since(at) >= REPLACEMENT_INTERVAL)
    }

    fn contend(
        &mut self,
        peer: PeerId,
        older: SessionId,
        newer: SessionId,
        now: Mono,
        out: &mut Vec<Command>,
    ) {
        let newer_direction = self.sessions[&newer].direction;
        let trial = if self.sessions[&older].direction == newer_direction {
            Trial::SameDirection {
                older,
                newer,
                delivered: Delivered::default(),
                until: now.after(PROVE),
            }
        } else {
            let kept_direction =
                if self.own < peer { Direction::Outbound } else { Direction::Inbound };
            let (kept, other) =
                if newer_direction == kept_direction { (newer, older) } else { (older, newer) };
            Trial::Opposite { kept, other, until: now.after(KEPT_SILENT) }
        };
        // The newer one says `Hello` by itself; the older one has to be asked.
        out.push(Command::Probe(older));
        if let Some(known) = self.peers.get_mut(&peer) {
            known.trial = Some(trial);
        }
    }

    /// Closes `loser`; `survivor` has to show that the other side did not forget it.
    fn decide(
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

    fn prove(&mut self, peer: PeerId, survivor: SessionId, now: Mono) {
        let Some(known) = self.peers.get_mut(&peer) else { return };
        // A deadline that every further dial of the peer put off would keep a dead session for
        // ever.
        let on_trial = matches!(known.trial, Some(Trial::Survivor { session, .. } | Trial::Probed { session, .. }) if session == survivor);
        if !on_trial {
            known.trial = Some(Trial::Survivor { session: survivor, since: now });
        }
    }

    fn end(&mut self, session: SessionId, reason: CloseReason, out: &mut Vec<Command>) {
        self.remove(session);
        out.push(Command::Close(session, reason));
    }

    /// Takes one session out, and its peer with its last one.
    fn remove(&mut self, session: SessionId) -> Option<PeerId> {
        let peer = self.sessions.remove(&session)?.peer;
        let known = self.peers.get_mut(&peer)?;
        known.sessions.remove(&session);
        if known.sessions.is_empty() {
            self.peers.remove(&peer);
        }
        Some(peer)
    }

    fn end_overflow(&mut self, now: Mono, out: &mut Vec<Command>) {
        let over: Vec<SessionId> = self
            .sessions
            .iter()
            .filter(|(_, entry)| entry.overflow && now >= entry.opened.after(OVERFLOW_TIME))
            .map(|(id, _)| *id)
            .collect();
        for session in over {
            // A regular slot that became free meanwhile is its own.
            if self.regular(Direction::Inbound) < self.limits.inbound {
                if let Some(entry) = self.sessions.get_mut(&session) {
                    entry.overflow = false;
                }
            } else {
                self.end_overflow_of(session, now, out);
            }
        }
    }

    fn end_overflow_of(&mut self, session: SessionId, now: Mono, out: &mut Vec<Command>) {
        self.closed(session, now);
        out.push(Command::Close(session, CloseReason::Full));
    }

    fn probe_silent(&mut self, now: Mono, out: &mut Vec<Command>) {
        let silent: Vec<SessionId> = self
            .sessions
            .iter()
            .filter(|(_, entry)| entry.next_probe <= now)
            .map(|(id, _)| *id)
            .collect();
        for session in silent {
            let Some(entry) = self.sessions.get_mut(&session) else { continue };
            if entry.answered && entry.probes >= PROBES_UNANSWERED {
                out.push(Command::Close(session, CloseReason::Silent));
                self.closed(session, now);
            } else {
                entry.probes = entry.probes.saturating_add(1);
                entry.next_probe = now.after(PROBE_INTERVAL);
                out.push(Command::Probe(session));
            }
        }
    }
}

impl Entry {
    fn is_settled(&self, now: Mono) -> bool {
        self.last_frame.is_some() || now >= self.opened.after(SETTLED_AFTER)
    }
}

impl Trial {
    fn until(self) -> Mono {
        match self {
            Self::Opposite { until, .. }
            | Self::SameDirection { until, .. }
            | Self::Probed { until, .. } => until,
            Self::Survivor { since, .. } => since.after(PROVE_AFTER),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table with one regular inbound slot, and that many strangers who came in the same moment;
    /// who got in.
    fn crowd(strangers: u8) -> (Table, Vec<Admission>) {
        let mut table = Table::new(PeerId([0; 32]), Limits { inbound: 1, outbound: 1 });
        let admissions =
            (1..=strangers).map(|number| knock(&mut table, number, Mono(0)).0).collect();
        (table, admissions)
    }

    fn knock(table: &mut Table, number: u8, now: Mono) -> (Admission, Vec<Command>) {
        let mut out = Vec::new();
        let admission = table.open(
            SessionId(number.into()),
            PeerId([number; 32]),
            Direction::Inbound,
            now,
            &mut out,
        );
        (admission, out)
    }

    #[test]
    fn a_newcomer_takes_over_an_overflow_slot_whose_session_had_its_answer() {
        let (mut table, admissions) = crowd(u8::try_from(OVERFLOW_SLOTS).unwrap() + 2);
        assert_eq!(
            admissions.iter().filter(|admission| **admission == Admission::Admitted).count(),
            1 + OVERFLOW_SLOTS
        );
        let just_before = Mono(0).after(OVERFLOW_SERVED).before(Duration::from_millis(1));
        assert_eq!(knock(&mut table, 70, just_before).0, Admission::Refused(CloseReason::Full));
        let (admission, commands) = knock(&mut table, 80, Mono(0).after(OVERFLOW_SERVED));
        assert_eq!(
            (admission, commands),
            (Admission::Admitted, vec![Command::Close(SessionId(2), CloseReason::Full)]),
            "the oldest, and not the regular one"
        );
        assert_eq!(table.sessions().count(), 1 + OVERFLOW_SLOTS);
    }

    #[test]
    fn an_overflow_session_stays_if_a_regular_slot_is_free_when_its_time_is_up() {
        let (mut table, _) = crowd(3);
        table.closed(SessionId(1), Mono(0));
        let mut out = Vec::new();
        table.wakeup(Mono(0).after(OVERFLOW_TIME), &mut out);
        assert_eq!(
            out,
            [Command::Close(SessionId(3), CloseReason::Full)],
            "one slot, one of the two"
        );
        table.wakeup(Mono(0).after(3 * OVERFLOW_TIME), &mut out);
        assert_eq!(table.sessions().collect::<Vec<_>>(), [SessionId(2)], "for good");
    }
}
