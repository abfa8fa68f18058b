use super::*;
use crate::{
    check::{
        CheckKind,
        testing::{Seen, names},
    },
    event::{CheckVerdict, Moment, Reading, Sample},
    history::FaultSpan,
};

const NODES: [&str; 2] = ["node-1", "node-2"];

fn check(above: Above) -> CheckKind {
    CheckKind::SameChain(SameChain { depth: 2, above })
}

/// One block a second; the check starts at 5 s.
fn growing() -> Seen {
    let grow = |at: u64, sample: &mut Sample| sample.height = Reading::Value(at / 1000);
    Seen::default().poll("node-1", 0, 15_000, grow).poll("node-2", 0, 15_000, grow)
}

fn rounds(seen: Seen, from: u64, hashes: [&str; 2]) -> Seen {
    (from..15_000).step_by(250).fold(seen, |seen, at| {
        seen.hashes(
            at,
            (at / 1000).saturating_sub(2),
            &[("node-1", hashes[0]), ("node-2", hashes[1])],
        )
    })
}

#[test]
fn agreement_at_a_new_height_passes_once_it_held() {
    let seen = rounds(growing(), 7000, ["0xa", "0xa"]);
    let finding = seen.verdict(&check(Above::Start), &NODES, 5000);
    // At 5 s the highest is 4, so 5 is the first new one, and 2 below the tip at 7 s.
    assert_eq!((finding.verdict, finding.held_since), (CheckVerdict::Pass, Some(Moment(7005))));
}

#[test]
fn hashes_are_wanted_at_the_first_new_height_that_is_deep_enough() {
    let wants = |now: u64| match growing().judge(&check(Above::Start), &NODES, 5000, now) {
        Judgement::Pending { wants_hash_at, .. } => wants_hash_at,
        Judgement::Settled(finding) => panic!("{finding:?}"),
    };
    assert_eq!([5900, 6900, 7100, 8100].map(wants), [None, None, Some(5), Some(6)]);
}

#[test]
fn agreement_on_old_blocks_is_worth_nothing() {
    let seen = (5000..15_000)
        .step_by(250)
        .fold(growing(), |seen, at| seen.hashes(at, 4, &[("node-1", "0xa"), ("node-2", "0xa")]));
    let finding = seen.verdict(&check(Above::Start), &NODES, 5000);
    assert_eq!(finding.verdict, CheckVerdict::Fail);
    assert_eq!(
        finding.observed,
        "no height above 4 is 2 below every tip yet (node-1: 14; node-2: 14)"
    );
    let silent = Seen::default().poll("node-1", 0, 15_000, |_, _| {});
    assert_eq!(
        silent.verdict(&check(Above::Start), &NODES, 5000).observed,
        "no height above 10 is 2 below every tip yet (node-1: 10; node-2: no fresh height)"
    );
}

#[test]
fn above_the_fault_counts_what_any_node_had_before_it_healed() {
    let grow = |at: u64, sample: &mut Sample| sample.height = Reading::Value(at / 1000);
    // A node that is not even named had a higher block.
    let mut seen = Seen::default()
        .poll("node-1", 0, 4000, grow)
        .poll("seed", 4000, 4001, |_, sample| sample.height = Reading::Value(9))
        .poll("node-1", 4000, 15_000, grow)
        .poll("node-2", 4000, 15_000, grow);
    seen = rounds(seen, 5000, ["0xa", "0xa"]);
    seen.fault = Some(FaultSpan {
        nodes: names(&["seed"]),
        effective: Moment(1000),
        healed: Some(Moment(4100)),
        proven: Some(Moment(4500)),
    });
    let finding = seen.verdict(&check(Above::Fault), &NODES, 5000);
    assert_eq!(
        (finding.verdict, finding.held_since),
        (CheckVerdict::Pass, Some(Moment(12_005))),
        "height 10 is 2 below the tip at 12 s"
    );
}

