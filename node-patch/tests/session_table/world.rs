//! Two sides and the lines between them, with every packet delayed at random: ours has the real
//! table, an older node's does what recorded ones did.

use std::collections::{BTreeMap, BTreeSet};

use hegemon_discovery::{Direction, Mono, PeerId, SessionId};
use hegemon_node::net::table::{Admission, Command, FrameKind, Limits, Table};
use rand_chacha::{
    ChaCha12Rng,
    rand_core::{Rng, SeedableRng},
};

/// Recorded peers' table: looks up, then inserts, not atomically; closes the newer on a hit; cleans
/// up by peer; loses what came with `Finish`.
#[derive(Default)]
struct Legacy {
    /// The one session that it would send over.
    current: Option<SessionId>,
    /// Passed the look-up, not yet inserted.
    inserting: BTreeSet<SessionId>,
    /// Open as far as its reader tasks go, remembered or not.
    reading: BTreeSet<SessionId>,
    /// Closed by us before it was inserted, which its reader finds out only then.
    ended: BTreeSet<SessionId>,
}

/// How an older node goes about it.
#[derive(Clone, Copy)]
pub(crate) struct Habits {
    /// Least and most time between its look and its insert, in milliseconds.
    pub(crate) insert: (i64, i64),
    /// Between its insert and its first words, which go over whatever session it remembers then.
    pub(crate) greet: i64,
    /// Until its reader notices the end of a session, at the most.
    pub(crate) notice: i64,
    /// How often it dials while it remembers no session; never if 0.
    pub(crate) redial: i64,
}

impl Habits {
    pub(crate) const QUICK: Self = Self { insert: (0, 30), greet: 0, notice: 0, redial: 0 };
}

enum Side {
    Ours(Table),
    Legacy(Legacy),
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Frame {
    Hello,
    GetAddrs,
    Answer,
    Empty,
    Close,
}

pub(crate) enum Event {
    /// A side has finished its half of the handshake.
    Established {
        side: usize,
        session: SessionId,
    },
    /// An older node inserts what it looked up before.
    Insert {
        side: usize,
        session: SessionId,
    },
    Arrive {
        side: usize,
        session: SessionId,
        frame: Frame,
    },
    Wakeup {
        side: usize,
    },
    Dial {
        from: usize,
    },
    /// An older node's reader notices that its session ended.
    Notice {
        side: usize,
        session: SessionId,
    },
    /// An older node says its first words.
    Greet {
        side: usize,
    },
    /// An older node looks whether it has a session.
    Redial {
        side: usize,
    },
    /// A side of ours that lost its last session dials again, unless it has one by then.
    Again {
        side: usize,
    },
}

pub(crate) struct World {
    sides: [Side; 2],
    habits: Habits,
    ids: [PeerId; 2],
    dialers: BTreeMap<SessionId, usize>,
    /// Sessions that a side has closed or given up: nothing more is sent or heard over them.
    dead: [BTreeSet<SessionId>; 2],
    /// The last arrival on each one-way line: TCP keeps the order.
    lines: BTreeMap<(SessionId, usize), i64>,
    queue: BTreeMap<(i64, u64), Event>,
    now: i64,
    sequence: u64,
    rng: ChaCha12Rng,
    /// When a side of ours last had no session.
    pub(crate) empty_since: [Option<i64>; 2],
}

pub(crate) const UNLIMITED: Limits = Limits { inbound: 50, outbound: 50 };

impl World {
    pub(crate) fn new(seed: u64, lower_first: bool, legacy: Option<usize>) -> Self {
        Self::with(seed, lower_first, legacy, Habits::QUICK)
    }

    /// The same with an older node of such habits.
    pub(crate) fn with(
        seed: u64,
        lower_first: bool,
        legacy: Option<usize>,
        habits: Habits,
    ) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let ids = if lower_first {
            [PeerId([1; 32]), PeerId([2; 32])]
        } else {
            [PeerId([2; 32]), PeerId([1; 32])]
        };
        let side = |index: usize| {
            if legacy == Some(index) {
                Side::Legacy(Legacy::default())
            } else {
                Side::Ours(Table::new(ids[index], UNLIMITED))
            }
        };
        Self {
            sides: [side(0), side(1)],
            habits,
            ids,
            dialers: BTreeMap::new(),
            dead: Default::default(),
            lines: BTreeMap::new(),
            queue: BTreeMap::new(),
            now: 0,
            sequence: 0,
            rng: ChaCha12Rng::from_seed(bytes),
            empty_since: [None; 2],
        }
    }

