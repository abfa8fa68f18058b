//! Nodes that come back on other files, as another build or with another clock, that may use less, or whose port or
//! name is another's; and injectors that do nothing of it.

use harness_core::{control::Disturbance as D, exit::ExitCode};
use harness_run::interrupt::Interrupt;

use crate::{
    DISCOVER, NODES,
    lines::{ADVANCE, passes, phase, unproven},
    support::{
        Done,
        fake::{Fake, Faults, Without},
        run,
    },
};

const WIPE: &str = "fault = \"wipe\"\nnodes = \"node-1\"\nwhat = \"peer-store\"\ndowntime = \"1s\"";
const CORRUPT: &str = "fault = \"corrupt\"\nnodes = \"node-1\"\nwhat = \"chain\"\nhow = \"truncate\"\ndowntime = \"1s\"";
const UPGRADE: &str = "fault = \"upgrade\"\nnodes = \"node\"\nbin = \"/nowhere/next\"";
const CLOCK: &str = "fault = \"clock\"\nnodes = \"node-1\"\nby = \"60s\"";
const LIMIT: &str = "fault = \"limit\"\nnodes = \"node\"\nopen_files = 64\ndowntime = \"2s\"";
const OCCUPY: &str =
    "fault = \"occupy-port\"\nnodes = \"node-1\"\nport = \"p2p\"\ndowntime = \"2s\"";
const RENAME: &str = "fault = \"rename\"\nseed = \"seed\"\nto = \"node-2\"";

/// What was seen of nodes, of one kind.
fn looks(done: &Done, kind: &str) -> Vec<serde_json::Value> {
    let events = done.events().into_iter().filter(|event| event["event"] == "look");
    events.map(|event| event["seen"][kind].clone()).filter(|seen| !seen.is_null()).collect()
}

#[tokio::test(start_paused = true)]
async fn each_takes_effect_and_heals_by_what_was_seen_of_it() {
    for (fault, seen) in [
        (WIPE, "files"),
        (CORRUPT, "files"),
        (UPGRADE, "executable"),
        (LIMIT, "limits"),
        (RENAME, "names"),
    ] {
        let done = passes(&[&phase(&[fault]), ADVANCE]).await;
        let proof = &done.json()["phases"][1]["faults"][0]["proof"];
        assert!(!proof.as_str().unwrap_or_default().is_empty(), "{fault}: {proof}");
        let looks = looks(&done, seen);
        assert!(looks.len() > 1, "{fault}, before and after: {looks:?}");
        assert!(looks.iter().any(|look| *look != looks[0]), "{fault} changes it: {looks:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_off_shows_in_blocks() {
    let done = passes(&[&phase(&[CLOCK]), ADVANCE]).await;
    let ahead = looks(&done, "ahead");
    assert!(ahead.iter().all(|look| (59_000..=61_000).contains(&look.as_i64().unwrap())));
    assert!(!ahead.is_empty());
}

#[tokio::test(start_paused = true)]
async fn only_the_files_that_are_meant_are_looked_at_and_changed() {
    for (what, of) in [("peer-store", "pq-peers.bin"), ("chain", "chain.redb")] {
        let done = passes(&[&phase(&[&WIPE.replace("peer-store", what)]), ADVANCE]).await;
        let looks = looks(&done, "files");
        let paths = |look: &serde_json::Value| -> Vec<String> {
            let files = look.as_array().unwrap().iter();
            files.map(|file| file["path"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(looks.iter().map(paths).collect::<Vec<_>>(), [vec![of.to_owned()], vec![]]);
    }
}

/// Back to what it was at first, which is again another than before.
#[tokio::test(start_paused = true)]
async fn an_upgrade_is_taken_back() {
    let back = "fault = \"upgrade\"\nnodes = \"node\"\nback = true";
    let done = passes(&[&phase(&[UPGRADE]), ADVANCE, &phase(&[back]), ADVANCE]).await;
    let looks = looks(&done, "executable");
    let (first, last) = (&looks[0]["id"], &looks[looks.len() - 1]["id"]);
    assert_eq!(first, last, "{looks:?}");
}

#[tokio::test(start_paused = true)]
async fn whoever_does_nothing_of_it_proves_nothing() {
    for (fault, disturbance, why) in [
        (WIPE, D::StateStays, "node-1"),
        (CORRUPT, D::StateStays, "node-1"),
        (UPGRADE, D::ChangesDoNothing, "executes the same as before"),
        (CLOCK, D::ChangesDoNothing, "node-1"),
        (LIMIT, D::LimitDoesNothing, "node-"),
        (OCCUPY, D::OccupyDoesNothing, "our listener does not answer at the port of node-1"),
        (RENAME, D::RenameDoesNothing, "seed"),
    ] {
        unproven(&[&phase(&[fault]), ADVANCE], disturbance, why).await;
    }
}

async fn without_its_port(without: Without) -> Done {
    let faults = Faults { without_its_port: without, ..Faults::default() };
    let text = [NODES, DISCOVER, &phase(&[OCCUPY]), ADVANCE].concat().replace("30s", "3m");
    run(&text, Fake::new(faults), Interrupt::default()).await
}

#[tokio::test(start_paused = true)]
async fn who_does_not_get_its_port_must_end_or_say_so() {
    for without in [Without::Ends, Without::Says] {
        let done = without_its_port(without).await;
        assert_eq!(done.verdict.exit, ExitCode::Pass, "{without:?}: {:#}", done.json());
        let greetings = looks(&done, "greeting");
        assert!(greetings.len() > 1 && greetings.iter().all(|greeting| greeting == "harness"));
        assert_eq!(looks(&done, "said").len(), usize::from(without == Without::Says));
    }
    let done = without_its_port(Without::IsSilent).await;
    assert_eq!(done.verdict.exit, ExitCode::Fail, "{:#}", done.json());
    let reason = done.verdict.reason.unwrap_or_default();
    assert!(reason.contains("neither ended nor logged that within"), "{reason}");
    assert!(reason.starts_with("node-1 "), "{reason}");
}
