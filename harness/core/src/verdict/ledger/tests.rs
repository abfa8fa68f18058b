use quick_junit::{NonSuccessKind, TestCaseStatus};

use super::*;
use crate::{
    event::CheckVerdict::{Fail, Inconclusive, Pass},
    scenario::{Within, testing::three_node},
};

/// A ledger of the shipped scenario: two phases and three checks before the restart, in which
/// `heal` is phase 2's.
struct Run {
    ledger: Ledger,
    seq: u64,
}

impl Run {
    fn new(change: impl FnOnce(&mut Plan)) -> Self {
        let mut plan = three_node();
        change(&mut plan);
        let mut run = Self { ledger: Ledger::new("0123456789".to_owned(), plan), seq: 0 };
        run.see(
            0,
            EventKind::RunStarted {
                version: FORMAT_VERSION,
                run: "0123456789".to_owned(),
                scenario: "three-node".to_owned(),
                seed: 0,
            },
        );
        run
    }

    fn see(&mut self, at: u64, what: EventKind) {
        self.ledger.record(&Event {
            seq: self.seq,
            at_ms: Moment(at),
            wall: "1970-01-01T00:00:00.000Z".to_owned(),
            what,
        });
        self.seq += 1;
    }

    fn settle(&mut self, at: u64, id: CheckId, verdict: CheckVerdict, held: Option<u64>) {
        self.see(at, EventKind::CheckStarted { check: id });
        let finding = Finding {
            verdict,
            reason: "because".to_owned(),
            observed: "seen".to_owned(),
            held_since: held.map(Moment),
        };
        self.see(at + 500, EventKind::CheckSettled { check: id, finding });
    }

    fn ids(&self) -> Vec<CheckId> {
        let phases = self.ledger.phases.iter().enumerate();
        phases
            .flat_map(|(phase, entry)| {
                (0..entry.checks.len()).map(move |check| CheckId { phase, check })
            })
            .collect()
    }

    fn settle_all(&mut self, verdict: CheckVerdict) {
        for (at, id) in (1000..).step_by(1000).zip(self.ids()) {
            self.settle(at, id, verdict, None);
        }
    }

    fn verdict(&self) -> (RunVerdict, u8) {
        let verdict = self.ledger.verdict();
        assert_eq!(verdict.exit_code, verdict.exit.code());
        (verdict.verdict, verdict.exit_code)
    }
}

/// A program that drives a network may want no more of it while a fault is done to a node, and no check asks for that.
#[test]
fn a_run_that_ended_within_a_phase_is_no_pass() {
    let mut run = Run::new(|_| ());
    run.settle_all(Pass);
    run.see(9000, EventKind::PhaseStarted { phase: 1 });
    assert_eq!(run.verdict(), (RunVerdict::Inconclusive, 2));
    let reason = run.ledger.verdict().reason.unwrap();
    assert!(
        reason.starts_with("the run ended before `") && reason.ends_with("` was over"),
        "{reason}"
    );
    run.see(9500, EventKind::PhaseEnded { phase: 1 });
    assert_eq!(run.verdict(), (RunVerdict::Pass, 0));
}

fn exited() -> EventKind {
    EventKind::NodeExited {
        node: "node-1".to_owned(),
        code: Some(1),
        signal: None,
        why: None,
        last_lines: vec!["last words".to_owned()],
    }
}

#[test]
fn without_a_check_there_is_nothing_to_pass() {
    let mut run = Run::new(|plan| plan.phases.iter_mut().for_each(|phase| phase.checks.clear()));
    run.see(1000, EventKind::AllStarted);
    assert_eq!(run.verdict(), (RunVerdict::Inconclusive, 2));
}

