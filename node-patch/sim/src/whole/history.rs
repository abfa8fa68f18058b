//! What a run was seen to do: looks at its nodes, and what became of its processes.

use std::collections::BTreeMap;

use hegemon_node::chain::Best;

use super::{computer::Exit, net::Ends, schedule::Mode};

/// A session, as one of its ends shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// The node at the other end; none of the run's if it is `None`.
    pub peer: Option<usize>,
    /// Names the session: the same at both ends, and in no other.
    pub name: [u8; 32],
    /// It counts.
    pub settled: bool,
}

/// One look at one node that answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Milliseconds since the run began.
    pub at: u64,
    /// Which node.
    pub node: usize,
    /// Which of its processes, from 1.
    pub life: u64,
    /// Its best block.
    pub best: Best,
    /// Its sessions.
    pub sessions: Vec<Seen>,
    /// It believes that others have more blocks.
    pub syncing: bool,
    /// Of its sessions, those that it dialled.
    pub outbound: usize,
    /// Dials under way.
    pub dialling: u64,
    /// Dials that have had an outcome.
    pub dialled: u64,
    /// Ends of connections that it holds.
    pub ends: Ends,
    /// Peers without a session whose best blocks its chain side still counts on.
    pub strangers: usize,
    /// For how long its chain side has had something to do, in milliseconds.
    pub overdue: u64,
    /// Its tasks.
    pub tasks: usize,
    /// Bytes that wait for sockets.
    pub waiting: usize,
    /// What was wrong with its answers, if something was.
    pub amiss: Option<String>,
}

/// What became of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It started with this best block.
    Started(Best),
    /// It could not start.
    Unable(String),
    /// It ended by itself.
    Exited(Exit),
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// What the run had to show.
    pub mode: Mode,
    /// How many nodes there were.
    pub nodes: usize,
    /// Those that were gone for good before the faults were over, or never there.
    pub gone: Vec<usize>,
    /// When the faults were over, in milliseconds.
    pub calm: u64,
    /// When nobody mined any more, in milliseconds; at the end if that never was.
    pub unmined: u64,
    /// When it ended, in milliseconds.
    pub end: u64,
    /// In the order of their time.
    pub looks: Vec<Look>,
    /// With time and node, in order.
    pub events: Vec<(u64, usize, Event)>,
    /// Connections that one of two nodes still had when the run ended, for each two that had any.
    pub connections: BTreeMap<(usize, usize), usize>,
}

impl History {
    /// Looks at one node, in order.
    pub fn of(&self, node: usize) -> impl DoubleEndedIterator<Item = &Look> {
        self.looks.iter().filter(move |look| look.node == node)
    }

    /// Nodes that are to be there in the end.
    #[must_use]
    pub fn staying(&self) -> Vec<usize> {
        (0..self.nodes).filter(|node| !self.gone.contains(node)).collect()
    }

    /// The last look at each node, if it was at the very end.
    #[must_use]
    pub fn last(&self) -> Vec<&Look> {
        let last = (0..self.nodes).filter_map(|node| self.of(node).next_back());
        last.filter(|look| look.at == self.end).collect()
    }
}
