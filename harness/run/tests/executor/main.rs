//! A run from its scenario to its verdict, over a network of fakes that misbehaves in every way
//! that a run must notice. Time is paused: it jumps over what only waits.
//!
//! `attached`: nodes that run already. `hostile`: adversaries, and what they report. `network`: what checks make of what nodes say. `checks`: those of whole windows, sessions and
//! resources. `restart`: the fault and its proofs. `down`: nodes that are stopped or killed, and
//! started phases later. `lines`: nodes that are cut off, or frozen, and injectors that do something
//! else. `changed`: other files, builds, clocks, limits, ports and names. `patience`: nodes that are slow, busy or late. `broken`: nodes that end or hang by themselves. `way_out`: signals,
//! failures and bugs. `driven`, `windows`: networks that a program drives, and that stay up. `kept`: what is left of one that outlives its run.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod asked;
mod attached;
mod broken;
mod changed;
mod checks;
mod down;
mod driven;
mod hostile;
mod kept;
mod lines;
mod network;
mod patience;
mod restart;
#[path = "../support/mod.rs"]
mod support;
mod way_out;
mod windows;

use std::sync::{Arc, atomic::Ordering};

use harness_run::interrupt::Interrupt;
use support::{
    Done,
    fake::{Fake, Faults},
    run,
};

const NODES: &str = r#"
[scenario]
description = "a test"
timeout = "30s"
[[nodes]]
name = "seed"
seed = true
mine = true
[[nodes]]
name = "node"
count = 2
mine = true
"#;

const DISCOVER: &str = r#"
[[phases]]
name = "discover"
[[phases.checks]]
check = "peers"
nodes = "*"
more_than = 1
within = "3s"
for = "300ms"
[[phases.checks]]
check = "height-advances"
nodes = "node"
by = 3
within = "3s"
for = "300ms"
"#;

const RESTART: &str = r#"
[[phases]]
name = "restart"
[[phases.faults]]
fault = "restart"
nodes = "seed"
downtime = "1s"
[[phases.checks]]
check = "height-advances"
nodes = "node"
by = 15
within = "5s"
for = "300ms"
during = "fault"
[[phases.checks]]
check = "recovers"
nodes = "*"
peers_at_least = 2
height_by = 1
within = "5s"
for = "300ms"
[[phases.checks]]
check = "same-chain"
nodes = "*"
above = "fault"
within = "5s"
for = "500ms"
"#;

async fn done(phases: &[&str], faults: Faults) -> (Done, Arc<Fake>) {
    let fake = Fake::new(faults);
    let done =
        run(&format!("{NODES}{}", phases.concat()), fake.clone(), Interrupt::default()).await;
    assert!(fake.torn_down.load(Ordering::Relaxed), "teardown is part of every way out");
    (done, fake)
}

fn verdicts(done: &Done) -> Vec<String> {
    done.checks().into_iter().map(|(check, verdict)| format!("{check} {verdict}")).collect()
}