/// What `verify` holds a program's evidence to: it reads the whole plan, and never saw it grow.
#[test]
fn a_plan_that_grew_gives_the_verdict_of_the_whole_plan() {
    let pace = || EventKind::Pace(Pace::ASSUMED);
    let mut whole = Run::new(|_| {});
    whole.see(500, pace());
    let mut grown = Run::new(|plan| plan.phases.truncate(1));
    grown.see(500, pace());
    let plan = three_node();
    for phases in 1..=plan.phases.len() {
        let part = Plan { phases: plan.phases[..phases].to_vec(), ..plan.clone() };
        grown.ledger.grow(part);
        let last = |id: &CheckId| id.phase + 1 == phases;
        for id in grown.ids().into_iter().filter(last) {
            assert_ne!(grown.verdict().0, RunVerdict::Pass, "before {id:?}");
            grown.settle(1000, id, Pass, None);
            whole.settle(1000, id, Pass, None);
        }
        assert_eq!(grown.verdict(), (RunVerdict::Pass, 0), "of what was asked so far");
    }
    let json = |run: &Run| serde_json::to_value(run.ledger.verdict()).unwrap();
    assert_eq!(json(&grown), json(&whole));
}

#[test]
fn all_checks_and_nothing_less_make_a_pass() {
    let mut run = Run::new(|_| {});
    let last = run.ids().pop().unwrap();
    for id in run.ids() {
        assert_eq!(run.verdict(), (RunVerdict::Inconclusive, 2), "before {id:?}");
        assert!(run.ledger.is_good_so_far());
        run.settle(1000, id, Pass, None);
    }
    assert_eq!(run.verdict(), (RunVerdict::Pass, 0));
    assert!(run.ledger.is_good_so_far());
    for (verdict, wanted) in
        [(Fail, (RunVerdict::Fail, 1)), (Inconclusive, (RunVerdict::Inconclusive, 2))]
    {
        run.settle(3000, last, verdict, None);
        assert_eq!(run.verdict(), wanted);
        assert!(!run.ledger.is_good_so_far());
    }
}

#[test]
fn what_happens_to_a_node_or_to_us_spoils_a_run_whose_checks_all_passed() {
    let jump = EventKind::ClockJumped { ms: 5000 };
    let unseen = EventKind::NodeUnseen { node: "node-1".to_owned() };
    for (what, wanted, reason) in [
        (exited(), (RunVerdict::Fail, 1), "node-1 exited unplanned (code 1)"),
        (
            EventKind::NodeBroken {
                node: "node-1".to_owned(),
                reason: "panicked".to_owned(),
                last_lines: vec![],
            },
            (RunVerdict::Fail, 1),
            "node-1 panicked",
        ),
        (jump, (RunVerdict::Inconclusive, 2), "the machine slept or its clock jumped by 5.0 s"),
        (
            unseen,
            (RunVerdict::Inconclusive, 2),
            "node-1 was not asked often enough to say that it answers: this machine was too busy",
        ),
    ] {
        let mut run = Run::new(|_| {});
        run.settle_all(Pass);
        run.see(90_000, what);
        assert_eq!(run.verdict(), wanted, "{reason}");
        assert_eq!(run.ledger.verdict().reason.as_deref(), Some(reason));
        assert!(!run.ledger.is_good_so_far(), "{reason}");
    }
}

#[test]
fn a_timeout_fails_what_was_begun_and_leaves_the_rest_alone() {
    let mut run = Run::new(|_| {});
    let ids = run.ids();
    run.settle(1000, ids[0], Pass, None);
    run.see(2000, EventKind::CheckStarted { check: ids[1] });
    run.see(62_000, EventKind::TimedOut { ms: 62_000 });
    let verdict = run.ledger.verdict();
    assert_eq!((verdict.verdict, verdict.exit_code), (RunVerdict::Fail, 1));
    assert_eq!(verdict.reason.as_deref(), Some("the scenario's timeout of 62.0 s passed"));
    let check = |id: CheckId| &verdict.phases[id.phase].checks[id.check];
    assert_eq!((check(ids[0]).verdict, check(ids[0]).reason.as_str()), (Pass, "because"));
    assert_eq!(
        (check(ids[1]).verdict, check(ids[1]).reason.as_str(), check(ids[1]).seconds),
        (Fail, "the scenario's timeout of 62.0 s passed", Some(60.0))
    );
    assert_eq!(
        (check(ids[2]).verdict, check(ids[2]).reason.as_str()),
        (CheckVerdict::NotJudged, NEVER_STARTED)
    );
}

