use super::*;
use crate::{
    check::testing::{Seen, incarnation, names, unreachable},
    fault::stop::Stop,
};

pub(in crate::fault) const STOPPED: FaultId = FaultId { phase: 0, fault: 0 };

pub(in crate::fault) fn planned(kind: impl Into<FaultKind>, nodes: &[&str]) -> Planned {
    Planned { kind: kind.into(), nodes: names(nodes), with_previous: false }
}

/// The seed and a node are stopped at 1 s and silent from then on; the seed is started again at
/// 5 s and answers.
pub(in crate::fault) fn seen() -> Seen {
    let mut seen = Seen::default();
    for (node, pid) in [("seed", 7), ("node-1", 8)] {
        seen.started(node, 0, 0, incarnation(pid));
    }
    for node in ["seed", "node-1"] {
        seen.state(node, 1_500, false);
        seen = seen.poll(node, 1_000, 5_000, |_, sample| {
            (sample.peers, sample.distinct, sample.height) = (unreachable(), None, unreachable());
        });
        seen.state(node, 4_900, false);
    }
    seen.started("seed", 5_000, 1, incarnation(9));
    seen = seen.poll("seed", 5_000, 6_000, |_, sample| sample.start = 1);
    seen.said("seed", 5_500, crate::node::NodeState::Running(incarnation(9)));
    seen
}

fn timeline() -> Timeline {
    let planned = vec![vec![planned(Stop, &["seed", "node-1"])]];
    Timeline::new(planned, names(&["seed", "node-1"]), &[])
}

#[test]
fn a_sign_of_life_of_what_stays_down_is_held_against_its_own_fault() {
    let (mut seen, mut timeline) = (seen(), timeline());
    seen.state("node-1", 5_500, true);
    timeline.started(STOPPED, Moment(1_000)).unwrap();
    timeline.effective(STOPPED, Moment(1_200), Moment(2_000), &seen.history).unwrap();
    assert_eq!(timeline.what_stays_holds(Moment(5_000), &seen.history), Ok(()));
    let held = timeline.what_stays_holds(Moment(5_600), &seen.history);
    let why = "seed runs although it should have been down all the time".to_owned();
    assert_eq!(held, Err((STOPPED, why.clone())));
    let hit = timeline.still_hit(STOPPED, Moment(5_600), &seen.history);
    assert_eq!(hit, Err((STOPPED, why)));
    assert_eq!(timeline.unproven(STOPPED, Moment(5_600)), Ok(()));
    assert_eq!(timeline.what_stays_holds(Moment(5_600), &seen.history), Ok(()), "said once");
}

#[test]
fn steps_have_an_order() {
    let (seen, mut timeline) = (seen(), timeline());
    let wrong = |said: Proof| said.unwrap_err().to_string();
    assert!(wrong(timeline.started(FaultId { phase: 2, fault: 0 }, Moment(0))).contains("no"));
    let early = timeline.effective(STOPPED, Moment(0), Moment(0), &seen.history);
    assert_eq!(wrong(early), "a fault cannot become Effective that was None");
    timeline.started(STOPPED, Moment(1_000)).unwrap();
    assert!(wrong(timeline.started(STOPPED, Moment(1_000))).contains("a second time"));
    let future = timeline.effective(STOPPED, Moment(9), Moment(8), &seen.history);
    assert!(wrong(future).contains("in the future"));
    let heals = timeline.healed(STOPPED, Moment(5_000), Moment(5_900), &seen.history);
    assert_eq!(wrong(heals), "`stop` does not heal by itself");
}
