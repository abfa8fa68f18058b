//! The negative control of every check: what breaks its condition and nothing else. A check without
//! one does not compile.

use crate::{
    control::{Control, Disturbance, How, Lie, RESTART, Registration, THREE_NODES, Wanted},
    event::CheckVerdict::{Fail, Inconclusive},
};

/// Every check that a scenario may name.
pub static CHECKS: [&Registration; 10] = [
    &PEERS,
    &HEIGHT_ADVANCES,
    &NO_STALL,
    &SAME_CHAIN,
    &RECOVERS,
    &CONVERGED,
    &DISTINCT_PEERS,
    &STORE_SURVIVES,
    &ALIVE,
    &RESOURCES,
];

/// The three nodes, and nobody is told of anybody but the seed.
const WITHOUT_DISCOVERY: &str = r#"
[scenario]
description = "A negative control"
timeout = "90s"
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

const WITHOUT_MINERS: &str = r#"
[scenario]
description = "A negative control"
timeout = "90s"
[[nodes]]
name = "seed"
seed = true
[[nodes]]
name = "node"
count = 2
"#;

/// Every node mines, and nobody is told of anybody.
const APART: &str = r#"
[scenario]
description = "A negative control"
timeout = "90s"
[[nodes]]
name = "seed"
seed = true
mine = true
env = { HEGEMON_BLOCK_TIME_MS = "500", HEGEMON_SEEDS = "" }
[[nodes]]
name = "node"
count = 2
mine = true
env = { HEGEMON_BLOCK_TIME_MS = "500", HEGEMON_SEEDS = "" }
"#;

const PEERS_OF_NODES: &str = r#"
[[phases]]
name = "discover"
[[phases.checks]]
check = "height-advances"
nodes = "node"
by = 2
within = "15s"
for = "1s"
[[phases.checks]]
check = "peers"
nodes = "node"
more_than = 1
within = "8s"
"#;

const HEIGHT_OF_NODES: &str = r#"
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
within = "8s"
"#;

const ONE_CHAIN: &str = r#"
[[phases.checks]]
check = "same-chain"
nodes = "*"
within = "8s"
for = "1s"
"#;

const SAME_CHAIN_PHASE: &str = r#"
[[phases]]
name = "one chain"
"#;

const EACH_CHAIN_GROWS: &str = r#"
[[phases]]
name = "chains grow"
[[phases.checks]]
check = "height-advances"
nodes = "*"
by = 3
within = "15s"
for = "1s"
"#;

const RECOVERS_PEERS: &str = r#"
[[phases.checks]]
check = "recovers"
nodes = "*"
peers_at_least = 2
within = "8s"
for = "1s"
"#;

const RECOVERS_HEIGHT: &str = r#"
[[phases]]
name = "restart the seed"
[[phases.faults]]
fault = "restart"
nodes = "seed"
downtime = "2s"
[[phases.checks]]
check = "recovers"
nodes = "node"
height_by = 2
within = "8s"
for = "1s"
"#;

const PEERS_ONLY: &str = r#"
[[phases]]
name = "discover"
[[phases.checks]]
check = "peers"
nodes = "node"
more_than = 1
within = "15s"
for = "1s"
"#;

const STAYS_UP: &str = r#"
[[phases]]
name = "stays up"
[[phases.checks]]
check = "alive"
nodes = "*"
within = "20s"
for = "10s"
"#;

const NO_STALL_PHASE: &str = r#"
[[phases]]
name = "blocks go on coming"
[[phases.checks]]
check = "no-stall"
nodes = "node"
longest = "6s"
within = "8s"
"#;

const CONVERGED_PHASE: &str = r#"
[[phases]]
name = "converged"
[[phases.checks]]
check = "converged"
nodes = "node"
target = 2
within = "8s"
"#;

const DISTINCT_PHASE: &str = r#"
[[phases]]
name = "distinct"
[[phases.checks]]
check = "distinct-peers"
nodes = "node"
at_least = 2
within = "8s"
"#;

const STORE_SURVIVES_CHECK: &str = r#"
[[phases.checks]]
check = "store-survives"
nodes = "seed"
within = "15s"
for = "1s"
"#;

