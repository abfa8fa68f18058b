use super::*;
use crate::{
    check::{
        CheckKind,
        testing::{Seen, names, unreachable},
    },
    event::{CheckVerdict, Miss},
    history::FaultSpan,
};

const PEERS: CheckKind = CheckKind::Recovers(Recovers { peers_at_least: Some(2), height_by: None });
const HEIGHT: CheckKind =
    CheckKind::Recovers(Recovers { peers_at_least: None, height_by: Some(3) });
const NODES: [&str; 2] = ["seed", "node-1"];

/// The seed is down from 1 s to 4 s, and the check starts at 5 s.
fn restarted() -> Seen {
    let fault = FaultSpan {
        nodes: names(&["seed"]),
        effective: Moment(1000),
        healed: Some(Moment(4000)),
        proven: Some(Moment(5000)),
    };
    Seen { fault: Some(fault), ..Seen::default() }
}

fn down_until(until: u64) -> impl Fn(u64, &mut Sample) {
    move |at, sample| {
        if (1000..until).contains(&at) {
            (sample.peers, sample.distinct, sample.height) = (unreachable(), None, unreachable());
        }
    }
}

fn few_until(until: u64) -> impl Fn(u64, &mut Sample) {
    move |at, sample| {
        if (1250..until).contains(&at) {
            sample.peers = Reading::Value(1);
        }
    }
}

#[test]
fn falls_and_comes_back_with_the_time_it_took() {
    let seen = restarted().poll("seed", 0, 15_000, down_until(4250)).poll(
        "node-1",
        0,
        15_000,
        few_until(5500),
    );
    let finding = seen.verdict(&PEERS, &NODES, 5000);
    assert_eq!((finding.verdict, finding.held_since), (CheckVerdict::Pass, Some(Moment(5505))));
    assert_eq!(finding.reason, "back 1.5 s after it healed; the fall was seen");
}

#[test]
fn what_never_fell_cannot_recover() {
    let seen =
        restarted().poll("seed", 0, 15_000, down_until(4250)).poll("node-1", 0, 15_000, |_, _| {});
    let finding = seen.verdict(&PEERS, &NODES, 5000);
    assert_eq!(finding.verdict, CheckVerdict::Inconclusive);
    assert_eq!(finding.reason, "node-1 was never seen to fall, so it cannot be seen to recover");
}

#[test]
fn what_never_came_back_failed_even_if_another_never_fell() {
    let seen = restarted().poll("seed", 0, 15_000, down_until(15_000)).poll(
        "node-1",
        0,
        15_000,
        |_, _| {},
    );
    assert_eq!(seen.verdict(&PEERS, &NODES, 5000).verdict, CheckVerdict::Fail);
}

#[test]
fn a_late_fall_counts_and_the_good_samples_before_it_do_not() {
    let fall = |at: u64, sample: &mut Sample| {
        if (5500..6500).contains(&at) {
            sample.peers = Reading::Value(1);
        }
    };
    let seen =
        restarted().poll("seed", 0, 15_000, down_until(4250)).poll("node-1", 0, 15_000, fall);
    let finding = seen.verdict(&PEERS, &NODES, 5000);
    assert_eq!((finding.verdict, finding.held_since), (CheckVerdict::Pass, Some(Moment(6505))));
}

#[test]
fn a_fall_before_the_fault_is_not_its_fall() {
    let seen = restarted().poll("seed", 0, 15_000, down_until(4250)).poll(
        "node-1",
        0,
        15_000,
        |at, sample| {
            if at < 1000 {
                sample.peers = Reading::Value(0);
            }
        },
    );
    assert_eq!(seen.verdict(&PEERS, &NODES, 5000).verdict, CheckVerdict::Inconclusive);
}

#[test]
fn the_restarted_node_must_have_been_silent_not_only_lonely() {
    let seen = restarted().poll("seed", 0, 15_000, few_until(4250)).poll(
        "node-1",
        0,
        15_000,
        few_until(4250),
    );
    assert_eq!(seen.verdict(&PEERS, &NODES, 5000).verdict, CheckVerdict::Inconclusive);
}

