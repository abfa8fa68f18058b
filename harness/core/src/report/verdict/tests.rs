//! The block of each kind of end, as people see it.

use super::*;
use crate::{
    event::{CheckId, CheckVerdict, Event, EventKind, FaultId, Finding, Moment},
    report::excerpt::LogLine,
    scenario::testing::three_node,
    verdict::Ledger,
};

/// A ledger of the shipped scenario, fed with these events.
fn verdict(events: Vec<(u64, EventKind)>) -> Verdict {
    let mut ledger = Ledger::new("0123456789".to_owned(), three_node());
    let began = EventKind::RunStarted {
        version: 1,
        run: "0123456789".to_owned(),
        scenario: "three-node".to_owned(),
        seed: 0,
    };
    ledger.record(&Event {
        seq: 0,
        at_ms: Moment(0),
        wall: "1970-01-01T00:00:00.000Z".to_owned(),
        what: began,
    });
    for (seq, (at, what)) in (1..).zip(events) {
        ledger.record(&Event { seq, at_ms: Moment(at), wall: String::new(), what });
    }
    ledger.verdict()
}

fn show(verdict: &Verdict) -> String {
    show_with(verdict, None)
}

/// On a terminal of 80 columns.
fn show_with(verdict: &Verdict, excerpt: Option<&Excerpt>) -> String {
    let (evidence, again) = (Path::new("runs/one"), Some("harness rerun runs/one"));
    let digest = Some(Sha256Hex::of(&[b"one"]));
    let (colour, width) = (Colour::Off, Some(80));
    Text { verdict, excerpt, evidence, digest, again, colour, width }.to_string()
}

fn settled(
    phase: usize,
    check: usize,
    verdict: CheckVerdict,
    reason: &str,
    observed: &str,
    held: Option<u64>,
) -> [EventKind; 2] {
    let check = CheckId { phase, check };
    let finding = Finding {
        verdict,
        reason: reason.to_owned(),
        observed: observed.to_owned(),
        held_since: held.map(Moment),
    };
    [EventKind::CheckStarted { check }, EventKind::CheckSettled { check, finding }]
}

fn started() -> Vec<(u64, EventKind)> {
    vec![
        (
            900,
            EventKind::Prepared { provider: "process".to_owned(), facts: serde_json::Value::Null },
        ),
        (1000, EventKind::AllStarted),
        (1000, EventKind::PhaseStarted { phase: 0 }),
    ]
}

fn first_phase() -> Vec<(u64, EventKind)> {
    let mut events = started();
    for (check, observed) in
        ["node-1: 2; node-2: 2", "seed: 2", "node-1: 0 → 6 (+6); node-2: 0 → 6 (+6)"]
            .into_iter()
            .enumerate()
    {
        let [start, settle] = settled(
            0,
            check,
            CheckVerdict::Pass,
            "held for 2.0 s, distinct peer IDs agree",
            observed,
            Some(1150),
        );
        events.extend([(1000, start), (3200, settle)]);
    }
    events.push((3200, EventKind::PhaseEnded { phase: 0 }));
    events
}

fn torn_down(events: &mut Vec<(u64, EventKind)>, at: u64) {
    events
        .extend([(at, EventKind::TeardownStarted), (at + 300, EventKind::TornDown { left: None })]);
}

