//! What happens when something in the queue is due.

use std::{collections::BTreeMap, io};

use super::{
    connection::{At, Segment, Side, Stage},
    fabric::{ConnectionId, Due, Ends, Fabric},
    paths::{Crossing, HostId, RETRANSMIT},
};
use crate::chance::Purpose;

/// Unacknowledged data for so long, and the kernel gives the connection up: what the node asks of it.
const USER_TIMEOUT: u64 = 30_000;
/// The first packet of a dial is sent again after so long, then twice that, and so on.
const HELLO_AGAIN: u64 = 1_000;
/// Dials are given up by the node long before.
const HELLOS: u32 = 6;
/// The kernel asks a full reader for room this often.
const PROBE: u64 = 500;
/// Connections that wait to be accepted: what the node asks for.
const BACKLOG: usize = 1_024;

impl Fabric {
    /// Does what is due by now.
    pub(super) fn run(&mut self, now: At) {
        self.now = self.now.max(now);
        while self.next_due().is_some_and(|at| at <= self.now) {
            if let Some((_, due)) = self.queue.pop_first() {
                self.happen(due);
            }
        }
    }

    fn happen(&mut self, due: Due) {
        match due {
            Due::Hello { id, attempt } => self.on_hello(id, attempt),
            Due::HelloAgain { id, attempt } => {
                if self.stage(id, Side::Dialer) == Stage::Dialling {
                    self.hello(id, attempt);
                }
            }
            Due::Welcome { id, attempt } => self.on_welcome(id, attempt),
            Due::Reset { id, to } => self.on_reset(id, to),
            Due::Head { id, from } => self.on_head(id, from),
            Due::Owed { id, from } => self.on_owed(id, from),
            Due::Room { id, to } => self.on_room(id, to),
            Due::Patience { id, from } => {
                if self.has_lost_patience(id, from) {
                    self.time_out(id, from);
                }
            }
        }
    }

    fn stage(&self, id: ConnectionId, side: Side) -> Stage {
        self.connections.get(&id).map_or(Stage::Gone, |connection| connection.stage(side))
    }

    /// Whether a packet from this side gets across; one that is held is put aside.
    fn cross(&mut self, id: ConnectionId, from: Side, due: Due) -> Crossing {
        let Some(connection) = self.connections.get(&id) else { return Crossing::Lost };
        let way = connection.way(from);
        let crossing = self.paths.cross(way.0, way.1);
        if crossing == Crossing::Held {
            self.aside.entry(way).or_default().push(due);
        }
        if crossing == Crossing::Passes && !self.is_up(way.1) { Crossing::Lost } else { crossing }
    }

    fn again(&mut self, id: ConnectionId, attempt: u32) {
        if attempt < HELLOS {
            let after = HELLO_AGAIN << attempt;
            self.schedule(self.now + after, Due::HelloAgain { id, attempt: attempt + 1 });
        }
    }

    fn on_hello(&mut self, id: ConnectionId, attempt: u32) {
        if self.stage(id, Side::Dialer) != Stage::Dialling {
            return self.tidy(id);
        }
        match self.cross(id, Side::Dialer, Due::Hello { id, attempt }) {
            Crossing::Lost => return self.again(id, attempt),
            Crossing::Held => return,
            Crossing::Passes => {}
        }
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let (host, port) = (connection.hosts[1], connection.addrs[1].port());
        let listening = self.machines.get(&host).and_then(|machine| machine.listeners.get(&port));
        match listening.map(|listening| listening.backlog.len()) {
            None => self.reset(id, Side::Dialer),
            // A full queue is silence.
            Some(waiting) if waiting >= BACKLOG => self.again(id, attempt),
            Some(_) => {
                if connection.stage(Side::Listener) == Stage::Gone {
                    connection.end(Side::Listener).stage = Stage::Greeted;
                }
                let travel = self.travel(id, Side::Listener);
                self.schedule(self.now + travel, Due::Welcome { id, attempt });
            }
        }
        self.note(1, id, attempt.into());
    }

    fn on_welcome(&mut self, id: ConnectionId, attempt: u32) {
        match self.cross(id, Side::Listener, Due::Welcome { id, attempt }) {
            Crossing::Lost => return self.again(id, attempt),
            Crossing::Held => return,
            Crossing::Passes => {}
        }
        self.note(2, id, 0);
        let Some(connection) = self.connections.get_mut(&id) else { return };
        match connection.stage(Side::Dialer) {
            Stage::Dialling => {
                connection.end(Side::Dialer).stage = Stage::Open;
                connection.end(Side::Dialer).wake(&mut self.woken);
                self.counts.established += 1;
                self.send(id, Side::Dialer, Segment::Greeting);
            }
            Stage::Gone => self.reset(id, Side::Listener),
            // Sent twice.
            Stage::Greeted | Stage::Queued | Stage::Open | Stage::Orphaned => {}
        }
    }

