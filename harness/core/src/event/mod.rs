//! The event stream: the only thing that pollers, log readers, faults, checks and reporters share.
//! Types only; the order is given by `harness_run::journal`.
//!
//! One line of `events.jsonl` is one [`Event`]. The verdict and every report follow from the events
//! alone. `moment` is when, `observed` what nodes said, `asked` what single checks look at,
//! `pace` how fast their blocks come.

mod asked;
mod moment;
mod observed;
mod pace;

use std::{io, net::SocketAddr, time::Duration};

use serde::{Deserialize, Serialize};

pub use asked::{Asked, AskedFor, Dialled, Ending, JsonText, Part, Ran, Sampled, Scrape};
pub use moment::Moment;
pub use observed::{
    Direction, HashRound, LogSeen, Look, LookedAt, Miss, PathRound, Reading, ResourceSample,
    Sample, Session, SessionList,
};
pub use pace::{Pace, PaceBy};

use crate::{
    exit::Signal,
    node::{Incarnation, NodeState},
};

/// Version of the event and verdict formats. Grows when a reader of the old one would misunderstand
/// the new one.
///
/// 2: a verdict's reason names a selector instead of every node, checks and faults have it beside
/// their nodes, and the cases of `junit.xml` are called by it. What was decided is said as before.
pub const FORMAT_VERSION: u32 = 2;

/// The oldest format whose evidence still says all that a verdict needs.
pub const OLDEST_VERSION: u32 = 1;

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
    pub what: EventKind,
}

/// Everything that can happen in a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum EventKind {
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
    /// How fast blocks come, where that is known: before the first phase, and once.
    Pace(Pace),
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
    /// A check looked at what only it is about.
    Asked(Asked),
    /// Ways between nodes were tried: only by faults of the network.
    Paths(PathRound),
    /// A node logged a line: only where a check needs it.
    Log(LogSeen),
    /// Something of a node was looked at that only a fault is about.
    Look(Look),
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
        /// What ended it, where the engine or the kernel knows more than that.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
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

impl EventKind {
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
