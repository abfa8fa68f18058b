use super::*;
use crate::{
    check::{
        CheckKind,
        testing::{Seen, sample},
    },
    event::{CheckVerdict, Miss},
};

fn check(longest: Option<u64>) -> CheckKind {
    CheckKind::NoStall(NoStall { longest_ms: longest })
}

fn height(of: impl Fn(u64) -> u64) -> impl Fn(u64, &mut Sample) {
    move |at, sample| sample.height = Reading::Value(of(at))
}

fn verdict(seen: &Seen, longest: Option<u64>, start: u64) -> (CheckVerdict, String) {
    let finding = seen.verdict(&check(longest), &["node-1"], start);
    (finding.verdict, finding.reason)
}

#[test]
fn passes_only_at_the_deadline() {
    let seen = Seen::default().poll("node-1", 0, 15_000, height(|at| at / 1000));
    let (verdict, reason) = verdict(&seen, Some(2000), 3000);
    assert_eq!(
        (verdict, reason.as_str()),
        (CheckVerdict::Pass, "no gap longer than 2.0 s in 10.0 s")
    );
    assert!(matches!(
        seen.judge(&check(Some(2000)), &["node-1"], 3000, 12_900),
        Judgement::Pending { .. }
    ));
}

#[test]
fn a_stall_fails_as_soon_as_it_is_too_long() {
    let seen = Seen::default().poll(
        "node-1",
        0,
        15_000,
        height(|at| if (6000..9500).contains(&at) { 6 } else { at / 1000 }),
    );
    assert_eq!(verdict(&seen, Some(2000), 3000).0, CheckVerdict::Fail);
    assert!(matches!(
        seen.judge(&check(Some(2000)), &["node-1"], 3000, 7500),
        Judgement::Pending { .. }
    ));
    assert!(matches!(
        seen.judge(&check(Some(2000)), &["node-1"], 3000, 8300),
        Judgement::Settled(_)
    ));
}

#[test]
fn the_gaps_at_both_ends_count() {
    let late = Seen::default().poll(
        "node-1",
        0,
        15_000,
        height(|at| if at < 6000 { 0 } else { at / 1000 }),
    );
    assert_eq!(verdict(&late, Some(2500), 3000).0, CheckVerdict::Fail);
    let early = Seen::default().poll("node-1", 0, 15_000, height(|at| (at / 1000).min(10)));
    assert_eq!(verdict(&early, Some(2500), 3000).0, CheckVerdict::Fail);
}

#[test]
fn a_gap_is_counted_at_its_longest() {
    // New at 4.0 s and at 6.0 s. The one may have come just after the question at 3.75 s, so
    // the gap is up to 2.255 s.
    let seen = Seen::default().poll("node-1", 0, 15_000, height(|at| at / 2000));
    assert_eq!(verdict(&seen, Some(2255), 4000).0, CheckVerdict::Pass);
    assert_eq!(verdict(&seen, Some(2254), 4000).0, CheckVerdict::Fail);
}

#[test]
fn a_height_that_was_there_before_is_not_new_and_a_reorganisation_makes_none() {
    let up_and_down = Seen::default().poll("node-1", 0, 15_000, height(|at| 100 + at / 500 % 3));
    assert_eq!(verdict(&up_and_down, Some(5000), 3000).0, CheckVerdict::Fail);
    let first = Seen::default().poll("node-1", 3000, 15_000, height(|_| 7));
    assert_eq!(
        verdict(&first, Some(9999), 3000).1,
        "node-1 had no new height for 10.0 s, longer than 10.0 s"
    );
}

#[test]
fn silence_null_and_nonsense_are_no_new_heights() {
    for miss in [Miss::Timeout, Miss::Null, Miss::Nonsense("x".to_owned())] {
        let seen = Seen::default().poll("node-1", 0, 15_000, |at, sample| {
            sample.height = if (5000..8000).contains(&at) {
                Reading::Missing(miss.clone())
            } else {
                Reading::Value(at / 1000)
            };
        });
        assert_eq!(verdict(&seen, Some(3000), 3000).0, CheckVerdict::Fail, "{miss:?}");
    }
}

#[test]
fn a_node_that_we_did_not_ask_is_our_fault() {
    let grow = |at: u64, sample: &mut Sample| sample.height = Reading::Value(at / 1000);
    let hole = Seen::default().poll("node-1", 0, 6000, grow).poll("node-1", 9000, 15_000, grow);
    assert_eq!(verdict(&hole, Some(2000), 3000).0, CheckVerdict::Inconclusive);
    let end = Seen::default().poll("node-1", 0, 8000, grow);
    assert_eq!(verdict(&end, Some(9000), 3000).0, CheckVerdict::Inconclusive);
    assert_eq!(verdict(&Seen::default(), Some(2000), 3000).0, CheckVerdict::Inconclusive);
}

