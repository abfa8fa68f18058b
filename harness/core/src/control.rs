//! Negative controls as data: a network in which exactly one thing is broken, and what must be said
//! of it. Each belongs to the check or fault that it proves; `selftest` runs them.

use crate::event::CheckVerdict;

/// One control.
#[derive(Debug)]
pub struct Control {
    /// What is broken, in a few words; unique among the controls of its check or fault.
    pub name: &'static str,
    /// The scenario, in pieces.
    pub scenario: &'static [&'static str],
    /// What is broken beside what the scenario says.
    pub disturbance: Disturbance,
    /// What must come of it.
    pub wanted: Wanted,
}

/// What is broken around real nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disturbance {
    /// Nothing: the scenario itself has what is needed (nobody mines, no discovery).
    None,
    /// Nobody is stopped who should be.
    StopDoesNothing,
    /// Nobody is started who was stopped, and the old process is said to run.
    StartDoesNothing,
    /// A second start begins with an empty peer store.
    StoreIsLost,
    /// This node is ended some seconds after its start, and the run does not know of it.
    Ends(&'static str),
    /// A line in a node's log.
    Logs(&'static str, &'static str),
    /// Answers of nodes are changed on their way.
    Lies(&'static [Lie]),
}

/// A lie over JSON-RPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lie {
    /// Who lies: a node, or `*`.
    pub node: &'static str,
    /// About what.
    pub method: &'static str,
    /// How.
    pub how: How,
}

/// How an answer is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// This JSON is the result.
    Says(&'static str),
    /// The first answer is given for ever.
    StaysAtTheFirst,
    /// The method is not there.
    Denies,
    /// Every entry of the list is its first one.
    RepeatsItself,
    /// While the node is down, its last answer is given.
    OutlivesTheNode,
    /// Once the node was started again, nothing is answered.
    IsSilentAfterwards,
}

/// What must come of a control. Whatever else was decided must have passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Everything passes: a network in which nothing is broken.
    Pass,
    /// Every one of the check's decisions that is no pass is this one, there is one, and this is
    /// part of its reason or of what it saw.
    Check(CheckVerdict, &'static str),
    /// The fault has no proof, and this is part of why.
    Unproven(&'static str),
    /// A node is held responsible, and this is part of why.
    Broken(&'static str),
}

/// A check or fault with what proves it: one that has no control does not compile.
#[derive(Debug)]
pub struct Registration {
    /// As scenarios write it.
    pub name: &'static str,
    /// What it must notice.
    pub controls: &'static [Control],
}

impl Registration {
    /// Registers; without a control this is an error of the compiler.
    ///
    /// # Panics
    ///
    /// Never at run time: registrations are constants.
    #[must_use]
    pub const fn new(name: &'static str, controls: &'static [Control]) -> Self {
        assert!(!controls.is_empty(), "a check or fault without a negative control proves nothing");
        Self { name, controls }
    }
}

/// Three nodes of ours, all mining, twice as many blocks as usual in the time.
pub const THREE_NODES: &str = r#"
[scenario]
description = "A negative control"
timeout = "90s"
[[nodes]]
name = "seed"
seed = true
mine = true
env = { HEGEMON_BLOCK_TIME_MS = "500" }
[[nodes]]
name = "node"
count = 2
mine = true
env = { HEGEMON_BLOCK_TIME_MS = "500" }
"#;

/// They find each other and their chain grows.
pub const DISCOVER: &str = r#"
[[phases]]
name = "discover"
[[phases.checks]]
check = "peers"
nodes = "node"
more_than = 1
within = "15s"
for = "1s"
[[phases.checks]]
check = "height-advances"
nodes = "node"
by = 2
within = "15s"
for = "1s"
"#;

/// The seed is restarted; checks follow.
pub const RESTART: &str = r#"
[[phases]]
name = "restart the seed"
[[phases.faults]]
fault = "restart"
nodes = "seed"
downtime = "2s"
"#;
