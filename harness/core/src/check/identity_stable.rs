//! `identity-stable`: a node that was restarted says the peer ID that it said before.
//!
//! A node with another ID is another peer to everybody: who knew it dials somebody who is gone, and
//! what it had proven counts for nobody. That two nodes have one ID ends every run, asked for or not
//! (`alive`), and names both.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    Judgement, View,
    entry::{Check, CheckEntry, Context, Needs, Place, Window, Written},
    fail,
    hold::starved,
    per_node,
    view::{inconclusive, passed},
};
use crate::{
    control::{Control, Controls, Disturbance, PEERS_ONLY, RESTART, THREE_NODES, Wanted},
    document::{Problems, Table},
    event::CheckVerdict::Fail,
    history::Said,
};

/// The condition has no parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityStable;

impl fmt::Display for IdentityStable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the peer ID that each had before it was restarted")
    }
}

impl Check for IdentityStable {
    fn entry(&self) -> &'static CheckEntry {
        &ENTRY
    }

    fn judge(&self, view: &View<'_>) -> Judgement {
        let observed = per_node(view.nodes, |node| match said(view, node) {
            [] => "has said no peer ID".to_owned(),
            [.., last] => format!("{} ({} starts)", last.id, said(view, node).len()),
        });
        if let Some(why) = view.nodes.iter().find_map(|node| changed(view, node)) {
            return Judgement::Settled(fail(why, observed));
        }
        let compared: Option<Vec<_>> = view.nodes.iter().map(|node| compared(view, node)).collect();
        if let Some(latest) = compared.and_then(|moments| moments.into_iter().max()) {
            let why = "the same before and after the restart".to_owned();
            return passed(why, observed, latest);
        }
        if !view.is_over() {
            return Judgement::Pending { seen: observed, wants_hash_at: None };
        }
        if let Some(why) = starved(view) {
            return inconclusive(why, observed);
        }
        match view.nodes.iter().find_map(|node| Some((node, incomparable(view, node)?))) {
            Some((node, why)) => inconclusive(format!("{node} {why}"), observed),
            None => Judgement::Settled(fail(
                "not every node said its peer ID after the restart".to_owned(),
                observed,
            )),
        }
    }
}

/// What a node has said of itself by now, one for each start.
fn said<'a>(view: &View<'a>, node: &str) -> &'a [Said] {
    view.history.said(node, view.now)
}

/// Whose ID is another one than before.
fn changed(view: &View<'_>, node: &str) -> Option<String> {
    let pair = said(view, node).windows(2).find(|pair| pair[0].id != pair[1].id)?;
    Some(format!("{node} was {} before the restart, and is {}", pair[0].id, pair[1].id))
}

/// When its latest start said the ID, if there is another one to compare it with.
fn compared(view: &View<'_>, node: &str) -> Option<crate::event::Moment> {
    let [.., _, last] = said(view, node) else { return None };
    (view.history.last_start(node)?.0 == last.start).then_some(last.at)
}