#[test]
fn only_a_longer_pause_than_the_usual_is_our_fault() {
    let ms = UNASKED.as_millis() as u64;
    // Asked every quarter of a second, but for one pause from the answer at 5.755 s on.
    let paused = |pause: u64| {
        let stuck = height(|at| if at < 5000 { at / 1000 } else { 4 });
        let mut seen = Seen::default().poll("node-1", 0, 6000, &stuck);
        for at in (5755 + pause..15_000).step_by(250) {
            let mut asked = sample("node-1", at);
            stuck(at, &mut asked);
            seen.add(asked);
        }
        verdict(&seen, Some(4000), 3000).0
    };
    assert_eq!((paused(ms), paused(ms + 1)), (CheckVerdict::Fail, CheckVerdict::Inconclusive));
}

#[test]
fn a_hang_is_the_nodes_own_fault() {
    let mut seen = Seen::default().poll("node-1", 0, 4000, height(|at| at / 1000));
    for round in 0..6 {
        let mut slow = sample("node-1", 4000 + round * 2250);
        slow.answered = slow.sent + Duration::from_millis(2000);
        slow.height = Reading::Missing(Miss::Timeout);
        seen.add(slow);
    }
    assert_eq!(verdict(&seen, Some(5000), 3000).0, CheckVerdict::Fail);
}

#[test]
fn every_node_counts() {
    let seen = Seen::default().poll("node-1", 0, 15_000, height(|at| at / 1000)).poll(
        "node-2",
        0,
        15_000,
        height(|_| 3),
    );
    let finding = seen.verdict(&check(Some(5000)), &["node-1", "node-2"], 3000);
    assert_eq!(finding.verdict, CheckVerdict::Fail);
    assert!(finding.reason.starts_with("node-2 had no new height for 5."), "{}", finding.reason);
    assert_ne!(seen.verdict(&check(Some(5000)), &[], 3000).verdict, CheckVerdict::Pass);
}

#[test]
fn what_is_not_written_follows_from_the_blocks_before() {
    // 100 ms a block: 20 medians are 2 s, and 10 s is the least: no shorter than the test's
    // window of 10 s.
    let quick = Seen::default().poll("node-1", 0, 15_000, height(|at| at / 100));
    let (given, reason) = verdict(&quick, None, 3000);
    assert_eq!(given, CheckVerdict::Inconclusive);
    assert!(reason.contains("derived from a median block time of"), "{reason}");
    let few = Seen::default().poll("node-1", 0, 15_000, height(|at| at / 1000));
    assert_eq!(
        verdict(&few, None, 3000).1,
        "2 blocks before the check are too few to derive a longest gap from; write `longest`"
    );
}

#[test]
fn ten_intervals_are_enough_and_their_median_counts() {
    // New heights at 1.0 s, 1.1 s, 1.3 s, 1.6 s, …: the intervals are 100, 200, 300 ms and so
    // on.
    let seen = |blocks: u64| {
        let mut seen = Seen::default();
        for block in 0..=blocks {
            seen.add(Sample {
                height: Reading::Value(block),
                ..sample("node-1", 1000 + 100 * block * (block + 1) / 2)
            });
        }
        seen
    };
    assert!(verdict(&seen(9), None, 10_000).1.starts_with("9 blocks before the check are too few"));
    let reason = verdict(&seen(10), None, 10_000).1;
    assert!(reason.contains("derived from a median block time of 600 ms"), "{reason}");
}

#[test]
fn what_was_seen_is_said() {
    let observed = |seen: &Seen| seen.verdict(&check(Some(9_000)), &["node-1"], 3_000).observed;
    // Seven before the window and in its first second; then an eighth, and one more.
    let grow = height(|at| if at < 4_000 { 7 } else { 8 + at / 8_000 });
    assert_eq!(
        observed(&Seen::default().poll("node-1", 0, 15_000, grow)),
        "node-1: 2 new heights, longest gap 5.2 s"
    );
    let lost = Seen::default().poll("node-1", 0, 15_000, |at, sample| {
        sample.height =
            if at < 12_000 { Reading::Value(at / 1_000) } else { Reading::Missing(Miss::Null) };
    });
    assert_eq!(observed(&lost), "node-1: 9 new heights, longest gap 2.2 s, then answered null");
    assert_eq!(
        observed(&Seen::default()),
        "node-1: 0 new heights, longest gap 10.0 s, not asked yet"
    );
}

#[test]
fn the_derived_gap_decides_in_a_longer_window() {
    let stalls = |until: u64| {
        Seen::default().poll(
            "node-1",
            0,
            65_000,
            height(move |at| if (20_000..until).contains(&at) { 40 } else { at / 500 }),
        )
    };
    let judge = |seen: &Seen| seen.verdict_within(&check(None), &["node-1"], 15_000, 40_000);
    assert_eq!(judge(&stalls(29_000)).verdict, CheckVerdict::Pass);
    let stalled = judge(&stalls(31_000));
    assert_eq!(stalled.verdict, CheckVerdict::Fail);
    assert!(
        stalled.reason.contains("longer than 10.0 s (derived from a median block time of 500 ms)"),
        "{}",
        stalled.reason
    );
}
