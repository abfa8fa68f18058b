//! From a scenario's text to its plan: what is not written is filled in from the rest of it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{path::Path, time::Duration};

use harness_core::{
    fault::Capability,
    scenario::{Origin, Overrides, Plan, load},
};

const NODES: &str = r#"
[[nodes]]
name = "seed"
seed = true
[[nodes]]
name = "node"
count = 2
"#;

fn loaded(text: &str, overrides: &Overrides) -> (Option<Plan>, String) {
    let origin = Origin { name: "test", path: Path::new("test/scenario.toml") };
    let (plan, problems) = load(origin, text.to_owned(), overrides);
    (plan, problems.to_string())
}

fn plan(phases: &str) -> Plan {
    let text = format!("[scenario]\ndescription = \"what it shows\"\n{NODES}{phases}");
    let (plan, problems) = loaded(&text, &Overrides::default());
    plan.unwrap_or_else(|| panic!("{problems}"))
}

fn json(plan: &Plan, path: &str) -> serde_json::Value {
    serde_json::to_value(plan).unwrap().pointer(path).cloned().unwrap()
}

#[test]
fn a_scenario_without_a_timeout_has_the_time_that_its_phases_may_take() {
    let short = plan(
        "[[phases]]\nname = \"a\"\nchecks = [{ check = \"alive\", nodes = \"*\", within = \"5s\" }]\n",
    );
    assert_eq!(
        (short.timeout, short.description.as_str()),
        (Duration::from_secs(300), "what it shows")
    );
    // 200 s during the fault, 100 s after it, 40 s down and 200 s for the proof, a minute to spare.
    let long = plan(
        r#"
[[phases]]
name = "a"
faults = [{ fault = "restart", nodes = "seed", downtime = "40s" }]
checks = [
    { check = "height-advances", nodes = "node", by = 1, within = "200s", during = "fault" },
    { check = "height-advances", nodes = "node", by = 1, within = "100s" },
]
"#,
    );
    assert_eq!(long.timeout, Duration::from_secs(200 + 100 + 40 + 200 + 60));
}

#[test]
fn what_a_check_looks_at_depends_on_what_was_done_before_it() {
    let plan = plan(
        r#"
[[phases]]
name = "before"
checks = [{ check = "same-chain", nodes = "*", within = "10s" }]
[[phases]]
name = "after"
faults = [{ fault = "restart", nodes = "node-1", downtime = "2s" }]
checks = [
    { check = "same-chain", nodes = "*", within = "10s", during = "fault" },
    { check = "same-chain", nodes = "*", within = "10s" },
    { check = "store-survives", nodes = "node-1", within = "10s" },
]
"#,
    );
    let above = |path: &str| json(&plan, path);
    assert_eq!(above("/phases/0/checks/0/above"), "start");
    assert_eq!(above("/phases/1/checks/0/above"), "start", "nothing has healed yet");
    assert_eq!(above("/phases/1/checks/1/above"), "fault");
    assert_eq!(json(&plan, "/phases/1/checks/2/seeds"), serde_json::json!(["seed"]));
    assert_eq!(plan.needs().into_iter().collect::<Vec<_>>(), [Capability::Restart]);
}

#[test]
fn a_kill_needs_a_provider_that_can() {
    let plan = plan(
        "[[phases]]\nname = \"a\"\nfaults = [{ fault = \"kill\", nodes = \"seed\", downtime = \"1s\" }]\nchecks = [{ check = \"alive\", nodes = \"*\", within = \"5s\" }]\n",
    );
    let both = [Capability::Restart, Capability::Kill];
    assert_eq!(plan.needs().into_iter().collect::<Vec<_>>(), both, "it comes back by itself");
}

#[test]
fn patience_stretches_what_is_fresh_and_impatience_does_not_shrink_it() {
    let text = format!(
        "[scenario]\n{NODES}[[phases]]\nname = \"a\"\nchecks = [{{ check = \"alive\", nodes = \"*\", within = \"10s\" }}]\n"
    );
    let with = |timeout_factor| {
        let overrides = Overrides { timeout_factor, ..Overrides::default() };
        let plan = loaded(&text, &overrides).0.unwrap();
        (plan.fresh(), plan.phases[0].checks[0].within.written().unwrap())
    };
    let seconds = Duration::from_secs;
    assert_eq!(with(1.0), (seconds(2), seconds(10)));
    assert_eq!(with(4.0), (seconds(8), seconds(40)));
    assert_eq!(with(0.5), (seconds(2), seconds(5)), "an answer that would have counted counts");
}

