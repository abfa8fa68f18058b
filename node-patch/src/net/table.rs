//! The session table: which sessions exist, which of two with one peer survives, who is still
//! alive. Pure: told of everything with the time, it answers with commands.
//!
//! The rules are those of the wire protocol (`WIRE.md`, "Two sessions with one peer"); they come
//! from trying older nodes in every interleaving. Older nodes look for an existing session and
//! insert theirs later, close the newer on a hit, and clean up by peer: closing one of two may
//! leave the other open but forgotten on their side. So nothing is closed before its rival has
//! shown that it is alive, and the survivor has to show it once more afterwards. Of two that such a
//! node has certainly taken there is no survivor: both end, and one is dialled anew. Ours begin every
//! session with an empty frame, which no older node sends: who does is spared what only they do.
//!
//! Here are the types and the order of things; `trial` finds out which of two survives, `slots` has
//! the room that there is, `watch` who was heard when.

mod slots;
mod trial;
mod watch;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use hegemon_discovery::{
    Direction, Mono, PeerId, SessionId, Sorted,
    limits::{OVERFLOW_TIME, PROBE_INTERVAL, PROBES, PROVE, PROVE_AFTER, SETTLED_AFTER, SILENT},
};
pub use hegemon_discovery::{Limits, limits::OVERFLOW_SLOTS};

use self::watch::Watches;

/// The kept one of two opposite sessions must deliver a frame in this time.
pub const KEPT_SILENT: Duration = Duration::from_secs(10);
/// An older node's survivor is probed this early as well. An answer proves nothing yet; that there is
/// none says that it was forgotten.
pub const DOUBT_AFTER: Duration = Duration::from_millis(250);
/// An older node that knows of a session says something over it in this time: a round trip to
/// anywhere. If that was too short, the session is dialled anew, and soon is left alone: see
/// `FORGOTTEN`.
pub const PROMPT: Duration = Duration::from_secs(1);
/// Older nodes whose session was closed as forgotten and that may be back soon. Each has cost its peer
/// two sessions and more than a second; one that is not remembered is only not looked at again.
const FORGETFUL: usize = 64;
/// Sessions of an older node in a row that are closed as forgotten. A late end of each may have cost
/// the next one its place, so that is looked at as well: three are enough in all schedules of
/// `tests/session_table/older.rs`, two are not. But a peer whose answers take longer than [`PROMPT`],
/// or that knows no question, must not lose one after another for ever.
const FORGOTTEN: u32 = 4;
/// At most one replacement per peer in this time.
pub const REPLACEMENT_INTERVAL: Duration = Duration::from_secs(30);
/// A session counts for so long after its last frame: a peer that answers probes had two of them.
pub const HEARD_LATELY: Duration = SILENT.saturating_add(PROBE_INTERVAL.saturating_mul(PROBES));
/// Why a session is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// Another session with the same peer is kept.
    Duplicate,
    /// Nothing came over it although it had to.
    Silent,
    /// Its peer, an older node, has taken two, and forgets both when either ends.
    Forgotten,
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

/// See the module.
#[derive(Debug)]
pub struct Table {
    own: PeerId,
    limits: Limits,
    sessions: Sorted<SessionId, Entry>,
    /// One for each session: what changes with every frame, apart from what does not.
    watches: Watches,
    peers: BTreeMap<PeerId, Peer>,
    /// Of the few peers that have one. Like their sessions, it goes with the peer.
    trials: BTreeMap<PeerId, Trial>,
    /// Older nodes whose session was closed as forgotten: at most [`FORGETFUL`].
    forgetful: BTreeMap<PeerId, Forgot>,
    rivalries: u64,
}

#[derive(Debug)]
struct Entry {
    peer: PeerId,
    direction: Direction,
    opened: Mono,
    answered: bool,
    overflow: bool,
}

#[derive(Debug, Default)]
struct Peer {
    sessions: BTreeSet<SessionId>,
    replaced: Option<Mono>,
    /// Unknown until it has spoken.
    cleanup: Option<Cleanup>,
}

/// What a peer forgets when one of two sessions ends. It is as it says: who lies is taken for dead
/// too early, or too late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cleanup {
    /// That session: a node of ours.
    BySession,
    /// Both, perhaps: an older node.
    ByPeer,
}

