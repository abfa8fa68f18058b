use super::*;
use crate::{
    check::{
        CheckKind,
        testing::{Seen, incarnation, names},
    },
    event::{Finding, Miss},
};

fn check() -> CheckKind {
    CheckKind::StoreSurvives(StoreSurvives { seeds: names(&["seed"]) })
}

/// node-1 knew the seed, node-2 and node-3. It is down from 2 s to 4 s, and the check starts at
/// 5 s; `after` is what it lists from 4 s on.
fn restarted(before: &[&str], after: impl Fn(u64) -> Reading<&'static [&'static str]>) -> Seen {
    let mut seen = unseen_since(before);
    for at in (4050..15_000).step_by(500) {
        seen.sessions("node-1", 1, at, after(at));
    }
    seen
}

/// The same node, not asked for its sessions after its restart.
fn unseen_since(before: &[&str]) -> Seen {
    let fault = FaultSpan {
        nodes: names(&["node-1"]),
        effective: Moment(2000),
        healed: Some(Moment(4100)),
        proven: Some(Moment(4500)),
    };
    let mut seen =
        Seen { fault: Some(fault), ..Seen::default() }.poll("node-1", 0, 15_000, |_, _| {});
    for node in ["seed", "node-1", "node-2", "node-3"] {
        seen.identity(node);
    }
    seen.started("node-1", 0, 0, incarnation(1));
    for at in (0..1900).step_by(500) {
        seen.sessions("node-1", 0, at, Reading::Value(before));
    }
    seen.started("node-1", 4000, 1, incarnation(2));
    seen
}

const BEFORE: &[&str] = &["seed", "node-2", "<node-3"];

fn verdict(seen: &Seen) -> Finding {
    seen.verdict(&check(), &["node-1"], 5000)
}

fn given(after: impl Fn(u64) -> Reading<&'static [&'static str]>) -> (CheckVerdict, String) {
    let finding = verdict(&restarted(BEFORE, after));
    (finding.verdict, finding.reason)
}

#[test]
fn passes_when_its_first_contacts_are_dials_and_everybody_known_is_reached() {
    let finding = verdict(&restarted(BEFORE, |at| {
        Reading::Value(if at < 5000 { &["node-2"] } else { &["node-2", "node-3", "seed"] })
    }));
    assert_eq!(
        (finding.verdict, finding.reason.as_str()),
        (CheckVerdict::Pass, "dialled before anybody could tell it: node-1 1 of 2")
    );
    assert_eq!(finding.observed, "node-1: dialled 2 of 2 known");
}

#[test]
fn a_peer_that_came_by_itself_need_not_be_dialled() {
    let finding = verdict(&restarted(BEFORE, |at| {
        Reading::Value(if at < 5000 { &["node-2"] } else { &["node-2", "<node-3"] })
    }));
    assert_eq!(
        (finding.verdict, finding.observed.as_str()),
        (CheckVerdict::Pass, "node-1: dialled 1 of 2 known, 1 came by itself")
    );
    let (verdict, reason) = given(|_| Reading::Value(&["<node-2", "<node-3"]));
    assert_eq!(
        (verdict, reason.as_str()),
        (
            CheckVerdict::Inconclusive,
            "node-1 may have been told: node-2 dialled it before it was seen to dial"
        )
    );
}

#[test]
fn a_node_that_was_not_asked_for_its_sessions_is_our_fault() {
    let finding = verdict(&unseen_since(BEFORE));
    assert_eq!(
        (finding.verdict, finding.reason.as_str()),
        (CheckVerdict::Inconclusive, "a restarted node was not asked for its sessions")
    );
    assert_eq!(finding.observed, "node-1: dialled 0 of 2 known, not node-2, node-3");
}

#[test]
fn a_wiped_store_without_a_seed_fails() {
    assert_eq!(given(|_| Reading::Value(&[])).0, CheckVerdict::Fail);
    // Somebody dials in, but does not tell it of everybody.
    assert_eq!(given(|_| Reading::Value(&["<node-2"])).0, CheckVerdict::Fail);
}

#[test]
fn a_wiped_store_that_is_told_is_no_pass() {
    for told in [
        |at| Reading::Value(if at < 5000 { &["seed"][..] } else { &["seed", "node-2", "node-3"] }),
        |at| Reading::Value(if at < 5000 { &["<node-3"][..] } else { &["<node-3", "node-2"] }),
        |_| Reading::Value(&["node-2", "node-3", "seed"][..]),
        |at| Reading::Value(if at < 5000 { &["stranger"][..] } else { &["node-2", "node-3"] }),
    ] {
        let (verdict, reason) = given(told);
        assert_eq!(verdict, CheckVerdict::Inconclusive);
        assert!(reason.starts_with("node-1 may have been told: "), "{reason}");
    }
}

