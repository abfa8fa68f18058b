//! How often blocks come.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{
    super::{
        Asked, Decision, Soak,
        seen::{Blocks, Window},
    },
    HONEST, TEXT, WINDOW, asked, ends, network, window,
};

/// Seen with a soak that was interrupted as its second window began: the first had `4 blocks in 8.0 s, which usually come every 0.078 s`.
#[test]
fn a_window_that_was_cut_off_says_nothing_of_the_others_pace() {
    for exit in [143, 2, 3] {
        let mut chance = ChaCha8Rng::seed_from_u64(5);
        let mut soak = Soak::new(asked(3600));
        assert!(soak.began(network(0)));
        for (exit, seconds, to) in [(0, WINDOW, 13), (exit, 0.078, 10)] {
            let blocks = Some(Blocks { from: 9, to, every_ms: None });
            let whole = window(soak.next_window(), HONEST, &mut chance);
            assert!(soak.ended(Window { exit, seconds, blocks, ..whole }));
        }
        let verdict = soak.verdict();
        assert_ne!(verdict.decision, Decision::Failed, "{verdict:?}");
    }
}

/// A chain that nobody mines has no pace; one that is mined, and whose pace nobody knows, is no pass.
#[test]
fn pace_is_judged_where_somebody_mines() {
    let still = |every_ms| {
        move |window: &mut Window| window.blocks = Some(Blocks { from: 7, to: 7, every_ms })
    };
    let (decision, _, why) = ends(1800, HONEST, still(None));
    assert_eq!(decision, Decision::Inconclusive, "{why}");
    assert!(why.contains("pace"), "{why}");
    let (decision, _, why) = ends(1800, HONEST, |window| window.blocks = None);
    assert_eq!(decision, Decision::Inconclusive, "{why}");
    let (decision, _, why) = ends(1800, HONEST, still(Some(2000)));
    assert_eq!(decision, Decision::Failed, "{why}");
    for every_ms in [None, Some(2000)] {
        let mut chance = ChaCha8Rng::seed_from_u64(1);
        let text = TEXT.replace("mine = true\n", "");
        let mut soak = Soak::new(Asked { text, ..asked(1800) });
        assert!(soak.began(network(0)));
        while soak.decision().is_none() {
            let mut window = window(soak.next_window(), HONEST, &mut chance);
            still(every_ms)(&mut window);
            assert!(soak.ended(window));
        }
        assert_eq!(soak.verdict().decision, Decision::Passed, "{:?}", soak.verdict());
    }
}