const RESOURCES_PHASE: &str = r#"
[[phases]]
name = "memory"
[[phases.checks]]
check = "resources"
nodes = "node"
memory = "1 MiB"
within = "8s"
"#;

const fn says(method: &'static str, json: &'static str) -> Lie {
    Lie { node: "node-1", method, how: How::Says(json) }
}

pub(super) static PEERS: Registration = Registration::new(
    "peers",
    &[
        Control {
            name: "discovery is off",
            scenario: &[WITHOUT_DISCOVERY, PEERS_OF_NODES],
            disturbance: Disturbance::None,
            wanted: Wanted::Check(Fail, "did not hold"),
        },
        Control {
            name: "a node counts more than there are",
            scenario: &[THREE_NODES, PEERS_OF_NODES],
            disturbance: Disturbance::Lies(&[says(
                "system_health",
                r#"{"peers":99,"isSyncing":false,"shouldHavePeers":true}"#,
            )]),
            wanted: Wanted::Check(Fail, "node-1 counts 99 peers"),
        },
        Control {
            name: "a node counts one peer twice",
            scenario: &[THREE_NODES, PEERS_OF_NODES],
            disturbance: Disturbance::Lies(&[Lie {
                node: "node-1",
                method: "system_peers",
                how: How::RepeatsItself,
            }]),
            wanted: Wanted::Check(Fail, "2 by its own count, 1 distinct"),
        },
        Control {
            name: "a node says null",
            scenario: &[THREE_NODES, PEERS_OF_NODES],
            disturbance: Disturbance::Lies(&[says("system_health", "null")]),
            wanted: Wanted::Check(Fail, "node-1 answered null"),
        },
        Control {
            name: "a node's count is a string",
            scenario: &[THREE_NODES, PEERS_OF_NODES],
            disturbance: Disturbance::Lies(&[says("system_health", r#"{"peers":"2"}"#)]),
            wanted: Wanted::Check(Fail, "node-1 answered nonsense"),
        },
    ],
);

pub(super) static HEIGHT_ADVANCES: Registration = Registration::new(
    "height-advances",
    &[
        Control {
            name: "nobody mines",
            scenario: &[WITHOUT_MINERS, HEIGHT_OF_NODES],
            disturbance: Disturbance::None,
            wanted: Wanted::Check(Fail, "did not hold"),
        },
        Control {
            name: "a node stays at its height",
            scenario: &[THREE_NODES, HEIGHT_OF_NODES],
            disturbance: Disturbance::Lies(&[Lie {
                node: "node-1",
                method: "chain_getHeader",
                how: How::StaysAtTheFirst,
            }]),
            wanted: Wanted::Check(Fail, "(+0)"),
        },
        Control {
            name: "a node says null",
            scenario: &[THREE_NODES, HEIGHT_OF_NODES],
            disturbance: Disturbance::Lies(&[says("chain_getHeader", "null")]),
            wanted: Wanted::Check(Fail, "node-1 answered null"),
        },
    ],
);

pub(super) static SAME_CHAIN: Registration = Registration::new(
    "same-chain",
    &[
        Control {
            name: "a fork",
            scenario: &[APART, EACH_CHAIN_GROWS, ONE_CHAIN],
            disturbance: Disturbance::None,
            wanted: Wanted::Check(Fail, "node-2: 0x"),
        },
        Control {
            name: "a node has another hash",
            scenario: &[THREE_NODES, SAME_CHAIN_PHASE, ONE_CHAIN],
            disturbance: Disturbance::Lies(&[says(
                "chain_getBlockHash",
                r#""0xabababababababababababababababababababababababababababababababab""#,
            )]),
            wanted: Wanted::Check(Fail, "node-1: 0xabab"),
        },
        Control {
            name: "a node has no hash",
            scenario: &[THREE_NODES, SAME_CHAIN_PHASE, ONE_CHAIN],
            disturbance: Disturbance::Lies(&[says("chain_getBlockHash", "null")]),
            wanted: Wanted::Check(Fail, "node-1: answered null"),
        },
    ],
);

pub(super) static RECOVERS: Registration = Registration::new(
    "recovers",
    &[
        Control {
            name: "nobody was seen to lose a peer",
            scenario: &[THREE_NODES, PEERS_ONLY, RESTART, RECOVERS_PEERS],
            disturbance: Disturbance::Lies(&[
                Lie {
                    node: "node-1",
                    method: "system_health",
                    how: How::Says(r#"{"peers":2,"isSyncing":false,"shouldHavePeers":true}"#),
                },
                Lie { node: "node-1", method: "system_peers", how: How::Denies },
            ]),
            wanted: Wanted::Check(Inconclusive, "never seen to fall"),
        },
        Control {
            name: "no block comes after it",
            scenario: &[WITHOUT_MINERS, PEERS_ONLY, RECOVERS_HEIGHT],
            disturbance: Disturbance::None,
            wanted: Wanted::Check(Fail, "did not hold"),
        },
    ],
);

pub(super) static NO_STALL: Registration = Registration::new(
    "no-stall",
    &[
        Control {
            name: "nobody mines",
            scenario: &[WITHOUT_MINERS, NO_STALL_PHASE],
            disturbance: Disturbance::None,
            wanted: Wanted::Check(Fail, "no new height"),
        },
        Control {
            name: "a node stays at its height",
            scenario: &[THREE_NODES, NO_STALL_PHASE],
            disturbance: Disturbance::Lies(&[Lie {
                node: "node-1",
                method: "chain_getHeader",
                how: How::StaysAtTheFirst,
            }]),
            wanted: Wanted::Check(Fail, "node-1"),
        },
    ],
);

pub(super) static CONVERGED: Registration = Registration::new(
    "converged",
    &[Control {
        name: "discovery is off",
        scenario: &[WITHOUT_DISCOVERY, CONVERGED_PHASE],
        disturbance: Disturbance::None,
        wanted: Wanted::Check(Fail, "did not hold"),
    }],
);

pub(super) static DISTINCT_PEERS: Registration = Registration::new(
    "distinct-peers",
    &[
        Control {
            name: "one peer is listed twice",
            scenario: &[THREE_NODES, DISTINCT_PHASE],
            disturbance: Disturbance::Lies(&[Lie {
                node: "node-1",
                method: "system_peers",
                how: How::RepeatsItself,
            }]),
            wanted: Wanted::Check(Fail, "node-1: 1"),
        },
        Control {
            name: "a node does not list its peers",
            scenario: &[THREE_NODES, DISTINCT_PHASE],
            disturbance: Disturbance::Lies(&[Lie {
                node: "node-1",
                method: "system_peers",
                how: How::Denies,
            }]),
            wanted: Wanted::Check(Inconclusive, "system_peers"),
        },
    ],
);

pub(super) static STORE_SURVIVES: Registration = Registration::new(
    "store-survives",
    &[Control {
        name: "the store is wiped",
        scenario: &[THREE_NODES, PEERS_ONLY, RESTART, STORE_SURVIVES_CHECK],
        disturbance: Disturbance::StoreIsLost,
        wanted: Wanted::Check(Inconclusive, "seed"),
    }],
);

pub(super) static RESOURCES: Registration = Registration::new(
    "resources",
    &[Control {
        name: "more memory than allowed",
        scenario: &[THREE_NODES, RESOURCES_PHASE],
        disturbance: Disturbance::None,
        wanted: Wanted::Check(Fail, "MiB"),
    }],
);

pub(super) static ALIVE: Registration = Registration::new(
    "alive",
    &[
        Control {
            name: "a node ends in the middle",
            scenario: &[THREE_NODES, STAYS_UP],
            disturbance: Disturbance::Ends("node-2"),
            wanted: Wanted::Check(Fail, "node-2 exited unplanned (code 0)"),
        },
        Control {
            name: "a panic in a log",
            scenario: &[THREE_NODES, STAYS_UP],
            disturbance: Disturbance::Logs("node-2", "thread 'main' panicked at src/main.rs:1:1:"),
            wanted: Wanted::Check(Fail, "node-2 panicked"),
        },
    ],
);
