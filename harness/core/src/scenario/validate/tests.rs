//! What a scenario may not say, and what it is told then.

use std::path::Path;

use super::*;
use crate::scenario::{Origin, Overrides, load};

#[test]
fn a_group_without_a_count_is_one_node_of_its_name() {
    assert_eq!(node_names("seed", None), ["seed"]);
    assert_eq!(node_names("node", Some(2)), ["node-1", "node-2"]);
    assert_eq!(node_names("node", Some(1)), ["node-1"]);
}

#[test]
fn arguments_that_no_node_could_be_executed_with_are_refused() {
    let said = |args: &str| {
        let text = format!(
            "[scenario]\n[[nodes]]\nname = \"seed\"\nseed = true\nargs = {args}\n[[phases]]\nname = \"p\"\nchecks = [{{ check = \"alive\", nodes = \"*\", within = \"5s\" }}]\n"
        );
        let origin = Origin { name: "test", path: Path::new("test.toml") };
        let (plan, problems) = load(origin, text, &Overrides::default());
        (plan.is_some(), problems.to_string())
    };
    for good in [r#"["--name", "other"]"#, r#"["--name=other", "--log", "info", "--log", "x"]"#] {
        assert_eq!(said(good), (true, String::new()), "{good}");
    }
    for place in ["--port", "--rpc-port", "--listen-addr", "--base-path", "--rpc-external"] {
        let (good, problems) = said(&format!("[\"{place}=1\"]"));
        assert!(!good && problems.contains(&format!("`{place}` cannot be given")), "{problems}");
    }
    let (good, problems) = said(r#"["--name", "a", "--name=b"]"#);
    assert!(!good && problems.contains("`--name` is given twice"), "{problems}");
    let (good, problems) = said(r#"["--tmp"]"#);
    assert!(good && problems.contains("another node"), "{problems}");
}

#[test]
fn a_common_key_that_is_misspelt_is_said_even_in_a_check_that_nobody_knows() {
    let said = |check: &str| {
        let text = format!(
            "[scenario]\n[[nodes]]\nname = \"seed\"\nseed = true\n[[phases]]\nname = \"p\"\nchecks = [{{ check = \"magic\", {check} }}]\n"
        );
        let origin = Origin { name: "test", path: Path::new("test.toml") };
        load(origin, text, &Overrides::default()).1.to_string()
    };
    let problems = said("nodse = \"*\", witin = \"5s\", strange = 1");
    for near in ["did you mean `nodes`?", "did you mean `within`?"] {
        assert!(problems.contains(near), "{problems}");
    }
    assert!(!problems.contains("strange`"), "it may be the check's own: {problems}");
    assert!(!said("nodes = \"*\"").contains("unknown key"), "what is right is no mistake");
}

#[test]
fn a_number_has_a_least_and_a_size_its_bytes() {
    let loaded = |count: &str| {
        let text = format!(
            "[scenario]\n[[nodes]]\nname = \"seed\"\nseed = true\ncount = {count}\n[[phases]]\nname = \"p\"\nchecks = [{{ check = \"resources\", nodes = \"*\", memory = \"48 MiB\", cpu = \"25%\", within = \"5s\" }}]\n"
        );
        let origin = Origin { name: "test", path: Path::new("test.toml") };
        load(origin, text, &Overrides::default())
    };
    let (plan, _) = loaded("1");
    let limits = plan.unwrap().phases[0].checks[0].kind.to_string();
    assert!(limits.contains("48.0 MiB") && limits.contains("25"), "{limits}");
    let (plan, problems) = loaded("0");
    assert!(plan.is_none() && problems.to_string().contains("at least 1, not 0"), "{problems}");
}

#[test]
fn a_required_key_is_asked_for() {
    let text = "[scenario]\n[[nodes]]\nseed = true\n[[phases]]\nchecks = [{ check = \"alive\", nodes = \"*\", within = \"5s\" }]\n";
    let origin = Origin { name: "test", path: Path::new("test.toml") };
    let (plan, problems) = load(origin, text.to_owned(), &Overrides::default());
    let said = problems.to_string();
    assert!(plan.is_none() && said.matches("missing key `name`").count() == 2, "{said}");
}

/// A seed, two nodes, a late adversary that somebody starts, and these phases.
fn said(phases: &str, overrides: &Overrides) -> (bool, String) {
    let text = format!(
        r#"[scenario]
timeout = "60s"
[[nodes]]
name = "seed"
seed = true
[[nodes]]
name = "node"
count = 2
[[nodes]]
name = "villain"
kind = "hostile"
attack = "address-flood"
start = "later"
{phases}
[[phases]]
name = "end"
faults = [{{ fault = "hostile", nodes = "villain" }}]
"#
    );
    let origin = Origin { name: "test", path: Path::new("test.toml") };
    let (plan, problems) = load(origin, text, overrides);
    (plan.is_some(), problems.to_string())
}

/// One phase of these faults and one check.
fn phase(faults: &str, check: &str) -> (bool, String) {
    let text = format!("[[phases]]\nname = \"p\"\nfaults = [{faults}]\nchecks = [{{ {check} }}]");
    said(&text, &Overrides::default())
}

const ALIVE: &str = r#"check = "alive", nodes = "*", within = "20s", for = "1s""#;
const PAUSE: &str = r#"{ fault = "pause", nodes = "node-1", downtime = "5s" }"#;
const RENAME: &str = r#"{ fault = "rename", seed = "seed", to = "node-1" }"#;
const STORM: &str = "[[phases]]\nname = \"p\"\nstorm = [{ faults = [\"kill\"], nodes = \"node\", every = \"2s\", for = \"20s\" }]\n";

#[test]
fn a_scenario_checks_something() {
    let (good, said) = said("", &Overrides::default());
    assert!(!good && said.contains("zero checks"), "{said}");
    assert_eq!(phase("", ALIVE), (true, String::new()));
}

#[test]
fn a_check_during_a_fault_needs_one_that_lasts() {
    let check = format!("{}, during = \"fault\"", ALIVE.replace('*', "seed"));
    let resume = format!("{PAUSE}, {}", r#"{ fault = "resume", nodes = "node-1" }"#);
    let stays = r#"{ fault = "pause", nodes = "node-1" }"#;
    let without = "in a phase without a fault";
    let over = "the phase's last fault does not last";
    for (faults, why) in [
        ("", Some(without)),
        (PAUSE, None),
        (stays, None),
        (RENAME, Some(over)),
        (&resume.replace(", downtime = \"5s\"", ""), Some(over)),
    ] {
        let (good, said) = phase(faults, &check);
        assert_eq!(good, why.is_none(), "{faults}: {said}");
        assert!(why.is_none_or(|why| said.contains(why)), "{faults}: {said}");
    }
    let (good, storm) = said(&format!("{STORM}checks = [{{ {check} }}]"), &Overrides::default());
    assert!(!good && storm.contains("whose faults come and go"), "{storm}");
}

#[test]
fn what_is_about_a_heal_comes_after_one() {
    let above = r#"check = "same-chain", nodes = "*", above = "fault", within = "20s""#;
    let after = |before: &str| {
        said(
            &format!("{before}[[phases]]\nname = \"q\"\nchecks = [{{ {above} }}]"),
            &Overrides::default(),
        )
    };
    assert_eq!(phase(PAUSE, above), (true, String::new()));
    assert_eq!(after(STORM), (true, String::new()), "of a phase before");
    let (good, without) = after("");
    assert!(!good && without.contains("without a fault that heals"), "{without}");
    let survives =
        |nodes| format!("check = \"store-survives\", nodes = \"{nodes}\", within = \"20s\"");
    let restart = r#"{ fault = "restart", nodes = "node-1", downtime = "1s" }"#;
    let later = |nodes| {
        let checks = survives(nodes);
        let phases = format!(
            "[[phases]]\nname = \"p\"\nfaults = [{restart}]\n[[phases]]\nname = \"q\"\nchecks = [{{ {checks} }}]"
        );
        said(&phases, &Overrides::default())
    };
    assert_eq!(phase(restart, &survives("node-1")), (true, String::new()));
    let (good, other) = phase(restart, &survives("node-2"));
    assert!(
        !good && other.contains("`node-2`, which the fault of this phase does not restart"),
        "{other}"
    );
    assert_eq!(later("node-2"), (true, String::new()), "the fault is of an earlier phase");
    let of_a_storm = |nodes| {
        let checks = survives(nodes);
        said(&format!("{STORM}checks = [{{ {checks} }}]"), &Overrides::default())
    };
    assert_eq!(of_a_storm("node"), (true, String::new()));
    let (good, other) = of_a_storm("seed");
    assert!(
        !good && other.contains("`seed`, which the fault of this phase does not restart"),
        "{other}"
    );
}

#[test]
fn an_adversary_is_checked_by_nobody_and_started_by_somebody() {
    let (good, checked) = phase("", &ALIVE.replace('*', "villain"));
    assert!(!good && checked.contains("a check of the adversary `villain`"), "{checked}");
    let waits = "[[nodes]]\nname = \"other\"\nkind = \"hostile\"\nattack = \"address-flood\"\ncount = 2\nstart = \"later\"\n";
    let (good, waiting) = said(
        &format!("{waits}[[phases]]\nname = \"p\"\nchecks = [{{ {ALIVE} }}]"),
        &Overrides::default(),
    );
    assert!(!good && waiting.contains("nobody starts the adversary `other-1`"), "{waiting}");
    assert!(!waiting.contains("villain"), "{waiting}");
    let at_once = waits.replace("start = \"later\"\n", "");
    let (good, said) = said(
        &format!("{at_once}[[phases]]\nname = \"p\"\nchecks = [{{ {ALIVE} }}]"),
        &Overrides::default(),
    );
    assert!(good, "{said}");
}

#[test]
fn a_fault_goes_with_one_that_lasts() {
    let with = |first: &str| {
        let second = r#"{ fault = "pause", with = "previous", nodes = "node-2", downtime = "5s" }"#;
        phase(&format!("{first}, {second}"), ALIVE)
    };
    assert_eq!(with(PAUSE), (true, String::new()));
    let (good, said) = with(RENAME);
    assert!(!good && said.contains("the fault before it does not last"), "{said}");
}

#[test]
fn a_window_that_is_cut_short_or_too_short_is_warned_of() {
    let alive = |within: &str, hold: &str| {
        phase(
            "",
            &format!("check = \"alive\", nodes = \"*\", within = \"{within}\", for = \"{hold}\""),
        )
    };
    assert_eq!(alive("60s", "1s"), (true, String::new()));
    let (good, said) = alive("61s", "1s");
    assert!(
        good && said.contains("`within` (1m 1s) is longer than the scenario's timeout (1m)"),
        "{said}"
    );
    assert_eq!(alive("20s", "19s"), (true, String::new()));
    let (good, said) = alive("20s", "20s");
    assert!(good && said.contains("cannot pass: the condition must hold for 20s"), "{said}");
    let default = r#"check = "alive", nodes = "*", within = "1s""#;
    assert!(phase("", default).1.contains("cannot pass"), "{}", phase("", default).1);
    let once = r#"check = "same-genesis", nodes = "*", within = "1s""#;
    assert_eq!(phase("", once), (true, String::new()), "it need not last");
}

#[test]
fn a_number_of_nodes_is_that_of_the_one_group_that_is_neither_seed_nor_hostile() {
    let three = Overrides { nodes: Some(3), ..Overrides::default() };
    let check = |node: &str| {
        let check = ALIVE.replace('*', node);
        said(&format!("[[phases]]\nname = \"p\"\nchecks = [{{ {check} }}]"), &three)
    };
    assert_eq!(check("node-3"), (true, String::new()));
    assert!(!check("node-4").0);
    let more =
        format!("[[nodes]]\nname = \"more\"\n[[phases]]\nname = \"p\"\nchecks = [{{ {ALIVE} }}]");
    let (good, several) = said(&more, &three);
    assert!(
        !good && several.contains("ambiguous") && several.contains("`node` and `more`"),
        "{several}"
    );
    let seeds = format!(
        "[scenario]\n[[nodes]]\nname = \"seed\"\nseed = true\n[[phases]]\nname = \"p\"\nchecks = [{{ {ALIVE} }}]\n"
    );
    let origin = Origin { name: "test", path: Path::new("test.toml") };
    let (plan, problems) = load(origin, seeds, &three);
    let none = problems.to_string();
    assert!(plan.is_none() && none.contains("and this scenario has none"), "{none}");
}

/// What is said of one check after a restart of a node, in a network in which nobody starts `late`.
fn of_a_late_one(check: &str) -> (bool, String) {
    let text = format!(
        "[[nodes]]\nname = \"late\"\nstart = \"later\"\n[[phases]]\nname = \"p\"\nfaults = [{{ fault = \"restart\", nodes = \"node-1\", downtime = \"1s\" }}]\nchecks = [{{ {check} }}]"
    );
    said(&text, &Overrides::default())
}

#[test]
fn who_never_starts_is_said_and_is_nobodys_measure() {
    let (good, said) = of_a_late_one("check = \"alive\", nodes = \"node\", within = \"20s\"");
    assert!(good && said.contains("nobody starts `late`"), "{said}");
    let (good, said) = of_a_late_one(
        "check = \"catches-up\", nodes = \"node-1\", to = \"late\", within = \"20s\"",
    );
    assert!(!good && said.contains("`late` is not started yet"), "{said}");
    let (good, said) = of_a_late_one(
        "check = \"catches-up\", nodes = \"node-1\", to = \"villain\", within = \"20s\"",
    );
    assert!(!good && said.contains("a check against the adversary `villain`"), "{said}");
    let (good, said) = of_a_late_one(
        "check = \"catches-up\", nodes = \"node-1\", to = \"node-2\", within = \"20s\"",
    );
    assert!(good && !said.contains("catches-up"), "{said}");
    let (good, said) = of_a_late_one("check = \"converged\", nodes = \"node\", within = \"20s\"");
    assert!(good && said.contains("cannot pass: 3 nodes have at most 2 peers each"), "{said}");
}

#[test]
fn who_is_down_while_a_fault_lasts_cannot_pass_a_check_during_it() {
    let restart = r#"{ fault = "restart", nodes = "node-1", downtime = "1s" }"#;
    let during =
        |nodes: &str| phase(restart, &format!("{}, during = \"fault\"", ALIVE.replace('*', nodes)));
    assert_eq!(during("node-2"), (true, String::new()));
    let (good, said) = during("*");
    assert!(good && said.contains("cannot pass: `node-1` is down while the fault lasts"), "{said}");
    assert_eq!(phase(restart, ALIVE), (true, String::new()), "after it");
    let frozen = |check: &str| {
        phase(PAUSE, &format!("{check}, nodes = \"node-1\", within = \"20s\", during = \"fault\""))
            .1
    };
    assert_eq!(frozen("check = \"alive\""), "", "its process runs");
    assert!(frozen("check = \"peers\", at_least = 1").contains("cannot pass: `node-1` is frozen"));
    let occupied = r#"{ fault = "occupy-port", nodes = "node-1", port = "p2p", downtime = "5s" }"#;
    let alive = format!("{}, during = \"fault\"", ALIVE.replace('*', "node-1"));
    assert_eq!(phase(occupied, &alive), (true, String::new()), "it may go on without");
    let (good, said) = phase(
        &format!("{restart}, {}", PAUSE.replace("node-1\"", "node-2\", with = \"previous\"")),
        &format!("{}, during = \"fault\"", ALIVE.replace('*', "node-1")),
    );
    assert!(good && said.contains("`node-1` is down"), "the fault before lasts too: {said}");
}

#[test]
fn what_could_only_pass_or_only_fail_is_refused() {
    for (check, why) in [
        (r#"check = "block-time", longest = "20s", within = "20s""#, "so no gap could be seen"),
        (
            r#"check = "block-time", longest = "1s", tolerance = "5%", within = "20s""#,
            "without a `mean`",
        ),
        (r#"check = "block-time", longest = "1ns", within = "20s""#, "a millisecond at least"),
        (
            r#"check = "metric", name = "a", at_least = 2, at_most = 1.5, within = "20s""#,
            "no value is both",
        ),
        (r#"check = "block-time", mean = "999us", within = "20s""#, "a millisecond at least"),
        (
            r#"check = "log", pattern = "a", must = "not-appear", at_least = 2, within = "20s""#,
            "of which there must be none",
        ),
    ] {
        let (good, said) = phase("", &format!("{check}, nodes = \"*\""));
        assert!(!good && said.contains(why), "{check}: {said}");
    }
    let broken = phase("", "check = \"log\", pattern = \"a\\nb\", within = \"20s\", nodes = \"*\"");
    assert!(broken.0 && broken.1.contains("a line has no line break in it"), "{}", broken.1);
    for check in [
        r#"check = "block-time", mean = "1s", longest = "20s", within = "20s""#,
        r#"check = "block-time", longest = "1ms", within = "20s""#,
        r#"check = "block-time", mean = "1s", tolerance = "5%", longest = "19s", within = "20s""#,
        r#"check = "log", pattern = "a", must = "appear", at_least = 2, within = "20s""#,
    ] {
        assert_eq!(phase("", &format!("{check}, nodes = \"*\"")), (true, String::new()));
    }
}

/// What is said of a scenario of one group with this in it, and of a network like that.
fn of_a_network(network: &str, count: u32, group: &str) -> (bool, String) {
    let text = format!(
        "[scenario]\n[network]\n{network}\n[[nodes]]\nname = \"a\"\nseed = true\ncount = {count}\n{group}\n[[phases]]\nname = \"p\"\nchecks = [{{ {ALIVE} }}]\n"
    );
    let origin = Origin { name: "test", path: Path::new("test.toml") };
    let (plan, problems) = load(origin, text, &Overrides::default());
    (plan.is_some(), problems.to_string())
}

#[test]
fn a_network_holds_its_nodes() {
    for (subnet, count, why) in [
        ("", 253, None),
        ("", 254, Some("more nodes than a network holds (at most 253)")),
        ("subnet = \"198.18.7.0/29\"", 5, None),
        ("subnet = \"198.18.7.0/29\"", 6, Some("6 nodes, but 198.18.7.0/29 holds at most 5")),
        ("subnet = \"198.18.7.0\"", 1, Some("write it like")),
        ("block_time = \"1ms\"", 1, None),
        ("block_time = \"999us\"", 1, Some("a millisecond at least")),
    ] {
        let (good, said) = of_a_network(subnet, count, "");
        assert_eq!(good, why.is_none(), "{subnet} {count}: {said}");
        assert!(why.is_none_or(|why| said.contains(why)), "{subnet} {count}: {said}");
    }
}

#[test]
fn a_variable_has_a_name_and_a_value_that_an_environment_can_hold() {
    for (env, good) in [
        (r#"A = "b=c""#, true),
        (r#""" = "b""#, false),
        (r#""A=B" = "c""#, false),
        (r#""A\u0000" = "c""#, false),
        (r#"A = "b\u0000""#, false),
    ] {
        let (loaded, said) = of_a_network("", 1, &format!("env = {{ {env} }}"));
        assert_eq!(loaded, good, "{env}: {said}");
        assert_eq!(said.contains("cannot be an environment variable"), !good, "{env}: {said}");
    }
}
