//! What happens when something is due: dials, sessions, frames, endings.
//!
//! A dial takes one round trip for TCP and one for the handshake until the dialler has its session,
//! half a round trip more until the listener has it, and two milliseconds of computation. Frames of
//! a session arrive in the order of their sending, one latency later; so does its end.

use std::{net::SocketAddr, time::Duration};

use hegemon_discovery::{DialError, DialId, Message, Mono, Now, SeedIndex, SessionId};
use hegemon_node::net::socket::{CONNECT_TIMEOUT, HANDSHAKE_TIMEOUT};

use crate::{
    actor::Actor,
    chance::{Purpose, fold, number},
    frame::Frame,
    output::Output,
    world::{
        HostIndex, Outage, Reach, World,
        connection::{Carried, Connection, ConnectionIndex, End, Side, State},
        network::Stores,
        packet::Packet,
        traffic::Addresses,
    },
};

/// What a handshake costs in computation, over both sides.
const HANDSHAKE_WORK: Duration = Duration::from_millis(2);

/// Shortest and longest time that a seed's name takes to look up.
const LOOKUP: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(30));

/// How long a resolver is silent when nothing leaves the host's network.
const LOOKUP_SILENT: Duration = Duration::from_secs(10);

/// A wake-up for a moment that has passed comes so much later.
const NEXT: Duration = Duration::from_millis(1);

/// What is at an address, seen from a host.
enum Route {
    NoNetwork,
    Silence,
    Refusal,
    Host(HostIndex),
}

impl World {
    pub(super) fn dispatch(&mut self, packet: Packet) {
        self.note(self.now.0.unsigned_abs());
        match packet {
            Packet::Wake { host, due } => self.wake(host, due),
            Packet::DiallerReady(connection) => self.dialler_ready(connection),
            Packet::ListenerReady(connection) => self.listener_ready(connection),
            Packet::DialFailed { host, life, dial, error } => {
                self.dial_failed(host, life, dial, error)
            }
            Packet::Arrival { connection, to, carried } => self.arrival(connection, to, carried),
            Packet::Silence { connection, at, cut } => self.silence(connection, at, cut),
            Packet::Resolved { host, life, seed, addrs } => {
                self.note(fold(6, host.0 as u64));
                if self.hosts[host.0].life == life {
                    self.drive(host, None, |actor, now, out| actor.resolved(seed, addrs, now, out));
                }
            }
        }
    }

    /// Tells an actor something and does what it wants. An answer to `answering` is counted as
    /// such.
    pub(super) fn drive(
        &mut self,
        host: HostIndex,
        answering: Option<SessionId>,
        tell: impl FnOnce(&mut Actor, Now, &mut Vec<Output>),
    ) {
        let now = self.clock(host);
        let mut out = Vec::new();
        let Some(actor) = &mut self.hosts[host.0].actor else { return };
        tell(actor, now, &mut out);
        for output in out {
            self.carry_out(host, answering, output);
        }
        self.reschedule(host);
    }

    fn carry_out(&mut self, host: HostIndex, answering: Option<SessionId>, output: Output) {
        match output {
            Output::Frame { session, frame } => {
                self.send(host, session, frame, answering == Some(session))
            }
            Output::Dial { dial, addr } => self.dial(host, dial, addr),
            Output::Resolve { seed } => self.resolve(host, seed),
            Output::Persist => self.persist(host),
            Output::Ended { session } => {
                let connection = ConnectionIndex::of(session);
                self.close(connection, self.connections[connection.0].side(host));
            }
            Output::Alarmed => self.hosts[host.0].tally.alarms += 1,
        }
    }

    fn persist(&mut self, host: HostIndex) {
        let now = self.clock(host);
        let here = &mut self.hosts[host.0];
        if self.setting.stores == Stores::Kept
            && let Some(Actor::Node(node)) = &here.actor
        {
            here.stored = node.engine().snapshot(now);
        }
    }

