//! One connection as two kernels have it: two ends, and what each has sent to the other.

use std::{collections::VecDeque, io, net::SocketAddr, task::Waker};

use super::paths::{HostId, RETRANSMIT};

/// Milliseconds since the run began.
pub(super) type At = u64;

/// One of a connection's two ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    Dialer = 0,
    Listener = 1,
}

impl Side {
    pub(super) const BOTH: [Self; 2] = [Self::Dialer, Self::Listener];

    pub(super) fn other(self) -> Self {
        match self {
            Self::Dialer => Self::Listener,
            Self::Listener => Self::Dialer,
        }
    }
}

/// How far an end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The dialer's first packet is unanswered.
    Dialling,
    /// The listener has answered it, and waits for the third.
    Greeted,
    /// It waits to be accepted.
    Queued,
    /// Somebody has it.
    Open,
    /// Nobody has it any more; the kernel still sends what is left.
    Orphaned,
    /// Forgotten, or never there.
    Gone,
}

/// What one kernel keeps of a connection.
#[derive(Debug)]
pub(super) struct End {
    pub(super) stage: Stage,
    /// Arrived and not read.
    pub(super) received: VecDeque<u8>,
    /// The other side says nothing more.
    pub(super) ended: bool,
    pub(super) error: Option<io::ErrorKind>,
    pub(super) reader: Option<Waker>,
    pub(super) writer: Option<Waker>,
}

impl End {
    fn new(stage: Stage) -> Self {
        Self {
            stage,
            received: VecDeque::new(),
            ended: false,
            error: None,
            reader: None,
            writer: None,
        }
    }

    pub(super) fn wake(&mut self, woken: &mut Vec<Waker>) {
        woken.extend(self.reader.take());
        woken.extend(self.writer.take());
    }
}

/// What is sent in order.
#[derive(Debug)]
pub(super) enum Segment {
    /// The third packet of the three that open a connection.
    Greeting,
    Data(Vec<u8>),
    /// The last.
    End,
}

/// What one side has sent and the other has not acknowledged.
#[derive(Debug)]
pub(super) struct Lane {
    /// With the time of arrival, if nothing happens to it.
    pub(super) flight: VecDeque<(At, Segment)>,
    /// Bytes sent and not read at the other end.
    pub(super) unread: usize,
    /// Nothing was acknowledged since.
    pub(super) unanswered: Option<At>,
    /// What arrived and whose acknowledgement did not.
    pub(super) owed: bool,
    /// Until the next repetition.
    pub(super) retransmit: u64,
    /// Counts what was sent, to draw for.
    pub(super) sent: u64,
    /// It has said that nothing more comes.
    pub(super) ended: bool,
}

impl Lane {
    fn new() -> Self {
        Self {
            flight: VecDeque::new(),
            unread: 0,
            unanswered: None,
            owed: false,
            retransmit: RETRANSMIT,
            sent: 0,
            ended: false,
        }
    }

    /// Nothing of it will happen any more.
    pub(super) fn clear(&mut self) {
        self.flight.clear();
        (self.owed, self.unanswered, self.ended) = (false, None, true);
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Connection {
    /// What its draws are for: the pair of hosts, and which connection of theirs this is.
    pub(super) key: u64,
    pub(super) hosts: [HostId; 2],
    pub(super) addrs: [SocketAddr; 2],
    pub(super) ends: [End; 2],
    pub(super) lanes: [Lane; 2],
}

impl Connection {
    pub(super) fn dialled(key: u64, hosts: [HostId; 2], addrs: [SocketAddr; 2]) -> Self {
        Self {
            key,
            hosts,
            addrs,
            ends: [End::new(Stage::Dialling), End::new(Stage::Gone)],
            lanes: [Lane::new(), Lane::new()],
        }
    }

    pub(super) fn end(&mut self, side: Side) -> &mut End {
        &mut self.ends[side as usize]
    }

    pub(super) fn stage(&self, side: Side) -> Stage {
        self.ends[side as usize].stage
    }

    pub(super) fn lane(&mut self, side: Side) -> &mut Lane {
        &mut self.lanes[side as usize]
    }

    pub(super) fn host(&self, side: Side) -> HostId {
        self.hosts[side as usize]
    }

    /// From where to where this side sends.
    pub(super) fn way(&self, from: Side) -> (HostId, HostId) {
        (self.host(from), self.host(from.other()))
    }

    /// This side's kernel forgets it, with whatever was not read or sent; who waited is told why.
    pub(super) fn forget(
        &mut self,
        side: Side,
        why: Option<io::ErrorKind>,
        woken: &mut Vec<Waker>,
    ) {
        let end = self.end(side);
        end.stage = Stage::Gone;
        if end.error.is_none() {
            end.error = why;
        }
        end.wake(woken);
        self.lane(side).clear();
    }

    /// Neither kernel knows it.
    pub(super) fn is_over(&self) -> bool {
        Side::BOTH.iter().all(|side| self.stage(*side) == Stage::Gone)
            && self.lanes.iter().all(|lane| lane.flight.is_empty())
    }
}
