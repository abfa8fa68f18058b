//! What a plan's checks need of which node: nobody else is asked for it, and a foreign node that
//! need not offer it is warned of.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{path::Path, sync::Arc};

use harness_core::{
    needs,
    profile::NodeProfile,
    scenario::{Origin, Overrides, Plan, load},
};

/// `first` is in both checks, `second` in none that needs more than samples.
fn plan() -> Plan {
    let text = r#"[scenario]
[[nodes]]
name = "first"
seed = true
[[nodes]]
name = "second"
[[phases]]
name = "one"
checks = [
    { check = "peers", nodes = "*", at_least = 1, within = "10s" },
    { check = "distinct-peers", nodes = "first", at_least = 1, within = "10s" },
    { check = "resources", nodes = "first", memory = "1 GiB", within = "10s" },
]
[[phases]]
name = "two"
faults = [{ fault = "restart", nodes = "second", downtime = "1s" }]
checks = [{ check = "store-survives", nodes = "second", within = "10s" }]
"#;
    let origin = Origin { name: "test", path: Path::new("test/scenario.toml") };
    let (plan, problems) = load(origin, text.to_owned(), &Overrides::default());
    assert!(plan.is_some(), "{problems}");
    plan.unwrap()
}

#[test]
fn a_node_is_asked_for_what_a_check_of_its_own_needs() {
    let plan = plan();
    let asked = |node: &str| (needs::sessions(&plan, node), needs::resources(&plan, node));
    assert_eq!(asked("first"), (false, true));
    assert_eq!(asked("second"), (true, false));
    assert_eq!(asked("nobody"), (false, false));
}

#[test]
fn foreign_nodes_are_warned_of_by_name_and_only_where_it_matters() {
    let plan = plan();
    let warnings = |foreign: &[&str]| {
        let of = |name: &str| match foreign.contains(&name) {
            true => NodeProfile::core(),
            false => NodeProfile::ours(),
        };
        let profiles = ["first", "second"].map(|name| (name.to_owned(), of(name)));
        needs::warnings(&plan, &profiles.into())
    };
    assert_eq!(warnings(&[]), Vec::<String>::new());
    assert_eq!(
        warnings(&["first"]),
        ["warning: `distinct-peers` needs `system_peers`, which `first` need not offer: \
          inconclusive then"]
    );
    let both = warnings(&["first", "second"]);
    assert_eq!(both.len(), 2, "{both:?}");
    assert!(both[1].starts_with("warning: `store-survives` needs `hegemon_peerList`"), "{both:?}");
    assert!(both[1].contains("`second`"), "{both:?}");
}

#[test]
fn what_a_kind_of_node_cannot_show_is_refused_and_what_it_shows_slowly_is_said() {
    let released = NodeProfile::shipped("hegemon-0.10").unwrap();
    let profiles = |profile: &Arc<NodeProfile>| {
        needs::Profiles::from([("first".to_owned(), Arc::clone(profile))])
    };
    let refused = needs::impossible(&plan(), &profiles(&released)).unwrap();
    assert!(
        refused.contains("`distinct-peers` cannot be judged of first (profile `hegemon-0.10`)"),
        "{refused}"
    );
    assert_eq!(needs::impossible(&plan(), &profiles(&NodeProfile::ours())), None);

    let text = r#"[scenario]
[[nodes]]
name = "first"
seed = true
[[phases]]
name = "one"
checks = [
    { check = "height-advances", nodes = "*", by = 2, within = "60s" },
    { check = "height-advances", nodes = "*", by = 2, within = "auto" },
]
"#;
    let origin = Origin { name: "test", path: Path::new("test/scenario.toml") };
    let (plan, _) = load(origin, text.to_owned(), &Overrides::default());
    let warnings = needs::warnings(&plan.unwrap(), &profiles(&released));
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("fewer than 2 in time with probability 76 %"), "{warnings:?}");
}
