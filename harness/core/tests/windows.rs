//! Windows that follow the block rate: how long they are, what is said of those that are written, and what
//! is refused.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{path::Path, sync::Arc, time::Duration};

use harness_core::{
    event::{Event, EventKind, FORMAT_VERSION, Moment, Pace, PaceBy},
    needs::{self, Profiles},
    profile::NodeProfile,
    scenario::{CheckPlan, Origin, Overrides, Plan, Within, load},
    verdict::Ledger,
    verify::Rederived,
};

fn loaded(network: &str, checks: &str, overrides: &Overrides) -> (Option<Plan>, String) {
    let text = format!(
        "[scenario]\ntimeout = \"5m\"\n[network]\n{network}\n[[nodes]]\nname = \"first\"\nseed = true\ncount = 2\n[[phases]]\nname = \"one\"\nchecks = [{checks}]\n"
    );
    let origin = Origin { name: "test", path: Path::new("test/scenario.toml") };
    let (plan, problems) = load(origin, text, overrides);
    (plan, problems.to_string())
}

const OPEN: &str = r#"{ check = "height-advances", nodes = "*", by = 2, within = "auto" }"#;
const FIXED: &str = r#"{ check = "height-advances", nodes = "*", by = 2, within = "64s" }"#;

fn plan(network: &str, check: &str) -> Plan {
    let (plan, problems) = loaded(network, check, &Overrides::default());
    plan.unwrap_or_else(|| panic!("{problems}"))
}

fn of(profile: &str) -> Profiles {
    Profiles::from([("first-1".to_owned(), NodeProfile::shipped(profile).unwrap())])
}

fn only(plan: &Plan) -> &CheckPlan {
    &plan.phases[0].checks[0]
}

#[test]
fn a_window_is_what_a_healthy_chain_needs_and_the_hold_and_the_sampling() {
    let plan = plan("", OPEN);
    let seconds =
        |profile: &str| plan.window(only(&plan), needs::pace(&plan, &of(profile)).as_ref());
    // 19 s and 555 s for two blocks (see `statistics::blocks`), 2 s to hold them, 2 s to see them.
    assert_eq!(seconds("ours"), Duration::from_secs(19 + 4));
    assert_eq!(seconds("hegemon-0.10"), Duration::from_secs(555 + 4));
    assert_eq!(seconds("core"), Duration::from_secs(555 + 4), "nobody knows: as slow as any");
    for profile in ["ours", "hegemon-0.10"] {
        let blocks = plan.blocks(only(&plan), needs::pace(&plan, &of(profile)).as_ref()).unwrap();
        assert!(blocks.false_fail <= 0.001 && blocks.false_fail > 0.0005, "{blocks:?}");
    }
    let slow = Overrides { timeout_factor: 2.0, ..Overrides::default() };
    let (stretched, _) = loaded("", OPEN, &slow);
    let stretched = stretched.unwrap();
    let pace = needs::pace(&stretched, &of("ours"));
    assert_eq!(stretched.window(only(&stretched), pace.as_ref()), Duration::from_secs(38 + 6));
}

#[test]
fn the_scenario_has_the_first_word_and_the_slowest_node_the_second() {
    let said = plan("block_time = \"10s\"", OPEN);
    let pace = needs::pace(&said, &of("ours")).unwrap();
    assert_eq!((pace.block_time(), pace.by), (Duration::from_secs(10), PaceBy::Scenario));
    let mut both = of("ours");
    both.insert("first-2".to_owned(), NodeProfile::shipped("hegemon-0.10").unwrap());
    let pace = needs::pace(&plan("", OPEN), &both).unwrap();
    assert_eq!(pace.by, PaceBy::Profile("hegemon-0.10".to_owned()));
    assert_eq!(needs::pace(&plan("", FIXED), &of("core")), None, "and nothing depends on it");
    let mut told = plan("", OPEN);
    told.nodes[0].env.insert("HEGEMON_BLOCK_TIME_MS".to_owned(), "500".to_owned());
    assert_eq!(needs::pace(&told, &of("ours")).unwrap().block_time(), Duration::from_millis(500));
    let old = needs::pace(&told, &of("hegemon-0.10")).unwrap();
    assert_eq!(old.block_time(), Duration::from_secs(60), "it knows no such variable");
}

#[test]
fn a_run_has_the_time_that_its_windows_take() {
    let (open, fixed) = (plan("", OPEN), plan("", FIXED));
    let pace = needs::pace(&open, &of("hegemon-0.10"));
    assert_eq!(open.timeout(pace.as_ref()), Duration::from_secs(300 + 559));
    assert_eq!(fixed.timeout(pace.as_ref()), Duration::from_secs(300));
}

