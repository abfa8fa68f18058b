//! Partitions, hosts without a network, sessions that are cut and noticed late.
//!
//! While packets do not pass between two hosts, what they send each other is held, as TCP does, and
//! arrives when they pass again. An end that hears nothing gives its session up after 60 to 90 s: a
//! write that does not leave, or probes that nobody answers. The other end, if it still has the
//! session when packets pass again, hears of it then.

use std::time::Duration;

use hegemon_discovery::SessionId;

use crate::{
    actor::Actor,
    chance::Purpose,
    world::{
        Exit, HostIndex, Outage, World,
        connection::{Carried, ConnectionIndex, Cut, Side, State},
        packet::Packet,
    },
};

/// An end that hears nothing gives up after so long, uniformly.
const SILENCE_NOTICED: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(90));

impl World {
    /// Parts the network: packets pass only between hosts of the same list. Hosts in none of them
    /// are together on a side of their own.
    ///
    /// # Panics
    ///
    /// With more than 254 lists.
    pub fn part(&mut self, sides: &[Vec<HostIndex>]) {
        self.settle_all();
        self.hosts.iter_mut().for_each(|host| host.side = 0);
        for (number, side) in (1_u8..=254).zip(sides) {
            side.iter().for_each(|host| self.hosts[host.0].side = number);
        }
        assert!(sides.len() <= 254, "sides are numbered in a byte");
        self.pass();
    }

    /// Packets pass everywhere again.
    pub fn join(&mut self) {
        self.part(&[]);
    }

    /// Takes a host's network away, or gives it back.
    pub fn set_outage(&mut self, host: HostIndex, outage: Option<Outage>) {
        self.settle_all();
        self.hosts[host.0].outage = outage;
        self.pass();
    }

    /// Whether packets pass between two hosts.
    pub(super) fn passable(&self, one: HostIndex, other: HostIndex) -> bool {
        let (one, other) = (&self.hosts[one.0], &self.hosts[other.0]);
        let connected = |host: &crate::world::Host| !host.gone && host.outage.is_none();
        connected(one) && connected(other) && one.side == other.side
    }

    /// Cuts the sessions over which nothing passes any more, and mends those over which it does
    /// again.
    pub(super) fn pass(&mut self) {
        for index in (0..self.connections.len()).map(ConnectionIndex) {
            let connection = &self.connections[index.0];
            if !connection.is_alive() {
                continue;
            }
            match (
                self.passable(connection.dialler.host, connection.listener.host),
                connection.cut.is_some(),
            ) {
                (false, false) => self.cut(index),
                (true, true) => self.mend(index),
                (true, false) | (false, true) => {}
            }
        }
    }

    fn cut(&mut self, index: ConnectionIndex) {
        let connection = &mut self.connections[index.0];
        connection.cut = Some(Cut::default());
        connection.cuts += 1;
        let cut = connection.cuts;
        for (number, at) in (0..).zip([Side::Dialler, Side::Listener]) {
            let after = self.chance.time(
                Purpose::Silence,
                (index.0 as u64, u64::from(cut) << 1 | number),
                SILENCE_NOTICED,
            );
            self.queue.push(self.now.after(after), Packet::Silence { connection: index, at, cut });
        }
    }

    fn mend(&mut self, index: ConnectionIndex) {
        let connection = &mut self.connections[index.0];
        let arrives = self.now.after(connection.one_way);
        for (to, carried) in connection.cut.take().unwrap_or_default().held {
            self.queue.push(arrives, Packet::Arrival { connection: index, to, carried });
        }
    }

    pub(super) fn silence(&mut self, index: ConnectionIndex, at: Side, cut: u32) {
        self.note(crate::chance::fold(8, index.0 as u64));
        let connection = &mut self.connections[index.0];
        if connection.cuts != cut || connection.end(at).state != State::Open {
            return;
        }
        if let Some(current) = &mut connection.cut {
            current.held.push((at.other(), Carried::Fin));
            self.lose(index, at);
        }
    }

    /// Takes the sessions away from a host that ends.
    pub(super) fn release(&mut self, host: HostIndex, exit: Exit) {
        let sessions: Vec<SessionId> =
            self.hosts[host.0].actor.as_ref().map(Actor::sessions).unwrap_or_default();
        for index in sessions.into_iter().map(ConnectionIndex::of) {
            let connection = &self.connections[index.0];
            let side = connection.side(host);
            if exit != Exit::PowerLoss {
                self.close(index, side);
                continue;
            }
            self.settle(connection.end(side.other()).host);
            self.connections[index.0].end_mut(side).state = State::Closed;
            if self.connections[index.0].cut.is_none() {
                self.cut(index);
            }
            if let Some(cut) = &mut self.connections[index.0].cut {
                cut.held.push((side.other(), Carried::Fin));
            }
        }
    }

    /// Lets every node know of what it has heard so far: afterwards some of it may be silent.
    fn settle_all(&mut self) {
        for host in (0..self.hosts.len()).map(HostIndex) {
            self.settle(host);
            self.drive(host, None, |actor, now, out| {
                if let Actor::Node(node) = actor {
                    node.tell(out, |peering, out| peering.report_heard(now, out));
                }
            });
        }
    }
}
