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

fn check(change: impl FnOnce(&mut Metric)) -> CheckKind {
    let mut metric = Metric {
        name: "blocks_total".to_owned(),
        labels: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
        at_least: None,
        at_most: None,
        rises_by: None,
    };
    change(&mut metric);
    CheckKind::Metric(metric)
}

fn bound(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// Both are sampled; the first always has 5, the second what `of` says, by milliseconds.
fn seen(of: impl Fn(u64) -> (u32, Sampled)) -> Seen {
    let mut seen = Seen::default();
    for node in BOTH {
        seen = seen.poll(node, 0, 11_500, |_, _| {});
    }
    for at in (1_000..11_000).step_by(1_000) {
        let (start, other) = of(at);
        let five = Scrape { start: 0, seen: value("5") };
        let scrapes = [("node-1", five), ("node-2", Scrape { start, seen: other })];
        let scrapes = scrapes.into_iter().map(|(node, scrape)| (node.to_owned(), scrape));
        seen.asked(at, 5, AskedFor::Metrics(scrapes.collect()));
    }
    seen
}

fn value(text: &str) -> Sampled {
    Sampled::Value(text.to_owned())
}

fn said(seen: &Seen, check: &CheckKind) -> (CheckVerdict, String) {
    let finding = seen.verdict(check, &BOTH, 1_000);
    (finding.verdict, finding.reason)
}

#[test]
fn all_are_within_the_bounds_for_long_enough() {
    let between = check(|it| (it.at_least, it.at_most) = (bound("4.5"), bound("6")));
    assert_eq!(said(&seen(|_| (0, value("6.0"))), &between), (Pass, "held for 2.0 s".to_owned()));
    for outside in ["4", "7", "NaN", "+Inf", "-Inf"] {
        assert_eq!(said(&seen(|_| (0, value(outside))), &between).0, Fail, "{outside}");
    }
    let late = seen(|at| (0, value(if at < 5_000 { "7" } else { "6" })));
    let finding = late.verdict(&between, &BOTH, 1_000);
    assert_eq!(finding.held_since.map(|at| at.0), Some(5_005));
    assert_eq!(finding.observed, "node-1: 5; node-2: 6");
}

#[test]
fn a_rise_counts_from_the_first_value_of_the_same_start() {
    let rises = check(|it| it.rises_by = bound("3"));
    let alone = |of: fn(u64) -> (u32, Sampled)| {
        let finding = seen(of).verdict(&rises, &["node-1", "node-2"], 1_000);
        finding.verdict
    };
    assert_eq!(alone(|at| (0, value(&(at / 1_000).to_string()))), Fail, "node-1 stays at 5");
    let both = |of: &dyn Fn(u64) -> (u32, String)| {
        let mut seen = Seen::default();
        for node in BOTH {
            seen = seen.poll(node, 0, 11_500, |_, _| {});
        }
        for at in (1_000..11_000).step_by(1_000) {
            let (start, text) = of(at);
            let scrape = Scrape { start, seen: value(&text) };
            let scrapes = BOTH.map(|node| (node.to_owned(), scrape.clone()));
            seen.asked(at, 5, AskedFor::Metrics(scrapes.into()));
        }
        seen.verdict(&rises, &BOTH, 1_000).verdict
    };
    assert_eq!(both(&|at| (0, (100 + at / 1_000).to_string())), Pass);
    assert_eq!(both(&|at| (0, (100 + at / 4_000).to_string())), Fail, "by two");
    // A process that began anew, with more than the old one had.
    let anew = |at: u64| if at < 6_000 { (0, "1".to_owned()) } else { (1, "50".to_owned()) };
    assert_eq!(both(&anew), Fail);
    assert_eq!(
        both(&|at| (0, if at == 5_000 { "9" } else { "1" }.to_owned())),
        Fail,
        "for a moment"
    );
}

#[test]
fn what_is_not_there_is_not_0() {
    let none = check(|it| it.at_most = bound("5"));
    let why = "the page of node-2 has no `blocks_total{a=\"b\"}`";
    assert_eq!(said(&seen(|_| (0, Sampled::Absent)), &none), (Fail, why.to_owned()));
    let wrong = said(&seen(|_| (0, Sampled::Wrong("<html>".to_owned()))), &none);
    assert_eq!(wrong, (Fail, "the page of node-2 is none: <html>".to_owned()));
    let refused =
        said(&seen(|_| (0, Sampled::Missing(Miss::Nonsense("HTTP status 404".to_owned())))), &none);
    assert_eq!(refused.0, Fail);
    assert!(refused.1.contains("HTTP status 404"), "{}", refused.1);
    assert_eq!(said(&seen(|_| (0, Sampled::Missing(Miss::Timeout))), &none).0, Fail);
    let several = said(&seen(|_| (0, Sampled::Several(2))), &none);
    assert_eq!(several.0, Inconclusive);
    assert!(several.1.starts_with("2 samples of node-2"), "{}", several.1);
    let mut unasked = Seen::default();
    for node in BOTH {
        unasked = unasked.poll(node, 0, 11_500, |_, _| {});
    }
    assert_eq!(said(&unasked, &none).0, Inconclusive, "nobody looked");
    assert_eq!(
        said(&seen(|_| (0, value("1"))), &check(|_| {})),
        (Fail, "the plan is none".to_owned())
    );
}

/// A sample that is there twice is no way out for a node that was wrong, nor for another.
#[test]
fn a_sample_that_is_there_twice_excuses_no_wrong_one() {
    let least = check(|it| it.at_least = bound("2"));
    for when in [1_000, 5_000, 10_000] {
        let once = seen(|at| (0, if at == when { Sampled::Several(2) } else { value("1") }));
        assert_eq!(said(&once, &least).0, Fail, "{when}");
    }
    let most = check(|it| it.at_most = bound("4"));
    assert_eq!(said(&seen(|_| (0, Sampled::Several(2))), &most).0, Fail, "node-1 has 5");
    let late = seen(|at| (0, if at < 5_000 { value("1") } else { Sampled::Several(2) }));
    assert_eq!(said(&late, &least).0, Inconclusive);
}

#[test]
fn a_check_that_is_none_is_refused() {
    let said = |keys: &str| {
        let text = format!(
            "[scenario]\n[[nodes]]\nname = \"seed\"\nseed = true\n[[phases]]\nname = \"p\"\nchecks = [{{ check = \"metric\", nodes = \"*\", within = \"5s\", {keys} }}]\n"
        );
        let origin = Origin { name: "test", path: std::path::Path::new("test.toml") };
        load(origin, text, &Overrides::default()).1.to_string()
    };
    assert_eq!(
        said("name = \"a_total\", labels = { b = \"c\" }, at_least = 0, rises_by = 0.5"),
        ""
    );
    for (bad, why) in [
        ("at_least = 1", "missing key `name`"),
        ("name = \"a\"", "`at_least`, `at_most` or `rises_by`"),
        ("name = \"a{b=1}\", at_least = 1", "no metric is called"),
        ("name = \"a\", at_least = \"1\"", "`at_least` must be a number"),
        ("name = \"a\", rises_by = 0", "must be above 0"),
        ("name = \"a\", at_most = 1, labels = { b = 1 }", "must be a string"),
        ("name = \"a\", at_most = 1, labels = { \"b c\" = \"d\" }", "is no label"),
    ] {
        assert!(said(bad).contains(why), "{bad}: {}", said(bad));
    }
}
