use proptest::prelude::*;

use super::*;
use crate::{
    check::{
        FRESH,
        testing::{ASKING, Seen, sample},
    },
    event::{Miss, Sample},
    history::History,
};

const HOLD: Duration = Duration::from_secs(2);

fn view<'a>(history: &'a History, hold: Duration, now: Moment) -> View<'a> {
    View {
        id: ASKING,
        history,
        nodes: &[],
        network: &[],
        strangers: 0,
        start: Moment(0),
        deadline: Moment(20_000),
        hold,
        fresh: FRESH,
        now,
        fault: None,
    }
}

fn held_for(marks: &[Vec<Mark>], hold: Duration, now: Moment) -> Option<Moment> {
    held(marks, &view(&History::default(), hold, now))
}

fn marks(says: &[(u64, Holds)]) -> Vec<Mark> {
    says.iter()
        .map(|&(at, says)| Mark { sent: Moment(at), answered: Moment(at + 10), says })
        .collect()
}

fn every(step: u64, from: u64, to: u64, says: Holds) -> Vec<Mark> {
    marks(&(from..=to).step_by(step as usize).map(|at| (at, says)).collect::<Vec<_>>())
}

#[test]
fn holds_from_the_last_node_to_have_it() {
    let early = every(250, 0, 5000, Holds::Yes);
    let late = every(250, 2000, 5000, Holds::Yes);
    assert_eq!(held_for(&[early.clone(), late.clone()], HOLD, Moment(5000)), Some(Moment(2010)));
    assert_eq!(held_for(&[early, every(250, 3250, 5000, Holds::Yes)], HOLD, Moment(5000)), None);
}

#[test]
fn nobody_named_is_never_a_pass() {
    assert_eq!(held_for(&[], HOLD, Moment(5000)), None);
    assert_eq!(held_for(&[vec![]], HOLD, Moment(5000)), None);
}

#[test]
fn two_samples_are_too_few_and_three_are_enough() {
    assert_eq!(
        held_for(
            &[marks(&[(0, Holds::Yes), (1990, Holds::Yes)])],
            Duration::from_secs(1),
            Moment(2010)
        ),
        None
    );
    assert!(
        held_for(
            &[marks(&[(0, Holds::Yes), (1000, Holds::Yes), (1990, Holds::Yes)])],
            Duration::from_secs(1),
            Moment(2010)
        )
        .is_some()
    );
}

#[test]
fn three_quick_samples_do_not_stand_for_two_seconds() {
    let quick = marks(&[(0, Holds::Yes), (50, Holds::Yes), (100, Holds::Yes)]);
    assert_eq!(held_for(&[quick], HOLD, Moment(2100)), None);
}

#[test]
fn flapping_never_holds() {
    let flapping: Vec<_> =
        (0..40).map(|n| (n * 250, if n % 6 == 5 { Holds::No } else { Holds::Yes })).collect();
    for now in (0..10_000).step_by(100) {
        let seen: Vec<_> = flapping.iter().copied().filter(|(at, _)| at + 10 <= now).collect();
        assert_eq!(held_for(&[marks(&seen)], HOLD, Moment(now)), None);
    }
}

#[test]
fn one_missed_answer_is_tolerated_and_a_silence_is_not() {
    let mut one = every(250, 0, 3000, Holds::Yes);
    one[5].says = Holds::Unknown;
    assert!(held_for(&[one], HOLD, Moment(3100)).is_some());
    let mut silence = every(250, 0, 5000, Holds::Yes);
    silence[4..14].iter_mut().for_each(|mark| mark.says = Holds::Unknown);
    assert_eq!(held_for(&[silence], HOLD, Moment(5100)), None, "2.5 s without an answer");
}

#[test]
fn what_was_true_is_not_true_when_it_is_stale() {
    let old = every(250, 0, 5000, Holds::Yes);
    assert!(held_for(std::slice::from_ref(&old), HOLD, Moment(7000)).is_some());
    assert_eq!(held_for(&[old], HOLD, Moment(7100)), None);
}

#[test]
fn two_seconds_are_fresh_and_a_millisecond_more_is_not() {
    let spaced = |pause: u64, took: u64| {
        let marks = (0..3).map(|n| Mark {
            sent: Moment(n * (pause + took)),
            answered: Moment(n * (pause + took) + took),
            says: Holds::Yes,
        });
        held_for(&[marks.collect()], HOLD, Moment(2 * (pause + took) + took)).is_some()
    };
    assert!(spaced(2000, 10) && !spaced(2001, 10), "between an answer and the next question");
    assert!(spaced(10, 2000) && !spaced(10, 2001), "between a question and its answer");
}

