//! All kernels and all that lies between them, as one state: what processes ask of it changes it at
//! once, what takes time stands in a queue.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    net::{IpAddr, SocketAddr},
    task::Waker,
};

use super::{
    connection::{At, Connection, Segment, Side, Stage},
    paths::{HostId, Paths, Weather},
};
use crate::chance::{Chance, Purpose, fold};

/// Ports that the kernel gives to connections that go out: Linux's range.
const EPHEMERAL: (u16, u16) = (32_768, 28_232);
/// The longest piece of data that crosses as one.
const PIECE: usize = 16 * 1024;

/// A connection, by number; never used again.
pub(super) type ConnectionId = u64;

/// What stands in the queue.
#[derive(Debug, Clone, Copy)]
pub(super) enum Due {
    /// The first packet of a dial arrives.
    Hello { id: ConnectionId, attempt: u32 },
    /// The dialer's kernel sends it again.
    HelloAgain { id: ConnectionId, attempt: u32 },
    /// The listener's answer arrives.
    Welcome { id: ConnectionId, attempt: u32 },
    /// A reset arrives at a side.
    Reset { id: ConnectionId, to: Side },
    /// The oldest segment that a side has sent arrives.
    Head { id: ConnectionId, from: Side },
    /// What arrived, and was not acknowledged, is sent again.
    Owed { id: ConnectionId, from: Side },
    /// A side hears that there is room again.
    Room { id: ConnectionId, to: Side },
    /// A side has waited long enough for an acknowledgement.
    Patience { id: ConnectionId, from: Side },
}

/// A computer.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) ip: IpAddr,
    pub(super) up: bool,
    pub(super) listeners: BTreeMap<u16, Listening>,
    dialled: u16,
}

/// A port that a process listens on.
#[derive(Debug)]
pub(super) struct Listening {
    /// Which of all: the port may be another process's by the time that one is dropped.
    pub(super) number: u64,
    pub(super) backlog: VecDeque<ConnectionId>,
    pub(super) acceptor: Option<Waker>,
}

/// What happened, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections dialled.
    pub dialled: u64,
    /// Of them, established at the dialer's end.
    pub established: u64,
    /// Of them, refused.
    pub refused: u64,
    /// Segments that arrived.
    pub segments: u64,
    /// Resets that arrived.
    pub resets: u64,
    /// Ends given up after thirty seconds without an acknowledgement.
    pub timeouts: u64,
    /// Connections of which one end is there and the other gone, seen when the first one spoke.
    pub half_open: u64,
    /// Times that a writer had to wait for its reader.
    pub full: u64,
}

/// Ends of connections that the process of a host holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ends {
    /// That it dialled, established or not yet.
    pub dialled: usize,
    /// That it accepted.
    pub accepted: usize,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Fabric {
    pub(super) chance: Chance,
    pub(super) now: At,
    next: u64,
    pub(super) queue: BTreeMap<(At, u64), Due>,
    pub(super) paths: Paths,
    pub(super) machines: BTreeMap<HostId, Machine>,
    pub(super) connections: BTreeMap<ConnectionId, Connection>,
    /// Connections dialled between each pair so far.
    pairs: BTreeMap<(HostId, HostId), u64>,
    pub(super) aside: BTreeMap<(HostId, HostId), Vec<Due>>,
    pub(super) woken: Vec<Waker>,
    pub(super) counts: Counts,
    /// The resolver answers.
    pub(super) has_names: bool,
    pub(super) digest: u64,
}

impl Fabric {
    pub(super) fn new(chance: Chance, weather: Weather) -> Self {
        Self {
            chance,
            now: 0,
            next: 0,
            queue: BTreeMap::new(),
            paths: Paths::new(chance, weather),
            machines: BTreeMap::new(),
            connections: BTreeMap::new(),
            pairs: BTreeMap::new(),
            aside: BTreeMap::new(),
            woken: Vec::new(),
            counts: Counts::default(),
            has_names: true,
            digest: 0,
        }
    }

    pub(super) fn add(&mut self, host: HostId, ip: IpAddr) {
        let start = self.chance.bits(Purpose::Ports, host.0 as u64, 0);
        let dialled = u16::try_from(start % u64::from(EPHEMERAL.1)).unwrap_or(0);
        let listeners = BTreeMap::new();
        self.machines.insert(host, Machine { ip, up: true, listeners, dialled });
    }

    pub(super) fn schedule(&mut self, at: At, due: Due) {
        self.queue.insert((at.max(self.now), self.next), due);
        self.next += 1;
    }

