use super::*;
use crate::{
    check::{CheckKind, testing::Seen},
    event::{
        CheckVerdict::{self, Fail, Inconclusive, Pass},
        Miss,
    },
    scenario::{Origin, Overrides, load},
};

const BOTH: [&str; 2] = ["node-1", "node-2"];

fn check(want: Want) -> CheckKind {
    CheckKind::Rpc(Rpc {
        method: "a_method".to_owned(),
        params: "[]".to_owned(),
        pointer: "/a".to_owned(),
        want,
    })
}

fn at_least_2() -> CheckKind {
    check(Want::AtLeast("2".to_owned()))
}

/// Both are sampled; the second gives these parts, the first always 2.
fn seen(part: impl Fn(u64) -> Part) -> Seen {
    let mut seen = Seen::default();
    for node in BOTH {
        seen = seen.poll(node, 0, 11_500, |_, _| {});
    }
    for at in (1_000..11_000).step_by(250) {
        let answers = [("node-1", json("2")), ("node-2", part(at))];
        seen = seen.answers(at, 5, &answers);
    }
    seen
}

fn said(seen: &Seen, check: &CheckKind) -> (CheckVerdict, String) {
    let finding = seen.verdict(check, &BOTH, 1_000);
    (finding.verdict, finding.reason)
}

fn json(text: &str) -> Part {
    Part::Json(text.to_owned().into())
}

#[test]
fn passes_once_all_have_said_it_for_long_enough() {
    let late = seen(|at| json(if at < 4_000 { "1" } else { "3" }));
    let finding = late.verdict(&at_least_2(), &BOTH, 1_000);
    assert_eq!((finding.verdict, finding.reason.as_str()), (Pass, "held for 2.0 s"));
    assert_eq!(finding.held_since.map(|at| at.0), Some(4_005));
    assert_eq!(finding.observed, "node-1: 2; node-2: 3");
    let broken = seen(|at| json(if at % 1_500 < 250 { "1" } else { "3" }));
    let why = "did not hold for 2.0 s by the deadline";
    assert_eq!(said(&broken, &at_least_2()), (Fail, why.to_owned()));
}

#[test]
fn what_is_missing_is_never_a_pass_and_names_who_lacks_it() {
    let refused = |_| {
        let message = "Method not found".to_owned();
        Part::Missing(Miss::Refused { code: -32601, message })
    };
    let why =
        "node-2 answered with error -32601 (Method not found) when it was asked for `a_method`";
    assert_eq!(said(&seen(refused), &at_least_2()), (Fail, why.to_owned()));
    let without = "node-2 answers `a_method` without `/a`";
    assert_eq!(said(&seen(|_| Part::Absent), &at_least_2()), (Fail, without.to_owned()));
    let silent = seen(|_| Part::Missing(Miss::Timeout));
    assert_eq!(said(&silent, &at_least_2()).0, Fail);
    assert_eq!(said(&seen(|_| json("null")), &at_least_2()).0, Fail);
    // Nobody is to blame for these.
    let (verdict, why) = said(&seen(|_| Part::TooLong { bytes: 5_000 }), &at_least_2());
    assert_eq!(verdict, Inconclusive);
    assert!(why.starts_with("what node-2 answers is longer than the 4096 bytes"), "{why}");
    let (verdict, why) =
        said(&seen(|_| Part::Missing(Miss::Busy { retry_ms: None })), &at_least_2());
    assert_eq!(verdict, Inconclusive);
    assert!(why.starts_with("node-2 grants too few answers to judge: 40 of 40"), "{why}");
}

