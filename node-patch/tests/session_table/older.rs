//! How long it takes until an older node and ours have one session that both know, and for how long
//! ours counts a peer that does not know of it.

use super::world::{Event, Habits, World};

/// The older side.
const OLD: usize = 1;
const OURS: usize = 0;

/// How often it dials while it has no session, in milliseconds.
const REDIAL: i64 = 1_000;

/// Looked at so often, in milliseconds.
const STEP: i64 = 10;

/// What was seen, in milliseconds.
struct Seen {
    /// When both sides last had not the same single session.
    apart: i64,
    /// For how long ours counted a peer that remembered none of our sessions.
    deceived: i64,
}

fn watch(world: &mut World, begin: i64, end: i64) -> Seen {
    let (mut seen, mut now) = (Seen { apart: 0, deceived: 0 }, begin);
    while now < end {
        now += STEP;
        world.run_until(now);
        let (ours, theirs) = (world.live(OURS), world.live(OLD));
        if ours.len() != 1 || ours != theirs {
            seen.apart = now - begin;
        }
        if world.counts(OURS) && !theirs.iter().any(|session| ours.contains(session)) {
            seen.deceived += STEP;
        }
    }
    seen
}

/// The middle, the ninth tenth and the greatest.
fn spread(mut values: Vec<i64>) -> [i64; 3] {
    values.sort_unstable();
    let at = |share: usize| values[(values.len() - 1) * share / 100];
    [at(50), at(90), at(100)]
}

/// Both dial in the same moment, in many schedules.
fn opens(habits: Habits) -> ([i64; 3], [i64; 3]) {
    let seen = (0..300).flat_map(|seed| {
        [true, false].map(|lower_first| {
            let mut world = World::with(seed, lower_first, Some(OLD), habits);
            world.post(0, Event::Dial { from: OURS });
            world.post(i64::try_from(seed % 40).unwrap(), Event::Dial { from: OLD });
            watch(&mut world, 0, 30_000)
        })
    });
    let (apart, deceived) = seen.map(|seen| (seen.apart, seen.deceived)).unzip();
    (spread(apart), spread(deceived))
}

/// A session that lasted, which the older node forgets and dials again, once a second; again after
/// `again` if that is more than 0.
fn losses(again: i64) -> ([i64; 3], [i64; 3]) {
    let habits = Habits { redial: REDIAL, greet: 5, ..Habits::QUICK };
    let seen = (0..300).flat_map(|seed| {
        [true, false].map(|lower_first| {
            let mut world = World::with(seed, lower_first, Some(OLD), habits);
            world.post(0, Event::Dial { from: usize::try_from(seed % 2).unwrap() });
            world.run_until(20_000);
            world.post(1, Event::Redial { side: OLD });
            let mut now = 20_000 + i64::try_from(seed).unwrap() * 7 % REDIAL;
            world.run_until(now);
            if again > 0 {
                world.lose(OLD);
                now += again;
                world.run_until(now);
            }
            world.lose(OLD);
            watch(&mut world, now, now + 60_000)
        })
    });
    let (apart, deceived) = seen.map(|seen| (seen.apart, seen.deceived)).unzip();
    (spread(apart), spread(deceived))
}

/// Nothing more than what was on its way when the older node forgot: a round trip of these lines.
const ROUND_TRIP: i64 = 120;

/// Three seconds only if its insert takes up to one; else two.
#[test]
fn half_of_simultaneous_opens_with_an_older_node_settle_in_three_seconds_and_all_in_six() {
    for (insert, most) in [((0, 30), 2_000), ((20, 200), 2_000), ((100, 1_000), 3_000)] {
        for greet in [0, 5, 50] {
            let habits = Habits { insert, greet, ..Habits::QUICK };
            let ([middle, _, last], deceived) = opens(habits);
            let what = format!("{insert:?} {greet}: {middle} {last} {deceived:?}");
            assert!(middle <= most && last <= 6_000 && deceived[2] <= ROUND_TRIP, "{what}");
        }
    }
}

/// A busy one, whose reader finds out late that a session ended: it then forgets the one that came
/// after. Ours dials again, sooner than the engine would.
#[test]
fn an_older_node_that_notices_ends_late_and_never_dials_ends_with_one_session_too() {
    let (apart, _) = opens(Habits { insert: (20, 200), greet: 5, notice: 300, redial: 0 });
    assert!(apart[1] <= 6_000 && apart[2] <= 15_000, "{apart:?}");
}

/// It was three to forty seconds when redials were only refused.
#[test]
fn an_older_node_that_forgot_a_session_and_dials_again_has_one_with_ours_in_five_seconds() {
    for again in [0, 4_000, 8_000, 15_000] {
        let ([middle, _, last], deceived) = losses(again);
        let what = format!("{again}: {middle} {last} {deceived:?}");
        assert!(middle <= 4_000 && last <= 5_000, "{what}");
        assert!(deceived[2] <= REDIAL + ROUND_TRIP, "until it dials, nothing shows it: {what}");
    }
}