#[test]
fn the_seed_alone_proves_nothing() {
    assert_eq!(given(|_| Reading::Value(&["seed"])).0, CheckVerdict::Fail);
    let only_seed = verdict(&restarted(&["seed"], |_| Reading::Value(&["seed"])));
    assert_eq!(only_seed.verdict, CheckVerdict::Inconclusive);
}

#[test]
fn a_node_that_was_not_seen_from_its_start_on_may_have_been_told() {
    let silent = |at| {
        if at < 7000 {
            Reading::Missing(Miss::Timeout)
        } else {
            Reading::Value(&["node-2", "node-3"][..])
        }
    };
    let (verdict, reason) = given(silent);
    assert_eq!(verdict, CheckVerdict::Inconclusive);
    assert!(reason.starts_with("node-1 was not seen for 3."), "{reason}");
}

#[test]
fn two_seconds_unseen_are_not_too_long() {
    let first_list = |at: u64| {
        let mut seen = unseen_since(BEFORE);
        for at in (at..15_000).step_by(500) {
            seen.sessions("node-1", 1, at, Reading::Value(&["node-2", "node-3"]));
        }
        verdict(&seen).verdict
    };
    // It was started at 4 s; answers take 5 ms.
    assert_eq!(
        (first_list(5995), first_list(5996)),
        (CheckVerdict::Pass, CheckVerdict::Inconclusive)
    );
}

#[test]
fn a_list_that_was_lost_breaks_no_span() {
    let complete = |at, lost: Miss| match at {
        ..12_000 => Reading::Value(&["node-2"][..]),
        13_050 => Reading::Missing(lost),
        _ => Reading::Value(&["node-2", "node-3"][..]),
    };
    // There is no time for another two seconds after it.
    assert_eq!(given(|at| complete(at, Miss::Timeout)).0, CheckVerdict::Pass);
    assert_eq!(given(|at| complete(at, Miss::Null)).0, CheckVerdict::Fail);
}

#[test]
fn wrong_answers_fail_and_what_is_not_offered_is_inconclusive() {
    assert_eq!(given(|_| Reading::Missing(Miss::Null)).0, CheckVerdict::Fail);
    assert_eq!(given(|_| Reading::Missing(Miss::Timeout)).0, CheckVerdict::Fail);
    let (verdict, reason) =
        given(|_| Reading::Missing(Miss::Refused { code: -32601, message: "no".to_owned() }));
    assert_eq!(
        (verdict, reason.contains("does not offer `hegemon_peerList`")),
        (CheckVerdict::Inconclusive, true)
    );
}

#[test]
fn without_its_restart_without_a_list_or_an_identity_nothing_can_be_said() {
    let good = |_| Reading::Value(&["node-2", "node-3"][..]);
    let mut no_fault = restarted(BEFORE, good);
    no_fault.fault = None;
    assert_eq!(verdict(&no_fault).verdict, CheckVerdict::Inconclusive);
    assert_eq!(
        restarted(BEFORE, good).verdict(&check(), &["node-2"], 5000).verdict,
        CheckVerdict::Inconclusive
    );
    assert_ne!(restarted(BEFORE, good).verdict(&check(), &[], 5000).verdict, CheckVerdict::Pass);
    let mut stale = restarted(BEFORE, good);
    if let Some(fault) = &mut stale.fault {
        fault.effective = Moment(0);
    }
    assert_eq!(verdict(&stale).verdict, CheckVerdict::Inconclusive);
    let other_seed = CheckKind::StoreSurvives(StoreSurvives { seeds: names(&["unnamed"]) });
    assert_eq!(
        restarted(BEFORE, good).verdict(&other_seed, &["node-1"], 5000).verdict,
        CheckVerdict::Inconclusive
    );
}

#[test]
fn the_lists_of_the_old_start_do_not_count() {
    let mut seen = restarted(BEFORE, |_| Reading::Value(&[]));
    seen.sessions("node-1", 0, 15_000, Reading::Value(&["node-2", "node-3"]));
    assert_eq!(verdict(&seen).verdict, CheckVerdict::Fail);
}
