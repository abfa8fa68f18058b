//! Against oracles: a scenario fails if and only if it has certain parts, and those are what must be left.

use super::*;
use crate::{
    event::CheckVerdict,
    generate::{Asked, Where, generate},
    verdict::{Ledger, RunVerdict},
};

fn plan(text: &str) -> Plan {
    let origin = Origin { name: "large", path: Path::new("/some/large.toml") };
    let (plan, problems) = load(origin, text.to_owned(), &Overrides::default());
    plan.unwrap_or_else(|| panic!("{problems}\n{text}"))
}

/// What a run says in which the check at this place failed.
fn verdict(plan: &Plan, place: Place) -> Verdict {
    let mut verdict = Ledger::new("r".to_owned(), plan.clone()).verdict();
    for (at, phase) in verdict.phases.iter_mut().enumerate() {
        for (check, result) in phase.checks.iter_mut().enumerate() {
            let fails = place == Place { phase: at, check };
            result.verdict = if fails { CheckVerdict::Fail } else { CheckVerdict::Pass };
            result.reason = "did not hold for 2.0 s".to_owned();
        }
    }
    Verdict {
        verdict: RunVerdict::Fail,
        exit: ExitCode::Fail,
        reason: Some("peers of *: did not hold".to_owned()),
        ..verdict
    }
}

/// The first check of this kind for which a predicate on the script and its phase holds.
fn place(script: &Script, kind: &str, fails: impl Fn(&Script, usize) -> bool) -> Option<Place> {
    let phases = script.list("phases").iter().filter_map(Value::as_table).enumerate();
    phases
        .flat_map(|(phase, table)| {
            let checks = list(table, "checks").iter().enumerate();
            checks.map(move |(check, of)| (Place { phase, check }, of["check"].as_str()))
        })
        .find(|(place, name)| *name == Some(kind) && fails(script, place.phase))
        .map(|(place, _)| place)
}

/// Runs it against an oracle until nothing smaller fails; `chance`: only every so many runs fail.
fn shrink(text: &str, fails: &dyn Fn(&Script) -> Option<Place>, tries: u32, chance: u32) -> Course {
    let large = plan(text);
    let first = fails(&Script::parse(text).unwrap()).expect("the large one fails");
    let folder = Path::new("/some");
    let mut course = Course::new(&large, &verdict(&large, first), folder, tries).unwrap();
    let mut runs = 0;
    while let Some(attempt) = course.next_try() {
        assert_eq!(course.next_try().as_ref(), Some(&attempt), "asked again, it says the same");
        runs += 1;
        assert!(runs < 20_000, "it ends");
        let smaller = plan(&attempt.text);
        let place = fails(&Script::parse(&attempt.text).unwrap());
        let outcome = match place.filter(|_| runs % chance == 0) {
            Some(place) => course.outcome(Some(ExitCode::Fail), Some(&verdict(&smaller, place))),
            None => course.outcome(Some(ExitCode::Pass), None),
        };
        let before = course.smallest().len();
        if course.ended(&outcome) && attempt.without.is_some() {
            assert!(course.smallest().len() <= before, "{}", course.smallest());
        }
    }
    course
}

fn has_fault(script: &Script, until: usize, is: impl Fn(&toml::Table) -> bool) -> bool {
    let phases = script.list("phases").iter().take(until + 1).filter_map(Value::as_table);
    let mut faults = phases.flat_map(|phase| list(phase, "faults"));
    faults.any(|fault| fault.as_table().is_some_and(&is))
}

const LARGE: &str = r#"
[scenario]
description = "large"
tags = ["nightly"]
[[nodes]]
name = "seed"
count = 2
seed = true
mine = true
[[nodes]]
name = "a"
count = 3
mine = true
env = { X = "1" }
[[nodes]]
name = "b"
count = 2
seeds = ["seed", "a-1"]
[[nodes]]
name = "late"
start = "later"
[[nodes]]
name = "villain"
kind = "hostile"
attack = "silence"
start = "later"
[[phases]]
name = "one"
checks = [{ check = "peers", nodes = "a", at_least = 6, within = "60s" }, { check = "alive", nodes = "b", within = "9s" }]
[[phases]]
name = "two"
faults = [{ fault = "stop", nodes = "seed-1" }, { fault = "hostile", nodes = "villain", downtime = "9s" }]
checks = [{ check = "height-advances", nodes = "a", by = 2, within = "60s" }]
[[phases]]
name = "three"
faults = [{ fault = "start", nodes = "seed-1" }, { fault = "pause", nodes = "b", downtime = "8s" }, { fault = "join", nodes = "late" }]
checks = [{ check = "peers", nodes = "*", at_least = 7, within = "60s" }, { check = "same-chain", nodes = "*", within = "60s" }]
[[phases]]
name = "four"
storm = [{ faults = ["kill"], nodes = "a", every = "5s", for = "20s" }]
checks = [{ check = "peers", nodes = "*", at_least = 7, within = "60s" }, { check = "height-advances", nodes = "a", by = 2, within = "60s" }]
[[phases]]
name = "five"
faults = [{ fault = "kill", nodes = "a", downtime = "3s" }]
checks = [{ check = "same-chain", nodes = "*", within = "60s" }]
"#;