    /// Sees to it that the queue has a wake-up that is early enough; a too early one finds nothing
    /// to do.
    fn reschedule(&mut self, host: HostIndex) {
        let here = &mut self.hosts[host.0];
        let Some(due) = here.actor.as_ref().and_then(Actor::next_wakeup) else { return };
        let due = due.max(self.now.after(NEXT));
        if here.wake_at.is_none_or(|at| due < at) {
            here.wake_at = Some(due);
            self.queue.push(due, Packet::Wake { host, due });
        }
    }

    fn wake(&mut self, host: HostIndex, due: Mono) {
        let here = &mut self.hosts[host.0];
        if here.wake_at != Some(due) {
            return;
        }
        here.wake_at = None;
        if here.actor.as_ref().and_then(Actor::next_wakeup).is_some_and(|wanted| wanted <= due) {
            self.note(fold(1, host.0 as u64));
            self.settle(host);
            self.drive(host, None, |actor, now, out| actor.wake(now, out));
        } else {
            self.reschedule(host);
        }
    }

    /// Catches up on the keepalives of a host's sessions.
    pub(super) fn settle(&mut self, host: HostIndex) {
        let now = self.clock(host);
        let mut out = Vec::new();
        let connections = &self.connections;
        let here = &mut self.hosts[host.0];
        if let Some(Actor::Node(node)) = &mut here.actor {
            here.tally.keepalives += node.settle(
                |session| connections[ConnectionIndex::of(session).0].cut.is_none(),
                now,
                &mut out,
            );
        }
        for output in out {
            self.carry_out(host, None, output);
        }
    }

    fn dial(&mut self, host: HostIndex, dial: DialId, addr: SocketAddr) {
        let connected = self.owner(addr).is_some_and(|owner| {
            self.hosts[host.0].node().is_some_and(|node| node.has(self.hosts[owner.0].peer))
        });
        let tally = &mut self.hosts[host.0].tally;
        tally.started.push((self.now, addr));
        tally.redials += u64::from(connected);
        self.note(fold(7, number(addr)));
        let one_way = self.one_way(self.hosts[host.0].addr, addr);
        match self.route(host, addr) {
            Route::NoNetwork => self.fail(host, dial, DialError::LocalNetwork, NEXT),
            Route::Silence => self.fail(host, dial, DialError::Unreachable, CONNECT_TIMEOUT),
            Route::Refusal => self.fail(host, dial, DialError::Refused, 2 * one_way),
            Route::Host(target) => {
                let end = |host: HostIndex| End {
                    host,
                    life: self.hosts[host.0].life,
                    state: State::Pending,
                };
                let connection = Connection {
                    dialler: end(host),
                    listener: end(target),
                    dial,
                    one_way,
                    cut: None,
                    cuts: 0,
                };
                let ready = self.now.after(4 * one_way + HANDSHAKE_WORK);
                self.queue
                    .push(ready, Packet::DiallerReady(ConnectionIndex(self.connections.len())));
                self.connections.push(connection);
            }
        }
    }

    fn route(&self, host: HostIndex, addr: SocketAddr) -> Route {
        match self.hosts[host.0].outage {
            Some(Outage::InterfaceDown) => return Route::NoNetwork,
            Some(Outage::Upstream) => return Route::Silence,
            None => {}
        }
        let Some(target) = self.owner(addr) else {
            return if self.refuses(addr) { Route::Refusal } else { Route::Silence };
        };
        let there = &self.hosts[target.0];
        if target != host && (there.reach == Reach::Nat || !self.passable(host, target)) {
            Route::Silence
        } else if there.is_up() {
            Route::Host(target)
        } else {
            Route::Refusal
        }
    }

    /// Whether an address where nobody is refuses.
    pub(super) fn refuses(&self, addr: SocketAddr) -> bool {
        self.chance.bits(Purpose::Fate, number(addr), 0) % 100 < self.setting.refusing_percent
    }

