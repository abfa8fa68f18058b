//! `alive`: the engine or operating system says that every named node runs. On in every run without
//! being asked for: a node that exits or panics ends the run (`run::watch`); written in a scenario,
//! it adds that they were seen running for `for`.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    Judgement, View, decide,
    hold::{Mark, Says, held},
    per_node,
};

/// The condition has no parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alive;

impl fmt::Display for Alive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "running, without a panic")
    }
}

impl Alive {
    pub(super) fn judge(&self, view: &View<'_>) -> Judgement {
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
                        says: if state.state.is_running() { Says::Yes } else { Says::No },
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
        decide(view, held(&marks, view.hold, view.now), observed, |_| {
            format!("ran for {}", crate::text::short(view.hold))
        })
    }
}

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
        let unseen = Seen::default().poll("node-1", 0, 10_000, |_, _| {});
        assert_eq!(unseen.verdict(&check, &["node-1"], 0).verdict, CheckVerdict::Fail);
    }
}