/// Why no ID of it could ever be compared: it is no fault of the node's.
fn incomparable(view: &View<'_>, node: &str) -> Option<&'static str> {
    let (last, _) = view.history.last_start(node)?;
    match said(view, node).first() {
        _ if last == 0 => Some("was not restarted, so there is nothing to compare"),
        Some(first) if first.start < last => None,
        Some(_) | None => Some("said no peer ID before it was restarted"),
    }
}

/// What there is to know of it.
pub(super) static ENTRY: CheckEntry = CheckEntry {
    name: "identity-stable",
    about: "a restarted node has the peer ID that it had before",
    keys: &[],
    window: Window::Once,
    needs: Needs::Method("system_localPeerId"),
    holds: "in its last start each named node says the peer ID that it said in all starts before. Another one fails at once, and so, in every run, do two nodes of one ID, with both names",
    missing: "fails; a node that was not restarted, or said no ID before: inconclusive",
    example: r#"[[phases.checks]]
check = "identity-stable"
nodes = "seed"
within = "30s"
"#,
    controls: Controls::new(&[
        Control {
            name: "the identity is lost",
            scenario: &[THREE_NODES, PEERS_ONLY, RESTART, STABLE],
            disturbance: Disturbance::Loses("pq-identity"),
            wanted: Wanted::Check(Fail, "before the restart, and is"),
        },
        Control {
            name: "an identity is copied",
            scenario: &[COPIED, PEERS_ONLY, RESTART, STABLE],
            disturbance: Disturbance::None,
            wanted: Wanted::Broken("have one identity"),
        },
    ]),
};

/// Both nodes are told to be the same one.
const COPIED: &str = r#"
[scenario]
description = "A negative control"
timeout = "90s"
[[nodes]]
name = "seed"
seed = true
[[nodes]]
name = "node"
count = 2
env = { HEGEMON_PQ_IDENTITY_SEED = "0707070707070707070707070707070707070707070707070707070707070707" }
"#;

const STABLE: &str = r#"
[[phases.checks]]
check = "identity-stable"
nodes = "seed"
within = "10s"
"#;

pub(super) fn read(_: &Table<'_, '_>, _: &mut Problems) -> Option<IdentityStable> {
    Some(IdentityStable)
}

impl Written for IdentityStable {
    type Condition = Self;

    fn validate(&self, place: &Place<'_>, problems: &mut Problems) {
        let about = "compares with what was before the restart";
        place.must_follow_a_heal("`identity-stable`", about, place.span, problems);
    }

    fn resolve(&self, _: &Context<'_>) -> Self {
        *self
    }
}

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

    const CHECK: CheckKind = CheckKind::IdentityStable(IdentityStable);

    /// `node-1` was started at these moments, and then said this of itself.
    fn seen(starts: &[(u64, Option<&str>)]) -> Seen {
        let mut seen = Seen::default().poll("node-1", 0, 11_000, |_, _| {});
        for (start, (at, id)) in (0..).zip(starts) {
            seen.started("node-1", *at, start, incarnation(i64::from(start) + 7));
            if let Some(id) = id {
                seen.says("node-1", *at + 100, start, id);
            }
        }
        seen
    }

    fn said(starts: &[(u64, Option<&str>)]) -> (CheckVerdict, String) {
        let finding = seen(starts).verdict(&CHECK, &["node-1"], 1_000);
        (finding.verdict, finding.reason)
    }

    #[test]
    fn the_same_passes_and_another_fails() {
        let same = said(&[(0, Some("a")), (900, Some("a"))]);
        assert_eq!(same, (CheckVerdict::Pass, "the same before and after the restart".to_owned()));
        let other = said(&[(0, Some("a")), (900, Some("b"))]);
        let why = "node-1 was a before the restart, and is b".to_owned();
        assert_eq!(other, (CheckVerdict::Fail, why));
        let back = said(&[(0, Some("a")), (400, Some("b")), (900, Some("a"))]);
        assert_eq!(back.0, CheckVerdict::Fail, "in between it was somebody else");
    }

    #[test]
    fn what_was_not_said_is_no_pass() {
        let silent = said(&[(0, Some("a")), (900, None)]);
        let why = "not every node said its peer ID after the restart".to_owned();
        assert_eq!(silent, (CheckVerdict::Fail, why));
        let never = said(&[(0, None), (900, Some("a"))]);
        let why = "node-1 said no peer ID before it was restarted".to_owned();
        assert_eq!(never, (CheckVerdict::Inconclusive, why));
        let stayed = said(&[(0, Some("a"))]);
        let why = "node-1 was not restarted, so there is nothing to compare".to_owned();
        assert_eq!(stayed, (CheckVerdict::Inconclusive, why));
        assert_eq!(Seen::default().verdict(&CHECK, &[], 0).verdict, CheckVerdict::Fail);
        assert_eq!(
            Seen::default().verdict(&CHECK, &["node-1"], 0).verdict,
            CheckVerdict::Inconclusive
        );
        let early = seen(&[(0, Some("a")), (900, Some("b"))]).judge(&CHECK, &["node-1"], 0, 950);
        assert!(matches!(early, Judgement::Pending { .. }), "not said yet: {early:?}");
    }
}