#[test]
fn a_node_is_starved_by_pauses_of_more_than_three_seconds_that_make_more_than_half_of_its_window() {
    // Asked at these moments of a window from 0 to 20 s, answered at once.
    let starved = |asked: &[u64]| {
        let mut seen = Seen::default();
        for &at in asked {
            seen.add(Sample { answered: Moment(at), ..sample("node-1", at) });
        }
        let nodes = ["node-1".to_owned()];
        let view =
            View { nodes: &nodes, network: &nodes, ..view(&seen.history, HOLD, Moment(20_000)) };
        super::starved(&view).is_some()
    };
    assert!(!starved(&[5000, 10_000, 13_000, 16_000, 19_000]), "half of it");
    assert!(starved(&[5000, 10_001, 13_000, 16_000, 19_000]), "more than half");
    assert!(!starved(&[3000, 6000, 9000, 12_000, 15_000, 17_000]), "pauses that are none");
    assert!(starved(&[3000, 6000, 9000, 12_000, 15_000, 16_999]), "not asked at the end");
}

/// As recorded on a machine with forty networks: no answer said no, and each was heard seconds
/// after its question should have been given up.
#[test]
fn a_question_that_stays_open_longer_than_we_wait_is_one_that_we_did_not_ask() {
    let starved = |took: u64, starts: u32| {
        let mut seen = Seen::default();
        for (start, sent) in (0..).zip((0..20_000).step_by(5000)) {
            seen.add(Sample {
                sent: Moment(sent),
                answered: Moment(sent + took),
                start: start.min(starts),
                ..sample("node-1", sent)
            });
        }
        let nodes = ["node-1".to_owned()];
        super::starved(&View { nodes: &nodes, ..view(&seen.history, HOLD, Moment(20_000)) })
    };
    assert_eq!(starved(2200, 0), None, "within what a busy machine takes");
    assert_eq!(
        starved(3500, 0).as_deref(),
        Some(
            "we asked node-1 too rarely to judge (no question for 10.5 s of 20.0 s): this machine was too busy"
        )
    );
    assert_eq!(starved(3500, 9), None, "what a start offers is asked in turn");
}

#[test]
fn a_quarter_of_the_window_is_too_much_where_no_time_is_left_to_see_it_hold() {
    let starved = |overdue: &[u64], hold: u64| {
        let mut seen = Seen::default();
        for sent in (0..20_000).step_by(250) {
            let long = overdue.iter().find(|at| (**at..**at + 3000).contains(&sent));
            if long.is_none_or(|at| *at == sent) {
                let answered = Moment(sent + if long.is_some() { 3000 } else { 10 });
                seen.add(Sample { answered, ..sample("node-1", sent) });
            }
        }
        let nodes = ["node-1".to_owned()];
        let hold = Duration::from_secs(hold);
        super::starved(&View { nodes: &nodes, ..view(&seen.history, hold, Moment(20_000)) })
    };
    assert_eq!(starved(&[5000], 12), None, "3 of 20 s");
    assert_eq!(starved(&[5000, 15_000], 3), None, "6 s, and 7 s between them");
    assert!(starved(&[5000, 15_000], 4).is_some(), "8 s are needed, and there are 7");
}

#[test]
fn a_node_that_wants_to_be_asked_later_is_judged_by_what_it_grants() {
    let starved = |granted_every: usize| {
        let mut seen = Seen::default();
        for at in (0..80_u64).map(|round| round * 250) {
            let refused = Reading::Missing(Miss::Busy { retry_ms: None });
            let granted = ((at / 250) as usize).is_multiple_of(granted_every);
            let answer = if granted { Reading::Value(2) } else { refused };
            seen.add(Sample { answered: Moment(at), peers: answer, ..sample("node-1", at) });
        }
        let nodes = ["node-1".to_owned()];
        starved(&View { nodes: &nodes, ..view(&seen.history, HOLD, Moment(20_000)) })
    };
    assert_eq!(starved(8), None, "an answer in two seconds is enough");
    assert_eq!(
        starved(10).as_deref(),
        Some(
            "node-1 grants too few answers to judge: 8 in 20.0 s (0.40 a second), and 72 times it asked to be asked later (HTTP 429)"
        )
    );
}

#[test]
fn patience_stretches_freshness() {
    let slow: Vec<Mark> = (0..5)
        .map(|n| Mark {
            sent: Moment(n * 2750),
            answered: Moment(n * 2750 + 2500),
            says: Holds::Yes,
        })
        .collect();
    let history = History::default();
    let usual = view(&history, HOLD, Moment(13_600));
    let patient = View { fresh: FRESH * 4, ..usual };
    assert_eq!(held(std::slice::from_ref(&slow), &usual), None);
    assert_eq!(held(&[slow], &patient), Some(Moment(2500)));
}

#[test]
fn an_answer_that_took_longer_than_freshness_says_nothing_of_now() {
    let slow: Vec<Mark> = (0..5)
        .map(|n| Mark {
            sent: Moment(n * 2500),
            answered: Moment(n * 2500 + 2400),
            says: Holds::Yes,
        })
        .collect();
    assert_eq!(held_for(&[slow], HOLD, Moment(12_500)), None);
}