#[test]
fn a_pass_with_its_times() {
    let fault = FaultId { phase: 1, fault: 0 };
    let mut events = first_phase();
    events.extend([
        (3200, EventKind::PhaseStarted { phase: 1 }),
        (
            3500,
            EventKind::FaultEffective {
                fault,
                nodes: vec!["seed".to_owned()],
                since: Moment(3300),
                proof: "seed down: ended with code 0 after 40 ms".to_owned(),
            },
        ),
    ]);
    let [start, settle] = settled(
        1,
        0,
        CheckVerdict::Pass,
        "rose, and stayed for 2.0 s",
        "node-1: 6 → 8 (+2); node-2: 6 → 8 (+2)",
        Some(7000),
    );
    events.extend([(3500, start), (9000, settle)]);
    events.push((
        9500,
        EventKind::FaultHealed {
            fault,
            since: Moment(9100),
            proof: "seed back: process 1 → 2, answered after 60 ms".to_owned(),
        },
    ));
    events.extend([
        (9500, EventKind::PhaseEnded { phase: 1 }),
        (9500, EventKind::PhaseStarted { phase: 2 }),
    ]);
    for check in 0..3 {
        let [start, settle] =
            settled(2, check, CheckVerdict::Pass, "as it should be", "", Some(9900));
        events.extend([(9500, start), (12_000, settle)]);
    }
    events.push((12_000, EventKind::PhaseEnded { phase: 2 }));
    torn_down(&mut events, 12_000);
    let verdict = verdict(events);
    assert_eq!(verdict.exit_code, 0);
    insta::assert_snapshot!("pass", show(&verdict));
    insta::assert_snapshot!("pass_json", serde_json::to_string_pretty(&verdict).unwrap());
}

#[test]
fn a_failed_check_says_what_was_expected_and_what_was_seen() {
    let mut events = started();
    let [start, settle] = settled(
        0,
        0,
        CheckVerdict::Fail,
        "did not hold for 2.0 s by the deadline",
        "node-1: 1; node-2: unreachable (connection refused)",
        None,
    );
    events.extend([(1000, start), (61_000, settle), (61_000, EventKind::PhaseEnded { phase: 0 })]);
    torn_down(&mut events, 61_000);
    insta::assert_snapshot!("fail", show(&verdict(events)));
}

#[test]
fn a_fault_without_proof_leaves_its_phase_unjudged() {
    let mut events = first_phase();
    let reason = "seed was stopped, but it still runs as process 7".to_owned();
    events.extend([
        (3200, EventKind::PhaseStarted { phase: 1 }),
        (9200, EventKind::FaultUnproven { fault: FaultId { phase: 1, fault: 0 }, reason }),
    ]);
    events.push((9200, EventKind::PhaseEnded { phase: 1 }));
    torn_down(&mut events, 9200);
    let verdict = verdict(events);
    assert_eq!(verdict.exit_code, 2);
    insta::assert_snapshot!("inconclusive", show(&verdict));
}

#[test]
fn a_node_that_exited_shows_its_last_words_and_they_cannot_write_on_the_terminal() {
    let mut events = started();
    let last_lines =
        vec!["opening the database".to_owned(), "\u{1b}[2Jdisk\u{7} on fire\r".to_owned()];
    events.push((
        1500,
        EventKind::NodeExited {
            node: "node-2".to_owned(),
            code: Some(7),
            signal: None,
            why: None,
            last_lines,
        },
    ));
    torn_down(&mut events, 1500);
    insta::assert_snapshot!("exited", show(&verdict(events)));
}

#[test]
fn what_came_first_decides_and_an_interrupt_is_above_all() {
    let failed =
        || settled(0, 0, CheckVerdict::Fail, "no", "", None).map(|what| (1000, what)).to_vec();
    let unproven = (
        2000,
        EventKind::FaultUnproven { fault: FaultId { phase: 1, fault: 0 }, reason: "no".to_owned() },
    );
    let environment =
        (2000, EventKind::EnvironmentFailed { reason: "no disk".to_owned(), unsupported: false });
    let interrupted = (3000, EventKind::Interrupted { signal: "SIGTERM".to_owned(), number: 15 });
    let code = |events: &[Vec<(u64, EventKind)>]| verdict(events.concat()).exit_code;
    assert_eq!(code(&[failed(), vec![unproven.clone()]]), 1, "a failure before stays a failure");
    assert_eq!(code(&[failed(), vec![environment.clone()]]), 1);
    assert_eq!(code(&[vec![unproven], vec![environment]]), 3);
    assert_eq!(code(&[failed(), vec![interrupted]]), 143);
    assert_eq!(code(&[vec![(0, EventKind::ClockJumped { ms: 60_000 })]]), 2);
    assert_eq!(code(&[vec![(0, EventKind::NodeUnseen { node: "seed".into() })]]), 2);
    assert_eq!(code(&[vec![(0, EventKind::HarnessBroken { reason: "x".to_owned() })]]), 70);
    assert_eq!(
        code(&[vec![(
            0,
            EventKind::EnvironmentFailed { reason: "released node".to_owned(), unsupported: true }
        )]]),
        4
    );
    assert_eq!(code(&[]), 2, "nothing judged is no pass");
    assert_eq!(code(&[first_phase()]), 2, "nor is a part of it");
}