    pub(super) fn next_due(&self) -> Option<At> {
        self.queue.first_key_value().map(|((at, _), _)| *at)
    }

    pub(super) fn note(&mut self, what: u64, id: ConnectionId, more: u64) {
        let event = fold(fold(fold(self.now, what), id), more);
        self.digest = fold(self.digest, event);
    }

    pub(super) fn is_up(&self, host: HostId) -> bool {
        self.machines.get(&host).is_some_and(|machine| machine.up)
    }

    /// Begins to connect. `None` if this computer has no power: then nobody waits for an answer.
    pub(super) fn dial(&mut self, from: HostId, addr: SocketAddr) -> Option<ConnectionId> {
        let machine = self.machines.get_mut(&from).filter(|machine| machine.up)?;
        machine.dialled = (machine.dialled + 1) % EPHEMERAL.1;
        let own = SocketAddr::new(machine.ip, EPHEMERAL.0 + machine.dialled);
        let to = self.machines.iter().find(|(_, machine)| machine.ip == addr.ip());
        // An address that nobody has is one that nothing comes back from.
        let to = to.map_or(HostId(usize::MAX), |(host, _)| *host);
        let count = self.pairs.entry((from, to)).or_default();
        *count += 1;
        let pair = self.chance.bits(Purpose::Fate, from.0 as u64, to.0 as u64);
        let connection = Connection::dialled(fold(pair, *count), [from, to], [own, addr]);
        let id = self.next;
        self.connections.insert(id, connection);
        self.counts.dialled += 1;
        self.hello(id, 0);
        Some(id)
    }

    /// Sends the first packet, again or not.
    pub(super) fn hello(&mut self, id: ConnectionId, attempt: u32) {
        let travel = self.travel(id, Side::Dialer);
        self.schedule(self.now + travel, Due::Hello { id, attempt });
    }

    /// What the next packet of a side takes.
    pub(super) fn travel(&mut self, id: ConnectionId, from: Side) -> u64 {
        let Some(connection) = self.connections.get_mut(&id) else { return 0 };
        let (way, key) = (connection.way(from), connection.key);
        let lane = connection.lane(from);
        lane.sent += 1;
        let number = lane.sent << 1 | from as u64;
        self.paths.travel(way, key, number)
    }

    pub(super) fn send(&mut self, id: ConnectionId, from: Side, segment: Segment) {
        let now = self.now;
        let arrives = now + self.travel(id, from);
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let lane = connection.lane(from);
        let arrives = lane.flight.back().map_or(arrives, |(before, _)| arrives.max(*before));
        let is_first = lane.flight.is_empty();
        lane.flight.push_back((arrives, segment));
        lane.unanswered.get_or_insert(now);
        if is_first {
            self.schedule(arrives, Due::Head { id, from });
        }
    }

    pub(super) fn reset(&mut self, id: ConnectionId, to: Side) {
        let travel = self.travel(id, to.other());
        self.schedule(self.now + travel, Due::Reset { id, to });
    }