/// What nobody can judge is no way out for a node that was wrong, nor for another.
#[test]
fn one_answer_that_cannot_be_judged_excuses_no_wrong_one() {
    let long = || Part::TooLong { bytes: 5_000 };
    let once = |when: u64| seen(move |at| if at == when { long() } else { json("1") });
    for when in [1_000, 5_000, 10_750] {
        assert_eq!(said(&once(when), &at_least_2()).0, Fail, "{when}");
    }
    // It might have held between.
    let late = seen(|at| if at < 5_000 { json("1") } else { long() });
    assert_eq!(said(&late, &at_least_2()).0, Inconclusive);
    let wrong_at_last = seen(|at| if at < 10_000 { long() } else { json("1") });
    assert_eq!(said(&wrong_at_last, &at_least_2()).0, Fail);
    let busy = || Part::Missing(Miss::Busy { retry_ms: None });
    let busy = seen(|at| if at % 1_000 == 0 || at > 10_000 { json("1") } else { busy() });
    assert_eq!(said(&busy, &at_least_2()).0, Fail);
    let large = "18446744073709551616";
    let (verdict, why) = said(&seen(|_| json(large)), &check(Want::AtLeast(large.to_owned())));
    assert_eq!(verdict, Fail, "node-1 says 2");
    assert!(why.starts_with("did not hold"), "{why}");
    let all = Want::Equals(large.to_owned());
    let mut rounded = Seen::default();
    for node in BOTH {
        rounded = rounded.poll(node, 0, 11_500, |_, _| {});
    }
    for at in (1_000..11_000).step_by(250) {
        rounded = rounded.answers(at, 5, &[("node-1", json(large)), ("node-2", json(large))]);
    }
    let (verdict, why) = said(&rounded, &check(all));
    assert_eq!(verdict, Inconclusive);
    assert!(why.starts_with("what node-1 answers has a number that is rounded"), "{why}");
}

/// It is judged many times a second, and holds up everybody who records something.
#[test]
fn no_more_answers_are_looked_at_than_decide() {
    use crate::check::{
        FRESH,
        testing::{ASKING, names},
    };
    let looked_at = |part: fn(u64) -> Part| {
        let seen = seen(part);
        let nodes = names(&BOTH);
        let view = View {
            id: ASKING,
            history: &seen.history,
            nodes: &nodes,
            network: &nodes,
            strangers: 0,
            start: Moment(1_000),
            deadline: Moment(11_000),
            hold: Duration::from_secs(2),
            fresh: FRESH,
            now: Moment(11_000),
            fault: None,
        };
        let wanted = Want::AtLeast("2".to_owned()).read().unwrap();
        let count = std::cell::Cell::new(0);
        let says = |round: Round<'_>| {
            count.set(count.get() + 1);
            wanted.says(round.answers.values())
        };
        let marks = [marks(&view, says)];
        (count.get(), held(&marks, &view).is_some())
    };
    assert_eq!(looked_at(|_| json("2")), (10, true));
    assert_eq!(looked_at(|_| json("1")), (1, false));
    assert_eq!(looked_at(|_| Part::Missing(Miss::Timeout)), (9, false));
    assert_eq!(looked_at(|at| json(if at < 10_000 { "1" } else { "2" })), (5, false));
}

#[test]
fn nobody_asked_is_inconclusive_and_other_rounds_say_nothing() {
    let mut unasked = Seen::default();
    for node in BOTH {
        unasked = unasked.poll(node, 0, 11_500, |_, _| {});
    }
    for at in (1_000..11_000).step_by(250) {
        // Of one of the two alone: another check's, or a forged one.
        unasked = unasked.answers(at, 5, &[("node-1", json("2"))]);
    }
    assert_eq!(said(&unasked, &at_least_2()).0, Inconclusive);
    let mut early = Seen::default();
    for node in BOTH {
        early = early.poll(node, 0, 11_500, |_, _| {});
    }
    for at in (0..3_000).step_by(250) {
        early = early.answers(at, 5, &[("node-1", json("2")), ("node-2", json("2"))]);
    }
    let finding = early.verdict_within(&at_least_2(), &BOTH, 2_500, 10_000);
    assert_eq!(finding.verdict, Inconclusive, "what was asked before it began");
}