/// It fails because `b` is paused somewhere before heights of `a` are looked at.
#[test]
fn what_is_left_is_the_fault_that_matters_and_the_check_that_fails() {
    let fails = |script: &Script| {
        let paused = |fault: &toml::Table| {
            fault["fault"].as_str() == Some("pause") && fault["nodes"].as_str() == Some("b")
        };
        place(script, "height-advances", |script, phase| has_fault(script, phase, paused))
    };
    let course = shrink(LARGE, &fails, 1, 1);
    assert!(course.is_finished() && course.is_confirmed());
    insta::assert_snapshot!(course.smallest());
    assert_eq!(course.reason().to_string(), "height-advances: did not hold for N");
}

#[test]
fn one_that_fails_by_chance_takes_several_tries_and_comes_to_the_same() {
    let fails = |script: &Script| {
        let killed = |fault: &toml::Table| fault["fault"].as_str() == Some("kill");
        place(script, "same-chain", |script, phase| has_fault(script, phase, killed))
    };
    let (sure, by_chance) = (shrink(LARGE, &fails, 1, 1), shrink(LARGE, &fails, 3, 3));
    assert_eq!(by_chance.smallest(), sure.smallest());
    assert!(by_chance.runs() > 2 * sure.runs());
    let never = shrink_never(LARGE, &fails);
    assert!(!never.is_confirmed() && !never.is_finished());
    assert_eq!(never.runs(), 3, "it is not tried for ever");
}

fn shrink_never(text: &str, fails: &dyn Fn(&Script) -> Option<Place>) -> Course {
    shrink(text, fails, 3, u32::MAX)
}

/// Whatever fails of generated scenarios, what is left is a scenario, asks for no more than can be had, and
/// has at most the fault, what ends it, and what it needs.
#[test]
fn generated_scenarios_become_small() {
    for seed in 0..40 {
        let text = generate(&Asked { seed, nodes: 8, faults: 6, place: Where::Process });
        let last = Script::parse(&text).unwrap().list("phases").len() - 1;
        for kind in ["same-chain", "peers", "sync-truth"] {
            let faulty = |fault: &toml::Table| fault["fault"].as_str() != Some("join");
            let fails = |script: &Script| {
                place(script, kind, |script, phase| has_fault(script, phase, faulty))
            };
            if fails(&Script::parse(&text).unwrap()).is_none() {
                continue;
            }
            let course = shrink(&text, &fails, 1, 1);
            let [groups, phases, faults, checks] = course.size();
            let small = course.smallest();
            assert!(course.is_finished());
            assert!(
                faults <= 2 && checks <= 2 && phases <= 4.min(last + 1) && groups <= 5,
                "{small}"
            );
            plan(&small);
        }
    }
}

/// Two halves and the one that joins them: without it each half would fail `peers` by itself.
#[test]
fn nobody_is_left_out_without_whom_it_would_fail_by_itself() {
    let text = include_str!("../../../../scenarios/split-seeds/scenario.toml");
    let course = shrink(text, &|script| place(script, "peers", |_, _| true), 1, 1);
    let small = course.smallest();
    let nodes = plan(&small).network();
    assert!(nodes.contains(&"bridge".to_owned()) || nodes.len() < 3, "{small}");
    assert!(small.contains("mine = true") && !small.contains("height-advances"), "{small}");
    let least = 7 - 4;
    assert!(
        small.contains(&format!("at_least = {}", nodes.len() - least)),
        "as many fewer\n{small}"
    );
}

