//! Whole nodes in the box: they find each other and mine, faults do what they say, and equal runs
//! are equal.

use hegemon_sim::whole::{
    Exit, Outcome, Schedule,
    disk::Loss,
    history::Event,
    net::Weather,
    run,
    schedule::{Act, Fault, Mode},
};

/// Three nodes, quiet but for this.
fn with(mode: Mode, acts: Vec<(u64, Act)>) -> Outcome {
    let quiet = Schedule::quiet(1, 3, 30);
    let faults = if acts.is_empty() { vec![] } else { vec![Fault { acts }] };
    run(&Schedule { mode, faults, ..quiet })
}

/// Seconds at which a node was looked at, which it only is while it answers.
fn seen(outcome: &Outcome, node: usize) -> Vec<u64> {
    outcome.history.of(node).map(|look| look.at / 1_000).collect()
}

#[test]
fn three_nodes_find_each_other_and_mine_one_chain() {
    let outcome = run(&Schedule::quiet(1, 3, 20));
    assert_eq!(outcome.violations, []);
    let last = outcome.history.last();
    assert_eq!(last.len(), 3);
    assert!(last.iter().all(|look| look.sessions.len() == 2 && look.best.number >= 3), "{last:?}");
}

#[test]
fn equal_runs_are_equal_and_weather_or_order_make_others() {
    let quiet = Schedule::quiet(1, 3, 20);
    let rainy = Weather { latency: (5, 40), jitter: 50, loss: 30, window: 16 * 1024 };
    let runs = [
        quiet.clone(),
        Schedule { seed: 2, ..quiet.clone() },
        Schedule { yields: 200, ..quiet.clone() },
        Schedule { weather: rainy, ..quiet },
    ];
    let digests: Vec<_> = runs.iter().map(|schedule| run(schedule).digest).collect();
    let again: Vec<_> = runs.iter().map(|schedule| run(schedule).digest).collect();
    assert_eq!(digests, again);
    let distinct: std::collections::BTreeSet<_> = digests.iter().collect();
    assert_eq!(distinct.len(), runs.len());
}

#[test]
fn a_node_that_is_gone_answers_nobody_and_comes_back_with_what_it_had() {
    for loss in [Loss::Process, Loss::Power] {
        let outcome =
            with(Mode::Liveness, vec![(10_500, Act::End(1, loss)), (15_500, Act::Start(1))]);
        assert_eq!(outcome.violations, [], "{loss:?}");
        assert!(!seen(&outcome, 1).contains(&12) && seen(&outcome, 1).contains(&16));
        let starts = outcome.history.events.iter().filter(|(at, node, event)| {
            (*at, *node) == (15_500, 1) && matches!(event, Event::Started(best) if best.number > 0)
        });
        assert_eq!(starts.count(), 1, "{:?}", outcome.history.events);
    }
}

/// What seeds 7186 and 7686 of `explore` had found: nodes did not store each other's address within
/// ten seconds of having met.
#[test]
fn nodes_that_are_killed_soon_after_they_met_need_no_seed_to_meet_again() {
    let all_killed = (0..3).map(|node| (11_164, Act::End(node, Loss::Process)));
    let back = [1, 2].map(|node| (15_000, Act::Start(node)));
    let outcome = run(&Schedule {
        mode: Mode::Liveness,
        starts: vec![1_228, 1_029, 459],
        leaves: Some(12_000),
        faults: vec![Fault { acts: all_killed.chain(back).collect() }],
        ..Schedule::quiet(1, 3, 45)
    });
    assert_eq!(outcome.violations, []);
    assert_eq!(outcome.history.last().len(), 2, "the seed did not come back");
}

#[test]
fn a_node_that_stands_still_or_falls_or_stops_is_told_apart() {
    let still = with(Mode::Safety, vec![(10_500, Act::Freeze(1)), (15_500, Act::Thaw(1))]);
    assert_eq!((still.violations.len(), seen(&still, 1).contains(&12)), (0, false));
    assert!(seen(&still, 1).contains(&16));
    let exits = |act| {
        let outcome = with(Mode::Safety, vec![(10_500, act)]);
        assert_eq!(outcome.violations, []);
        assert_eq!(seen(&outcome, 1).last(), Some(&10));
        let exits = outcome.history.events.into_iter().filter_map(|(_, _, event)| match event {
            Event::Exited(exit) => Some(exit),
            Event::Started(_) | Event::Unable(_) => None,
        });
        exits.collect::<Vec<_>>()
    };
    assert!(matches!(exits(Act::Fall(1)).as_slice(), [Exit::Panicked(_)]));
    assert_eq!(exits(Act::Stop(1)), [Exit::InOrder]);
    assert_eq!(exits(Act::EndInWrite(1, Loss::Power, 3)), []);
}

#[test]
fn a_cut_parts_until_it_is_healed_and_a_late_node_is_started_by_the_calm() {
    let cut = |ends| {
        vec![
            (500, Act::Cut(0, 1)),
            (500, Act::Cut(1, 0)),
            (ends, Act::Heal(0, 1)),
            (ends, Act::Heal(1, 0)),
        ]
    };
    let sessions = |outcome: &Outcome| {
        let last = outcome.history.last();
        last.iter().map(|look| look.sessions.len()).collect::<Vec<_>>()
    };
    let parted =
        Schedule { faults: vec![Fault { acts: cut(100_000) }], ..Schedule::quiet(1, 3, 60) };
    let (parted, healed) = (run(&parted), with(Mode::Liveness, cut(10_000)));
    assert!(sessions(&parted).contains(&1), "{:?}", sessions(&parted));
    assert_eq!((sessions(&healed), healed.violations), (vec![2, 2, 2], vec![]));
    let late = Schedule { starts: vec![0, 0, 40_000], ..Schedule::quiet(1, 3, 30) };
    let late = run(&Schedule { mode: Mode::Liveness, ..late });
    assert_eq!((sessions(&late), late.violations), (vec![2, 2, 2], vec![]));
}