/// What came over a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind {
    /// Nothing but a sign of life. Older nodes never send one.
    Empty,
    /// `Hello`. An older node says it once for each session that it has taken, over the one that it
    /// took last.
    Hello,
    /// Anything else.
    Full,
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
    Opposite { kept: SessionId, other: SessionId, taken: Taken, until: Mono },
    /// Two that the peer dialled.
    SameDirection { older: SessionId, newer: SessionId, delivered: Delivered, until: Mono },
    /// One that is left since then: it will be probed.
    Survivor { session: SessionId, since: Mono, probe: Mono },
    /// The next one of a peer that forgot so many in a row: a late end of the last one may cost it
    /// its place as well.
    Fresh { session: SessionId, lost: u32, probe: Mono },
    /// One that was probed: it has to deliver.
    Probed { session: SessionId, suspect: Suspect, until: Mono },
}

/// Why a session may be forgotten at the other end.
#[derive(Debug, Clone, Copy)]
enum Suspect {
    /// It is one of two, and the other one ended then.
    Survivor { since: Mono },
    /// The last ones were, so many in a row.
    Fresh { lost: u32 },
}

/// What came over two sessions of opposite directions.
#[derive(Debug, Clone, Copy)]
struct Taken {
    /// The kept one delivered.
    kept: bool,
    /// An older node says one for each that it has taken.
    hellos: u32,
}

/// A session of an older node was closed as forgotten.
#[derive(Debug, Clone, Copy)]
struct Forgot {
    at: Mono,
    /// In a row.
    lost: u32,
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
        Self {
            own,
            limits,
            sessions: Sorted::default(),
            watches: Watches::default(),
            peers: BTreeMap::new(),
            trials: BTreeMap::new(),
            forgetful: BTreeMap::new(),
            rivalries: 0,
        }
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
        let slot = match self.slot(direction, &rivals) {
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
        let entry = Entry { peer, direction, opened: now, answered: false, overflow };
        self.watches.begin(session, now, entry.ends());
        self.sessions.insert(session, entry);
        self.peers.entry(peer).or_default().sessions.insert(session);
        if let Some(rival) = rivals.first() {
            self.rivalries += 1;
            self.contend(peer, *rival, session, now, out);
        } else if let Some(Forgot { at, lost }) = self.forgetful.remove(&peer)
            && now.since(at) < PROVE
        {
            self.trials.insert(peer, Trial::Fresh { session, lost, probe: now.after(PROVE_AFTER) });
        }
        Admission::Admitted
    }

    /// A frame came over a session; whether there is such a session.
    pub fn frame(
        &mut self,
        session: SessionId,
        kind: FrameKind,
        now: Mono,
        out: &mut Vec<Command>,
    ) -> bool {
        let first = !self.watches.spoke(session);
        if !self.watches.frame(session, now) {
            return false;
        }
        if first || kind == FrameKind::Empty {
            self.learn(session, kind);
        }
        if !self.trials.is_empty()
            && let Some(peer) = self.sessions.get(session).map(|entry| entry.peer)
        {
            self.delivered(session, peer, kind, now, out);
        }
        true
    }

    /// The peer answered `GetAddrs` over this session: from now on silence means something.
    pub fn answered(&mut self, session: SessionId) {
        if let Some(entry) = self.sessions.get_mut(session) {
            entry.answered = true;
        }
    }

    /// A session ended by itself, or somebody but the table ended it.
    pub fn closed(&mut self, session: SessionId, now: Mono) {
        let Some(peer) = self.remove(session) else { return };
        let Some(known) = self.peers.get(&peer) else { return };
        self.trials.remove(&peer);
        if let Some(survivor) = known.sessions.first().copied() {
            self.prove(peer, survivor, now);
        }
    }

    /// Decides what is due.
    pub fn wakeup(&mut self, now: Mono, out: &mut Vec<Command>) {
        let due: Vec<(PeerId, Trial)> = self
            .trials
            .iter()
            .filter(|(_, trial)| trial.until() <= now)
            .map(|(peer, trial)| (*peer, *trial))
            .collect();
        for (peer, trial) in due {
            match trial {
                Trial::Opposite { kept, other, taken, .. } => {
                    let (survivor, loser, reason) = taken.verdict(kept, other);
                    self.decide(peer, survivor, loser, reason, now, out);
                }
                Trial::SameDirection { older, newer, delivered, .. } => {
                    let older_stays = delivered.older && !delivered.newer;
                    let (survivor, loser) =
                        if older_stays { (older, newer) } else { (newer, older) };
                    self.decide(peer, survivor, loser, CloseReason::Duplicate, now, out);
                }
                Trial::Survivor { session, since, .. } => {
                    self.probe(peer, session, Suspect::Survivor { since }, now, out)
                }
                Trial::Fresh { session, lost, .. } => {
                    self.probe(peer, session, Suspect::Fresh { lost }, now, out)
                }
                Trial::Probed { session, suspect, .. } => {
                    self.note_forgetful(peer, suspect, now);
                    self.end(session, CloseReason::Silent, out);
                }
            }
        }
        if self.watches.first_due().is_some_and(|due| due <= now) {
            self.end_overflow(now, out);
            self.probe_silent(now, out);
        }
    }

