//! The block time that a run says its windows follow, against its plan.

use std::time::Duration;

use harness_core::{
    event::{Event, EventKind, Pace, PaceBy},
    profile::NodeProfile,
    record::PlanRecord,
    scenario::Plan,
    verify::Rederived,
};

use crate::memory::Memory;

/// The recorded run with a changed plan, and with more events before a phase: what is wrong with it.
fn said(plan: impl FnOnce(&mut Plan), before: usize, paces: &[Pace]) -> Vec<String> {
    let recorded = Memory::recorded();
    let mut record: PlanRecord = serde_json::from_str(&recorded.text("plan.json")).unwrap();
    plan(&mut record.plan);
    let mut events: Vec<Event> = recorded
        .text("events.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let begins =
        |event: &Event| matches!(event.what, EventKind::PhaseStarted { phase } if phase == before);
    let place = events.iter().position(begins).unwrap();
    for pace in paces {
        let what = EventKind::Pace(pace.clone());
        events.insert(place, Event { what, ..events[place].clone() });
    }
    let mut rederived = Rederived::new(&record.plan, &record.run);
    let mut said = Vec::new();
    for (seq, event) in (0..).zip(events) {
        said.extend(rederived.take(&Event { seq, ..event }));
    }
    said.extend(rederived.end().err());
    said
}

/// The same of a plan that is not changed further, with one block time before the first phase.
fn once(plan: impl FnOnce(&mut Plan), pace: &Pace) -> Option<String> {
    let said = said(plan, 0, std::slice::from_ref(pace));
    assert!(said.len() <= 1, "{said:?}");
    said.into_iter().next()
}

fn pace(block_time_ms: u64, by: PaceBy) -> Pace {
    Pace { block_time_ms, by }
}

fn profile() -> PaceBy {
    PaceBy::Profile("ours".to_owned())
}

/// The scenario says two seconds.
fn by_scenario(plan: &mut Plan) {
    plan.block_time = Some(Duration::from_secs(2));
}

/// Nodes of a kind that whoever ran it has named, one of which is told another block time.
fn by_profile(plan: &mut Plan) {
    plan.nodes[1].env.insert("HEGEMON_BLOCK_TIME_MS".to_owned(), "3000".to_owned());
    plan.overrides.profile = Some(Box::new((*NodeProfile::ours()).clone()));
}

fn unlike_the_plan(pace: &Pace) -> Option<String> {
    Some(format!("{pace} is not what the plan says"))
}

#[test]
fn a_block_time_is_said_once_and_before_all_phases() {
    let (right, late) =
        (pace(2000, PaceBy::Scenario), "the block time is said a second time, or too late");
    assert_eq!(said(by_scenario, 0, std::slice::from_ref(&right)), Vec::<String>::new());
    assert_eq!(said(by_scenario, 0, &[right.clone(), right.clone()]), [late]);
    assert_eq!(said(by_scenario, 1, &[right]), [late]);
}

#[test]
fn the_scenarios_word_counts_before_all_others() {
    let scenario = |ms| once(by_scenario, &pace(ms, PaceBy::Scenario));
    assert_eq!(scenario(2000), None);
    for wrong in [
        pace(1999, PaceBy::Scenario),
        pace(2000, profile()),
        pace(2000, PaceBy::Assumed),
        Pace::ASSUMED,
    ] {
        assert_eq!(once(by_scenario, &wrong), unlike_the_plan(&wrong));
    }
    let nobodys = pace(2000, PaceBy::Scenario);
    assert_eq!(once(|_| (), &nobodys), unlike_the_plan(&nobodys), "the scenario says none");
}

#[test]
fn the_kind_that_was_asked_for_says_its_slowest_nodes_block_time() {
    assert_eq!(once(by_profile, &pace(3000, profile())), None);
    for wrong in [pace(2000, profile()), pace(3000, PaceBy::Profile("another".to_owned()))] {
        assert_eq!(once(by_profile, &wrong), unlike_the_plan(&wrong));
    }
    // Which kinds other nodes are is not in the plan: they say it as they start.
    assert_eq!(once(|_| (), &pace(1234, profile())), None);
}

#[test]
fn what_is_assumed_is_one_number() {
    assert_eq!(once(|_| (), &Pace::ASSUMED), None);
    let wrong = pace(Pace::ASSUMED.block_time_ms + 1, PaceBy::Assumed);
    assert_eq!(once(|_| (), &wrong), unlike_the_plan(&wrong));
}

#[test]
fn no_block_comes_in_no_time() {
    let none = pace(0, profile());
    assert_eq!(once(|_| (), &none), unlike_the_plan(&none));
    assert_eq!(once(|_| (), &pace(1, profile())), None);
    let none = pace(0, PaceBy::Scenario);
    assert_eq!(once(|plan| plan.block_time = Some(Duration::ZERO), &none), unlike_the_plan(&none));
}