#[test]
fn the_time_to_peers_is_that_of_the_first_undisturbed_phase_that_asks_for_them() {
    let mut run = Run::new(|_| {});
    run.see(
        900,
        EventKind::Prepared { provider: "process".to_owned(), facts: serde_json::Value::Null },
    );
    run.see(1000, EventKind::AllStarted);
    for (held, id) in [2500, 4000, 9000].into_iter().zip(run.ids()) {
        run.settle(9500, id, Pass, Some(held));
    }
    // The third of them is about heights.
    assert_eq!(run.ledger.verdict().figures.last_start_to_peers_seconds, Some(3.0));

    // A phase before it that asks for something else changes nothing.
    let mut run = Run::new(|plan| {
        let mut before = plan.phases[0].clone();
        before.checks.retain(|check| !matches!(check.kind, CheckKind::Peers(_)));
        plan.phases.insert(0, before);
    });
    run.see(1000, EventKind::AllStarted);
    for (held, id) in [2000, 2500, 4000].into_iter().zip(run.ids()) {
        run.settle(9500, id, Pass, Some(held));
    }
    assert_eq!(run.ledger.verdict().figures.last_start_to_peers_seconds, Some(3.0));

    // The same phase, but with a fault in it, is no cold start; a phase without peers says nothing
    // of them.
    let mut run = Run::new(|plan| {
        plan.phases[0].faults = plan.phases[1].faults.clone();
        plan.phases[2].checks.retain(|check| !matches!(check.kind, CheckKind::Peers(_)));
    });
    run.see(1000, EventKind::AllStarted);
    run.settle_all(Pass);
    assert_eq!(run.ledger.verdict().figures.last_start_to_peers_seconds, None);
}

#[test]
fn a_verdict_is_written_as_json_that_says_it_all() {
    let mut run = Run::new(|_| {});
    run.settle_all(Pass);
    let bytes = run.ledger.verdict().to_bytes().unwrap();
    assert_eq!(bytes.last(), Some(&b'\n'));
    let written: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(
        (written["verdict"].as_str(), written["exit_code"].as_u64(), written["scenario"].as_str()),
        (Some("pass"), Some(0), Some("three-node"))
    );
    assert_eq!(written["phases"][0]["checks"][0]["reason"], "because");
}

/// JUnit is for other people's programs: what they need is read back by a parser, for every way to
/// end.
#[test]
fn junit_is_well_formed_and_red_exactly_where_the_verdict_is_not_a_pass() {
    let hostile = "]]> <\u{1}&\u{202e}\"";
    for verdict in [Pass, Fail, Inconclusive] {
        let mut run = Run::new(|_| {});
        run.settle_all(verdict);
        if verdict == Fail {
            run.see(
                90_000,
                EventKind::NodeExited {
                    node: "node-1".to_owned(),
                    code: None,
                    signal: Some(11),
                    why: None,
                    last_lines: vec![hostile.to_owned()],
                },
            );
        }
        let xml =
            String::from_utf8(crate::report::junit::xml(&run.ledger.verdict()).unwrap()).unwrap();
        let report = quick_junit::Report::deserialize_from_str(&xml)
            .unwrap_or_else(|why| panic!("{why}: {xml}"));
        assert_eq!(report.name.as_ref().map(quick_junit::XmlString::as_str), Some("three-node"));
        assert_eq!(report.test_suites.len(), 1 + run.ledger.phases.len());
        let cases = || report.test_suites.iter().flat_map(|suite| &suite.test_cases);
        let count = |wanted: fn(&TestCaseStatus) -> bool| {
            cases().filter(|case| wanted(&case.status)).count()
        };
        let failures = count(|status| {
            matches!(status, TestCaseStatus::NonSuccess { kind: NonSuccessKind::Failure, .. })
        });
        let errors = count(|status| {
            matches!(status, TestCaseStatus::NonSuccess { kind: NonSuccessKind::Error, .. })
        });
        let skipped = count(|status| matches!(status, TestCaseStatus::Skipped { .. }));
        // The run itself is a case; the one fault was not reached.
        let judged = run.ledger.checks().count() + 1;
        assert_eq!(
            (failures, errors),
            if verdict == Pass {
                (0, 0)
            } else if verdict == Fail {
                (judged, 0)
            } else {
                (0, judged)
            },
            "{xml}"
        );
        assert_eq!((skipped, cases().count()), (1, judged + 1), "{xml}");
        read_as_others_do(&xml, (failures, errors, skipped));
    }
}