    fn on_reset(&mut self, id: ConnectionId, to: Side) {
        if self.cross(id, to.other(), Due::Reset { id, to }) != Crossing::Passes {
            return self.tidy(id);
        }
        self.note(3, id, to as u64);
        let keeps = self.chance.bits(Purpose::Fate, id, 1).is_multiple_of(2);
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let why = match connection.stage(to) {
            Stage::Gone => return self.tidy(id),
            Stage::Dialling => {
                self.counts.refused += 1;
                io::ErrorKind::ConnectionRefused
            }
            Stage::Greeted | Stage::Queued | Stage::Open | Stage::Orphaned => {
                io::ErrorKind::ConnectionReset
            }
        };
        self.counts.resets += 1;
        // Linux lets what has arrived be read; others do not. Who relies on either is wrong.
        if !keeps {
            connection.end(to).received.clear();
        }
        connection.forget(to, Some(why), &mut self.woken);
        self.tidy(id);
    }

    /// The oldest segment of a side is at the other end, if nothing is in its way.
    fn on_head(&mut self, id: ConnectionId, from: Side) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if connection.lane(from).flight.is_empty() {
            return;
        }
        match self.cross(id, from, Due::Head { id, from }) {
            Crossing::Passes => {}
            Crossing::Lost => return self.repeat(id, from, Due::Head { id, from }),
            Crossing::Held => return self.be_patient(id, from),
        }
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let lane = connection.lane(from);
        lane.retransmit = RETRANSMIT;
        let segment = lane.flight.pop_front().map(|(_, segment)| segment);
        let next = lane.flight.front().map(|(at, _)| *at);
        if let Some(at) = next {
            self.schedule(at, Due::Head { id, from });
        }
        self.counts.segments += 1;
        if let Some(segment) = segment {
            self.arrive(id, from, segment);
        }
        self.acknowledge(id, from);
        self.tidy(id);
    }

    fn arrive(&mut self, id: ConnectionId, from: Side, segment: Segment) {
        let to = from.other();
        let length = match &segment {
            Segment::Greeting => 0,
            Segment::Data(bytes) => bytes.len() as u64,
            Segment::End => 1 << 32,
        };
        self.note(4 + from as u64, id, length);
        let Some(connection) = self.connections.get_mut(&id) else { return };
        match (segment, connection.stage(to)) {
            (Segment::Greeting, Stage::Greeted) => self.queue_for_accept(id),
            (Segment::Data(bytes), Stage::Greeted | Stage::Queued | Stage::Open) => {
                connection.end(to).received.extend(bytes);
                self.woken.extend(connection.end(to).reader.take());
            }
            (Segment::End, Stage::Greeted | Stage::Queued | Stage::Open) => {
                connection.end(to).ended = true;
                self.woken.extend(connection.end(to).reader.take());
            }
            // Nobody reads this any more, or nobody knows of it.
            (Segment::Data(_) | Segment::Greeting, Stage::Gone | Stage::Orphaned) => {
                self.counts.half_open += 1;
                connection.forget(to, None, &mut self.woken);
                self.reset(id, from);
            }
            (Segment::End, Stage::Gone | Stage::Orphaned)
            | (_, Stage::Dialling)
            | (Segment::Greeting, Stage::Queued | Stage::Open) => {}
        }
    }

    fn queue_for_accept(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let (host, port) = (connection.hosts[1], connection.addrs[1].port());
        let machine = self.machines.get_mut(&host);
        match machine.and_then(|machine| machine.listeners.get_mut(&port)) {
            Some(listening) => {
                connection.end(Side::Listener).stage = Stage::Queued;
                listening.backlog.push_back(id);
                self.woken.extend(listening.acceptor.take());
            }
            None => self.abort(id, Side::Listener),
        }
    }

    /// The acknowledgement of what has just arrived goes back the other way.
    fn acknowledge(&mut self, id: ConnectionId, from: Side) {
        let Some(connection) = self.connections.get(&id) else { return };
        let (back, to) = connection.way(from.other());
        let is_heard = self.paths.cross(back, to) == Crossing::Passes && self.is_up(to);
        let now = self.now;
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let lane = connection.lane(from);
        if is_heard {
            lane.owed = false;
            lane.unanswered = (!lane.flight.is_empty()).then_some(now);
            if lane.flight.is_empty() && connection.stage(from) == Stage::Orphaned {
                connection.end(from).stage = Stage::Gone;
            }
        } else if !std::mem::replace(&mut lane.owed, true) {
            self.repeat(id, from, Due::Owed { id, from });
        }
    }

    /// What arrived long ago is sent once more, for an acknowledgement that gets through.
    fn on_owed(&mut self, id: ConnectionId, from: Side) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if !connection.lane(from).owed {
            return;
        }
        match self.cross(id, from, Due::Owed { id, from }) {
            Crossing::Held => return self.be_patient(id, from),
            Crossing::Lost => return self.repeat(id, from, Due::Owed { id, from }),
            Crossing::Passes => {}
        }
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if connection.stage(from.other()) == Stage::Gone {
            return self.reset(id, from);
        }
        connection.lane(from).owed = false;
        self.acknowledge(id, from);
        self.tidy(id);
    }

    /// Sends something again later, twice as late as the last time, or gives the connection up.
    fn repeat(&mut self, id: ConnectionId, from: Side, due: Due) {
        if self.has_lost_patience(id, from) {
            return self.time_out(id, from);
        }
        let now = self.now;
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let lane = connection.lane(from);
        let last = lane.unanswered.unwrap_or(now) + USER_TIMEOUT;
        let at = (now + lane.retransmit).min(last);
        lane.retransmit *= 2;
        self.schedule(at, due);
    }

    fn be_patient(&mut self, id: ConnectionId, from: Side) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if let Some(since) = connection.lane(from).unanswered {
            self.schedule(since + USER_TIMEOUT, Due::Patience { id, from });
        }
    }

    fn has_lost_patience(&self, id: ConnectionId, from: Side) -> bool {
        let lane = self.connections.get(&id).map(|connection| &connection.lanes[from as usize]);
        let since = lane.and_then(|lane| lane.unanswered);
        since.is_some_and(|since| self.now >= since + USER_TIMEOUT)
    }

    /// The other side is not told: it may believe in this connection for ever.
    fn time_out(&mut self, id: ConnectionId, from: Side) {
        self.note(6, id, from as u64);
        self.counts.timeouts += 1;
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.forget(from, Some(io::ErrorKind::TimedOut), &mut self.woken);
        self.tidy(id);
    }

    fn on_room(&mut self, id: ConnectionId, to: Side) {
        match self.cross(id, to.other(), Due::Room { id, to }) {
            Crossing::Held => {}
            Crossing::Lost => {
                if self.stage(id, to) == Stage::Open {
                    self.schedule(self.now + PROBE, Due::Room { id, to });
                }
            }
            Crossing::Passes => {
                let Some(connection) = self.connections.get_mut(&id) else { return };
                self.woken.extend(connection.end(to).writer.take());
            }
        }
    }

    /// The process is gone, and the kernel does what it does then.
    pub(super) fn kill(&mut self, host: HostId) {
        let ports = self.machines.get(&host).map(|machine| {
            machine.listeners.iter().map(|(port, on)| (*port, on.number)).collect::<Vec<_>>()
        });
        for (port, number) in ports.into_iter().flatten() {
            self.stop_listening(host, port, number);
        }
        for (id, side) in self.ends_on(host) {
            self.close(id, side);
        }
    }

    /// The power is gone: nothing is sent, and nothing is remembered.
    pub(super) fn power_off(&mut self, host: HostId) {
        for (id, side) in self.ends_on(host) {
            if let Some(connection) = self.connections.get_mut(&id) {
                connection.forget(side, Some(io::ErrorKind::ConnectionReset), &mut self.woken);
                connection.end(side).received.clear();
                self.tidy(id);
            }
        }
        if let Some(machine) = self.machines.get_mut(&host) {
            machine.up = false;
            let gone = std::mem::take(&mut machine.listeners);
            self.woken.extend(gone.into_values().filter_map(|listening| listening.acceptor));
        }
    }

    pub(super) fn power_on(&mut self, host: HostId) {
        if let Some(machine) = self.machines.get_mut(&host) {
            machine.up = true;
        }
    }

    fn ends_on(&self, host: HostId) -> Vec<(ConnectionId, Side)> {
        let ends = self.connections.iter().flat_map(|(id, connection)| {
            Side::BOTH.map(|side| (*id, side, connection.host(side), connection.stage(side)))
        });
        ends.filter(|(.., at, stage)| *at == host && *stage != Stage::Gone)
            .map(|(id, side, ..)| (id, side))
            .collect()
    }

    pub(super) fn open(&self) -> BTreeMap<(usize, usize), usize> {
        let mut open = BTreeMap::new();
        for connection in self.connections.values() {
            if Side::BOTH.iter().any(|side| connection.stage(*side) == Stage::Open) {
                let [one, other] = connection.hosts;
                *open.entry((one.min(other).0, one.max(other).0)).or_default() += 1;
            }
        }
        open
    }

    pub(super) fn held(&self, host: HostId) -> Ends {
        let mut held = Ends::default();
        for connection in self.connections.values() {
            let is_held = |side| {
                let stage = connection.stage(side);
                connection.host(side) == host && matches!(stage, Stage::Dialling | Stage::Open)
            };
            held.dialled += usize::from(is_held(Side::Dialer));
            held.accepted += usize::from(is_held(Side::Listener));
        }
        held
    }

    pub(super) fn release(&mut self, from: HostId, to: HostId) {
        self.paths.release(from, to);
        for due in self.aside.remove(&(from, to)).unwrap_or_default() {
            self.schedule(self.now + 1, due);
        }
    }

    /// Resets every connection between two hosts, as a firewall that lost its memory does.
    pub(super) fn sever(&mut self, one: HostId, other: HostId) {
        let between = self.connections.iter().filter(|(_, connection)| {
            connection.hosts == [one, other] || connection.hosts == [other, one]
        });
        let between: Vec<_> = between.map(|(id, _)| *id).collect();
        for id in between {
            for side in Side::BOTH {
                self.schedule(self.now + 1, Due::Reset { id, to: side });
            }
        }
    }
}
