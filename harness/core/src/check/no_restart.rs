//! `no-restart`: every named node is the process that it was when the check started, by the engine's
//! or operating system's word. Another process, or none, fails at once.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    Judgement, View, decide,
    entry::{Check, CheckEntry, Context, Needs, Window, Written},
    fail,
    hold::{Holds, Mark, held, unseen},
    per_node,
    view::inconclusive,
};
use crate::{
    control::{Control, Controls, DISCOVER, Disturbance, RESTART, THREE_NODES, Wanted},
    document::{Problems, Table},
    event::CheckVerdict::Fail,
    history::StateSeen,
    node::NodeState,
    text::short,
};

/// The condition has no parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoRestart;

impl fmt::Display for NoRestart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the same process all the time")
    }
}

impl Check for NoRestart {
    fn entry(&self) -> &'static CheckEntry {
        &ENTRY
    }

    fn judge(&self, view: &View<'_>) -> Judgement {
        let observed =
            per_node(view.nodes, |node| match seen(view, node).last().map(|seen| &seen.state) {
                Some(NodeState::Running(incarnation) | NodeState::Frozen(incarnation)) => {
                    incarnation.words()
                }
                Some(NodeState::Exited { .. }) => "not running".to_owned(),
                None => "not seen yet".to_owned(),
            });
        if let Some(why) = view.nodes.iter().find_map(|node| changed(view, node)) {
            return Judgement::Settled(fail(why, observed));
        }
        let marks = |node: &String| {
            let mark =
                |seen: &StateSeen| Mark { sent: seen.at, answered: seen.at, says: Holds::Yes };
            seen(view, node).iter().map(mark).collect()
        };
        let marks: Vec<Vec<Mark>> = view.nodes.iter().map(marks).collect();
        let held = held(&marks, view);
        if let Some(why) = unseen(&marks, view).filter(|_| held.is_none() && view.is_over()) {
            return inconclusive(why, observed);
        }
        decide(view, held, observed, |_| format!("the same process for {}", short(view.hold)))
    }
}

fn seen<'a>(view: &View<'a>, node: &str) -> &'a [StateSeen] {
    view.history.states(node, view.start, view.now)
}

/// Why a node is not the process that it was.
fn changed(view: &View<'_>, node: &str) -> Option<String> {
    if let Some((_, start)) =
        view.history.last_start(node).filter(|(_, start)| start.at > view.start)
    {
        return Some(format!("{node} was started as {}", start.incarnation.words()));
    }
    let states = seen(view, node);
    let first = &states.first()?.state;
    states.iter().map(|seen| &seen.state).find_map(|state| match state {
        NodeState::Exited { .. } => Some(format!("{node} did not run")),
        NodeState::Running(now) | NodeState::Frozen(now) => (Some(now) != first.incarnation())
            .then(|| format!("{node} is {} and was another one before", now.words())),
    })
}

/// What there is to know of it.
pub(super) static ENTRY: CheckEntry = CheckEntry {
    name: "no-restart",
    about: "each node is the process that it was when the check started",
    keys: &[],
    window: Window::Part,
    needs: Needs::Samples,
    holds: "the engine says that each is the process that it was at the check's start. Another process, or none, fails at once",
    missing: "a node of which the engine said nothing for 2 s: inconclusive",
    example: r#"[[phases.checks]]
check = "no-restart"
nodes = "*"
within = "30s"
for = "20s"
"#,
    controls: Controls::new(&[Control {
        name: "a node is down while it is watched",
        scenario: &[THREE_NODES, DISCOVER, RESTART, WHILE_DOWN],
        disturbance: Disturbance::None,
        wanted: Wanted::Check(Fail, "seed did not run"),
    }]),
};

pub(super) fn read(_: &Table<'_, '_>, _: &mut Problems) -> Option<NoRestart> {
    Some(NoRestart)
}

impl Written for NoRestart {
    type Condition = Self;

