//! `alive`: the engine or operating system says that every named node runs. On in every run without being asked for: a node that exits or panics ends the run
//! (`run::watch`); written in a scenario, it adds that they were seen running for `for`.

use std::fmt;

use serde::Serialize;

use super::{
    Judgement, View, decide,
    hold::{Mark, Says, held},
    per_node,
};

/// The condition has no parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
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
                let states = view.history.states(node, view.start, view.deadline);
                states.iter().map(|state| Mark { sent: state.at, answered: state.at, says: if state.running { Says::Yes } else { Says::No } }).collect()
            })
            .collect();
        let observed = per_node(view.nodes, |node| match view.history.states(node, view.start, view.deadline).last() {
            Some(state) if state.running => "running".to_owned(),
            Some(_) => "not running".to_owned(),
            None => "not seen yet".to_owned(),
        });
        decide(view, held(&marks, view.hold, view.now), observed, |_| format!("ran for {}", super::short(view.hold)))
    }
}