    /// Takes bytes from a process. `None`: it has to wait.
    pub(super) fn write(
        &mut self,
        id: ConnectionId,
        from: Side,
        bytes: &[u8],
        waker: &Waker,
    ) -> Option<io::Result<usize>> {
        let window = self.paths.weather().window;
        let Some(connection) = self.connections.get_mut(&id) else {
            return Some(Err(io::ErrorKind::BrokenPipe.into()));
        };
        if let Some(error) = connection.end(from).error {
            return Some(Err(error.into()));
        }
        if connection.stage(from) != Stage::Open || connection.lane(from).ended {
            return Some(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let lane = connection.lane(from);
        let taken = bytes.len().min(window.saturating_sub(lane.unread)).min(PIECE);
        if taken == 0 && !bytes.is_empty() {
            connection.end(from).writer = Some(waker.clone());
            self.counts.full += 1;
            return None;
        }
        lane.unread += taken;
        self.send(id, from, Segment::Data(bytes[..taken].to_vec()));
        Some(Ok(taken))
    }

    /// Gives what has arrived to a process: 0 is the end. `None`: it has to wait.
    pub(super) fn read(
        &mut self,
        id: ConnectionId,
        side: Side,
        room: usize,
        waker: &Waker,
    ) -> Option<io::Result<Vec<u8>>> {
        let Some(connection) = self.connections.get_mut(&id) else {
            return Some(Err(io::ErrorKind::ConnectionReset.into()));
        };
        let end = connection.end(side);
        if !end.received.is_empty() {
            let taken = room.min(end.received.len());
            let bytes: Vec<u8> = end.received.drain(..taken).collect();
            let lane = connection.lane(side.other());
            lane.unread = lane.unread.saturating_sub(taken);
            if connection.end(side.other()).writer.is_some() {
                let travel = self.travel(id, side);
                self.schedule(self.now + travel, Due::Room { id, to: side.other() });
            }
            return Some(Ok(bytes));
        }
        if let Some(error) = end.error {
            return Some(Err(error.into()));
        }
        if end.ended {
            return Some(Ok(Vec::new()));
        }
        if end.stage != Stage::Open {
            return Some(Err(io::ErrorKind::ConnectionReset.into()));
        }
        end.reader = Some(waker.clone());
        None
    }

    /// A process says that it sends nothing more.
    pub(super) fn finish(&mut self, id: ConnectionId, side: Side) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if connection.stage(side) == Stage::Open && !connection.lane(side).ended {
            connection.lane(side).ended = true;
            self.send(id, side, Segment::End);
        }
    }

    /// A process lets go of its end: in order, or by a reset if it has not read everything.
    pub(super) fn close(&mut self, id: ConnectionId, side: Side) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        match connection.stage(side) {
            Stage::Open if connection.end(side).received.is_empty() => {
                self.finish(id, side);
                self.orphan(id, side);
            }
            Stage::Open | Stage::Queued | Stage::Greeted => self.abort(id, side),
            Stage::Dialling => {
                connection.forget(side, None, &mut self.woken);
                self.tidy(id);
            }
            Stage::Orphaned | Stage::Gone => {}
        }
    }

    /// A process ends it at once, and the other side is told.
    pub(super) fn abort(&mut self, id: ConnectionId, side: Side) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if connection.stage(side) == Stage::Gone {
            return;
        }
        connection.forget(side, None, &mut self.woken);
        self.reset(id, side.other());
        self.tidy(id);
    }

    /// Nobody has this end any more; it stays until what was sent has arrived.
    pub(super) fn orphan(&mut self, id: ConnectionId, side: Side) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let lane = connection.lane(side);
        let is_done = lane.flight.is_empty() && !lane.owed;
        connection.end(side).stage = if is_done { Stage::Gone } else { Stage::Orphaned };
        connection.end(side).wake(&mut self.woken);
        self.tidy(id);
    }

    pub(super) fn tidy(&mut self, id: ConnectionId) {
        if self.connections.get(&id).is_some_and(Connection::is_over) {
            self.connections.remove(&id);
        }
    }

    pub(super) fn listen(&mut self, host: HostId, port: u16) -> io::Result<u64> {
        let number = self.next;
        self.next += 1;
        let machine = self.machines.get_mut(&host).filter(|machine| machine.up);
        let machine = machine.ok_or(io::ErrorKind::NetworkDown)?;
        if machine.listeners.contains_key(&port) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let listening = Listening { number, backlog: VecDeque::new(), acceptor: None };
        machine.listeners.insert(port, listening);
        Ok(number)
    }

    pub(super) fn listening(
        &mut self,
        host: HostId,
        port: u16,
        number: u64,
    ) -> Option<&mut Listening> {
        let listening = self.machines.get_mut(&host)?.listeners.get_mut(&port)?;
        (listening.number == number).then_some(listening)
    }

    /// Takes the next connection that waits. `None`: there is none.
    pub(super) fn accept(
        &mut self,
        (host, port, number): (HostId, u16, u64),
        waker: &Waker,
    ) -> Option<(ConnectionId, SocketAddr)> {
        loop {
            let listening = self.listening(host, port, number)?;
            let Some(id) = listening.backlog.pop_front() else {
                listening.acceptor = Some(waker.clone());
                return None;
            };
            // One that was reset meanwhile is not there any more.
            let Some(connection) = self.connections.get_mut(&id) else { continue };
            if connection.stage(Side::Listener) == Stage::Queued {
                connection.end(Side::Listener).stage = Stage::Open;
                return Some((id, connection.addrs[0]));
            }
        }
    }

    pub(super) fn stop_listening(&mut self, host: HostId, port: u16, number: u64) {
        let Some(listening) = self.listening(host, port, number) else { return };
        let waiting: Vec<_> = listening.backlog.drain(..).collect();
        if let Some(machine) = self.machines.get_mut(&host) {
            let gone = machine.listeners.remove(&port);
            self.woken.extend(gone.and_then(|listening| listening.acceptor));
        }
        for id in waiting {
            self.abort(id, Side::Listener);
        }
    }
}