/// What is watched for a whole window is watched in a network that has settled.
#[test]
fn what_does_not_wait_is_not_asked_right_after_a_start() {
    let text = include_str!("../../../../scenarios/chain-wiped/scenario.toml");
    let text = text.replace(
        "[[phases.checks]]\ncheck = \"sync-truth\"",
        "[[phases]]\nname = \"rest\"\n[[phases.checks]]\ncheck = \"sync-truth\"",
    );
    let small = shrink(&text, &|script| place(script, "sync-truth", |_, _| true), 1, 1).smallest();
    assert_eq!(plan(&small).phases.len(), 2, "{small}");
    assert!(small.contains("\"peers\"") || small.contains("\"same-chain\""), "{small}");
    // Of one that waits nothing of the kind is needed.
    let small = shrink(&text, &|script| place(script, "same-chain", |_, _| true), 1, 1).smallest();
    assert_eq!(plan(&small).phases.len(), 1, "{small}");
}

#[test]
fn two_networks_are_not_made_one_by_what_is_left_out() {
    let text = include_str!("../../../../scenarios/two-networks/scenario.toml");
    let small = shrink(text, &|script| place(script, "topology", |_, _| true), 1, 1).smallest();
    let groups = |text: &str| Script::parse(text).unwrap().list("nodes").len();
    assert_eq!(groups(&small), groups(text), "{small}");
}

#[test]
fn what_did_not_fail_is_refused() {
    let large = plan(LARGE);
    let folder = Path::new("/some");
    let fine = Verdict {
        exit: ExitCode::Inconclusive,
        verdict: RunVerdict::Inconclusive,
        ..verdict(&large, Place { phase: 0, check: 0 })
    };
    let why = Course::new(&large, &fine, folder, 1).unwrap_err();
    assert_eq!(why, Refused::NotFailed("inconclusive".to_owned()));
    let nothing = verdict(&large, Place { phase: 99, check: 0 });
    assert_eq!(Course::new(&large, &nothing, folder, 1).unwrap_err(), Refused::NoReason);
}

/// Binaries are named from the file's folder, and `--nodes` is no key of a file.
#[test]
fn it_needs_neither_its_folder_nor_the_command_line() {
    let text = LARGE
        .replace("env = { X = \"1\" }", "bin = \"node\"")
        .replace("\"b\"\ncount = 2\nseeds = [\"seed\", \"a-1\"]", "\"b\"\nseed = true");
    let text = text.replace(
        "name = \"late\"\nstart = \"later\"",
        "name = \"late\"\nseed = true\nstart = \"later\"",
    );
    let mut large = plan(&text);
    large.overrides.nodes = Some(2);
    let first = Place { phase: 1, check: 0 };
    let course = Course::new(&large, &verdict(&large, first), Path::new("/some"), 1).unwrap();
    let group = &Script::parse(&course.smallest()).unwrap().list("nodes")[1].clone();
    assert_eq!(group["bin"].as_str(), Some("/some/node"));
    assert_eq!(group["count"].as_integer(), Some(2));
}

/// A scenario of a seed, `a-1`, `a-2` and `b`, with these phases.
fn with_phases(phases: &str) -> String {
    let nodes = r#"
[scenario]
description = "some"
[network]
seeds = "names"
[[nodes]]
name = "seed"
seed = true
mine = true
[[nodes]]
name = "a"
count = 2
mine = true
[[nodes]]
name = "b"
"#;
    format!("{nodes}{phases}")
}