/// By another parser: its counts, and the reason where consumers look for it.
fn read_as_others_do(xml: &str, counts: (usize, usize, usize)) {
    let suites = junit_parser::from_reader(xml.as_bytes()).unwrap();
    let sum = |of: fn(&junit_parser::TestSuite) -> u64| suites.suites.iter().map(of).sum::<u64>();
    let read = (sum(|s| s.failures), sum(|s| s.errors), sum(|s| s.skipped));
    assert_eq!(read, (counts.0 as u64, counts.1 as u64, counts.2 as u64), "{xml}");
    let mut names = std::collections::BTreeSet::new();
    for case in suites.suites.iter().flat_map(|suite| &suite.cases) {
        let name = (case.classname.clone(), case.original_name.clone());
        assert!(names.insert(name), "{} twice: {xml}", case.original_name);
        let (message, text) = match &case.status {
            junit_parser::TestStatus::Failure(failure) => (&failure.message, &failure.text),
            junit_parser::TestStatus::Error(error) => (&error.message, &error.text),
            junit_parser::TestStatus::Success | junit_parser::TestStatus::Skipped(_) => continue,
        };
        assert!(!message.is_empty() && text.starts_with(message.as_str()), "{case:?}");
    }
}

/// A dashboard that follows a case by its name must not lose it when somebody has more patience or
/// a larger network.
#[test]
fn no_flag_changes_what_a_case_is_called() {
    let names = |change: fn(&mut Plan)| {
        let mut run = Run::new(change);
        run.settle_all(Fail);
        let xml = crate::report::junit::xml(&run.ledger.verdict()).unwrap();
        let suites = junit_parser::from_reader(xml.as_slice()).unwrap().suites;
        let cases = suites.into_iter().flat_map(|suite| suite.cases);
        cases.map(|case| (case.classname, case.original_name)).collect::<Vec<_>>()
    };
    let usual = names(|_| {});
    assert!(usual.iter().any(|(_, name)| name == "peers of node"), "{usual:?}");
    let larger = names(|plan| {
        for check in plan.phases.iter_mut().flat_map(|phase| &mut phase.checks) {
            check.within = Within::For(check.within.written().unwrap_or(check.hold) * 3);
            check.nodes.extend((3..100).map(|number| format!("node-{number}")));
        }
    });
    assert_eq!(larger, usual);
}

#[test]
fn a_list_of_nodes_in_a_reason_is_cut_and_nothing_else_is() {
    let nodes: Vec<String> = (1..=9).map(|number| format!("n{number}")).collect();
    for (reason, brief) in [
        ("n1, n2, n3, n4 fell", "n1, n2, n3, n4 fell"),
        ("n1, n2, n3, n4, n5 fell, and rose", "n1, n2, n3 and 2 more fell, and rose"),
        ("one, two, three, four, five fell", "one, two, three, four, five fell"),
        ("n1 fell", "n1 fell"),
    ] {
        assert_eq!(super::brief_names(reason, &nodes), brief);
    }
}

/// The last line of a verdict is read on a narrow terminal.
#[test]
fn a_reason_names_the_group_and_not_a_hundred_nodes() {
    let mut run = Run::new(|plan| {
        let more = (3..100).map(|number| format!("node-{number}"));
        plan.phases[0].checks[0].nodes.extend(more);
    });
    let check = CheckId { phase: 0, check: 0 };
    let observed = (1..100).map(|n| format!("node-{n}: 0")).collect::<Vec<_>>().join("; ");
    run.see(60_000, EventKind::CheckStarted { check });
    let finding =
        Finding { verdict: Fail, reason: "did not hold".to_owned(), observed, held_since: None };
    run.see(61_000, EventKind::CheckSettled { check, finding });
    assert_eq!(
        run.ledger.verdict().reason.as_deref(),
        Some("peers of node: did not hold (node-1: 0; node-2: 0; node-3: 0; and 96 more)")
    );
}
