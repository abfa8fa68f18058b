//! Nodes that come back on other files, as another build or with another clock, that may use less, or whose port or
//! name is another's; and injectors that do nothing of it.

use std::collections::BTreeMap;

use harness_core::{control::Disturbance as D, exit::ExitCode};
use harness_run::interrupt::Interrupt;
use serde_json::Value;

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

/// What was seen of nodes, of one kind, in order: by node, and by the name that it is about if it is about one.
fn looks(done: &Done, kind: &str) -> BTreeMap<String, Vec<Value>> {
    let mut looks: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for event in done.events().into_iter().filter(|event| event["event"] == "look") {
        let seen = &event["seen"][kind];
        if !seen.is_null() {
            let of = seen["name"].as_str().unwrap_or(event["node"].as_str().unwrap());
            looks.entry(of.to_owned()).or_default().push(seen.clone());
        }
    }
    looks
}

#[tokio::test(start_paused = true)]
async fn each_takes_effect_and_heals_by_what_was_seen_of_it() {
    let nodes = ["node-1", "node-2"];
    for (fault, seen, hit) in [
        (WIPE, "files", &nodes[..1]),
        (CORRUPT, "files", &nodes[..1]),
        (UPGRADE, "executable", &nodes[..]),
        (LIMIT, "limits", &nodes[..]),
        (RENAME, "names", &["seed"]),
    ] {
        let done = passes(&[&phase(&[fault]), ADVANCE]).await;
        let proof = &done.json()["phases"][1]["faults"][0]["proof"];
        assert!(!proof.as_str().unwrap_or_default().is_empty(), "{fault}: {proof}");
        let looks = looks(&done, seen);
        let is_another = |of: &&String| looks[*of].iter().any(|look| *look != looks[*of][0]);
        let changed: Vec<&String> = looks.keys().filter(is_another).collect();
        assert_eq!(changed, hit, "{fault}: {looks:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_off_shows_in_blocks() {
    let done = passes(&[&phase(&[CLOCK]), ADVANCE]).await;
    let ahead = &looks(&done, "ahead")["node-1"];
    assert!(ahead.iter().all(|look| (59_000..=61_000).contains(&look.as_i64().unwrap())));
}

#[tokio::test(start_paused = true)]
async fn only_the_files_that_are_meant_are_looked_at_and_changed() {
    for (what, of) in [("peer-store", "pq-peers.bin"), ("chain", "chain.redb")] {
        let done = passes(&[&phase(&[&WIPE.replace("peer-store", what)]), ADVANCE]).await;
        let looks = &looks(&done, "files")["node-1"];
        let paths = |look: &Value| -> Vec<String> {
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
    for (node, looks) in looks(&done, "executable") {
        let mut builds: Vec<&Value> = looks.iter().map(|look| &look["id"]).collect();
        builds.dedup();
        let [first, next, last] = builds[..] else { panic!("{node}: {builds:?}") };
        assert!(first == last && first != next, "{node}: {builds:?}");
    }
}

/// Another build may want other arguments: they are the node's own.
#[tokio::test(start_paused = true)]
async fn another_build_has_the_place_of_the_one_before() {
    let network = Fake::new(Faults::default());
    let text = [NODES, DISCOVER, &phase(&[UPGRADE]), ADVANCE].concat().replace("30s", "90s");
    let done = run(&text, network.clone(), Interrupt::default()).await;
    assert_eq!(done.verdict.exit, ExitCode::Pass, "{:#}", done.json());
    for (node, port) in [("node-1", "30002"), ("node-2", "30003")] {
        let args = network.args(node);
        let port = args.windows(2).any(|two| two == ["--port", port]);
        assert!(port && args.contains(&format!("/nowhere/{node}")), "{node}: {args:?}");
    }
    assert_eq!(network.args("seed"), Vec::<String>::new(), "it is started once");
}

#[tokio::test(start_paused = true)]
async fn whoever_does_nothing_of_it_proves_nothing() {
    for (fault, disturbance, why) in [
        (WIPE, D::StateStays, "is still there"),
        (CORRUPT, D::StateStays, "is as it was"),
        (UPGRADE, D::ChangesDoNothing, "executes the same as before"),
        (CLOCK, D::ChangesDoNothing, "ahead of ours instead of 60000"),
        (LIMIT, D::LimitDoesNothing, "node-1 is limited to nothing instead of 64 descriptors"),
        (OCCUPY, D::OccupyDoesNothing, "our listener does not answer at the port of node-1"),
        (RENAME, D::RenameDoesNothing, "still means"),
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
        let greetings = &looks(&done, "greeting")["node-1"];
        assert!(greetings.len() > 1 && greetings.iter().all(|greeting| greeting == "harness"));
        assert_eq!(looks(&done, "said").contains_key("node-1"), without == Without::Says);
    }
    let done = without_its_port(Without::IsSilent).await;
    assert_eq!(done.verdict.exit, ExitCode::Fail, "{:#}", done.json());
    let reason = done.verdict.reason.unwrap_or_default();
    assert!(reason.contains("neither ended nor logged that within"), "{reason}");
    assert!(reason.starts_with("node-1 "), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn what_a_node_said_of_a_port_before_is_not_about_this_one() {
    let faults = Faults { without_its_port: Without::SaysOnce, ..Faults::default() };
    let (once, again) = (phase(&[OCCUPY]), phase(&[OCCUPY]));
    let text = [NODES, DISCOVER, &once, ADVANCE, &again, ADVANCE].concat().replace("30s", "3m");
    let done = run(&text, Fake::new(faults), Interrupt::default()).await;
    assert_eq!(done.verdict.exit, ExitCode::Fail, "{:#}", done.json());
    let reason = done.verdict.reason.unwrap_or_default();
    assert!(reason.contains("neither ended nor logged that within"), "{reason}");
}