    fn fail(&mut self, host: HostIndex, dial: DialId, error: DialError, after: Duration) {
        let life = self.hosts[host.0].life;
        self.queue.push(self.now.after(after), Packet::DialFailed { host, life, dial, error });
    }

    fn dial_failed(&mut self, host: HostIndex, life: u32, dial: DialId, error: DialError) {
        self.note(fold(2, host.0 as u64));
        if self.hosts[host.0].life != life || !self.hosts[host.0].is_up() {
            return;
        }
        self.hosts[host.0].tally.failed(error);
        self.settle(host);
        self.drive(host, None, |actor, now, out| actor.dial_failed(dial, error, now, out));
    }

    fn dialler_ready(&mut self, index: ConnectionIndex) {
        let Connection { dialler, listener, dial, one_way, .. } = &self.connections[index.0];
        let (host, target, dial, one_way) = (dialler.host, listener.host, *dial, *one_way);
        self.note(fold(3, host.0 as u64));
        if !self.is_present(index, Side::Dialler) {
            return;
        }
        if host == target {
            return self.fail(host, dial, DialError::Itself, Duration::ZERO);
        }
        if !self.passable(host, target) {
            return self.fail(host, dial, DialError::Unreachable, HANDSHAKE_TIMEOUT);
        }
        if !self.is_present(index, Side::Listener) {
            return self.fail(host, dial, DialError::Handshake, Duration::ZERO);
        }
        // `Finish` is on its way before anything that is said over the session.
        self.queue.push(self.now.after(one_way), Packet::ListenerReady(index));
        self.hosts[host.0].tally.handshakes += 1;
        let remote = self.hosts[target.0].addr;
        let opened = self.open(index, Side::Dialler, remote, Some(dial));
        let tally = &mut self.hosts[host.0].tally;
        match opened {
            Ok(()) => tally.dials.succeeded += 1,
            Err(error) => tally.failed(error),
        }
    }

    fn listener_ready(&mut self, index: ConnectionIndex) {
        let Connection { dialler, listener, .. } = &self.connections[index.0];
        let (host, from) = (listener.host, dialler.host);
        self.note(fold(4, host.0 as u64));
        // Packets may have ceased to pass just now: the listener's handshake then runs out, and the
        // dialler has its own silence to notice.
        if !self.is_present(index, Side::Listener) || self.connections[index.0].cut.is_some() {
            self.connections[index.0].listener.state = State::Closed;
            return;
        }
        self.hosts[host.0].tally.handshakes += 1;
        let port = 40_000 + u16::try_from(index.0 % 20_000).expect("below 20,000");
        let remote = SocketAddr::new(self.hosts[from.0].addr.ip(), port);
        // A dialler that is refused hears of it by the end of the session.
        let _ = self.open(index, Side::Listener, remote, None);
    }

    /// Whether the host at an end still runs what began the handshake.
    fn is_present(&self, index: ConnectionIndex, side: Side) -> bool {
        let end = self.connections[index.0].end(side);
        let host = &self.hosts[end.host.0];
        host.is_up() && host.life == end.life && !host.gone
    }

    /// Tells the actor at an end of its session; a refused one is closed.
    fn open(
        &mut self,
        index: ConnectionIndex,
        side: Side,
        remote: SocketAddr,
        dial: Option<DialId>,
    ) -> Result<(), DialError> {
        let connection = &mut self.connections[index.0];
        connection.end_mut(side).state = State::Open;
        let (host, other) = (connection.end(side).host, connection.end(side.other()).host);
        let peer = self.hosts[other.0].peer;
        let mut admitted = Ok(());
        self.changed = true;
        self.drive(host, None, |actor, now, out| {
            admitted = actor.opened(index.session(), peer, remote, dial, now, out)
        });
        if admitted.is_err() {
            self.close(index, side);
        }
        admitted
    }