#[test]
fn an_error_is_what_was_wanted_and_one_node_has_nobody_to_agree_with() {
    let refused = |_| Part::Missing(Miss::Refused { code: 1, message: String::new() });
    let mut all = Seen::default();
    for node in BOTH {
        all = all.poll(node, 0, 11_500, |_, _| {});
    }
    for at in (1_000..11_000).step_by(250) {
        all = all.answers(at, 5, &[("node-1", refused(at)), ("node-2", refused(at))]);
    }
    assert_eq!(said(&all, &check(Want::IsError)).0, Pass);
    assert_eq!(said(&seen(refused), &check(Want::IsError)).0, Fail, "node-1 does answer");
    assert_eq!(said(&seen(|_| json("2")), &check(Want::SameEverywhere)).0, Pass);
    assert_eq!(said(&seen(|_| json("3")), &check(Want::SameEverywhere)).0, Fail);
    let alone = all.verdict(&check(Want::SameEverywhere), &["node-1"], 1_000);
    assert_eq!(alone.verdict, Fail);
    assert!(alone.reason.contains("nobody to agree with"), "{}", alone.reason);
    let forged = check(Want::AtLeast("x".to_owned()));
    assert_eq!(said(&all, &forged), (Fail, "the plan is none".to_owned()));
}

/// What a node says is shown without anything that a terminal obeys, and not at length.
#[test]
fn an_answer_is_shown_short_and_harmless() {
    let long = format!("\"{}\u{7f}\"", "x".repeat(3_000));
    let finding = seen(|_| json(&long)).verdict(&at_least_2(), &BOTH, 1_000);
    assert!(
        finding.observed.len() < 300 && finding.observed.ends_with('…'),
        "{}",
        finding.observed
    );
    let seen = seen(|_| json("\"\u{9b}31m\"")).verdict(&at_least_2(), &BOTH, 1_000);
    assert!(!seen.observed.contains('\u{9b}'), "{}", seen.observed);
}

#[test]
fn a_check_that_is_none_is_refused_with_its_place() {
    let said = |keys: &str| {
        let text = format!(
            "[scenario]\n[[nodes]]\nname = \"seed\"\nseed = true\n[[nodes]]\nname = \"node\"\n[[phases]]\nname = \"p\"\nchecks = [{{ check = \"rpc\", nodes = \"*\", within = \"5s\", {keys} }}]\n"
        );
        let origin = Origin { name: "test", path: std::path::Path::new("test.toml") };
        load(origin, text, &Overrides::default()).1.to_string()
    };
    for good in [
        "method = \"m\", equals = { a = [1, 2.5] }",
        "method = \"m\", params = [0, \"x\", { a = true }], pointer = \"/a~1b/0\", at_least = -1.5",
        "method = \"m\", matches = \"a|b\"",
        "method = \"m\", same_everywhere = true",
        "method = \"m\", is_error = true",
    ] {
        assert_eq!(said(good), "", "{good}");
    }
    let long = format!("method = \"m\", equals = \"{}\"", "x".repeat(5_000));
    for (bad, why) in [
        ("is_error = true", "missing key `method`"),
        ("method = \"m\"", "one of `equals`"),
        ("method = \"a b\", is_error = true", "no method is called"),
        ("method = \"m\", at_least = 1, at_most = 2", "`at_least` and `at_most` in one"),
        ("method = \"m\", at_least = \"1\"", "`at_least` must be a number"),
        ("method = \"m\", same_everywhere = false", "asks nothing"),
        ("method = \"m\", matches = \"(\"", "`matches`: "),
        ("method = \"m\", params = { a = 1 }, is_error = true", "`params` must be a list"),
        ("method = \"m\", pointer = \"a\", equals = 1", "is no JSON pointer"),
        ("method = \"m\", pointer = \"/a~2\", equals = 1", "is no JSON pointer"),
        ("method = \"m\", pointer = \"/a\", is_error = true", "an error has no parts"),
        ("method = \"m\", equals = 2026-11-27", "no dates"),
        ("method = \"m\", equal = 1", "unknown key `equal`"),
        (long.as_str(), "more than 4096 bytes"),
    ] {
        assert!(said(bad).contains(why), "{bad}: {}", said(bad));
    }
}