/// It fails with the fault, whether that has healed (a bug) or not (which is no bug): the heal must stay.
#[test]
fn what_ends_a_fault_stays_as_long_as_the_fault() {
    for (fault, end, check) in [
        (r#""isolate", nodes = "b""#, r#""rejoin", nodes = "b""#, "peers"),
        (r#""partition", groups = [["seed", "a"], ["b"]]"#, r#""heal""#, "same-chain"),
        (r#""one-way", from = "seed", to = "b""#, r#""heal""#, "peers"),
        (r#""degrade", nodes = "b", delay = "900ms", loss = "30%""#, r#""heal""#, "same-chain"),
        (r#""stop", nodes = "b""#, r#""start", nodes = "b""#, "peers"),
        (r#""pause", nodes = "b""#, r#""resume", nodes = "b""#, "peers"),
        (r#""clock", nodes = "a", by = "90s""#, r#""clock", nodes = "a", by = "0s""#, "same-chain"),
        (
            r#""limit", nodes = "b", open_files = 20"#,
            r#""limit", nodes = "b", open_files = 999"#,
            "peers",
        ),
        (
            r#""rename", seed = "seed", to = "b""#,
            r#""rename", seed = "seed", to = "seed""#,
            "same-chain",
        ),
    ] {
        let asked = if check == "peers" { "at_least = 1, " } else { "" };
        let text = with_phases(&format!(
            r#"
[[phases]]
name = "one"
faults = [{{ fault = {fault} }}]
[[phases]]
name = "two"
faults = [{{ fault = {end} }}]
[[phases]]
name = "three"
checks = [{{ check = "{check}", nodes = "a", {asked}within = "60s" }}]
"#
        ));
        let written = Script::parse(&text).unwrap();
        let first = |phase: usize| {
            list(written.list("phases")[phase].as_table().unwrap(), "faults")[0].clone()
        };
        let (fault, end) = (first(0), first(1));
        let is = |one: &Value| {
            let one = one.clone();
            let keys = ["fault", "by", "open_files", "to"];
            move |of: &toml::Table| keys.iter().all(|key| of.get(*key) == one.get(*key))
        };
        let fails = |script: &Script| {
            place(script, check, |script, phase| has_fault(script, phase, is(&fault)))
        };
        let small = shrink(&text, &fails, 1, 1).smallest();
        let last = Script::parse(&small).unwrap().list("phases").len() - 1;
        assert!(has_fault(&Script::parse(&small).unwrap(), last, is(&end)), "{small}");
    }
}

/// Heights of `b` do not advance, whoever else mines; where nobody mines that is no bug.
#[test]
fn somebody_mines_where_it_looks_as_before() {
    for (fault, when) in [
        (r#""stop", nodes = "seed""#, ""),
        (r#""pause", nodes = "seed""#, ""),
        (r#""leave", nodes = "seed""#, ""),
        (r#""isolate", nodes = "seed""#, ""),
        (r#""partition", groups = [["seed"], ["a", "b"]]"#, ""),
        (r#""restart", nodes = "seed", downtime = "9s""#, r#"during = "fault", "#),
    ] {
        let text = with_phases(&format!(
            r#"
[[phases]]
name = "one"
faults = [{{ fault = {fault} }}]
checks = [{{ check = "height-advances", nodes = "b", by = 2, {when}within = "60s" }}]
"#
        ));
        let fails = |script: &Script| {
            place(script, "height-advances", |script, phase| has_fault(script, phase, |_| true))
        };
        let small = shrink(&text, &fails, 1, 1).smallest();
        let nodes = plan(&small).nodes;
        assert!(nodes.iter().any(|node| node.name == "a-1" && node.mine), "{small}");
        assert!(nodes.len() == 3, "{small}");
    }
}

/// What a run says in which these failed, all in the same words.
fn failures(course: &Course, places: &[Place]) -> Outcome {
    let failed = |place: &Place| Failed { reason: course.reason.clone(), place: *place };
    Outcome::Failed(places.iter().map(failed).collect())
}

#[test]
fn the_same_words_of_another_check_are_another_failure() {
    let large = plan(LARGE);
    let first = Place { phase: 2, check: 0 };
    let mut course = Course::new(&large, &verdict(&large, first), Path::new("/some"), 1).unwrap();
    course.next_try().unwrap();
    assert!(course.ended(&failures(&course, &[first])));
    course.next_try().unwrap();
    let here = course.smaller[course.next].place;
    let elsewhere = Place { phase: here.phase, check: here.check + 7 };
    let other = Place { phase: 0, check: 0 };
    assert_ne!(here, other);
    let before = course.smallest();
    assert!(!course.ended(&failures(&course, &[other])), "another check");
    assert_eq!(course.smallest(), before);
    course.next_try().unwrap();
    let here = course.smaller[course.next].place;
    assert!(course.ended(&failures(&course, &[other, here])), "that check, and another");
    assert_eq!(course.place, here);
    course.next_try().unwrap();
    assert!(course.ended(&failures(&course, &[elsewhere])), "a node's own end, whenever");
    assert_eq!(course.place, elsewhere);
    assert!(course.next_try().is_some());
}

/// The first time it is looked for wherever it is, and what is fair is what was true there.
#[test]
fn where_it_fails_again_is_where_it_is_looked_for() {
    let large = plan(LARGE);
    let (first, again) = (Place { phase: 2, check: 0 }, Place { phase: 1, check: 0 });
    let mut course = Course::new(&large, &verdict(&large, first), Path::new("/some"), 1).unwrap();
    course.next_try().unwrap();
    let before = course.fair.clone();
    assert!(course.ended(&failures(&course, &[again])));
    assert_eq!(course.place, again);
    let text = course.smallest();
    let (plan, problems) = load(origin(&course.path), text, &course.overrides);
    assert_eq!(course.fair, Fair::of(&course.script, &plan.unwrap(), &problems, again));
    assert_ne!(course.fair, before, "a seed is down there");
}