    fn resolve(&self, _: &Context<'_>) -> Self {
        *self
    }
}

const WHILE_DOWN: &str = r#"
[[phases.checks]]
check = "no-restart"
nodes = "*"
during = "fault"
within = "8s"
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        check::{
            CheckKind,
            testing::{Seen, incarnation},
        },
        event::CheckVerdict,
    };

    const CHECK: CheckKind = CheckKind::NoRestart(NoRestart);

    /// Process 7 since before the check, seen twice a second; from 4 s on as `later` says.
    fn seen(later: impl Fn() -> Option<NodeState>) -> Seen {
        let mut seen = Seen::default().poll("node-1", 0, 11_000, |_, _| {});
        seen.started("node-1", 0, 0, incarnation(7));
        for at in (1_000..11_000).step_by(500) {
            let state = later().filter(|_| at >= 4_000);
            seen.said("node-1", at, state.unwrap_or(NodeState::Running(incarnation(7))));
        }
        seen
    }

    fn said(seen: &Seen, at: u64) -> (CheckVerdict, String) {
        let finding = seen.verdict(&CHECK, &["node-1"], at);
        (finding.verdict, finding.reason)
    }

    #[test]
    fn the_same_process_passes_and_another_or_none_fails_at_once() {
        let same = said(&seen(|| None), 1_000);
        assert_eq!(same, (CheckVerdict::Pass, "the same process for 2.0 s".to_owned()));
        let down = seen(|| Some(NodeState::Exited { code: Some(0), signal: None }));
        assert_eq!(said(&down, 3_000), (CheckVerdict::Fail, "node-1 did not run".to_owned()));
        let other = seen(|| Some(NodeState::Running(incarnation(8))));
        let why = "node-1 is process 8 and was another one before".to_owned();
        assert_eq!(said(&other, 3_000), (CheckVerdict::Fail, why));
        assert_eq!(said(&other, 4_000).0, CheckVerdict::Pass, "before the check's start");
    }

    #[test]
    fn a_start_between_two_looks_is_one() {
        let mut seen = seen(|| None);
        seen.started("node-1", 2_100, 1, incarnation(7));
        assert_eq!(
            said(&seen, 2_000),
            (CheckVerdict::Fail, "node-1 was started as process 7".to_owned())
        );
        assert_eq!(said(&seen, 2_100).0, CheckVerdict::Pass);
    }

    #[test]
    fn what_was_not_looked_at_is_no_pass() {
        let seen = Seen::default().poll("node-1", 0, 10_000, |_, _| {});
        assert_eq!(said(&seen, 0).0, CheckVerdict::Inconclusive);
        assert_eq!(
            seen.judge(&CHECK, &["node-1"], 0, 500),
            Judgement::Pending { seen: "node-1: not seen yet".to_owned(), wants_hash_at: None }
        );
    }

    #[test]
    fn an_engine_that_is_silent_is_no_nodes_fault() {
        let looked_at = |times: &[u64]| {
            let mut seen = Seen::default().poll("node-1", 0, 11_000, |_, _| {});
            seen.started("node-1", 0, 0, incarnation(7));
            times.iter().for_each(|at| {
                seen.said("node-1", *at, NodeState::Running(incarnation(7)));
            });
            said(&seen, 1_000)
        };
        let (verdict, why) = looked_at(&[1_500, 4_100, 5_000, 5_900]);
        assert_eq!(verdict, CheckVerdict::Inconclusive, "{why}");
        assert_eq!(why, "nobody heard for 2.6 s whether node-1 runs");
        assert_eq!(looked_at(&[1_500, 3_000]).0, CheckVerdict::Inconclusive, "nor at the end");
        assert_eq!(looked_at(&[]).0, CheckVerdict::Inconclusive, "nor ever");
        assert_eq!(looked_at(&[1_500, 2_900, 4_000, 5_900]).0, CheckVerdict::Pass);
    }
}