#[test]
fn a_fork_fails_with_both_hashes() {
    let finding =
        rounds(growing(), 5000, ["0xa", "0xb"]).verdict(&check(Above::Start), &NODES, 5000);
    assert_eq!(finding.verdict, CheckVerdict::Fail);
    assert!(finding.observed.ends_with("node-1: 0xa; node-2: 0xb"), "{}", finding.observed);
}

#[test]
fn a_fork_that_is_resolved_in_time_passes() {
    let seen = (8000..10_000)
        .step_by(250)
        .fold(growing(), |seen, at| seen.hashes(at, 6, &[("node-1", "0xa"), ("node-2", "0xb")]));
    let finding = rounds(seen, 10_000, ["0xa", "0xa"]).verdict(&check(Above::Start), &NODES, 5000);
    assert_eq!((finding.verdict, finding.held_since), (CheckVerdict::Pass, Some(Moment(10_005))));
}

#[test]
fn null_is_not_a_hash_that_two_nodes_share() {
    let finding = rounds(growing(), 5000, ["", ""]).verdict(&check(Above::Start), &NODES, 5000);
    assert_eq!(finding.verdict, CheckVerdict::Fail);
}

#[test]
fn a_round_without_one_of_the_nodes_says_nothing() {
    let seen = (5000..15_000)
        .step_by(250)
        .fold(growing(), |seen, at| seen.hashes(at, at / 1000 - 2, &[("node-1", "0xa")]));
    assert_eq!(seen.verdict(&check(Above::Start), &NODES, 5000).verdict, CheckVerdict::Fail);
}

#[test]
fn a_height_that_another_check_asked_for_is_not_deep_enough_for_this_one() {
    // Every round is at the very tip, as a check with `depth = 0` wants it.
    let at_the_tip = (5000..15_000).step_by(250).fold(growing(), |seen, at| {
        seen.hashes(at, at / 1000, &[("node-1", "0xa"), ("node-2", "0xa")])
    });
    let finding = at_the_tip.verdict(&check(Above::Start), &NODES, 5000);
    assert_eq!(finding.verdict, CheckVerdict::Fail, "{finding:?}");
}

#[test]
fn one_node_always_agrees_with_itself() {
    let seen = (5000..15_000).step_by(250).fold(growing(), |seen, at| {
        seen.hashes(at, (at / 1000).saturating_sub(2), &[("node-1", "0xa")])
    });
    let finding = seen.verdict(&check(Above::Start), &["node-1"], 5000);
    assert_eq!(
        (finding.verdict, finding.reason.as_str()),
        (CheckVerdict::Fail, "impossible: one node has nobody to agree with")
    );
}

#[test]
fn a_round_that_others_were_asked_in_too_is_theirs() {
    // The seed hangs, so the rounds of a check that names it take longer than an answer is
    // fresh.
    let mut seen = rounds(growing(), 5000, ["0xa", "0xa"]);
    for at in (5100..15_000).step_by(2100) {
        seen = seen.slow_hashes(
            at,
            2100,
            (at / 1000).saturating_sub(2),
            &[("node-1", "0xa"), ("node-2", "0xa"), ("seed", "0xa")],
        );
    }
    assert_eq!(seen.verdict(&check(Above::Start), &NODES, 5000).verdict, CheckVerdict::Pass);
}

#[test]
fn it_asks_for_a_height_below_every_tip_and_above_the_floor() {
    let slow = |at: u64, sample: &mut Sample| sample.height = Reading::Value(at / 2000);
    let seen = growing().poll("seed", 0, 15_000, slow);
    let wants = |now| match seen.judge(&check(Above::Start), &["node-1", "seed"], 5000, now) {
        Judgement::Pending { wants_hash_at, .. } => wants_hash_at,
        Judgement::Settled(_) => None,
    };
    assert_eq!(wants(6000), None, "the seed is at 3");
    assert_eq!(wants(14_100), Some(5), "the seed is at 7, and 4 was the highest before");
}