#[test]
fn when_a_group_starts_is_one_of_two_words() {
    let said = |start: &str| {
        let text = format!(
            "[scenario]\n[[nodes]]\nname = \"seed\"\nseed = true\nstart = \"{start}\"\n[[phases]]\nname = \"a\"\nchecks = [{{ check = \"alive\", nodes = \"*\", within = \"5s\" }}]\n"
        );
        loaded(&text, &Overrides::default()).1
    };
    assert_eq!(said("at-start"), "");
    let later = said("later");
    assert!(later.contains("`seed` is not started yet (`start = \"later\"`)"), "{later}");
    assert!(later.contains("`join` it before, or name other nodes"), "{later}");
    assert!(said("soon").contains("`start` cannot be `soon`"), "{}", said("soon"));
}

/// What is said of these phases of a seed, two nodes and a late one.
fn said_of(phases: &str, seed: u64) -> (Option<harness_core::scenario::Plan>, String) {
    let text = format!(
        "[scenario]\n[[nodes]]\nname = \"seed\"\nseed = true\n[[nodes]]\nname = \"node\"\ncount = 2\n[[nodes]]\nname = \"late\"\nstart = \"later\"\n{phases}\n[[phases]]\nname = \"end\"\nchecks = [{{ check = \"alive\", nodes = \"seed\", within = \"5s\" }}]\n"
    );
    loaded(&text, &Overrides { seed, ..Overrides::default() })
}

fn faults(faults: &[&str]) -> String {
    let of = |fault: &&str| format!("[[phases]]\nname = \"p\"\nfaults = [{fault}]\n");
    faults.iter().map(of).collect()
}

