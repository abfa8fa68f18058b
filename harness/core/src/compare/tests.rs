//! Comparisons of builds whose truth is known.

use rand::{RngExt as _, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{
    asked::{Asked, Build, VERSION},
    course::{Course, Decision, Ran, Side, Ticket},
    ledger::{Line, resume},
    measure::{Figure, Measured, Meter},
    page::Page,
    statement::{What, decision, statements},
};
use crate::{
    event::{Event, EventKind},
    gate::Outcome,
    statistics::versus::Finding,
    verdict::Figures,
};

fn asked(scenarios: &[&str], runs: u64) -> Asked {
    Asked {
        version: VERSION,
        started: "2026-11-27T00:00:00Z".to_owned(),
        a: Build::Image("node:1".to_owned()),
        b: Build::Image("node:<2>".to_owned()),
        scenarios: scenarios.iter().map(|name| (*name).to_owned()).collect(),
        runs,
        seed: 7,
        arguments: Vec::new(),
    }
}

fn ran(ticket: Ticket, outcome: Outcome, measured: Measured) -> Ran {
    let bad = outcome != Outcome::Pass;
    Ran {
        ticket,
        outcome,
        reason: bad.then(|| "peers of <node> | *: 1 of 2".to_owned()),
        measured,
        build: None,
        digest: None,
        seconds: 20.0,
        bundle: bad.then(|| "runs/1".to_owned()),
    }
}

fn through(course: &mut Course, mut run: impl FnMut(Ticket) -> (Outcome, Measured)) -> Decision {
    while let Some(ticket) = course.next() {
        let (outcome, measured) = run(ticket);
        assert!(course.ended(ran(ticket, outcome, measured)));
    }
    decision(course, &statements(course))
}

/// A build: how much longer than usual it takes to recover, and which share of its runs passes.
#[derive(Clone, Copy)]
struct Truth {
    recovery: f64,
    passes: f64,
}

const SAME: Truth = Truth { recovery: 1.0, passes: 0.95 };

/// Times as real runs have them: never below something, now and then much longer.
fn run_of(chance: &mut ChaCha8Rng, truth: Truth) -> (Outcome, Measured) {
    let mut spread = |shortest: f64, spread: f64| {
        let usual = shortest - spread * (1.0 - chance.random::<f64>()).ln();
        if chance.random_bool(0.05) { usual * 2.0 } else { usual }
    };
    let measured = Measured::default()
        .with(Figure::Convergence, spread(0.3, 0.1))
        .with(Figure::Recovery, spread(1.0, 0.15) * truth.recovery)
        .with(Figure::Memory, spread(4e7, 2e6))
        .with(Figure::Processor, spread(20.0, 4.0));
    let passed = chance.random_bool(truth.passes);
    (if passed { Outcome::Pass } else { Outcome::Fail }, measured)
}

fn compare(chance: &mut ChaCha8Rng, runs: u64, a: Truth, b: Truth) -> (Course, Decision) {
    let mut course = Course::new(asked(&["partition"], runs));
    let decision =
        through(&mut course, |ticket| run_of(chance, if ticket.side == Side::A { a } else { b }));
    (course, decision)
}

#[test]
fn builds_and_scenarios_take_turns_with_one_seed_for_both() {
    let mut course = Course::new(asked(&["one", "two"], 2));
    let mut order = Vec::new();
    let _ = through(&mut course, |ticket| {
        order.push((ticket.scenario, ticket.side, course_seed(ticket)));
        (Outcome::Pass, Measured::default())
    });
    let sides: Vec<_> = order.iter().map(|(scenario, side, _)| (*scenario, *side)).collect();
    use Side::{A, B};
    assert_eq!(sides, [(0, A), (0, B), (1, A), (1, B), (0, B), (0, A), (1, B), (1, A)]);
    assert!(order.chunks(2).all(|pair| pair[0].2 == pair[1].2), "{order:?}");
    assert_ne!(order[0].2, order[4].2);
}

fn course_seed(ticket: Ticket) -> u64 {
    asked(&["one", "two"], 2).seed_of(ticket.scenario, ticket.run)
}

/// A fifth more, of five things that are looked at, with forty runs of each.
#[test]
fn a_planted_regression_is_found_within_forty_runs() {
    let mut chance = ChaCha8Rng::seed_from_u64(1);
    let slower = Truth { recovery: 1.2, ..SAME };
    let (mut found, mut power) = (0, 0.0);
    for _ in 0..100 {
        let (course, decision) = compare(&mut chance, 40, SAME, slower);
        let all = statements(&course);
        let recovery = all
            .iter()
            .find(|one| matches!(one.what, What::Figure { figure: Figure::Recovery, .. }))
            .unwrap();
        let What::Figure { ratio: Some(ratio), .. } = recovery.what else { panic!("no ratio") };
        found +=
            u32::from(recovery.finding() == Some(Finding::Worse) && decision == Decision::Worse);
        power += ratio.detectable / 100.0;
    }
    assert!(power < 1.2, "only {power} is said to be seen");
    assert!(found >= 95, "found in {found} of 100");
}

/// Of each thousand comparisons of a build with itself at most one in twenty says that anything differs.
#[test]
fn equal_builds_are_told_apart_as_seldom_as_is_said() {
    let mut chance = ChaCha8Rng::seed_from_u64(2);
    let mut wrong = 0;
    for _ in 0..1000 {
        let (course, decision) = compare(&mut chance, 12, SAME, SAME);
        let all = statements(&course);
        assert_eq!(all.len(), 5);
        let differs = |one: &super::Statement| {
            matches!(one.finding(), Some(Finding::Better | Finding::Worse))
        };
        wrong += u32::from(all.iter().any(differs));
        assert_eq!(
            all.iter().any(|one| one.finding() == Some(Finding::Worse)),
            decision == Decision::Worse
        );
    }
    // Two deviations above fifty.
    assert!(wrong <= 64, "{wrong} of 1000");
}

#[test]
fn fewer_passes_are_worse_however_good_the_others_were() {
    let mut chance = ChaCha8Rng::seed_from_u64(3);
    let worse = Truth { passes: 0.4, ..SAME };
    assert_eq!(compare(&mut chance, 40, SAME, worse).1, Decision::Worse);
    let (course, decision) = compare(&mut chance, 40, Truth { passes: 0.0, ..SAME }, SAME);
    assert_eq!(statements(&course)[0].finding(), Some(Finding::Better));
    assert_eq!(decision, Decision::NotWorse, "better is not worse");
    assert_eq!(compare(&mut chance, 2, SAME, SAME).1, Decision::Nothing, "two runs of each");
    // Half of ten is no proof of fewer passes, and leaves too few runs to say anything of their times.
    let (course, decision) = compare(&mut chance, 10, SAME, Truth { passes: 0.5, ..SAME });
    let all = statements(&course);
    assert!(all.iter().any(|one| one.finding().is_none()), "a case of it");
    assert_eq!(decision, Decision::Nothing, "what could not be said may be worse");
}

#[test]
fn what_said_nothing_is_tried_again_and_not_for_ever() {
    let mut course = Course::new(asked(&["one"], 8));
    let once = |ticket: Ticket| {
        let nothing = ticket.run == 3 && ticket.attempt < 2;
        (if nothing { Outcome::Nothing } else { Outcome::Pass }, Measured::default())
    };
    assert_eq!(through(&mut course, once), Decision::NotWorse);
    assert_eq!((course.ran().len(), course.progress()), (20, (16, 16)));
    let mut course = Course::new(asked(&["one"], 8));
    let never = |_: Ticket| (Outcome::Nothing, Measured::default());
    assert_eq!(through(&mut course, never), Decision::Environment);
    assert_eq!(course.ran().len(), 4);
    let mut course = Course::new(asked(&["one"], 8));
    let impossible = |_: Ticket| (Outcome::Impossible, Measured::default());
    assert_eq!(through(&mut course, impossible), Decision::Environment);
    assert_eq!(course.ran().len(), 1);
    let mut course = Course::new(asked(&["one"], 8));
    let mostly = |ticket: Ticket| {
        (if ticket.attempt < 2 { Outcome::Nothing } else { Outcome::Pass }, Measured::default())
    };
    assert_eq!(through(&mut course, mostly), Decision::Environment);
}

#[test]
fn killed_after_any_line_it_comes_to_the_same() {
    let mut chance = ChaCha8Rng::seed_from_u64(4);
    let (course, _) = compare(&mut chance, 6, SAME, SAME);
    let line = |line: &Line| serde_json::to_string(line).unwrap() + "\n";
    let first = line(&Line::Compare(course.asked().clone()));
    let mut text = first.clone();
    for ran in course.ran() {
        text += &line(&Line::Ran(ran.clone()));
    }
    for end in (first.len()..=text.len()).step_by(37) {
        let (mut resumed, whole) = resume(&text[..end]).unwrap();
        assert!(end - whole < 500);
        for ran in course.ran().iter().skip(resumed.ran().len()) {
            assert_eq!(resumed.next(), Some(ran.ticket));
            assert!(resumed.ended(ran.clone()));
        }
        assert_eq!(resumed.ran().len(), course.ran().len());
        assert_eq!(Page::new(&resumed).markdown(), Page::new(&course).markdown());
    }
    let run = line(&Line::Ran(course.ran()[1].clone()));
    let none = line(&Line::Compare(asked(&[], 1)));
    let endless = line(&Line::Compare(asked(&["one"], u64::MAX)));
    let newer = first.replacen("\"version\":1", "\"version\":2", 1);
    for (text, why) in [
        (String::new(), "it is empty"),
        ("{}\n".to_owned(), "first line"),
        (run.clone(), "it is a run"),
        (newer, "version 2"),
        (none, "no runs"),
        (endless, "too many"),
        (first.clone() + &run, "line 2 is no run"),
        (first.clone() + &first, "another comparison"),
        (first.clone() + "junk\n", "line 2"),
    ] {
        let refused = resume(&text).expect_err(why).to_string();
        assert!(refused.contains(why), "{refused} has no {why}");
    }
}

#[test]
fn a_meter_adds_up_what_nodes_used() {
    let lines = [
        r#"{"event":"sample","node":"a","start":0,"sent":0,"answered":1,"peers":{"value":1},"distinct":null,"height":{"value":10}}"#,
        r#"{"event":"resources","node":"a","start":0,"sent":0,"answered":1,"used":{"memory_bytes":50,"cpu_ms":100}}"#,
        r#"{"event":"resources","node":"a","start":0,"sent":0,"answered":1,"used":{"memory_bytes":40,"cpu_ms":300}}"#,
        r#"{"event":"resources","node":"a","start":1,"sent":0,"answered":1,"used":{"memory_bytes":30,"cpu_ms":60}}"#,
        r#"{"event":"resources","node":"b","start":0,"sent":0,"answered":1,"used":{"memory_bytes":7,"cpu_ms":40}}"#,
        r#"{"event":"resources","node":"b","start":0,"sent":0,"answered":1,"used":null}"#,
        r#"{"event":"sample","node":"b","start":0,"sent":0,"answered":1,"peers":{"value":1},"distinct":null,"height":{"value":18}}"#,
    ];
    let mut meter = Meter::default();
    for line in lines {
        let what: EventKind =
            serde_json::from_str(line).unwrap_or_else(|why| panic!("{line}: {why}"));
        meter.take(&Event { seq: 0, at_ms: crate::event::Moment(0), wall: String::new(), what });
    }
    let figures = Figures { recovery_seconds: Some(0.0), ..Figures::default() };
    let measured = meter.measured(&figures);
    let of = Figure::ALL.map(|figure| measured.of(figure));
    assert_eq!(of, [None, Some(0.001), Some(57.0), Some(400.0 / 8.0)]);
    let nothing = Meter::default().measured(&Figures::default());
    assert_eq!(nothing, Measured::default());
}

#[test]
fn what_people_read() {
    let mut chance = ChaCha8Rng::seed_from_u64(5);
    let slower = Truth { recovery: 1.3, ..SAME };
    let (course, _) = compare(&mut chance, 20, SAME, slower);
    let page = Page::new(&course);
    insta::assert_snapshot!("worse", page.markdown());
    assert_eq!(page.json()["exit_code"].as_u64(), Some(1));
    assert_eq!(page.json()["statements"][2]["finding"].as_str(), Some("worse"));
    assert!(
        !page.html().contains("<2>") && page.html().contains("node:&lt;2&gt;"),
        "{}",
        page.html()
    );
    let (course, _) = compare(&mut chance, 20, SAME, SAME);
    insta::assert_snapshot!("equal", Page::new(&course).markdown());
    let (course, _) = compare(&mut chance, 3, SAME, SAME);
    insta::assert_snapshot!("too_few", Page::new(&course).markdown());
    let begun = Course::new(asked(&["one"], 8));
    insta::assert_snapshot!("nothing_yet", Page::new(&begun).markdown());
}
