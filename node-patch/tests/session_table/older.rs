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

/// Both dial in the same moment, in as many schedules, twice each.
fn opens(schedules: u64, habits: Habits) -> ([i64; 3], [i64; 3]) {
    let seen = (0..schedules).flat_map(|seed| {
        [true, false].map(|lower_first| {
            let mut world = World::with(seed, lower_first, Some(OLD), habits);
            // Ours dials once, and again only when it has lost what it had.
            world.empty_since = [Some(i64::MAX / 2); 2];
            world.post(0, Event::Dial { from: OURS });
            world.post(i64::try_from(seed % 40).unwrap(), Event::Dial { from: OLD });
            if habits.redial > 0 {
                let first = habits.redial + i64::try_from(seed).unwrap() * 7 % habits.redial;
                world.post(first, Event::Redial { side: OLD });
            }
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

/// It has to insert two sessions one after the other: the first two, of which it forgets both, and
/// the one that comes after them. Two inserts and half a second are the least that is possible, and
/// with inserts of a second more than two seconds.
#[test]
fn half_of_simultaneous_opens_with_an_older_node_settle_in_two_seconds_and_all_in_six() {
    let inserts = [
        (0, 1),
        (50, 51),
        (200, 201),
        (500, 501),
        (1_000, 1_001),
        (0, 30),
        (20, 200),
        (100, 1_000),
    ];
    for insert in inserts {
        for greet in [0, 50] {
            for redial in [0, REDIAL] {
                let habits = Habits { insert, greet, redial, ..Habits::QUICK };
                let ([middle, _, last], deceived) = opens(100, habits);
                let most = 2_000.max(2 * insert.0 + 500);
                let what = format!("{insert:?} {greet} {redial}: {middle} {last} {deceived:?}");
                assert!(middle <= most && last <= 6_000 && deceived[2] <= ROUND_TRIP, "{what}");
            }
        }
    }
}

/// A busy one, whose reader finds out late that a session ended: it then forgets the one that came
/// after. Ours dials again, sooner than the engine would.
#[test]
fn an_older_node_that_notices_ends_late_and_never_dials_ends_with_one_session_too() {
    let habits = Habits { insert: (20, 200), greet: 5, notice: 300, redial: 0 };
    let (apart, _) = opens(300, habits);
    assert!(apart[1] <= 2_000 && apart[2] <= 10_000, "{apart:?}");
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
