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
    /// Who is to be killed is asked to end instead.
    KillAsks,
    /// Nobody is killed who should be.
    KillDoesNothing,
    /// Who was stopped or killed is started again at once, and the run does not know of it.
    ComesBack,
    /// Files of a node's state whose names begin so are gone at its second start.
    Loses(&'static str),
    /// This node is ended some seconds after its start, and the run does not know of it.
    Ends(&'static str),
    /// A line in a node's log.
    Logs(&'static str, &'static str),
    /// Lines between nodes stay open that should be cut or bad.
    LinesDoNothing,
    /// Of two directions of a line that should be cut, only one is.
    LinesOneSided,
    /// Lines of another node are cut than should be.
    LinesOfAnother,
    /// A line is cut as well that should stay open.
    LinesCutMore,
    /// Lines are open again a second after they were cut.
    LinesHealEarly,
    /// Lines that should be open again stay as they are.
    LinesStay,
    /// Nobody is frozen who should be.
    PauseDoesNothing,
    /// Who was frozen is thawed a second later.
    PauseDoesNotHold,
    /// Nobody is thawed who should be.
    ResumeDoesNothing,
    /// Files of a node that should change stay as they are.
    StateStays,
    /// A node is started as what it was, and not as what it should be.
    ChangesDoNothing,
    /// A limit is not set.
    LimitDoesNothing,
    /// A port stays free that should be taken.
    OccupyDoesNothing,
    /// A name keeps the address that it had.
    RenameDoesNothing,
    /// What adversaries report is nothing.
    AttackDoesNothing,
    /// What adversaries report stays at the first that shows that they attacked.
    AttackDoesNotLast,
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
    /// Nothing is ever answered.
    IsSilent,
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

/// What proves a check or fault: one that has no control does not compile.
#[derive(Debug, Clone, Copy)]
pub struct Controls(&'static [Control]);

impl Controls {
    /// Without a control this is an error of the compiler.
    ///
    /// # Panics
    ///
    /// Never at run time: controls are constants.
    #[must_use]
    pub const fn new(controls: &'static [Control]) -> Self {
        assert!(!controls.is_empty(), "a check or fault without a negative control proves nothing");
        Self(controls)
    }

    /// All of them.
    pub fn all(self) -> &'static [Control] {
        self.0
    }
}

/// This JSON instead of what `node-1` answers.
pub(crate) const fn node_1_says(method: &'static str, json: &'static str) -> Lie {
    Lie { node: "node-1", method, how: How::Says(json) }
}

/// What the seed answers is changed.
pub(crate) const fn of_the_seed(method: &'static str, how: How) -> Lie {
    Lie { node: "seed", method, how }
}

/// The seed's RPC goes on answering while the seed is down.
pub(crate) const OUTLIVES: Disturbance = Disturbance::Lies(&[
    of_the_seed("system_health", How::OutlivesTheNode),
    of_the_seed("chain_getHeader", How::OutlivesTheNode),
    of_the_seed("system_peers", How::OutlivesTheNode),
]);

/// Three nodes of which every one mines: each half of a parted network goes on.
pub const MINERS: &str = THREE_NODES;

/// A node is cut off.
pub(crate) const ISOLATE: &str = r#"
[[phases]]
name = "isolate a node"
[[phases.faults]]
fault = "isolate"
nodes = "node-2"
downtime = "3s"
"#;

/// Two nodes and one.
pub(crate) const PARTITION: &str = r#"
[[phases]]
name = "part the network"
[[phases.faults]]
fault = "partition"
groups = [["seed", "node-1"], ["node-2"]]
downtime = "3s"
"#;

/// The seed gets new blocks, for long enough to see that a fault stays.
pub(crate) const OTHERS_ADVANCE: &str = r#"
[[phases.checks]]
check = "height-advances"
nodes = "seed"
by = 1
within = "45s"
for = "6s"
"#;

/// Twice as many blocks as usual and more: a control need not take long.
pub const FASTER_BLOCKS: &str = "env = { HEGEMON_BLOCK_TIME_MS = \"500\" }\n";

/// Three nodes of ours, all mining, twice as many blocks as usual in the time.
pub const THREE_NODES: &str = r#"
[scenario]
description = "A negative control"
timeout = "180s"
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
within = "45s"
for = "1s"
[[phases.checks]]
check = "height-advances"
nodes = "node"
by = 2
within = "45s"
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

/// The three nodes, and nobody is told of anybody but the seed.
pub const WITHOUT_DISCOVERY: &str = r#"
[scenario]
description = "A negative control"
timeout = "180s"
[[nodes]]
name = "seed"
seed = true
mine = true
env = { HEGEMON_BLOCK_TIME_MS = "500", HEGEMON_PQ_DISCOVERY = "off" }
[[nodes]]
name = "node"
count = 2
mine = true
env = { HEGEMON_BLOCK_TIME_MS = "500", HEGEMON_PQ_DISCOVERY = "off" }
"#;

/// Three nodes, and nobody mines.
pub const WITHOUT_MINERS: &str = r#"
[scenario]
description = "A negative control"
timeout = "180s"
[[nodes]]
name = "seed"
seed = true
[[nodes]]
name = "node"
count = 2
"#;

/// They find each other.
pub const PEERS_ONLY: &str = r#"
[[phases]]
name = "discover"
[[phases.checks]]
check = "peers"
nodes = "node"
more_than = 1
within = "45s"
for = "1s"
"#;

/// All three get new blocks: whoever was down is back.
pub const ALL_ADVANCE: &str = r#"
[[phases.checks]]
check = "height-advances"
nodes = "*"
by = 1
within = "45s"
for = "1s"
"#;