fn excerpt() -> Excerpt {
    let samples = [
        ("node-2", ["2p #12", "2p #12", "silent", "silent", "silent"]),
        ("node-1", ["2p #12", "2p #12", "2p #13", "1p #13", "1p #14"]),
    ];
    let line = |at, node: &str, text: &str| LogLine {
        at: Some(at),
        node: node.to_owned(),
        text: text.to_owned(),
    };
    Excerpt {
        decided: Moment(61_000),
        moments: [51_000, 56_000, 59_000, 60_000, 61_000].map(Moment).to_vec(),
        samples: samples
            .map(|(node, cells)| (node.to_owned(), cells.map(str::to_owned).to_vec()))
            .to_vec(),
        fork: None,
        logs: (0..12)
            .map(|number| {
                let node = ["node-1", "node-2"][number % 2];
                let text = format!("2026-11-27T04:00:06.{number:03}Z  WARN peer 7e41b0 went away, and it says so at some length");
                line(58_000 + 250 * number as i64, node, &text)
            })
            .collect(),
    }
}

/// On a terminal of 80 columns, however its lines are broken there.
fn rows(text: &str) -> usize {
    text.lines().map(|line| line.chars().count().div_ceil(80).max(1)).sum()
}

/// Everything of a scenario's first phase but the one check.
fn one_fails(check: usize, reason: &str, observed: &str) -> Verdict {
    let mut events = started();
    for other in 0..3 {
        let (verdict, reason, observed) = if other == check {
            (CheckVerdict::Fail, reason, observed)
        } else {
            (CheckVerdict::Pass, "held for 2.0 s, distinct peer IDs agree", "seed: 2")
        };
        let [start, settle] = settled(0, other, verdict, reason, observed, None);
        events.extend([(1000, start), (61_000, settle)]);
    }
    events.push((61_000, EventKind::PhaseEnded { phase: 0 }));
    torn_down(&mut events, 61_000);
    verdict(events)
}

#[test]
fn a_failure_by_peers_fits_a_screen_with_its_evidence_first() {
    let observed = "node-1: 1; node-2: unreachable (connection refused)";
    let verdict = one_fails(0, "did not hold for 2.0 s by the deadline", observed);
    let text = show_with(&verdict, Some(&excerpt()));
    assert!(rows(&text) <= SCREEN, "{} rows", rows(&text));
    insta::assert_snapshot!("fail_peers", text);
}

#[test]
fn a_failure_by_fork_says_who_has_which_hash() {
    let mut events = first_phase();
    events.extend([
        (3200, EventKind::PhaseStarted { phase: 1 }),
        (3200, EventKind::PhaseStarted { phase: 2 }),
    ]);
    let hash = |digit: &str| format!("0x{}", digit.repeat(64));
    let observed = format!("height 120: seed: {0}; node-1: {0}; node-2: {1}", hash("a"), hash("c"));
    let [start, settle] =
        settled(2, 2, CheckVerdict::Fail, "did not agree by the deadline", &observed, None);
    events.extend([(9500, start), (61_000, settle)]);
    torn_down(&mut events, 61_000);
    let fork = "height 120 at 60.9 s: 0xaaaaaaaa… of seed, node-1; 0xcccccccc… of node-2";
    let excerpt = Excerpt { fork: Some(fork.to_owned()), ..excerpt() };
    let text = show_with(&verdict(events), Some(&excerpt));
    assert!(rows(&text) <= SCREEN, "{} rows", rows(&text));
    insta::assert_snapshot!("fail_fork", text);
}