/// Rounds of several nodes at once: what was looked at of each, and in how many rounds.
fn looked_at(rounds: &[Vec<Mark>], hold: Duration, now: Moment) -> (Vec<Vec<Mark>>, usize) {
    let (nodes, mut count) = (rounds.first().map_or(0, Vec::len), 0);
    let mark = |round: &&Vec<Mark>, node: usize| round[node];
    let history = History::default();
    let rounds = rounds.iter().rev().inspect(|_| count += 1);
    (recent(rounds, nodes, mark, &view(&history, hold, now)), count)
}

/// Behind its silence one node has it for as long as the other.
#[test]
fn a_span_goes_on_behind_a_silence() {
    use Holds::{No, Unknown, Yes};
    let says = [[Yes, Yes], [No, Unknown], [Yes, Unknown]];
    let says = says.into_iter().chain([[Yes, Yes]; 6]);
    let rounds: Vec<Vec<Mark>> = says
        .zip((0..).step_by(500))
        .map(|(says, at)| {
            let (sent, answered) = (Moment(at), Moment(at + 10));
            says.map(|says| Mark { sent, answered, says }).to_vec()
        })
        .collect();
    let (few, _) = looked_at(&rounds, HOLD, Moment(4_010));
    assert_eq!(held_for(&few, HOLD, Moment(4_010)), Some(Moment(1_010)));
}

/// However long a check goes on, and whatever is wrong meanwhile.
#[test]
fn no_more_observations_are_looked_at_than_decide() {
    let rounds = |says: fn(u64) -> [Holds; 2]| -> Vec<Vec<Mark>> {
        let round = |at: u64| {
            let (sent, answered) = (Moment(at), Moment(at + 10));
            says(at).map(|says| Mark { sent, answered, says }).to_vec()
        };
        (0..3_600_000).step_by(1_000).map(round).collect()
    };
    let looked_at =
        |says, hold| looked_at(&rounds(says), Duration::from_secs(hold), Moment(3_599_010)).1;
    use Holds::{No, Unknown, Yes};
    assert_eq!(looked_at(|_| [Yes, No], 2), 2, "one has it for an hour, the other never");
    assert_eq!(looked_at(|_| [Unknown, Yes], 2), 5, "until all is stale");
    let late = |at| if at < 3_590_000 { [Yes, No] } else { [Yes, Yes] };
    assert_eq!(looked_at(late, 20), 12, "as many as it has held for, and one");
}

proptest! {
    /// What is not looked at would change nothing.
    #[test]
    fn what_is_recent_decides_as_all_does(
        // Silence is frequent: a span that goes on behind it is what could be missed.
        rounds in prop::collection::vec((1u64..500, prop::collection::vec(0u8..8, 3)), 0..40),
        nodes in 1usize..4,
        hold in 0u64..2_000,
    ) {
        let mut at = 0;
        let rounds: Vec<Vec<Mark>> = rounds.into_iter().map(|(step, says)| {
            let (sent, answered) = (Moment(at + step), Moment(at + step + 10));
            at += step + 10;
            let mark = |says: &u8| {
                let says = match says { 0 => Holds::No, 1..4 => Holds::Unknown, _ => Holds::Yes };
                Mark { sent, answered, says }
            };
            says[..nodes].iter().map(mark).collect()
        }).collect();
        let hold = Duration::from_millis(hold);
        for now in [at, at + 1_500, at + 2_500].map(Moment) {
            let all: Vec<Vec<Mark>> =
                (0..nodes).map(|node| rounds.iter().map(|round| round[node]).collect()).collect();
            let few = looked_at(&rounds, hold, now).0;
            prop_assert_eq!(held_for(&few, hold, now), held_for(&all, hold, now));
        }
    }

    /// Against the definition, word for word.
    #[test]
    fn agrees_with_the_definition(
        nodes in prop::collection::vec(prop::collection::vec((1u64..900, 0u8..8), 0..30), 1..4),
    ) {
        let nodes: Vec<Vec<Mark>> = nodes.into_iter().map(|steps| {
            let mut at = 0;
            steps.into_iter().map(|(step, says)| {
                at += step + 10;
                let says = match says { 0 => Holds::No, 1 => Holds::Unknown, _ => Holds::Yes };
                Mark { sent: Moment(at), answered: Moment(at + 10), says }
            }).collect()
        }).collect();
        let now = nodes.iter().flatten().map(|mark| mark.answered).max().unwrap_or_default();
        if let Some(since) = held_for(&nodes, HOLD, now) {
            for marks in &nodes {
                let span: Vec<&Mark> = marks.iter().filter(|mark| mark.answered >= since).collect();
                prop_assert!(span.iter().all(|mark| mark.says != Holds::No), "a no in the span");
                let yes: Vec<_> = span.iter().filter(|mark| mark.says == Holds::Yes).collect();
                prop_assert!(yes.len() >= 3, "too few samples");
                let last = yes.last().map(|mark| mark.sent).unwrap_or_default();
                prop_assert!(last >= since + HOLD, "too short");
                prop_assert!(now.since(last) <= FRESH + Duration::from_millis(10), "stale");
            }
        }
    }
}