#[test]
fn a_window_that_is_written_is_shown_with_what_it_risks() {
    let fixed = plan("", FIXED);
    let pace = needs::pace(&fixed, &of("hegemon-0.10"));
    let blocks = fixed.blocks(only(&fixed), pace.as_ref()).unwrap();
    // 60 s are left for blocks: 2/e.
    assert_eq!((blocks.false_fail, blocks.is_risky()), (0.736, true));
    assert_eq!(
        blocks.words(),
        "blocks every 60.0 s: a healthy chain has fewer than 2 in time with probability 73.6 %"
    );
    let ours = fixed.blocks(only(&fixed), needs::pace(&fixed, &of("ours")).as_ref()).unwrap();
    assert!(!ours.is_risky() && ours.words().ends_with("below 0.0001 %"), "{}", ours.words());
    assert_eq!(fixed.blocks(only(&fixed), Some(&Pace::ASSUMED)), None, "nobody's word is none");
}

#[test]
fn validate_warns_of_windows_in_which_a_healthy_chain_fails() {
    let said = |network: &str, check: &str| loaded(network, check, &Overrides::default()).1;
    let risky = said("block_time = \"60s\"", FIXED);
    assert!(risky.contains("fewer than 2 in time with probability 73.6 %"), "{risky}");
    assert_eq!(said("block_time = \"2s\"", FIXED), "");
    assert_eq!(said("block_time = \"60s\"", OPEN), "");
    let alive = said("", r#"{ check = "alive", nodes = "*", within = "auto" }"#);
    assert!(alive.contains("`within = \"auto\"`, and this `alive` waits for no blocks"), "{alive}");
    let peers = said("", r#"{ check = "peers", nodes = "*", at_least = 1, within = "automatic" }"#);
    assert!(peers.contains("`within` is not a duration"), "{peers}");
    assert!(said("block_time = \"0s\"", FIXED).contains("longer than nothing"));
}

fn event(seq: u64, what: EventKind) -> Event {
    Event { seq, at_ms: Moment(seq), wall: String::new(), what }
}

fn began() -> EventKind {
    EventKind::RunStarted {
        version: FORMAT_VERSION,
        run: "run".to_owned(),
        scenario: "test".to_owned(),
        seed: 0,
    }
}

#[test]
fn the_verdict_shows_it_and_one_of_before_says_nothing() {
    let fixed = plan("", FIXED);
    let mut ledger = Ledger::new("run".to_owned(), fixed.clone());
    ledger.record(&event(0, began()));
    let before = ledger.verdict().phases[0].checks[0].clone();
    assert_eq!(
        (before.blocks, &*before.expected),
        (None, "height +2 each, for 2.0 s, within 64.0 s")
    );
    let pace = needs::pace(&fixed, &of("hegemon-0.10")).unwrap();
    ledger.record(&event(1, EventKind::Pace(pace)));
    let shown = ledger.verdict().phases[0].checks[0].clone();
    assert_eq!(shown.blocks.unwrap().window_seconds, 64.0);
    assert!(shown.expected.ends_with("with probability 73.6 %)"), "{}", shown.expected);
    let json = serde_json::to_value(only(&plan("", OPEN)).within).unwrap();
    assert_eq!(serde_json::from_value::<Within>(json).unwrap(), Within::Auto);
    assert!(serde_json::from_str::<Within>("\"always\"").is_err());
}

/// Whoever forges a slower chain gets a longer window.
#[test]
fn a_block_time_that_the_plan_does_not_have_is_refused() {
    let profile = NodeProfile::shipped("hegemon-0.10").map(Arc::unwrap_or_clone).map(Box::new);
    let asked = loaded("", OPEN, &Overrides { profile, ..Overrides::default() }).0.unwrap();
    let written = plan("block_time = \"10s\"", OPEN);
    let wrong = |plan: &Plan, pace: Pace, twice: bool| {
        let mut rederived = Rederived::new(plan, "run");
        assert_eq!(rederived.take(&event(0, began())), Vec::<String>::new());
        let mut wrong = rederived.take(&event(1, EventKind::Pace(pace.clone())));
        if twice {
            wrong.extend(rederived.take(&event(2, EventKind::Pace(pace))));
        }
        wrong.len()
    };
    let pace = |seconds: u64, by| Pace { block_time_ms: seconds * 1000, by };
    let profile = |name: &str| PaceBy::Profile(name.to_owned());
    assert_eq!(wrong(&written, pace(10, PaceBy::Scenario), false), 0);
    assert_eq!(wrong(&written, pace(11, PaceBy::Scenario), false), 1);
    assert_eq!(wrong(&written, pace(10, PaceBy::Scenario), true), 1, "once");
    assert_eq!(wrong(&written, pace(60, profile("hegemon-0.10")), false), 1);
    assert_eq!(wrong(&written, Pace::ASSUMED, false), 1);
    assert_eq!(wrong(&asked, pace(60, profile("hegemon-0.10")), false), 0);
    assert_eq!(wrong(&asked, pace(61, profile("hegemon-0.10")), false), 1);
    assert_eq!(wrong(&asked, pace(60, profile("ours")), false), 1);
    let open = plan("", OPEN);
    assert_eq!(wrong(&open, Pace::ASSUMED, false), 0);
    assert_eq!(wrong(&open, pace(600, PaceBy::Assumed), false), 1);
    assert_eq!(wrong(&open, pace(0, profile("ours")), false), 1);
}