#[test]
fn a_node_that_died_shows_its_log() {
    let mut events = first_phase();
    events.push((3200, EventKind::PhaseStarted { phase: 1 }));
    let last_lines = vec!["opening the database".to_owned(), "the disk is on fire".to_owned()];
    events.push((
        4000,
        EventKind::NodeExited {
            node: "node-2".to_owned(),
            code: Some(101),
            signal: None,
            why: Some("thread 'main' panicked at src/store.rs:1:2: the disk is on fire".to_owned()),
            last_lines,
        },
    ));
    torn_down(&mut events, 4000);
    let excerpt = Excerpt { samples: excerpt().samples[..1].to_vec(), ..excerpt() };
    let text = show_with(&verdict(events), Some(&excerpt));
    assert!(rows(&text) <= SCREEN, "{} rows", rows(&text));
    insta::assert_snapshot!("fail_died", text);
}

#[test]
fn what_the_environment_lacks_is_said_whole() {
    let reason = "no Docker engine answers at /var/run/docker.sock: permission denied\nadd yourself to the group `docker`, or use --provider process, which needs no engine and no rights beyond those that you have";
    let events = vec![
        (100, EventKind::EnvironmentFailed { reason: reason.to_owned(), unsupported: false }),
        (200, EventKind::TornDown { left: None }),
    ];
    insta::assert_snapshot!("environment", show(&verdict(events)));
}

#[test]
fn a_file_has_all_that_a_terminal_has_no_room_for() {
    let observed = (1..=60).map(|node| format!("node-{node}: 1")).collect::<Vec<_>>().join("; ");
    let verdict = one_fails(0, "did not hold for 2.0 s by the deadline", &observed);
    let text = |width| {
        let (evidence, colour) = (Path::new("runs/one"), Colour::Off);
        let excerpt = &excerpt();
        let text = Text {
            verdict: &verdict,
            excerpt: Some(excerpt),
            evidence,
            digest: None,
            again: None,
            colour,
            width,
        };
        text.to_string()
    };
    assert!(text(None).contains(&observed));
    assert!(!text(Some(80)).contains(&observed));
    assert!(rows(&text(Some(80))) <= SCREEN);
}

#[test]
fn of_many_checks_a_phase_has_one_line() {
    let mut passed = first_phase();
    torn_down(&mut passed, 4000);
    let mut verdict = verdict(passed);
    for phase in &mut verdict.phases {
        phase.checks = (0..20).map(|_| phase.checks[0].clone()).collect();
        phase.checks.iter_mut().for_each(|check| check.verdict = CheckVerdict::Pass);
    }
    verdict.verdict = RunVerdict::Pass;
    let text = show(&verdict);
    assert!(text.contains("✓ 1. discover and mine: peers of node (20)"), "{text}");
    assert!(rows(&text) <= SCREEN, "{text}");
}

/// What could not be said came first, and has a line below it.
#[test]
fn a_failure_has_its_evidence_before_what_was_undecided_and_each_its_colour() {
    let mut events = started();
    let undecided = settled(0, 0, CheckVerdict::Inconclusive, "too few samples", "", None);
    let failed = settled(0, 1, CheckVerdict::Fail, "too few peers", "seed: 0", None);
    events.extend(undecided.into_iter().chain(failed).map(|event| (2000, event)));
    torn_down(&mut events, 3000);
    let verdict = verdict(events);
    let text = show(&verdict);
    let order = ["✗ peers of seed, in 1.", "seen: seed: 0", "? peers of node: too few samples"];
    let order = order.map(|words| text.find(words));
    assert!(order.iter().all(Option::is_some) && order.is_sorted(), "{order:?} {text}");
    let evidence = Path::new("runs/one");
    let colour = Colour::On;
    let coloured = Text {
        verdict: &verdict,
        excerpt: None,
        evidence,
        digest: None,
        again: None,
        colour,
        width: None,
    };
    let coloured = coloured.to_string();
    for words in ["\u{1b}[1;31m✗ peers of seed", "\u{1b}[1;33m?\u{1b}[0m peers", "\u{1b}[1;31mFAIL"]
    {
        assert!(coloured.contains(words), "{words:?} in {coloured:?}");
    }
}