#[test]
fn what_no_fault_can_do_then_is_refused_with_a_hint() {
    let cut = r#"{ fault = "partition", groups = [["seed"], ["node"]] }"#;
    let pause = r#"{ fault = "pause", nodes = "node-1" }"#;
    for (list, why) in [
        (vec![r#"{ fault = "heal" }"#], "`heal`, and nobody is cut off from some"),
        (vec![r#"{ fault = "resume", nodes = "node-1" }"#], "`node-1` is not frozen"),
        (vec![cut, cut], "`seed` is cut off from some then, by an earlier fault that stays"),
        (vec![pause, r#"{ fault = "kill", nodes = "node" }"#], "`node-1` is frozen then"),
        (vec![r#"{ fault = "restart", nodes = "late" }"#], "`late` is not started yet"),
        (
            vec![
                r#"{ fault = "leave", nodes = "node-1" }"#,
                r#"{ fault = "start", nodes = "node-1" }"#,
            ],
            "`node-1` is not down",
        ),
        (
            vec![
                r#"{ fault = "restart", nodes = "node" }, { fault = "pause", with = "previous", nodes = "node-2", downtime = "1s" }"#,
            ],
            "`node-2` is down while this fault lasts, by the one that it is with",
        ),
        (
            vec![r#"{ fault = "restart", with = "previous", nodes = "node" }"#],
            "there is no fault before it",
        ),
        (vec![r#"{ fault = "partition", groups = [["seed"]] }"#], "parts nobody"),
        (vec![r#"{ fault = "partition", groups = [["seed"], ["*"]] }"#], "`seed` is on two sides"),
        (vec![r#"{ fault = "one-way", from = "seed", to = "*" }"#], "in both `from` and `to`"),
        (vec![r#"{ fault = "degrade", nodes = "seed" }"#], "is a good one"),
        (vec![r#"{ fault = "clock", nodes = "seed", by = "5s" }"#], "cannot be told from"),
        (vec![r#"{ fault = "upgrade", nodes = "seed" }"#], "an upgrade to nothing"),
        (vec![r#"{ fault = "limit", nodes = "seed" }"#], "a limit of nothing"),
        (vec![r#"{ fault = "isolate", nodes = "*" }"#], "`isolate` of every node"),
        (vec![r#"{ fault = "degrade", nodes = "*", delay = "50ms" }"#], "`degrade` of every node"),
        (vec![r#"{ fault = "degrade", nodes = "seed", delay = "10ms" }"#], "cannot be told from"),
    ] {
        let (plan, said) = said_of(&faults(&list), 0);
        assert!(plan.is_none() && said.contains(why), "{list:?}: {said}");
    }
}

#[test]
fn what_does_not_stand_in_the_way_is_allowed() {
    let limit = r#"{ fault = "limit", nodes = "node-1", open_files = 64 }"#;
    let rename = r#"{ fault = "rename", seed = "seed", to = "node-1" }"#;
    let cut = r#"{ fault = "partition", groups = [["seed"], ["node"]] }"#;
    let within = r#"{ fault = "restart", nodes = "node-1" }"#;
    let heal = r#"{ fault = "heal" }"#;
    let join = r#"{ fault = "join", nodes = "late" }"#;
    let (plan, said) = said_of(&faults(&[limit, limit, rename, cut, within, heal, join]), 0);
    let plan = plan.unwrap_or_else(|| panic!("{said}"));
    assert_eq!(plan.phases[5].faults[0].nodes, ["seed", "node-1", "node-2"], "whom it mends");
}

#[test]
fn a_storm_has_one_fault_at_least() {
    let storm = "[[phases]]\nname = \"s\"\nstorm = [{ faults = [\"kill\"], nodes = \"node\", every = \"10m\", for = \"60s\" }]\n";
    for seed in 0..20 {
        let (plan, said) = said_of(storm, seed);
        let plan = plan.unwrap_or_else(|| panic!("{said}"));
        let at: Vec<_> = plan.phases[0].faults.iter().map(|fault| fault.at).collect();
        assert_eq!(at, [Some(Duration::from_secs(60))], "seed {seed}");
    }
}

/// One that a node was told of need not be remembered.
#[test]
fn whoever_a_group_is_told_of_is_a_seed_to_what_is_remembered() {
    let text = format!(
        "[scenario]\n{NODES}{}",
        r#"
[[nodes]]
name = "told"
seeds = ["node-2"]
[[nodes]]
name = "villain"
kind = "hostile"
attack = "address-flood"
seeds = ["node-1"]
[[phases]]
name = "p"
faults = [{ fault = "restart", nodes = "told", downtime = "1s" }]
checks = [{ check = "store-survives", nodes = "told", within = "20s" }]
"#
    );
    let (plan, said) = loaded(&text, &Overrides::default());
    let plan = plan.unwrap_or_else(|| panic!("{said}"));
    let seeds = json(&plan, "/phases/0/checks/0/seeds");
    assert_eq!(seeds, serde_json::json!(["seed", "node-2"]));
}

#[test]
fn a_storm_follows_from_the_seed_and_everybody_has_a_turn() {
    let storm = "[[phases]]\nname = \"s\"\n[[phases.storm]]\nfaults = [\"kill\", \"pause\"]\nnodes = \"node\"\nevery = \"2s\"\nfor = \"60s\"\n";
    let drawn = |seed| {
        let (plan, said) = said_of(storm, seed);
        plan.unwrap_or_else(|| panic!("{said}")).phases[0].faults.clone()
    };
    let text = |seed| serde_json::to_string(&drawn(seed)).unwrap();
    assert_eq!(text(7), text(7));
    assert_ne!(text(7), text(8));
    let faults = drawn(7);
    assert!((20..=60).contains(&faults.len()), "{}", faults.len());
    for turn in faults.chunks_exact(2) {
        assert_ne!(turn[0].nodes, turn[1].nodes, "each once before anybody again");
    }
    assert!(faults.is_sorted_by_key(|fault| fault.at));
    for (from, to, why) in [
        ("kill", "upgrade", "is not a fault that a storm can draw"),
        ("\"node\"", "\"nodes\"", "storm for an unknown node or group"),
        ("2s", "10ms", "at most 1000"),
        ("[\"kill\", \"pause\"]", "[]", "a storm of no faults"),
    ] {
        let (plan, said) = said_of(&storm.replace(from, to), 0);
        assert!(plan.is_none() && said.contains(why), "{said}");
    }
}
