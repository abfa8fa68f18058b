//! The event stream: the only thing that pollers, log readers, faults, checks and reporters share.
//! Types only; the order is given by `run::controller`.
//!
//! One line of `events.jsonl` is one [`Event`]. The verdict and every report follow from the events
//! alone.

use std::{
    collections::BTreeMap,
    fmt, io,
    net::SocketAddr,
    ops::{Add, Sub},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    exit::Signal,
    node::{Incarnation, NodeState, Resources},
};

/// Version of the event and verdict formats. Grows when a reader of the old one would misunderstand
/// the new one.
pub const FORMAT_VERSION: u32 = 1;

/// Milliseconds since the run began, on a clock that never steps.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Moment(pub u64);

impl Moment {
    /// Time from `earlier` until this; zero if it is not earlier.
    pub fn since(self, earlier: Moment) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Moment {
    type Output = Moment;

    fn add(self, duration: Duration) -> Moment {
        Moment(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Duration> for Moment {
    type Output = Moment;

    fn sub(self, duration: Duration) -> Moment {
        Moment(self.0.saturating_sub(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }
}

/// Something that happened, with its place in the order of all.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Event {
    /// 0, 1, 2, …: no event is missing from a complete stream.
    pub seq: u64,
    /// When it was recorded.
    pub at_ms: Moment,
    /// The same by the wall clock (RFC 3339), for people: it may step.
    pub wall: String,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// Everything that can happen in a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum What {
    /// The first event.
    RunStarted {
        /// [`FORMAT_VERSION`].
        version: u32,
        /// The run's ID.
        run: String,
        /// The scenario's name.
        scenario: String,
        /// What everything random in the run follows from.
        seed: u64,
    },
    /// A step of the set-up that takes time.
    Preparing {
        /// In one line.
        step: String,
    },
    /// Network and addresses are taken.
    Prepared {
        /// `docker` or `process`.
        provider: String,
        /// The provider's facts.
        facts: serde_json::Value,
    },
    /// A node was executed.
    NodeStarted {
        /// The node.
        node: String,
        /// 0 for its first start.
        start: u32,
        /// Proof from outside.
        incarnation: Incarnation,
        /// Where its JSON-RPC is reached.
        rpc: SocketAddr,
    },
    /// The last node was executed: "last start".
    AllStarted,
    /// A node said which methods it has.
    Methods {
        /// The node.
        node: String,
        /// Which start of it.
        start: u32,
        /// `system_peers` is among them.
        system_peers: bool,
        /// Its own peer ID (`system_localPeerId`), where that is offered and was answered.
        #[serde(default)]
        peer_id: Option<String>,
    },
    /// A node was asked.
    Sample(Sample),
    /// A node was asked for its sessions: only where a check needs them.
    Sessions(SessionList),
    /// The engine or operating system was asked what a node uses: only where a check needs it.
    Resources(ResourceSample),
    /// Several nodes were asked for the block hash at one height.
    Hashes(HashRound),
    /// The engine or operating system was asked whether a node runs.
    State {
        /// The node.
        node: String,
        /// What they said.
        state: NodeState,
    },
    /// A phase began.
    PhaseStarted {
        /// From 0.
        phase: usize,
    },
    /// A phase ended; all its checks are settled or will never be.
    PhaseEnded {
        /// From 0.
        phase: usize,
    },
    /// A fault is being done.
    FaultStarted {
        /// Which.
        fault: FaultId,
    },
    /// It took effect, and that was proven.
    FaultEffective {
        /// Which.
        fault: FaultId,
        /// To whom.
        nodes: Vec<String>,
        /// The moment from which it was in effect.
        since: Moment,
        /// Evidence from outside the nodes.
        proof: String,
    },
    /// It has healed, and that was proven.
    FaultHealed {
        /// Which.
        fault: FaultId,
        /// The moment at which it was undone (the nodes executed again): recovery is measured from
        /// here.
        since: Moment,
        /// Evidence from outside the nodes.
        proof: String,
    },
    /// There is no evidence for it: nothing can be concluded from what follows.
    FaultUnproven {
        /// Which.
        fault: FaultId,
        /// What is missing.
        reason: String,
    },
    /// A check began to look.
    CheckStarted {
        /// Which.
        check: CheckId,
    },
    /// A check is decided.
    CheckSettled {
        /// Which.
        check: CheckId,
        /// How.
        finding: Finding,
    },
    /// A node ended although nobody asked it to.
    NodeExited {
        /// The node.
        node: String,
        /// Its exit code.
        code: Option<i64>,
        /// The signal that killed it.
        signal: Option<i64>,
        /// The end of its log.
        last_lines: Vec<String>,
    },
    /// A node broke in another way: a panic in its log, or no RPC after a restart.
    NodeBroken {
        /// The node.
        node: String,
        /// How.
        reason: String,
        /// The end of its log.
        last_lines: Vec<String>,
    },
    /// A node that no check names was not asked often enough to say that it answers: this machine
    /// was too busy.
    NodeUnseen {
        /// Which.
        node: String,
    },
    /// The machine slept, or its clocks jumped apart.
    ClockJumped {
        /// By how much.
        ms: u64,
    },
    /// The scenario's timeout passed.
    TimedOut {
        /// The timeout.
        ms: u64,
    },
    /// The environment failed: engine, binary, disk.
    EnvironmentFailed {
        /// What, to what, what to do.
        reason: String,
        /// The provider cannot run such a scenario at all (exit code 4).
        unsupported: bool,
    },
    /// A signal asked us to stop.
    Interrupted {
        /// Which.
        signal: String,
        /// Its number.
        number: u8,
    },
    /// The harness itself has a bug.
    HarnessBroken {
        /// What it said.
        reason: String,
    },
    /// Removing everything began.
    TeardownStarted,
    /// Everything is removed, or what is left.
    TornDown {
        /// What could not be removed.
        left: Option<String>,
    },
    /// The nodes were left running (`--keep`).
    Kept,
}

/// Consumes the ordered stream.
pub trait Sink: Send {
    /// Takes one event; in order.
    ///
    /// # Errors
    ///
    /// If it could not be kept. The run ends then: evidence with holes is none.
    fn take(&mut self, event: &Event) -> io::Result<()>;

    /// There are no more.
    ///
    /// # Errors
    ///
    /// If what was taken could not be kept after all: a full disk may say so only at the end.
    fn close(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl What {
    /// The machine slept for so long.
    pub fn clock_jumped(slept: Duration) -> Self {
        Self::ClockJumped { ms: u64::try_from(slept.as_millis()).unwrap_or(u64::MAX) }
    }

    /// A signal that asked us to stop.
    pub fn interrupted(signal: Signal) -> Self {
        Self::Interrupted { signal: signal.name().to_owned(), number: signal.number() }
    }
}

/// A fault's place in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FaultId {
    /// From 0.
    pub phase: usize,
    /// From 0, in its phase.
    pub fault: usize,
}

/// A check's place in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CheckId {
    /// From 0.
    pub phase: usize,
    /// From 0, in its phase.
    pub check: usize,
}

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
            other @ (Self::Unreachable(_) | Self::Timeout | Self::Nonsense(_)) => other,
        }
    }

    /// Nothing came back. Everything else is an answer, and a wrong one.
    pub fn is_silence(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Timeout => true,
            Self::Null | Self::Nonsense(_) | Self::Refused { .. } => false,
        }
    }
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => write!(f, "unreachable ({why})"),
            Self::Timeout => write!(f, "no answer in time"),
            Self::Null => write!(f, "answered null"),
            Self::Nonsense(what) => write!(f, "answered nonsense ({what})"),
            Self::Refused { code, message } => write!(f, "answered with error {code} ({message})"),
        }
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The decision.
    pub verdict: CheckVerdict,
    /// Why, in one sentence.
    pub reason: String,
    /// What was seen.
    pub observed: String,
    /// The moment from which the condition held without a break, if it did.
    pub held_since: Option<Moment>,
}

/// The decision about one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckVerdict {
    /// It was seen to hold.
    Pass,
    /// The run ended before it could be judged.
    NotJudged,
    /// Nothing can be said.
    Inconclusive,
    /// It did not hold.
    Fail,
}
