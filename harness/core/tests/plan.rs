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
        (plan.fresh(), plan.phases[0].checks[0].within)
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
