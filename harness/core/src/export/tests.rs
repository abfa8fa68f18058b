use std::{path::Path, sync::Arc};

use super::*;
use crate::{
    node::NodeSource,
    profile::NodeProfile,
    scenario::{Origin, Overrides, Plan, load},
};

/// Everything that an export treats in a way of its own: groups of several, one alone, a hidden one, late ones, a seed of
/// its own, an image of its own, and texts that mean something to other tools.
const EVERYTHING: &str = r#"
[scenario]
description = "Everything\nat once"
[network]
subnet = "198.18.9.0/24"
[[nodes]]
name = "seed"
seed = true
mine = true
[[nodes]]
name = "node"
count = 3
env = { RUST_LOG = "on", PRICE = "$5 $(HOME) ${HOME}", CLOCK = "12:34", HEX = "0x10", EMPTY = "", LINES = "a: b\n- c #d" }
args = ["--log", "yes", "--x=$y", "~", "1e3"]
[[nodes]]
name = "behind"
reachable = false
seeds = ["node-1"]
[[nodes]]
name = "late"
count = 2
start = "later"
image = "other/node:2"
[[phases]]
name = "one: two"
faults = [{ fault = "join", nodes = "late" }]
checks = [
    { check = "peers", nodes = "*", at_least = 1, within = "60s" },
    { check = "peers", nodes = "seed", at_least = 2, within = "60s" },
    { check = "same-chain", nodes = "*", within = "60s" },
]
"#;

fn plan(text: &str) -> Plan {
    let overrides =
        Overrides { source: NodeSource::Image("hegemon-node".to_owned()), ..Overrides::default() };
    let origin = Origin { name: "every thing", path: Path::new("/x/every thing.toml") };
    let (plan, problems) = load(origin, text.to_owned(), &overrides);
    plan.unwrap_or_else(|| panic!("{problems}"))
}

fn of_kind(name: &str) -> Arc<NodeProfile> {
    NodeProfile::shipped(name).unwrap()
}

#[test]
fn everything_as_a_compose_file() {
    insta::assert_snapshot!(compose(&plan(EVERYTHING), &of_kind("ours")).unwrap());
}

#[test]
fn everything_as_objects_of_kubernetes() {
    insta::assert_snapshot!(kubernetes(&plan(EVERYTHING), &of_kind("ours")).unwrap());
}

#[test]
fn a_seed_by_name_stays_one() {
    let text = EVERYTHING.replace("[network]\n", "[network]\nseeds = \"names\"\n");
    let document = compose(&plan(&text), &of_kind("ours")).unwrap();
    assert!(document.contains("HEGEMON_SEEDS: seed:30333\n"), "{document}");
}

/// A comment that ends in the middle of itself would be a part of the document.
#[test]
fn words_of_a_scenario_stay_in_their_comment() {
    for document in [compose, kubernetes] {
        let document = document(&plan(EVERYTHING), &of_kind("ours")).unwrap();
        let head: Vec<&str> = document.lines().take_while(|line| !line.is_empty()).collect();
        assert!(head.iter().all(|line| line.starts_with('#')), "{document}");
        assert!(head.iter().any(|line| line.contains("Everything\u{fffd}at once")), "{document}");
    }
}

/// What cannot be the same network is refused, with what to do.
#[test]
fn another_network_is_refused() {
    let both = |text: &str, kind: &str| {
        let (plan, kind) = (plan(text), of_kind(kind));
        let refused = |made: Result<String, NoExport>| made.err().map(|why| why.to_string());
        (refused(compose(&plan, &kind)), refused(kubernetes(&plan, &kind)))
    };
    let hostile = EVERYTHING.replace(
        "reachable = false\nseeds = [\"node-1\"]",
        "kind = \"hostile\"\nattack = \"silence\"",
    );
    let hostile = both(&hostile, "ours");
    assert!(hostile.0.as_ref().is_some_and(|why| why.contains("behind would be an adversary")));
    assert_eq!(hostile.0, hostile.1);

    let file = both(&EVERYTHING.replace("image = \"other/node:2\"", "bin = \"./node\""), "ours");
    assert!(
        file.0
            .as_ref()
            .is_some_and(|why| why.contains("late-1 is made of a file (binary /x/./node)"))
    );
    assert_eq!(file.0, file.1);

    let released = both(EVERYTHING, "hegemon-0.10");
    assert_eq!(released.0, None);
    assert!(released.1.is_some_and(|why| why.contains("hegemon-0.10 dial no private addresses")));

    let digit = both(&EVERYTHING.replace("name = \"behind\"", "name = \"2nd\""), "ours");
    assert_eq!(digit.0, None);
    assert!(digit.1.is_some_and(|why| why.contains("the group 2nd would be a service")));
}
