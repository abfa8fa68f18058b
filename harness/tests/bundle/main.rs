//! Bundles of every way out of a run verify to the verdict that they say, and no change to one goes
//! unnoticed.
//!
//! `ways_out`: the bundles. `copy`: one of them, to tamper with. `tampered`: what was changed is
//! noticed. `commands`: the same by the program. `pages`: how they look in a browser.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod commands;
mod copy;
mod pages;
#[path = "../../run/tests/support/mod.rs"]
#[expect(dead_code, reason = "every test binary uses its own part")]
mod support;
mod tampered;
mod ways_out;

use std::{path::Path, sync::OnceLock};

use harness_core::verify::Verified;
use harness_run::{evidence::verify, interrupt::Interrupt};
use support::{
    Done,
    fake::{Fake, Faults},
    run,
};

const NODES: &str = r#"
[scenario]
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
checks = [
    { check = "peers", nodes = "*", more_than = 1, within = "3s", for = "300ms" },
    { check = "height-advances", nodes = "node", by = 3, within = "3s", for = "300ms" },
    { check = "alive", nodes = "*", within = "6s", for = "300ms" },
]
"#;

const RESTART: &str = r#"
[[phases]]
name = "restart"
faults = [{ fault = "restart", nodes = "seed", downtime = "500ms" }]
checks = [
    { check = "height-advances", nodes = "node", by = 3, within = "5s", for = "300ms", during = "fault" },
    { check = "recovers", nodes = "*", peers_at_least = 2, height_by = 1, within = "5s", for = "300ms" },
    { check = "same-chain", nodes = "*", above = "fault", within = "5s", for = "500ms" },
]
"#;

async fn one(phases: String, faults: Faults) -> Done {
    run(&format!("{NODES}{phases}"), Fake::new(faults), Interrupt::default()).await
}

/// From a test that has no runtime: in time that jumps over what only waits.
fn in_paused_time<T: Send, F: Future<Output = T>>(work: impl FnOnce() -> F + Send) -> T {
    // A thread of its own: whoever asks may be inside a runtime.
    std::thread::scope(|scope| {
        let run = || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .start_paused(true)
                .build()
                .unwrap()
                .block_on(work())
        };
        scope.spawn(run).join().unwrap()
    })
}

/// A bundle that passed, made once.
fn good() -> &'static Done {
    static GOOD: OnceLock<Done> = OnceLock::new();
    GOOD.get_or_init(|| {
        let done = in_paused_time(|| one(format!("{DISCOVER}{RESTART}"), Faults::default()));
        assert_eq!(said(&found(done.dir.path())), Vec::<String>::new());
        done
    })
}

fn found(dir: &Path) -> Verified {
    verify(dir, None).unwrap()
}

fn said(verified: &Verified) -> Vec<String> {
    verified.problems.iter().map(ToString::to_string).collect()
}
