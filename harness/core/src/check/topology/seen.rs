//! The sessions that the named nodes report, moment for moment.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::Graph;
use crate::{
    check::View,
    event::{Moment, Reading, SessionList},
};

/// A walk back in time over the named nodes' lists of sessions: at each answer, the last list of every
/// node.
pub(super) struct Walk<'a> {
    view: &'a View<'a>,
    lists: Vec<&'a [SessionList]>,
    /// How many of each node's lists were there.
    known: Vec<usize>,
    vertices: BTreeMap<&'a str, usize>,
}

/// What was known at one moment.
pub(super) struct Seen {
    /// The oldest question whose answer it rests on.
    pub(super) sent: Moment,
    /// The newest answer.
    pub(super) answered: Moment,
    pub(super) sessions: Sessions,
}

/// Which of the named nodes are connected with each other, by their place among them.
pub(super) enum Sessions {
    /// Every named node has answered.
    Of {
        /// Sessions that both ends report: what is surely there.
        sure: Graph,
        /// Sessions that one end reports at least: what may be there.
        possible: Graph,
    },
    /// A node said nothing: perhaps its answer was lost.
    Unheard,
    /// A node answered wrongly, or nobody knows whose its ID is.
    Unknown,
}

impl<'a> Walk<'a> {
    pub(super) fn back(view: &'a View<'a>) -> Self {
        let since = |node: &String| {
            let lists = view.history.sessions(node, view.now);
            &lists[lists.partition_point(|list| list.sent < view.start)..]
        };
        let lists: Vec<&[SessionList]> = view.nodes.iter().map(since).collect();
        let known = lists.iter().map(|lists| lists.len()).collect();
        let vertices =
            (0..).zip(view.nodes).map(|(vertex, node)| (node.as_str(), vertex)).collect();
        Self { view, lists, known, vertices }
    }

    fn sessions(&self, last: &[&'a SessionList]) -> Sessions {
        if last
            .iter()
            .any(|list| matches!(&list.sessions, Reading::Missing(miss) if !miss.says_nothing()))
            || self.view.nodes.iter().any(|node| !self.view.history.knows_identity(node))
        {
            return Sessions::Unknown;
        }
        let mut reported = BTreeSet::new();
        for (from, list) in last.iter().enumerate() {
            let Some(sessions) = list.sessions.value() else { return Sessions::Unheard };
            let named = |peer: &str| self.vertices.get(self.view.history.node_of(peer)?).copied();
            let to = sessions.iter().filter_map(|session| named(&session.peer));
            reported.extend(to.filter(|to| *to != from).map(|to| (from, to)));
        }
        let both = |(a, b): &(usize, usize)| a < b && reported.contains(&(*b, *a));
        let vertices = self.view.nodes.len();
        let sure = Graph::new(vertices, reported.iter().copied().filter(both));
        let possible = Graph::new(vertices, reported.iter().copied());
        Sessions::Of { sure, possible }
    }
}

impl Iterator for Walk<'_> {
    type Item = Seen;

    /// None once a node has no list any more: what was before is not known of all.
    fn next(&mut self) -> Option<Seen> {
        let last = self.lists.iter().zip(&self.known).map(|(lists, known)| lists[..*known].last());
        let last: Vec<&SessionList> = last.collect::<Option<_>>()?;
        let newest = (0..last.len()).max_by_key(|node| last[*node].answered)?;
        let (answered, sent) = (last[newest].answered, last.iter().map(|list| list.sent).min()?);
        let sessions = self.sessions(&last);
        self.known[newest] -= 1;
        Some(Seen { sent, answered, sessions })
    }
}
