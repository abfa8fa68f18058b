//! `alive`: the engine or operating system says that every named node runs. On in every run without
//! being asked for: a node that exits or panics ends the run (`harness_run::watch`); written in a scenario,
//! it adds that they were seen running for `for`.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    Judgement, View, decide,
    entry::{Check, CheckEntry, Context, Needs, Window, Written},
    hold::{Holds, Mark, held, unseen},
    per_node,
    view::inconclusive,
};
use crate::{
    control::{Control, Controls, Disturbance, THREE_NODES, Wanted},
    document::{Key, Problems, Table},
    event::CheckVerdict::Fail,
};

/// The condition has no parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alive;

impl fmt::Display for Alive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "running, without a panic")
    }
}

impl Check for Alive {
    fn entry(&self) -> &'static CheckEntry {
        &ENTRY
    }

    fn judge(&self, view: &View<'_>) -> Judgement {
        let marks: Vec<Vec<Mark>> = view
            .nodes
            .iter()
            .map(|node| {
                let states = view.history.states(node, view.start, view.now);
                states
                    .iter()
                    .map(|state| Mark {
                        sent: state.at,
                        answered: state.at,
                        says: if state.state.is_running() { Holds::Yes } else { Holds::No },
                    })
                    .collect()
            })
            .collect();
        let observed = per_node(view.nodes, |node| {
            match view.history.states(node, view.start, view.now).last() {
                Some(state) if state.state.is_running() => "running".to_owned(),
                Some(_) => "not running".to_owned(),
                None => "not seen yet".to_owned(),
            }
        });
        let held = held(&marks, view);
        if let Some(why) = unseen(&marks, view).filter(|_| held.is_none() && view.is_over()) {
            return inconclusive(why, observed);
        }
        decide(view, held, observed, |_| format!("ran for {}", crate::text::short(view.hold)))
    }
}

/// What there is to know of it.
pub(super) static ENTRY: CheckEntry = CheckEntry {
    name: "alive",
    about: "the nodes run; on in every run",
    keys: KEYS,
    window: Window::Part,
    needs: Needs::Samples,
    holds: "the engine says that they run. Without being asked for, every run fails when a node exits unplanned or panics, or, named by a check or not, gives no peers or no height for a whole phase of 5 s or more",
    missing: "a node of which the engine said nothing for 2 s: inconclusive",
    example: r#"[[phases.checks]]
check = "alive"
nodes = "*"
within = "10s"
"#,
    controls: Controls::new(&[
        Control {
            name: "a node ends in the middle",
            scenario: &[THREE_NODES, STAYS_UP],
            disturbance: Disturbance::Ends("node-2"),
            wanted: Wanted::Check(Fail, "node-2 exited unplanned (code 0)"),
        },
        Control {
            name: "a panic in a log",
            scenario: &[THREE_NODES, STAYS_UP],
            disturbance: Disturbance::Logs("node-2", "thread 'main' panicked at src/main.rs:1:1:"),
            wanted: Wanted::Check(Fail, "node-2 panicked"),
        },
    ]),
};

const KEYS: &[Key] = &[];

pub(super) fn read(_: &Table<'_, '_>, _: &mut Problems) -> Option<Alive> {
    Some(Alive)
}

impl Written for Alive {
    type Condition = Alive;

    fn resolve(&self, _: &Context<'_>) -> Alive {
        *self
    }
}

const STAYS_UP: &str = r#"
[[phases]]
name = "stays up"
[[phases.checks]]
check = "alive"
nodes = "*"
within = "20s"
for = "10s"
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        check::{CheckKind, testing::Seen},
        event::CheckVerdict,
    };

    fn seen(running: impl Fn(u64) -> bool) -> Seen {
        let mut seen = Seen::default().poll("node-1", 0, 10_000, |_, _| {});
        for at in (0..10_000).step_by(500) {
            seen.state("node-1", at, running(at));
        }
        seen
    }

    #[test]
    fn running_for_long_enough_passes_and_nothing_else_does() {
        let check = CheckKind::Alive(Alive);
        let said = |seen: Seen| {
            let finding = seen.verdict(&check, &["node-1"], 0);
            (finding.verdict, finding.observed)
        };
        assert_eq!(said(seen(|_| true)), (CheckVerdict::Pass, "node-1: running".to_owned()));
        assert_eq!(said(seen(|_| false)), (CheckVerdict::Fail, "node-1: not running".to_owned()));
        assert_eq!(
            seen(|at| at % 2000 != 0).verdict(&check, &["node-1"], 0).verdict,
            CheckVerdict::Fail
        );
        let mut unseen = Seen::default().poll("node-1", 0, 10_000, |_, _| {});
        let silent = CheckVerdict::Inconclusive;
        assert_eq!(unseen.verdict(&check, &["node-1"], 0).verdict, silent, "nobody looked");
        unseen.state("node-1", 4_000, false);
        assert_eq!(unseen.verdict(&check, &["node-1"], 0).verdict, CheckVerdict::Fail);
    }
}
