use super::*;
use crate::{
    check::{
        CheckKind,
        testing::{Seen, unreachable},
    },
    event::{
        CheckVerdict::{self, Pass},
        Finding, Reading, Sample,
    },
};

fn check(blocks_per_second: Option<u64>, from: Option<From>) -> CheckKind {
    let to = vec!["node-1".to_owned()];
    CheckKind::CatchesUp(CatchesUp { to, blocks_per_second, from, depth: 2 })
}

/// `node-1` is at height 100 all the time. `node-2` had 40, was away from 2 s to 3 s, and then is as high as
/// `height` says; once a second from 4 s on both are asked for a hash at 98.
fn seen(height: impl Fn(u64) -> u64, hash: &str) -> Seen {
    let mut seen = Seen::default()
        .poll("node-1", 0, 15_000, |_, sample| sample.height = Reading::Value(100))
        .poll("node-2", 0, 15_000, |at, sample| {
            sample.height = match at {
                0..2_000 => Reading::Value(40),
                2_000..3_000 => unreachable(),
                _ => Reading::Value(height(at)),
            };
        });
    for at in (4_000..15_000).step_by(500) {
        seen = seen.hashes(at, 98, &[("node-1", "0xa"), ("node-2", hash)]);
    }
    seen.fault = Some(FaultSpan {
        nodes: vec!["node-2".to_owned()],
        effective: Moment(2_000),
        healed: Some(Moment(3_000)),
        proven: Some(Moment(3_100)),
    });
    seen
}

fn found(seen: &Seen, check: &CheckKind) -> Finding {
    seen.verdict(check, &["node-2"], 3_100)
}

fn said(seen: &Seen, check: &CheckKind) -> (CheckVerdict, String) {
    let finding = found(seen, check);
    (finding.verdict, finding.reason)
}

/// Ten blocks every quarter of a second: there at 4.5 s.
fn fast(at: u64) -> u64 {
    (40 + (at - 3_000) / 25).min(100)
}

#[test]
fn the_rate_is_from_the_execution_to_the_first_look_at_which_it_is_there() {
    let seen = seen(fast, "0xa");
    let there =
        "node-2 was there 1.5 s after it came back: 40 → 100, 39.9 blocks a second".to_owned();
    assert_eq!(said(&seen, &check(None, None)), (Pass, there.clone()));
    assert_eq!(said(&seen, &check(Some(39), Some(From::OwnState))), (Pass, there.clone()));
    assert_eq!(said(&seen, &check(Some(40), None)), (Fail, format!("{there}, fewer than 40")));
    let genesis = said(&seen, &check(Some(60), Some(From::Genesis)));
    assert_eq!(genesis.0, Pass, "{}: it is taken at its word", genesis.1);
}

#[test]
fn what_it_had_is_not_lost() {
    let from_nothing = seen(|at| fast(at) - 10, "0xa");
    let lost = "node-2 showed height 30, and had 40 when it stopped".to_owned();
    assert_eq!(said(&from_nothing, &check(None, Some(From::OwnState))), (Fail, lost.clone()));
    assert_eq!(said(&from_nothing, &check(None, None)), (Fail, lost));
    let dipped = seen(|at| if at == 5_000 { 39 } else { fast(at) }, "0xa");
    assert_eq!(said(&dipped, &check(None, None)).0, Fail);
    let new = Seen { fault: from_nothing.fault.clone(), ..Seen::default() };
    let new = new.poll("node-2", 3_000, 15_000, |_, _| {});
    assert_eq!(said(&new, &check(None, Some(From::OwnState))).0, Inconclusive);
}

#[test]
fn the_tip_without_its_hash_and_the_hash_without_the_tip_are_no_pass() {
    for hash in ["0xb", ""] {
        let found = found(&seen(fast, hash), &check(None, None));
        assert_eq!((found.verdict, found.observed.contains("node-2: ")), (Fail, true), "{found:?}");
    }
    assert_eq!(said(&seen(|_| 97, "0xa"), &check(None, None)).0, Fail, "three below");
    assert_eq!(said(&seen(|_| 98, "0xa"), &check(None, None)).0, Pass, "two below");
    let mut old = seen(fast, "0xb");
    for at in (4_000..15_000).step_by(500) {
        old = old.hashes(at, 40, &[("node-1", "0xa"), ("node-2", "0xa")]);
    }
    assert_eq!(said(&old, &check(None, None)).0, Fail, "they agree about long ago");
}

#[test]
fn little_to_catch_up_with_says_nothing_of_a_rate() {
    let near = seen(|_| 100, "0xa");
    let mut nearer = Seen { fault: near.fault.clone(), ..Seen::default() }
        .poll("node-1", 0, 15_000, |_, sample| sample.height = Reading::Value(100))
        .poll("node-2", 0, 15_000, |at, sample: &mut Sample| {
            sample.height = if at < 2_000 { Reading::Value(91) } else { Reading::Value(100) };
        });
    for at in (4_000..15_000).step_by(500) {
        nearer = nearer.hashes(at, 98, &[("node-1", "0xa"), ("node-2", "0xa")]);
    }
    assert_eq!(said(&nearer, &check(Some(1), None)).0, Inconclusive);
    assert_eq!(said(&nearer, &check(None, None)).0, Pass);
    assert_eq!(said(&near, &check(Some(1), None)).0, Pass);
}

#[test]
fn hashes_of_both_are_wanted_once_it_is_there() {
    let wanted = |now| match seen(fast, "0xa").judge(&check(None, None), &["node-2"], 3_100, now) {
        Judgement::Pending { wants_hash_at, .. } => wants_hash_at,
        Judgement::Settled(finding) => panic!("{finding:?}"),
    };
    assert_eq!((wanted(4_000), wanted(4_600)), (None, Some(98)));
    assert_eq!(check(None, None).others(), ["node-1"]);
}

#[test]
fn without_a_fault_or_an_answer_nothing_is_said() {
    let mut unbroken = seen(fast, "0xa");
    unbroken.fault = None;
    assert_eq!(said(&unbroken, &check(None, None)).0, Inconclusive);
    let fault = seen(fast, "0xa").fault;
    assert_eq!(said(&Seen { fault, ..Seen::default() }, &check(None, None)).0, Inconclusive);
    let silent = seen(fast, "0xa").poll("node-2", 15_000, 15_250, |_, _| {});
    assert_eq!(
        found(&silent, &check(None, None)).verdict,
        Pass,
        "what comes later is not looked at"
    );
}
