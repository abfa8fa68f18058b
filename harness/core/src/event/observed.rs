//! What was observed of nodes: answers, and why there is none.

use std::{collections::BTreeMap, fmt, net::IpAddr, time::Duration};

use serde::{Deserialize, Serialize};

use super::moment::Moment;
use crate::{
    hostile::Report,
    line::PathSeen,
    node::Resources,
    state::{Executable, Limits, StateFile},
    text::short,
};

/// What one round of questions to one node brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// The node.
    pub node: String,
    /// Which start of it was asked.
    pub start: u32,
    /// When the questions were sent.
    pub sent: Moment,
    /// When the last answer was there, or was given up.
    pub answered: Moment,
    /// `system_health.peers`.
    pub peers: Reading<u64>,
    /// Distinct peer IDs of `system_peers`; `None` where it is not offered.
    pub distinct: Option<Reading<u64>>,
    /// `number` of `chain_getHeader`.
    pub height: Reading<u64>,
    /// `system_health.isSyncing`: only where a check needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub syncing: Option<Reading<bool>>,
}

impl Sample {
    /// The node asked to be asked later, at least in one of the questions: the round says nothing
    /// but that.
    pub fn is_refused(&self) -> bool {
        let busy =
            |reading: &Reading<u64>| matches!(reading, Reading::Missing(miss) if miss.is_busy());
        busy(&self.peers) || busy(&self.height) || self.distinct.as_ref().is_some_and(busy)
    }
}

/// The sessions that a node says it has (`hegemon_peerList`). Recorded when they change, and once a
/// second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionList {
    /// The node.
    pub node: String,
    /// Which start of it was asked.
    pub start: u32,
    /// When the question was sent.
    pub sent: Moment,
    /// When the answer was there, or was given up.
    pub answered: Moment,
    /// In the node's order, at most [`Self::MOST`]: more is nonsense.
    pub sessions: Reading<Vec<Session>>,
}

impl SessionList {
    /// A run's largest network has 253 nodes.
    pub const MOST: usize = 256;
}

/// One session of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The remote node's peer ID.
    pub peer: String,
    /// Who dialled.
    pub direction: Direction,
}

/// Who dialled a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// The remote node.
    Inbound,
    /// The node that was asked.
    Outbound,
}

/// What a node uses, as the engine or operating system says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceSample {
    /// The node.
    pub node: String,
    /// Which start of it.
    pub start: u32,
    /// When the question was sent.
    pub sent: Moment,
    /// When the answer was there.
    pub answered: Moment,
    /// `None`: the node is not running, or nobody could say.
    pub used: Option<Resources>,
}

/// A line of a node's log: one that a check looks for, or a sign that there was another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogSeen {
    /// The node.
    pub node: String,
    /// Lines of it so far.
    pub lines: u64,
    /// Its first [`Self::LONGEST`] characters, without escape sequences, if a check looks for it.
    pub line: Option<String>,
}

impl LogSeen {
    /// Characters that are kept of a line.
    pub const LONGEST: usize = 1000;

    /// Lines of one node that are recorded because they match: one that floods its log must not flood
    /// the evidence.
    pub const MOST: usize = 1000;
}

/// The hash that each node has at one height.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HashRound {
    /// The height.
    pub height: u64,
    /// When the questions were sent.
    pub sent: Moment,
    /// When the last answer was there.
    pub answered: Moment,
    /// By node.
    pub hashes: BTreeMap<String, Reading<String>>,
}

/// Several paths, tried at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathRound {
    /// When the first packet was sent.
    pub sent: Moment,
    /// When the last was there, or was given up.
    pub answered: Moment,
    /// In no order.
    pub paths: Vec<PathSeen>,
}

/// A look at something of a node that only a fault is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    /// The node.
    pub node: String,
    /// When it began.
    pub sent: Moment,
    /// When it was over.
    pub answered: Moment,
    /// What was seen.
    pub seen: LookedAt,
}

/// What a look saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LookedAt {
    /// Files of its state: those that a fault is about.
    Files(Vec<StateFile>),
    /// What it executes.
    Executable(Executable),
    /// What limits it.
    Limits(Limits),
    /// What whoever listens on one of its ports says, if anybody does.
    Greeting(Option<String>),
    /// What it logged about a port that it could not have.
    Said(String),
    /// What a name means for it.
    Names {
        /// The name.
        name: String,
        /// Its addresses.
        addresses: Vec<IpAddr>,
    },
    /// How far its newest block's time is ahead of the harness's clock, in milliseconds.
    Ahead(i64),
    /// What an adversary says that it has done.
    Report(Report),
}

/// A value that a node gave, or why there is none. Never a default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reading<T> {
    /// It answered with a value of the right type.
    Value(T),
    /// It did not.
    Missing(Miss),
}

impl<T> Reading<T> {
    /// The value, if there is one.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Missing(_) => None,
        }
    }

    /// Nothing came back at all: no connection, or no answer in time.
    pub fn is_silent(&self) -> bool {
        match self {
            Self::Value(_) => false,
            Self::Missing(miss) => miss.is_silence(),
        }
    }
}

/// Why there is no value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Miss {
    /// No connection, or it broke.
    Unreachable(String),
    /// No answer within the request's timeout.
    Timeout,
    /// `null`.
    Null,
    /// An answer that is not what the contract says.
    Nonsense(String),
    /// It asked to be asked later (HTTP 429): neither an answer nor silence.
    Busy {
        /// After how long, if it said so.
        retry_ms: Option<u64>,
    },
    /// A JSON-RPC error.
    Refused {
        /// Its code.
        code: i32,
        /// Its message.
        message: String,
    },
}

impl Miss {
    /// The node says that it has no such method.
    pub fn is_unknown_method(&self) -> bool {
        const METHOD_NOT_FOUND: i32 = -32601;
        matches!(self, Self::Refused { code: METHOD_NOT_FOUND, .. })
    }

    /// The same, with the method that was asked: for an answer that is shown where another one is
    /// expected.
    #[must_use]
    pub fn of(self, method: &str) -> Self {
        match self {
            Self::Null => Self::Nonsense(format!("{method}: null")),
            Self::Refused { code, message } => {
                Self::Refused { code, message: format!("{method}: {message}") }
            }
            other @ (Self::Unreachable(_)
            | Self::Timeout
            | Self::Nonsense(_)
            | Self::Busy { .. }) => other,
        }
    }

    /// It answered with a JSON-RPC error.
    pub fn is_error(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }

    /// Nothing came back.
    pub fn is_silence(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Timeout => true,
            Self::Null | Self::Nonsense(_) | Self::Busy { .. } | Self::Refused { .. } => false,
        }
    }

    /// It asked to be asked later.
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Busy { .. })
    }

    /// Silence, or a wish to be asked later. Everything else is an answer, and a wrong one.
    pub fn says_nothing(&self) -> bool {
        self.is_silence() || self.is_busy()
    }
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => write!(f, "unreachable ({why})"),
            Self::Timeout => write!(f, "no answer in time"),
            Self::Null => write!(f, "answered null"),
            Self::Nonsense(what) => write!(f, "answered nonsense ({what})"),
            Self::Busy { retry_ms: None } => write!(f, "asked to be asked later"),
            Self::Busy { retry_ms: Some(ms) } => {
                write!(f, "asked to be asked in {}", short(Duration::from_millis(*ms)))
            }
            Self::Refused { code, message } => write!(f, "answered with error {code} ({message})"),
        }
    }
}