    /// When [`Table::wakeup`] has something to decide.
    #[must_use]
    pub fn next_wakeup(&self) -> Option<Mono> {
        let trials = self.trials.values().map(|trial| trial.until());
        trials.chain(self.watches.first_due()).min()
    }

    /// Distinct peers with a settled session.
    #[must_use]
    pub fn settled_peers(&self, now: Mono) -> usize {
        self.peers
            .values()
            .filter(|peer| peer.sessions.iter().any(|id| self.is_settled(*id, now)))
            .count()
    }

    /// Distinct peers with a session.
    #[must_use]
    pub fn peers(&self) -> usize {
        self.peers.len()
    }

    /// How often two sessions with one peer stood against each other.
    #[must_use]
    pub fn rivalries(&self) -> u64 {
        self.rivalries
    }

    /// Whether a session counts: it was heard lately, and its peer is not suspected to have
    /// forgotten it.
    #[must_use]
    pub fn is_settled(&self, session: SessionId, now: Mono) -> bool {
        let Some(entry) = self.sessions.get(session) else { return false };
        (self.watches.spoke(session) || now >= entry.settles())
            && self.watches.last(session).is_some_and(|at| now < at.after(HEARD_LATELY))
            && !self.is_doubted(entry.peer)
    }

    /// When the number of settled peers may grow without anything happening.
    #[must_use]
    pub fn next_settled(&self, now: Mono) -> Option<Mono> {
        self.sessions
            .iter()
            .filter(|(id, _)| !self.watches.spoke(*id))
            .map(|(_, entry)| entry.settles())
            .filter(|settles| *settles > now)
            .min()
    }

    /// Sessions in the table.
    pub fn sessions(&self) -> impl Iterator<Item = SessionId> {
        self.sessions.keys()
    }

    /// When each session's last frame came; at first, when it was established.
    pub fn heard(&self) -> impl Iterator<Item = (SessionId, Mono)> {
        self.watches.heard()
    }

    fn end(&mut self, session: SessionId, reason: CloseReason, out: &mut Vec<Command>) {
        self.remove(session);
        out.push(Command::Close(session, reason));
    }

    /// Takes one session out, and its peer with its last one.
    fn remove(&mut self, session: SessionId) -> Option<PeerId> {
        let peer = self.sessions.remove(session)?.peer;
        self.watches.end(session);
        let known = self.peers.get_mut(&peer)?;
        known.sessions.remove(&session);
        if known.sessions.is_empty() {
            self.peers.remove(&peer);
            self.trials.remove(&peer);
        }
        Some(peer)
    }

    fn probe_silent(&mut self, now: Mono, out: &mut Vec<Command>) {
        for session in self.watches.silent(now) {
            let answered = self.sessions.get(session).is_some_and(|entry| entry.answered);
            if answered && self.watches.probes(session) >= PROBES {
                out.push(Command::Close(session, CloseReason::Silent));
                self.closed(session, now);
            } else {
                self.watches.probed(session, now);
                out.push(Command::Probe(session));
            }
        }
    }
}

impl Trial {
    fn until(self) -> Mono {
        match self {
            Self::Opposite { until, .. }
            | Self::SameDirection { until, .. }
            | Self::Probed { until, .. } => until,
            Self::Survivor { probe, .. } | Self::Fresh { probe, .. } => probe,
        }
    }
}

impl Entry {
    /// When it has to end if it is in an overflow slot.
    fn ends(&self) -> Option<Mono> {
        self.overflow.then(|| self.opened.after(OVERFLOW_TIME))
    }

    /// When it counts as settled although nothing came over it.
    fn settles(&self) -> Mono {
        self.opened.after(SETTLED_AFTER)
    }
}
