//! What a plan's checks need of which node: nobody else is asked for it, and a foreign node that
//! need not offer it is warned of.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{path::Path, sync::Arc, time::Duration};

use harness_core::{
    attached::Attached,
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

/// Only nodes that a `metric` check names serve a page, and only those of a kind that can be told to.
#[test]
fn a_page_is_asked_for_where_it_is_read_and_refused_where_nobody_serves_one() {
    let text = r#"[scenario]
[[nodes]]
name = "first"
seed = true
[[nodes]]
name = "second"
[[phases]]
name = "one"
checks = [{ check = "metric", nodes = "first", name = "a_total", rises_by = 1, within = "9s" }]
"#;
    let origin = Origin { name: "test", path: Path::new("test/scenario.toml") };
    let plan = load(origin, text.to_owned(), &Overrides::default()).0.unwrap();
    assert_eq!((needs::metrics(&plan, "first"), needs::metrics(&plan, "second")), (true, false));
    let of = |first: Arc<NodeProfile>, second: Arc<NodeProfile>| {
        let profiles = [("first".to_owned(), first), ("second".to_owned(), second)];
        needs::impossible(&plan, &profiles.into())
    };
    assert_eq!(of(NodeProfile::ours(), NodeProfile::core()), None);
    let refused = of(NodeProfile::core(), NodeProfile::ours()).unwrap();
    assert!(
        refused.starts_with("`metric` cannot be judged of first: its profile `core`"),
        "{refused}"
    );
}

/// A scenario over nodes that run already, called as is said here.
fn attached(names: &[&str], rate: f64, phase: &str) -> Result<Plan, String> {
    let text = format!(
        "[scenario]\n[[nodes]]\nname = \"own\"\nseed = true\n[[phases]]\nname = \"p\"\n{phase}"
    );
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    let overrides = Overrides { attached: Some(Attached { names, rate }), ..Overrides::default() };
    let origin = Origin { name: "test", path: Path::new("test.toml") };
    let (plan, problems) = load(origin, text, &overrides);
    plan.ok_or_else(|| problems.to_string())
}

fn check(name: &str, nodes: &str, rest: &str) -> String {
    format!("[[phases.checks]]\ncheck = \"{name}\"\nnodes = \"{nodes}\"\n{rest}\n")
}

#[test]
fn nodes_that_run_already_stand_in_place_of_the_scenarios_own() {
    let chain = check("same-chain", "left", "within = \"60s\"");
    let names = ["left-1", "left-2", "alice", "right-2"];
    let plan =
        attached(&names, 2.0, &(chain + &check("peers", "*", "at_least = 9\nwithin = \"60s\"")))
            .unwrap();
    assert_eq!(plan.network(), names);
    assert_eq!(plan.phases[0].checks[0].nodes, ["left-1", "left-2"]);
    assert_eq!(plan.fresh(), Duration::from_secs(4));
    assert!(plan.strangers() > 1000, "nobody knows how large their network is");
    assert_eq!(needs::unattachable(&plan), None);
    let own = attached(&names, 2.0, &check("peers", "own", "at_least = 1\nwithin = \"60s\""));
    assert!(own.unwrap_err().contains("unknown node or group `own`"));
}

#[test]
fn what_attach_cannot_look_for_is_named_and_so_is_a_window_that_is_too_short() {
    let why = |rate: f64, phase: &str| {
        needs::unattachable(&attached(&["a", "b"], rate, phase).unwrap()).unwrap_or_default()
    };
    let peers = check("peers", "*", "at_least = 1\nwithin = \"12s\"");
    assert_eq!(why(2.0, &peers), "");
    assert!(why(1.0, &peers).contains("takes 18.0 s at least"), "{}", why(1.0, &peers));
    let alive = check("alive", "*", "within = \"60s\"");
    assert!(why(2.0, &alive).starts_with("the check `alive` needs more"));
    let asks = |method: &str| {
        check(
            "rpc",
            "*",
            &format!("method = \"{method}\"\nsame_everywhere = true\nwithin = \"30s\""),
        )
    };
    assert_eq!(why(2.0, &asks("system_version")), "");
    for method in ["hegemon_stopMining", "hegemon_peerList", "system_peers", "author_rotateKeys"] {
        let refused = why(2.0, &asks(method));
        assert!(
            refused.starts_with(&format!("the check `rpc` asks `{method}`, which")),
            "{refused}"
        );
    }
    let cut = "[[phases.faults]]\nfault = \"pause\"\nnodes = \"a\"\ndowntime = \"5s\"\n";
    assert!(why(2.0, &format!("{cut}{peers}")).starts_with("the fault `pause` would change"));
}