#[test]
fn a_restarted_node_that_still_gives_its_height_was_not_seen_to_fall() {
    let seen = restarted().poll("seed", 0, 15_000, |at, sample| {
        if (1000..4250).contains(&at) {
            sample.peers = unreachable();
        }
    });
    let finding = seen.verdict(&PEERS, &["seed"], 5000);
    assert_eq!(
        (finding.verdict, finding.observed.as_str()),
        (CheckVerdict::Inconclusive, "seed: peers 2")
    );
}

#[test]
fn what_counts_comes_after_the_fall_and_not_with_it() {
    // The seed is first seen to be silent at 8 s, a second after node-1 has risen by three.
    let late = |at: u64, sample: &mut Sample| {
        if (8000..8500).contains(&at) {
            (sample.peers, sample.distinct, sample.height) = (unreachable(), None, unreachable());
        }
    };
    let seen = restarted()
        .poll("seed", 0, 15_000, late)
        .poll("node-1", 0, 15_000, |at, sample| sample.height = Reading::Value(at / 1000));
    let finding = seen.verdict(&HEIGHT, &["node-1"], 5000);
    assert_eq!((finding.verdict, finding.held_since), (CheckVerdict::Pass, Some(Moment(8255))));
}

#[test]
fn what_was_seen_is_said() {
    let check = CheckKind::Recovers(Recovers { peers_at_least: Some(2), height_by: Some(3) });
    let observed = |seen: &Seen| seen.verdict(&check, &["node-1"], 5000).observed;
    let seen = restarted().poll("node-1", 0, 15_000, few_until(15_000));
    assert_eq!(
        observed(&seen),
        "node-1: peers 1 by its own count, 2 distinct, height 10 → 10 (+0)"
    );
    let null = restarted()
        .poll("node-1", 0, 15_000, |_, sample| sample.peers = Reading::Missing(Miss::Null));
    assert_eq!(observed(&null), "node-1: answered null, height 10 → 10 (+0)");
    assert_eq!(observed(&restarted()), "node-1: not asked yet, height not asked yet");
}

#[test]
fn height_is_measured_from_the_heal_and_the_fall_is_that_of_the_nodes_that_were_hit() {
    let grow = |at: u64, sample: &mut Sample| sample.height = Reading::Value(at / 1000);
    let seen = restarted().poll("node-1", 0, 15_000, grow);
    let silent = seen.verdict(&HEIGHT, &["node-1"], 5000);
    assert_eq!(
        silent.verdict,
        CheckVerdict::Inconclusive,
        "nobody asked the seed, so nobody saw it fall"
    );
    let seen =
        restarted().poll("seed", 0, 15_000, down_until(4250)).poll("node-1", 0, 15_000, grow);
    let finding = seen.verdict(&HEIGHT, &["node-1"], 5000);
    assert_eq!((finding.verdict, finding.held_since), (CheckVerdict::Pass, Some(Moment(7005))));
}

#[test]
fn without_a_healed_fault_there_is_nothing_to_recover_from() {
    let seen = Seen::default().poll("seed", 0, 15_000, |_, _| {});
    assert_eq!(seen.verdict(&PEERS, &["seed"], 5000).verdict, CheckVerdict::Inconclusive);
}

#[test]
fn counts_that_differ_after_the_heal_are_no_recovery() {
    let check = CheckKind::Recovers(Recovers { peers_at_least: Some(1), height_by: None });
    let seen = restarted().poll("seed", 0, 15_000, |at, sample| {
        sample.distinct = Some(Reading::Value(1));
        down_until(4250)(at, sample);
    });
    assert_eq!(seen.verdict(&check, &["seed"], 5000).verdict, CheckVerdict::Fail);
}

#[test]
fn null_after_the_heal_fails() {
    let seen = restarted().poll("seed", 0, 15_000, |at, sample| {
        down_until(4250)(at, sample);
        if at >= 4250 {
            sample.peers = Reading::Missing(Miss::Null);
        }
    });
    assert_eq!(seen.verdict(&PEERS, &["seed"], 5000).verdict, CheckVerdict::Fail);
}