    fn random(&mut self, below: i64) -> i64 {
        i64::try_from(self.rng.next_u64() % u64::try_from(below).unwrap()).unwrap()
    }

    pub(crate) fn post(&mut self, delay: i64, event: Event) {
        self.sequence += 1;
        self.queue.insert((self.now + delay, self.sequence), event);
    }

    pub(crate) fn run_until(&mut self, end: i64) {
        while let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= end) {
            let ((at, _), event) = entry.remove_entry();
            self.now = at;
            match event {
                Event::Dial { from } => self.dial(from),
                Event::Greet { side } => self.greet(side),
                Event::Notice { side, session } => self.forget(side, session),
                Event::Redial { side } => self.redial(side),
                Event::Again { side } if self.live(side).is_empty() => self.dial(side),
                Event::Again { .. } => {}
                Event::Established { side, session } => self.established(side, session),
                Event::Insert { side, session } => self.insert(side, session),
                Event::Arrive { side, session, frame } => self.arrive(side, session, frame),
                Event::Wakeup { side } => {
                    self.with_table(side, |table, now, out| table.wakeup(now, out))
                }
            }
            self.arm();
        }
        self.now = end;
    }

    /// A dial: the dialer is done before the listener; either may still be alone with the news.
    fn dial(&mut self, from: usize) {
        let session = SessionId(self.sequence);
        self.dialers.insert(session, from);
        let (one, two) = (self.random(40), self.random(40));
        self.post(one, Event::Established { side: from, session });
        self.post(one + two, Event::Established { side: 1 - from, session });
        self.lines.insert((session, 1 - from), self.now + one + two);
    }

    fn established(&mut self, side: usize, session: SessionId) {
        if self.dead[1 - side].contains(&session) && self.dialers[&session] == 1 - side {
            // The dialer gave up before the listener was done.
            self.dead[side].insert(session);
            return;
        }
        let direction =
            if self.dialers[&session] == side { Direction::Outbound } else { Direction::Inbound };
        let (peer, now) = (self.ids[1 - side], Mono(self.now));
        match &mut self.sides[side] {
            Side::Ours(table) => {
                let mut out = Vec::new();
                let admission = table.open(session, peer, direction, now, &mut out);
                if admission == Admission::Admitted {
                    // The dialer's first frame waits for the listener's; a short wait stands for
                    // both ways of ending it.
                    let wait = if direction == Direction::Outbound { 60 } else { 0 };
                    self.send_later(wait, side, session, Frame::Empty);
                    self.send_later(wait, side, session, Frame::Hello);
                } else {
                    self.close(side, session);
                }
                self.carry_out(side, out);
            }
            Side::Legacy(legacy) => {
                if legacy.current.is_some() {
                    self.close(side, session);
                } else {
                    legacy.inserting.insert(session);
                    let (least, most) = self.habits.insert;
                    let delay = least + self.random(most - least);
                    self.post(delay, Event::Insert { side, session });
                }
            }
        }
    }

    fn insert(&mut self, side: usize, session: SessionId) {
        let Side::Legacy(legacy) = &mut self.sides[side] else { return };
        if !legacy.inserting.remove(&session) {
            return;
        }
        legacy.current = Some(session);
        legacy.reading.insert(session);
        if legacy.ended.remove(&session) {
            return self.forget(side, session);
        }
        let delay = if self.habits.greet == 0 { 0 } else { self.random(self.habits.greet) };
        self.post(delay, Event::Greet { side });
    }

    fn greet(&mut self, side: usize) {
        let Side::Legacy(Legacy { current: Some(session), .. }) = self.sides[side] else { return };
        self.send(side, session, Frame::Hello);
        self.send(side, session, Frame::GetAddrs);
    }

    fn redial(&mut self, side: usize) {
        let Side::Legacy(legacy) = &self.sides[side] else { return };
        if legacy.current.is_none() && legacy.inserting.is_empty() {
            self.dial(side);
        }
        self.post(self.habits.redial, Event::Redial { side });
    }

    fn arrive(&mut self, side: usize, session: SessionId, frame: Frame) {
        if self.dead[side].contains(&session) {
            return;
        }
        if frame == Frame::Close {
            self.dead[side].insert(session);
            let late = matches!(self.sides[side], Side::Legacy(_)) && self.habits.notice > 0;
            let delay = if late { self.random(self.habits.notice) } else { 0 };
            match delay {
                0 => self.forget(side, session),
                _ => self.post(delay, Event::Notice { side, session }),
            }
            return;
        }
        match &mut self.sides[side] {
            Side::Ours(_) => {
                let kind = match frame {
                    Frame::Empty => FrameKind::Empty,
                    Frame::Hello => FrameKind::Hello,
                    Frame::GetAddrs | Frame::Answer | Frame::Close => FrameKind::Full,
                };
                self.with_table(side, |table, now, out| _ = table.frame(session, kind, now, out));
                if frame == Frame::GetAddrs && !self.dead[side].contains(&session) {
                    self.send(side, session, Frame::Answer);
                }
            }
            Side::Legacy(legacy) => {
                // Whatever session asked, the answer goes over the one that it remembers.
                if let (Frame::GetAddrs, Some(current), true) =
                    (frame, legacy.current, legacy.reading.contains(&session))
                {
                    self.send(side, current, Frame::Answer);
                }
            }
        }
    }

    fn forget(&mut self, side: usize, session: SessionId) {
        match &mut self.sides[side] {
            Side::Ours(_) => self.with_table(side, |table, now, _| table.closed(session, now)),
            Side::Legacy(legacy) => {
                if legacy.inserting.contains(&session) {
                    legacy.ended.insert(session);
                }
                if legacy.reading.remove(&session) {
                    legacy.current = None;
                }
            }
        }
    }

    fn with_table(&mut self, side: usize, tell: impl FnOnce(&mut Table, Mono, &mut Vec<Command>)) {
        let mut out = Vec::new();
        let now = Mono(self.now);
        if let Side::Ours(table) = &mut self.sides[side] {
            tell(table, now, &mut out);
        }
        self.carry_out(side, out);
    }

    fn carry_out(&mut self, side: usize, commands: Vec<Command>) {
        for command in commands {
            match command {
                Command::Close(session, _) => self.close(side, session),
                Command::Probe(session) => self.send(side, session, Frame::GetAddrs),
            }
        }
    }

    fn close(&mut self, side: usize, session: SessionId) {
        self.send(side, session, Frame::Close);
        self.dead[side].insert(session);
    }

    fn send(&mut self, side: usize, session: SessionId, frame: Frame) {
        self.send_later(0, side, session, frame);
    }

    /// In order per line, at random speed, never before the other side is done with the handshake.
    fn send_later(&mut self, wait: i64, side: usize, session: SessionId, frame: Frame) {
        if self.dead[side].contains(&session) {
            return;
        }
        let latency = 1 + self.random(50);
        let last = self.lines.get(&(session, 1 - side)).copied().unwrap_or(0);
        let at = (self.now + wait + latency).max(last);
        self.lines.insert((session, 1 - side), at);
        self.post(at - self.now, Event::Arrive { side: 1 - side, session, frame });
    }

    /// Wakes tables when they want to be, and redials, jittered, for a side of ours that is left
    /// with nothing.
    fn arm(&mut self) {
        for side in 0..2 {
            let Side::Ours(table) = &self.sides[side] else { continue };
            let due = table.next_wakeup();
            let empty = table.sessions().next().is_none();
            if let Some(due) = due {
                self.post((due.0 - self.now).max(1), Event::Wakeup { side });
            }
            match (empty, self.empty_since[side]) {
                (true, None) => {
                    self.empty_since[side] = Some(self.now);
                    let jitter = 100 + self.random(400);
                    self.post(jitter, Event::Again { side });
                }
                (true, Some(since)) if self.now - since > 1_000 => self.empty_since[side] = None,
                (true, Some(_)) => {}
                (false, _) => self.empty_since[side] = None,
            }
        }
    }

    /// An older node forgets the session that it has, which stays open.
    pub(crate) fn lose(&mut self, side: usize) {
        if let Side::Legacy(legacy) = &mut self.sides[side] {
            legacy.current = None;
        }
    }

    /// Whether a side of ours counts the other one among its peers.
    pub(crate) fn counts(&self, side: usize) -> bool {
        let Side::Ours(table) = &self.sides[side] else { return false };
        table.settled_peers(Mono(self.now)) > 0
    }

    /// What each side would send over.
    pub(crate) fn live(&self, side: usize) -> Vec<SessionId> {
        match &self.sides[side] {
            Side::Ours(table) => table.sessions().collect(),
            Side::Legacy(legacy) => legacy.current.into_iter().collect(),
        }
    }
}