    fn send(&mut self, host: HostIndex, session: SessionId, frame: Frame, is_answer: bool) {
        let index = ConnectionIndex::of(session);
        let connection = &self.connections[index.0];
        let (side, one_way) = (connection.side(host), connection.one_way);
        if connection.end(side).state != State::Open {
            return;
        }
        let listed = self.audit(&frame);
        let tally = &mut self.hosts[host.0].tally;
        tally.messages += u64::from(!matches!(frame, Frame::Empty));
        tally.bytes += frame.wire_bytes() as u64;
        let counted = if is_answer { &mut tally.served } else { &mut tally.passed_on };
        *counted = counted.plus(listed);
        self.queue.push(
            self.now.after(one_way),
            Packet::Arrival { connection: index, to: side.other(), carried: Carried::Frame(frame) },
        );
    }

    /// What is really at the addresses of a list.
    fn audit(&self, frame: &Frame) -> Addresses {
        let mut listed = Addresses::default();
        if let Frame::Message(Message::Addrs { addrs }) = frame {
            for addr in addrs {
                match self
                    .owner(*addr)
                    .map(|owner| &self.hosts[owner.0])
                    .filter(|owner| owner.is_up())
                {
                    Some(owner) if owner.reach == Reach::Public => listed.live += 1,
                    Some(_) => listed.unreachable += 1,
                    None => listed.dead += 1,
                }
            }
        }
        listed
    }

    fn arrival(&mut self, index: ConnectionIndex, to: Side, carried: Carried) {
        let connection = &mut self.connections[index.0];
        let host = connection.end(to).host;
        let session = index.session();
        if let Some(cut) = &mut connection.cut {
            cut.held.push((to, carried));
            return;
        }
        if connection.end(to).state != State::Open {
            return;
        }
        self.note(fold(5, host.0 as u64));
        match carried {
            Carried::Frame(frame) => {
                let asked =
                    matches!(frame, Frame::Message(Message::GetAddrs { .. })).then_some(session);
                self.drive(host, asked, |actor, now, out| actor.frame(session, frame, now, out));
            }
            Carried::Fin => self.lose(index, to),
        }
    }

    /// An end loses its session without having closed it.
    pub(super) fn lose(&mut self, index: ConnectionIndex, at: Side) {
        let end = self.connections[index.0].end_mut(at);
        end.state = State::Closed;
        let host = end.host;
        self.changed = true;
        self.drive(host, None, |actor, now, out| actor.ended(index.session(), now, out));
    }

    /// An end closes: the other one hears of it a latency later.
    pub(super) fn close(&mut self, index: ConnectionIndex, side: Side) {
        let connection = &mut self.connections[index.0];
        let end = connection.end_mut(side);
        if end.state != State::Open {
            return;
        }
        end.state = State::Closed;
        let arrives = self.now.after(connection.one_way);
        self.changed = true;
        self.queue.push(
            arrives,
            Packet::Arrival { connection: index, to: side.other(), carried: Carried::Fin },
        );
    }

    fn resolve(&mut self, host: HostIndex, seed: SeedIndex) {
        let life = self.hosts[host.0].life;
        let (addrs, after) = match self.hosts[host.0].outage {
            None => {
                let after = self.chance.time(
                    Purpose::Lookup,
                    (host.0 as u64, self.now.0.unsigned_abs()),
                    LOOKUP,
                );
                (self.seeds.get(seed.0).cloned().unwrap_or_default(), after)
            }
            Some(Outage::InterfaceDown) => (Vec::new(), NEXT),
            Some(Outage::Upstream) => (Vec::new(), LOOKUP_SILENT),
        };
        self.queue.push(self.now.after(after), Packet::Resolved { host, life, seed, addrs });
    }

    fn one_way(&self, one: SocketAddr, other: SocketAddr) -> Duration {
        let (one, other) = (number(one), number(other));
        self.chance.time(Purpose::Latency, (one.min(other), one.max(other)), self.setting.latency)
    }
}
