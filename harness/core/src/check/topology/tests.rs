use super::*;
use crate::{
    check::{CheckKind, testing},
    event::{Finding, Miss},
};

const ALL: [&str; 3] = ["seed", "node-1", "node-2"];

fn check(no_cut_vertex: bool, components: Option<u64>, diameter: Option<u64>) -> CheckKind {
    CheckKind::Topology(Topology { no_cut_vertex, components, diameter })
}

fn parts(count: u64) -> CheckKind {
    check(false, Some(count), None)
}

/// All three have said who they are and answer; each lists its sessions twice a second, as `lists` says
/// for its number and the time.
fn network(lists: impl Fn(usize, u64) -> &'static [&'static str]) -> testing::Seen {
    answering(|node, at| Reading::Value(lists(node, at)))
}

fn answering(lists: impl Fn(usize, u64) -> Reading<&'static [&'static str]>) -> testing::Seen {
    let mut seen = testing::Seen::default();
    for node in ALL {
        seen = seen.poll(node, 0, 11_000, |_, _| {});
        seen.identity(node);
    }
    for at in (0..11_000).step_by(500) {
        for (number, node) in ALL.iter().enumerate() {
            seen.sessions(node, 0, at, lists(number, at));
        }
    }
    seen
}

fn found(seen: &testing::Seen, check: &CheckKind) -> Finding {
    seen.verdict(check, &ALL, 0)
}

fn said(seen: &testing::Seen, check: &CheckKind) -> (CheckVerdict, String) {
    let finding = found(seen, check);
    (finding.verdict, finding.reason)
}

const RING: [&[&str]; 3] = [&["node-1", "node-2"], &["<seed", "node-2"], &["<seed", "<node-1"]];
const STAR: [&[&str]; 3] = [&["<node-1", "<node-2"], &["seed"], &["seed"]];
const PAIR: [&[&str]; 3] = [&["node-1"], &["<seed"], &[]];

#[test]
fn shapes_are_what_both_ends_report() {
    let ring = network(|node, _| RING[node]);
    let held = (CheckVerdict::Pass, "held for 2.0 s".to_owned());
    for good in [parts(1), check(true, None, None), check(true, Some(1), Some(1))] {
        assert_eq!(said(&ring, &good), held, "{good}");
    }
    let star = network(|node, _| STAR[node]);
    assert_eq!(said(&star, &check(false, Some(1), Some(2))), held);
    let cut = found(&star, &check(true, None, None));
    assert_eq!((cut.verdict, cut.observed.as_str()), (Fail, "without seed it falls apart"));
    let far = found(&star, &check(false, None, Some(1)));
    assert_eq!(
        (far.verdict, far.observed.as_str()),
        (Fail, "2 steps between two nodes, more than 1")
    );
    let denied = network(|node, _| if node == 2 { &[] } else { STAR[node] });
    let alone = found(&denied, &parts(1));
    assert_eq!((alone.verdict, alone.observed.as_str()), (Fail, "2 parts: seed, node-1 | node-2"));
    assert_eq!(found(&network(|node, _| PAIR[node]), &check(true, None, None)).verdict, Fail);
}

#[test]
fn apart_is_what_nobody_reports_to_have_met() {
    assert_eq!(said(&network(|node, _| PAIR[node]), &parts(2)).0, CheckVerdict::Pass);
    let one_sided = network(|node, _| if node == 2 { &["seed"] } else { PAIR[node] });
    let merged = (Fail, "1 of what should be 2 networks: seed, node-1, node-2".to_owned());
    assert_eq!(said(&one_sided, &parts(2)), merged);
    let moment = network(|node, at| if node == 2 && at == 500 { &["<seed"] } else { PAIR[node] });
    assert_eq!(said(&moment, &parts(2)), merged, "they have met once");
    assert_eq!(moment.verdict(&parts(2), &ALL, 1_000).verdict, CheckVerdict::Pass, "it was before");
    let own = network(|node, _| match node {
        0 => &["node-1", "stranger"],
        2 => &["stranger"],
        _ => PAIR[node],
    });
    assert_eq!(said(&own, &parts(2)).0, CheckVerdict::Pass, "whoever else they know");
    let named = |nodes: &[&str]| network(|node, _| STAR[node]).verdict(&parts(2), nodes, 0).verdict;
    assert_eq!(named(&["node-1", "node-2"]), CheckVerdict::Pass, "only the named nodes count");
    assert_eq!(named(&["seed", "node-2"]), Fail);
}

#[test]
fn parts_may_come_together_until_the_deadline() {
    let late = network(|node, at| if at < 5_000 { &[] } else { PAIR[node] });
    assert_eq!(said(&late, &parts(2)).0, CheckVerdict::Pass);
    assert_eq!(said(&late, &parts(1)).0, Fail);
    let never = found(&network(|_, _| &[]), &parts(2));
    assert_eq!((never.verdict, never.observed.as_str()), (Fail, "3 parts: seed | node-1 | node-2"));
}

#[test]
fn what_is_not_known_is_no_pass() {
    let mut unnamed = testing::Seen::default();
    for node in ALL {
        unnamed = unnamed.poll(node, 0, 11_000, |_, _| {});
        for at in (0..11_000).step_by(500) {
            unnamed.sessions(node, 0, at, Reading::Value(&[]));
        }
    }
    assert_eq!(said(&unnamed, &parts(3)).0, Fail, "nobody has said who it is");
    let missing = |miss: fn() -> Miss, from: u64| {
        let lost = move |node, at| node == 2 && at % 1_000 == 0 && at >= from;
        let list = move |node, at| match lost(node, at) {
            true => Reading::Missing(miss()),
            false => Reading::Value(PAIR[node]),
        };
        said(&answering(list), &parts(2)).0
    };
    assert_eq!(missing(|| Miss::Null, 0), Fail, "a wrong answer every second");
    assert_eq!(missing(|| Miss::Timeout, 0), CheckVerdict::Pass, "some were lost");
    let gone = answering(|node, at| match node == 2 && at > 1_000 {
        true => Reading::Missing(Miss::Timeout),
        false => Reading::Value(PAIR[node]),
    });
    assert_eq!(said(&gone, &parts(2)).0, Fail, "it is silent");
    let mut unlisted = testing::Seen::default();
    for node in ALL {
        unlisted = unlisted.poll(node, 0, 11_000, |_, _| {});
        unlisted.identity(node);
    }
    assert_eq!(said(&unlisted, &parts(3)), (Fail, "no list of sessions of every node".to_owned()));
    assert_eq!(said(&testing::Seen::default(), &parts(1)).0, Inconclusive);
    let mut denied = network(|node, _| PAIR[node]);
    let none = Miss::Refused { code: -32601, message: "no such method".to_owned() };
    denied.sessions("seed", 0, 11_000, Reading::Missing(none));
    let judgement = denied.judge(&parts(2), &ALL, 9_000, 11_100);
    assert!(matches!(judgement, Judgement::Settled(found) if found.verdict == Inconclusive));
}

#[test]
fn nobody_makes_no_network() {
    let seen = network(|node, _| RING[node]);
    for check in [parts(1), check(true, None, None)] {
        assert_ne!(seen.verdict(&check, &[], 0).verdict, CheckVerdict::Pass);
    }
}
