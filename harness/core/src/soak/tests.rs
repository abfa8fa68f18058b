//! Against truths that are known: what a node uses is drawn from a seed, with everything that honest ones do.

mod pace;

use std::{cell::RefCell, collections::BTreeMap, time::Duration};

use rand::{RngExt as _, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{
    asked::VERSION,
    judge::BLIND,
    ledger::resume,
    page::Page,
    seen::{Blocks, Forks},
    *,
};
use crate::{exit::ExitCode, scenario::Overrides};

const MIB: f64 = 1_048_576.0;
const WINDOW: f64 = 600.0;
const DAY: u64 = 86_400;

const TEXT: &str = "[scenario]\ndescription = \"two nodes\"\n[[nodes]]\nname = \"node\"\nseed = true\ncount = 2\nmine = true\n[[phases]]\nname = \"whole\"\n[[phases.checks]]\ncheck = \"peers\"\nnodes = \"*\"\nat_least = 1\nwithin = \"60s\"\n";

fn asked(seconds: u64) -> Asked {
    Asked {
        version: VERSION,
        started: "2026-11-27T00:00:00Z".into(),
        scenario: "two".into(),
        path: "two/scenario.toml".into(),
        text: TEXT.into(),
        overrides: Overrides { seed: 7, ..Overrides::default() },
        lasts: Duration::from_secs(seconds),
        window: Duration::from_secs_f64(WINDOW),
        limits: Limits::default(),
        provider: "process".into(),
        network: None,
    }
}

fn network(number: u64) -> Network {
    Network { number, began: "2026-11-27T00:00:00Z".into(), run: format!("run{number}") }
}

/// What one node is like.
#[derive(Clone, Copy, Default)]
struct Nature {
    /// MiB a minute.
    leak: f64,
    /// MiB that it takes at first, within minutes.
    warm_up: f64,
    /// MiB of a cache, and in how many seconds it is full.
    cache: (f64, f64),
    /// Descriptors a minute.
    descriptors: f64,
    /// KiB a second that it logs.
    log: f64,
    /// It is started again after so many seconds, each time.
    life: Option<f64>,
}

const HONEST: Nature = Nature {
    leak: 0.03,
    warm_up: 8.0,
    cache: (12.0, 720.0),
    descriptors: 0.0,
    log: 1.0,
    life: None,
};

fn used(nature: Nature, chance: &mut ChaCha8Rng, began: f64) -> BTreeMap<u32, Vec<Sample>> {
    let mut used: BTreeMap<u32, Vec<Sample>> = BTreeMap::new();
    for i in 0..60 {
        let at = began + f64::from(i) * 10.0;
        let start = nature.life.map_or(0.0, |life| (at / life).floor());
        let t = at - nature.life.map_or(0.0, |life| start * life);
        let warm = nature.warm_up * (1.0 - (-t / 120.0).exp());
        let cache = nature.cache.0 * (t / nature.cache.1.max(1.0)).min(1.0);
        let wave = (t / 40.0).sin() * 0.5 + chance.random::<f64>();
        let memory = 20.0 + warm + cache + wave + nature.leak * t / 60.0;
        let descriptors = 30.0 + chance.random_range(0.0..4.0) + nature.descriptors * t / 60.0;
        let log = nature.log * 1024.0 * at + chance.random_range(0.0..500.0);
        let sample = Sample(at, Some((memory * MIB) as u64), Some(descriptors as u64), log as u64);
        used.entry(start as u32).or_default().push(sample);
    }
    used
}

fn window(number: u64, nature: Nature, chance: &mut ChaCha8Rng) -> Window {
    let began = number as f64 * WINDOW;
    let node = |nature| NodeSeen { peers: Some([0, 1, 1]), used: nature, most: None };
    let honest = used(HONEST, chance, began);
    let tested = used(nature, chance, began);
    Window {
        number,
        network: 0,
        began,
        seconds: WINDOW,
        exit: 0,
        build: Some("a".into()),
        reason: None,
        digest: None,
        bundle: None,
        blocks: Some(Blocks { from: number * 300, to: number * 300 + 290, every_ms: Some(2000) }),
        forks: Forks { looks: 60, split: 3, deepest: 4 },
        nodes: BTreeMap::from([("node-1".into(), node(honest)), ("node-2".into(), node(tested))]),
    }
}

/// A soak of so many windows, of which one node is like this. Ends when something ends it.
fn soak(seconds: u64, nature: Nature, seed: u64, change: impl Fn(&mut Window)) -> Soak {
    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    let mut soak = Soak::new(asked(seconds));
    assert!(soak.began(network(0)));
    while soak.decision().is_none() && soak.windows().len() < 200 {
        let mut window = window(soak.next_window(), nature, &mut chance);
        change(&mut window);
        assert!(soak.ended(window), "it is the next one");
    }
    soak
}

fn ends(seconds: u64, nature: Nature, change: impl Fn(&mut Window)) -> (Decision, usize, String) {
    let soak = soak(seconds, nature, 1, change);
    let page = Page::of(&soak);
    (page.verdict.decision, soak.windows().len(), page.sentence())
}

#[test]
fn a_leak_of_a_mebibyte_a_minute_is_found_within_ten_minutes() {
    for seed in 0..100 {
        let nature = Nature { leak: 1.0, cache: (0.0, 1.0), ..HONEST };
        let mut chance = ChaCha8Rng::seed_from_u64(seed);
        let mut soak = Soak::new(asked(DAY));
        assert!(soak.began(network(0)) && soak.ended(window(0, nature, &mut chance)));
        let verdict = soak.verdict();
        assert_eq!(verdict.exit, ExitCode::Fail, "seed {seed}: {verdict:?}");
        let found = |why: &String| why.starts_with("the memory of node-2 grows by ");
        assert!(verdict.reasons.iter().any(found), "{:?}", verdict.reasons);
    }
    // A soak of a day ends for it after half an hour, when it is no cache that fills.
    let (decision, windows, why) = ends(DAY, Nature { leak: 1.0, ..HONEST }, |_| ());
    assert_eq!((decision, windows), (Decision::Failed, 3), "{why}");
}

/// Start-up, a cache that fills for twelve minutes, waves and noise, and what a chain takes that grows.
#[test]
fn an_honest_node_is_not_accused_in_an_hour() {
    for seed in 0..200 {
        let soak = soak(3600, HONEST, seed, |_| ());
        let page = Page::of(&soak);
        assert_eq!(
            (page.verdict.decision, soak.windows().len()),
            (Decision::Passed, 6),
            "seed {seed}: {}",
            page.sentence()
        );
    }
}

#[test]
fn a_node_that_is_started_again_and_again_is_judged_by_its_longest_life() {
    let restless = Nature { life: Some(1300.0), ..HONEST };
    let (decision, _, why) = ends(3600, restless, |_| ());
    assert_eq!(decision, Decision::Passed, "{why}");
    let (decision, _, why) = ends(3600, Nature { leak: 2.0, ..restless }, |_| ());
    assert_eq!(decision, Decision::Failed, "{why}");
    // Nobody lives for a window: nothing can be said, and that is no pass.
    let (decision, _, why) = ends(3600, Nature { life: Some(200.0), ..HONEST }, |_| ());
    assert_eq!(decision, Decision::Inconclusive, "{why}");
    assert!(why.contains("the memory of node-2 was not measured often"), "{why}");
}

#[test]
fn descriptors_and_logs_are_found_as_well() {
    let (decision, _, why) = ends(3600, Nature { descriptors: 1.0, ..HONEST }, |_| ());
    assert!(decision == Decision::Failed && why.contains("descriptors of node-2 grows"), "{why}");
    // 10 GiB in a week are 17 KiB a second.
    let (decision, _, why) = ends(3600, Nature { log: 16.0, ..HONEST }, |_| ());
    assert_eq!(decision, Decision::Passed, "{why}");
    let (decision, _, why) = ends(3600, Nature { log: 19.0, ..HONEST }, |_| ());
    assert!(decision == Decision::Failed && why.contains("log of node-2 grows"), "{why}");
    // A limit that was reached is no matter of time, nor of slopes.
    let peak = |window: &mut Window| {
        let node = window.nodes.get_mut("node-1").unwrap();
        node.used.get_mut(&0).unwrap()[30].1 = Some(3 << 30);
    };
    let (decision, windows, why) = ends(3600, HONEST, peak);
    assert_eq!((decision, windows), (Decision::Failed, 1), "{why}");
}

#[test]
fn what_cannot_be_taken_back_fails_at_once() {
    for (change, words) in [
        ((|window| window.exit = 1) as fn(&mut Window), "window 1: it failed"),
        (|window| window.forks.deepest = 101, "disagreed 101 blocks deep"),
        (
            |window| window.blocks.as_mut().unwrap().to = window.blocks.unwrap().from + 40,
            "40 blocks",
        ),
        (|window| window.nodes.get_mut("node-2").unwrap().peers = Some([0, 0, 1]), "no peer"),
    ] {
        let (decision, windows, why) = ends(DAY, HONEST, change);
        assert_eq!((decision, windows), (Decision::Failed, 1), "{why}");
        assert!(why.contains(words), "{why} has no {words}");
    }
}

/// Half of a window is enough to see a fork that is too deep.
#[test]
fn a_signal_takes_no_fork_away() {
    let mut chance = ChaCha8Rng::seed_from_u64(5);
    let mut soak = Soak::new(asked(3600));
    assert!(soak.began(network(0)));
    let mut cut = window(0, HONEST, &mut chance);
    (cut.exit, cut.forks.deepest) = (143, 101);
    assert!(soak.ended(cut));
    assert_eq!(soak.decision().unwrap().decision, Decision::Failed);
}

#[test]
fn time_that_said_nothing_is_none_and_who_sees_nothing_ends() {
    // Every other window: twelve of them make an hour of six.
    let (decision, windows, why) = ends(3600, HONEST, |window| {
        window.exit = if window.number.is_multiple_of(2) { 2 } else { 0 }
    });
    assert_eq!((decision, windows), (Decision::Passed, 12), "{why}");
    let (decision, windows, _) = ends(3600, HONEST, |window| window.exit = 3);
    assert_eq!((decision, windows), (Decision::Environment, BLIND));
    let mostly =
        |window: &mut Window| window.exit = if window.number.is_multiple_of(3) { 0 } else { 2 };
    let (decision, _, why) = ends(3600, HONEST, mostly);
    assert_eq!(decision, Decision::Environment, "{why}");
    let (decision, windows, _) = ends(3600, HONEST, |window| window.exit = 4);
    assert_eq!((decision, windows), (Decision::Impossible, 1));
    let soak = Soak::new(asked(3600));
    assert_eq!((soak.decision(), soak.verdict().decision), (None, Decision::Undecided));
}

#[test]
fn half_of_a_soak_with_another_node_is_none() {
    let other = |window: &mut Window| window.build = Some(window.number.min(2).to_string());
    let (decision, windows, why) = ends(3600, HONEST, other);
    assert_eq!((decision, windows), (Decision::Inconclusive, 2), "{why}");
}

#[test]
fn what_nobody_can_count_is_said() {
    let uncounted = |window: &mut Window| {
        let nodes = window.nodes.values_mut().flat_map(|node| node.used.values_mut());
        nodes.flatten().for_each(|sample| sample.2 = None);
    };
    let (decision, _, why) = ends(3600, HONEST, uncounted);
    assert_eq!(decision, Decision::Passed);
    assert!(why.contains("not here: descriptors"), "{why}");
    let unmeasured =
        |window: &mut Window| window.nodes.values_mut().for_each(|node| node.used.clear());
    let (decision, _, why) = ends(3600, HONEST, unmeasured);
    assert_eq!(decision, Decision::Inconclusive, "{why}");
}

fn line(line: &Line) -> String {
    serde_json::to_string(line).unwrap() + "\n"
}

/// Killed after any line: it goes on in a new network, and comes to the same verdict.
#[test]
fn killed_anywhere_it_comes_to_the_same_verdict() {
    for (leak, decision) in [(0.03, Decision::Passed), (1.0, Decision::Failed)] {
        let nature = Nature { leak, ..HONEST };
        let mut text = line(&Line::Soak(Box::new(asked(7200)))) + &line(&Line::Network(network(0)));
        let mut ends = vec![text.len()];
        let windows = RefCell::new(Vec::new());
        soak(7200, nature, 3, |window| windows.borrow_mut().push(window.clone()));
        for window in windows.into_inner() {
            text += &line(&Line::Window(Box::new(window)));
            ends.push(text.len());
        }
        for end in ends {
            // Half a line is dropped.
            let (mut soak, whole) = resume(&text[..(end + 90).min(text.len())]).unwrap();
            assert_eq!(whole, end);
            let mut chance = ChaCha8Rng::seed_from_u64(4);
            let (number, first) = (soak.next_network(), soak.next_window());
            assert!(soak.began(network(number)));
            while soak.decision().is_none() {
                let mut window = window(soak.next_window() - first, nature, &mut chance);
                (window.number, window.network) = (soak.next_window(), number);
                assert!(soak.ended(window));
            }
            let page = Page::of(&soak);
            assert_eq!(page.verdict.decision, decision, "{}", page.sentence());
            assert!(page.markdown().contains("Not one network, but 2"));
        }
    }
}

#[test]
fn what_is_no_ledger_is_refused_with_the_reason() {
    let first = line(&Line::Soak(Box::new(asked(3600))));
    let began = line(&Line::Network(network(0)));
    let mut chance = ChaCha8Rng::seed_from_u64(5);
    let ended = line(&Line::Window(Box::new(window(0, HONEST, &mut chance))));
    let later = line(&Line::Window(Box::new(window(2, HONEST, &mut chance))));
    let unfit = Asked {
        text: TEXT.replace(
            "[[phases.checks]]",
            "[[phases.faults]]\nfault = \"stop\"\nnodes = \"node-1\"\n[[phases.faults]]\nfault = \"start\"\nnodes = \"node-1\"\n[[phases.checks]]",
        ),
        ..asked(3600)
    };
    for (text, why) in [
        (String::new(), "it is empty"),
        (began.clone(), "a later one"),
        (first.replacen("\"version\":1", "\"version\":2", 1), "version 2"),
        (first.replacen("at_least", "at_last", 1), "refused"),
        (line(&Line::Soak(Box::new(unfit))), "leaves something behind"),
        (first.clone() + &ended, "line 2"),
        (first.clone() + &began + &later, "line 3"),
        (first.clone() + &began + &ended + &ended, "line 4"),
        (first.clone() + &began + &began, "line 3"),
        (first.clone() + &first, "another soak"),
        (first.clone() + "junk\n", "line 2"),
    ] {
        let refused = resume(&text).expect_err(why).to_string();
        assert!(refused.contains(why), "{refused} has no {why}");
    }
    let (cut, _) = resume(&(first + &began)).unwrap();
    assert_eq!((cut.next_network(), cut.next_window()), (1, 0));
}

/// A ledger is read by whoever goes on with it, and bundles that it names are removed when there are many.
#[test]
fn a_line_leads_nowhere_else_and_no_number_is_too_large() {
    let begun = line(&Line::Soak(Box::new(asked(3600)))) + &line(&Line::Network(network(0)));
    let read = |change: &dyn Fn(&mut Window)| {
        let mut window = window(0, HONEST, &mut ChaCha8Rng::seed_from_u64(5));
        change(&mut window);
        resume(&(begun.clone() + &line(&Line::Window(Box::new(window)))))
    };
    for bundle in [
        "..",
        "windows",
        "windows/",
        "windows/..",
        "windows/../..",
        "windows/a/b",
        "a/b",
        "/windows/a",
        "./windows/a",
        "windows/./a",
        "",
    ] {
        assert!(read(&|window| window.bundle = Some(bundle.into())).is_err(), "{bundle}");
    }
    assert!(read(&|window| window.bundle = Some("windows/a".into())).is_ok());
    for seconds in [1e300, 1e19, -1.0] {
        assert!(read(&|window| window.seconds = seconds).is_err(), "{seconds}");
        assert!(read(&|window| window.began = seconds).is_err(), "{seconds}");
    }
    let highest = |window: &mut Window| window.blocks.as_mut().unwrap().to = u64::MAX;
    assert!(read(&highest).unwrap().0.decision().is_none());
}

/// What grows in a minute as everything does at first is not said to go on for a week.
#[test]
fn what_was_seen_for_a_minute_says_nothing_of_a_week() {
    let seen = |seconds: f64, mib_a_minute: f64| {
        let length = Duration::from_secs_f64(seconds);
        let mut soak = Soak::new(Asked { lasts: length, window: length, ..asked(60) });
        assert!(soak.began(network(0)));
        let mut chance = ChaCha8Rng::seed_from_u64(9);
        let mut window = window(0, HONEST, &mut chance);
        window.seconds = seconds;
        for sample in window.nodes.values_mut().flat_map(|node| node.used.values_mut()).flatten() {
            sample.0 *= seconds / WINDOW;
            sample.1 = Some(((20.0 + mib_a_minute * sample.0 / 60.0) * MIB) as u64);
            sample.3 = 0;
        }
        assert!(soak.ended(window));
        soak.verdict().decision
    };
    // 2 GiB in 68 hours, after a minute and after ten; and in 41 minutes.
    assert_eq!(seen(60.0, 0.5), Decision::Passed);
    assert_eq!(seen(WINDOW, 0.5), Decision::Failed);
    assert_eq!(seen(60.0, 50.0), Decision::Failed);
}

/// A day of ten nodes: its ledger is a part of the evidence, which stays below 500 MB.
#[test]
fn a_day_of_ten_nodes_is_a_small_ledger() {
    let mut chance = ChaCha8Rng::seed_from_u64(6);
    let mut one = window(0, HONEST, &mut chance);
    let node = one.nodes["node-1"].clone();
    one.nodes.extend((3..=10).map(|number| (format!("node-{number}"), node.clone())));
    let bytes = line(&Line::Window(Box::new(one))).len() * 144;
    assert!(bytes < 10_000_000, "{bytes}");
}

/// A hundred nodes for two months: thinned, its ledger can be read again (256 MiB), and a leak is still found.
#[test]
fn two_months_of_a_hundred_nodes_can_be_gone_on_with() {
    let windows = 60 * DAY / WINDOW as u64;
    let long = Asked { lasts: Duration::from_secs(60 * DAY), ..asked(0) };
    assert_eq!(long.too_many(100), None);
    assert!(long.too_many(200).unwrap().contains("--window 1037s"));
    for (leak, grows) in [(0.0, false), (0.5, true)] {
        let nature = Nature { leak, ..HONEST };
        let mut chance = ChaCha8Rng::seed_from_u64(8);
        let mut soak = Soak::new(long.clone());
        assert!(soak.began(network(0)));
        let mut bytes = 0;
        // Four days, of which most is written down as all that follows.
        for number in 0..600 {
            let mut window = window(number, nature, &mut chance);
            window.nodes.get_mut("node-1").unwrap().used.values_mut().flatten().for_each(|it| {
                it.1 = it.1.map(|bytes| bytes.min(30 << 20));
            });
            let peak = number == 500 && !grows;
            if peak {
                window.nodes.get_mut("node-1").unwrap().used.get_mut(&0).unwrap()[30].1 =
                    Some(1 << 30);
            }
            let window = soak.thinned(window);
            bytes = line(&Line::Window(Box::new(window.clone()))).len();
            assert!(soak.took(window, number >= 597));
        }
        let trends = soak.trends();
        assert_eq!(trends.len(), 6);
        let found = |node: &str| {
            let is = |it: &&Trend| it.node == node && it.quantity == Quantity::Memory;
            trends.iter().find(is).unwrap()
        };
        assert_eq!((found("node-1").grows(), found("node-2").grows()), (false, grows));
        assert!(trends.iter().all(|trend| trend.growth.is_some()));
        assert_eq!(found("node-1").most, if grows { 30 << 20 } else { 1 << 30 }, "peaks stay");
        // A line of two nodes; what stands around them counts once.
        assert!(bytes as u64 * 50 * windows < 256 << 20, "{bytes}");
    }
}

/// A node that is started again and again: what says most of it stays, and the lives are not all kept.
#[test]
fn a_window_of_many_starts_is_a_short_line() {
    let mut window = window(0, HONEST, &mut ChaCha8Rng::seed_from_u64(5));
    let node = window.nodes.get_mut("node-1").unwrap();
    let sample = node.used[&0][0];
    node.used.extend((1..500).map(|start| (start, vec![sample; 4])));
    let thinned = Soak::new(asked(3600)).thinned(window);
    let used = &thinned.nodes["node-1"].used;
    assert!(used.len() <= 61 && used.contains_key(&0) && used.contains_key(&499), "{}", used.len());
}

#[test]
fn what_people_read() {
    let failed = soak(7200, Nature { leak: 1.0, ..HONEST }, 1, |_| ());
    insta::assert_snapshot!("failed", Page::of(&failed).markdown());
    let passed = soak(1800, HONEST, 1, |_| ());
    insta::assert_snapshot!("passed", Page::of(&passed).markdown());
    let page = Page::of(&failed);
    assert_eq!(
        (page.json()["exit_code"].as_u64(), page.json()["decision"].as_str()),
        (Some(1), Some("failed"))
    );
    assert!(String::from_utf8(page.junit().unwrap()).unwrap().contains("failures=\"1\""));
    assert!(page.html().contains("<table>"));
}
