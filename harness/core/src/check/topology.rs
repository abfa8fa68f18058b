//! `topology`: the shape of the network, over the sessions that the named nodes report with each other.
//!
//! A session that both of its ends report is surely there; one that one end reports may be there. What
//! must be connected is so by the first, and what must be apart by the second: a list that is late,
//! or a lie of one of them, never helps.
//!
//! What is one part was never two: with `components`, fewer than that fail at once. More of them may
//! still come together until the deadline.

use std::fmt;

use serde::{Deserialize, Serialize};

use self::{
    graph::Graph,
    seen::{Seen, Sessions, Walk},
};
use super::{
    Judgement, View, decide,
    entry::{Check, CheckEntry, Context, Needs, Place, Window, Written},
    fail,
    hold::{Holds, Mark, held, starved},
    view::inconclusive,
};
use crate::{
    control::{
        Control, Controls, DISCOVER, Disturbance, How, Lie, THREE_NODES, WITHOUT_DISCOVERY, Wanted,
    },
    document::{At, Given, Key, Problems, Table, Takes},
    event::{
        CheckVerdict::{self, Fail, Inconclusive},
        Moment, Reading,
    },
    text::short,
};

mod graph;
mod seen;

/// The conditions; at least one is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topology {
    /// Without any one node the others are still connected.
    pub no_cut_vertex: bool,
    /// So many parts, between which there is no way.
    pub components: Option<u64>,
    /// At most so many sessions on the way from any node to any other.
    pub diameter: Option<u64>,
}

impl fmt::Display for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cut = self.no_cut_vertex.then(|| "connected without any one node".to_owned());
        let parts = self.components.map(|count| match count {
            1 => "one network".to_owned(),
            _ => format!("{count} networks without a session between them"),
        });
        let far = self.diameter.map(|most| format!("at most {most} steps from each to each"));
        let all: Vec<String> = parts.into_iter().chain(cut).chain(far).collect();
        f.write_str(&all.join(", "))
    }
}

impl Check for Topology {
    fn entry(&self) -> &'static CheckEntry {
        &ENTRY
    }

    fn judge(&self, view: &View<'_>) -> Judgement {
        if let Some(node) = view.nodes.iter().find(|node| lacks(view, node)) {
            let why = format!(
                "{node} does not offer `hegemon_peerList`, so nobody knows with whom it has sessions"
            );
            return inconclusive(why, String::new());
        }
        let mut observed = None;
        let mut marks = Vec::new();
        for seen in Walk::back(view) {
            let wrong = self.wrong(view, &seen.sessions);
            observed.get_or_insert_with(|| described(view, &seen.sessions, wrong.as_ref()));
            if let Some(Wrong::Merged(why)) = wrong {
                return Judgement::Settled(fail(why, observed.unwrap_or_default()));
            }
            let says = match (&seen.sessions, wrong) {
                (Sessions::Unheard, _) => Holds::Unknown,
                (Sessions::Of { .. }, None) => Holds::Yes,
                (Sessions::Of { .. } | Sessions::Unknown, _) => Holds::No,
            };
            let Seen { sent, answered, .. } = seen;
            marks.push(Mark { sent, answered, says });
            // What was before breaks nothing any more, but what has once merged.
            if says == Holds::No && self.components.is_none_or(|parts| parts < 2) {
                break;
            }
        }
        marks.reverse();
        let unlisted = marks.is_empty();
        let observed =
            observed.unwrap_or_else(|| "not every node has listed its sessions".to_owned());
        let passed = |_: Moment| format!("held for {}", short(view.hold));
        match decide(view, held(&[marks], view), observed, passed) {
            // Who was asked for samples was not necessarily asked for sessions.
            Judgement::Settled(finding)
                if finding.verdict == CheckVerdict::Fail && unlisted && starved(view).is_none() =>
            {
                Judgement::Settled(fail(
                    "no list of sessions of every node".to_owned(),
                    finding.observed,
                ))
            }
            judgement @ (Judgement::Pending { .. } | Judgement::Settled(_)) => judgement,
        }
    }
}

/// What is not as it should be.
enum Wrong {
    /// It may still become right.
    Yet(String),
    /// It never was.
    Merged(String),
}

impl Topology {
    fn wrong(&self, view: &View<'_>, sessions: &Sessions) -> Option<Wrong> {
        let Sessions::Of { sure, possible } = sessions else { return None };
        if let Some(wanted) = self.components {
            let (most, least) = (parts(sure), parts(possible));
            if least < wanted {
                let why = format!(
                    "{least} of what should be {wanted} networks: {}",
                    named(view, possible)
                );
                return Some(Wrong::Merged(why));
            }
            if most > wanted {
                return Some(Wrong::Yet(format!("{most} parts: {}", named(view, sure))));
            }
        }
        if (self.no_cut_vertex || self.diameter.is_some()) && parts(sure) > 1 {
            return Some(Wrong::Yet(format!("not connected: {}", named(view, sure))));
        }
        if self.no_cut_vertex
            && let Some(vertex) = sure.cut_vertex()
        {
            return Some(Wrong::Yet(format!("without {} it falls apart", view.nodes[vertex])));
        }
        let far = sure.diameter().map_or(u64::MAX, |steps| steps as u64);
        let too_far = self.diameter.filter(|most| far > *most)?;
        Some(Wrong::Yet(format!("{far} steps between two nodes, more than {too_far}")))
    }
}

fn parts(graph: &Graph) -> u64 {
    graph.parts().into_iter().max().map_or(0, |last| last as u64 + 1)
}

/// `seed, node-1 | node-2`
fn named(view: &View<'_>, graph: &Graph) -> String {
    let part = graph.parts();
    let of = |wanted: usize| {
        let members = view.nodes.iter().zip(&part).filter(|(_, part)| **part == wanted);
        members.map(|(node, _)| node.as_str()).collect::<Vec<_>>().join(", ")
    };
    let parts = part.iter().max().map_or(0, |last| last + 1);
    (0..parts).map(of).collect::<Vec<_>>().join(" | ")
}

fn described(view: &View<'_>, sessions: &Sessions, wrong: Option<&Wrong>) -> String {
    match (sessions, wrong) {
        (_, Some(Wrong::Yet(why) | Wrong::Merged(why))) => why.clone(),
        (Sessions::Of { sure, .. }, None) => named(view, sure),
        (Sessions::Unheard, None) => "a node said nothing".to_owned(),
        (Sessions::Unknown, None) => {
            "a node did not list its sessions, or has not said its peer ID".to_owned()
        }
    }
}

fn lacks(view: &View<'_>, node: &str) -> bool {
    view.history.sessions(node, view.now).last().is_some_and(
        |list| matches!(&list.sessions, Reading::Missing(miss) if miss.is_unknown_method()),
    )
}

/// What there is to know of it.
pub(super) static ENTRY: CheckEntry = CheckEntry {
    name: "topology",
    about: "the network has this shape, by the sessions that nodes report",
    keys: KEYS,
    window: Window::Part,
    needs: Needs::Sessions("hegemon_peerList"),
    holds: "over the sessions that the named nodes report with each other (`hegemon_peerList`; ways over other nodes are none): connected by those that both ends report, apart if neither end reports one. Parts that have met once since the check's start fail at once, whatever becomes of them. One or several keys",
    missing: "fails; not offered: inconclusive",
    example: r#"[[phases.checks]]
check = "topology"
nodes = "*"
components = 2
within = "30s"
for = "20s"
"#,
    controls: Controls::new(&[
        Control {
            name: "everything hangs on the seed",
            scenario: &[WITHOUT_DISCOVERY, SHAPE, NO_CUT_VERTEX],
            disturbance: Disturbance::None,
            wanted: Wanted::Check(Fail, "without seed it falls apart"),
        },
        Control {
            name: "two networks are one",
            scenario: &[THREE_NODES, DISCOVER, APART],
            disturbance: Disturbance::None,
            wanted: Wanted::Check(Fail, "1 of what should be 2 networks: seed, node-1, node-2"),
        },
        Control {
            name: "one end denies its sessions",
            scenario: &[THREE_NODES, DISCOVER, WHOLE],
            disturbance: Disturbance::Lies(&[Lie {
                node: "node-1",
                method: "hegemon_peerList",
                how: How::Says("[]"),
            }]),
            wanted: Wanted::Check(Fail, "2 parts: seed, node-2 | node-1"),
        },
        Control {
            name: "a node does not list its sessions",
            scenario: &[THREE_NODES, DISCOVER, WHOLE],
            disturbance: Disturbance::Lies(&[Lie {
                node: "node-1",
                method: "hegemon_peerList",
                how: How::Denies,
            }]),
            wanted: Wanted::Check(Inconclusive, "hegemon_peerList"),
        },
    ]),
};

const KEYS: &[Key] = &[
    Key {
        name: "no_cut_vertex",
        takes: Takes::Flag,
        given: Given::OneOf,
        about: "`true`: they are connected, and still without any one of them",
    },
    Key {
        name: "components",
        takes: Takes::Number(1),
        given: Given::OneOf,
        about: "parts between which there is no way; `1` is one network",
    },
    Key {
        name: "diameter",
        takes: Takes::Number(1),
        given: Given::OneOf,
        about: "the most sessions on the shortest way between two of them",
    },
];

const SHAPE: &str = r#"
[[phases]]
name = "a shape"
"#;

const NO_CUT_VERTEX: &str = r#"
[[phases.checks]]
check = "topology"
nodes = "*"
no_cut_vertex = true
within = "8s"
for = "1s"
"#;

const APART: &str = r#"
[[phases.checks]]
check = "topology"
nodes = "*"
components = 2
within = "8s"
for = "1s"
"#;

const WHOLE: &str = r#"
[[phases.checks]]
check = "topology"
nodes = "*"
components = 1
within = "8s"
for = "1s"
"#;

pub(super) fn read(table: &Table<'_, '_>, problems: &mut Problems) -> Option<TopologyWritten> {
    let cut = table.boolean("no_cut_vertex", problems);
    if let Some(flag) = cut.as_ref().filter(|flag| !flag.value) {
        problems.error_hint(
            flag.span.clone(),
            "`no_cut_vertex = false` asks for nothing",
            "leave the key out",
        );
    }
    if !["no_cut_vertex", "components", "diameter"].iter().any(|key| table.has(key)) {
        problems.error(
            table.span.clone(),
            "missing key `no_cut_vertex`, `components` or `diameter` (or several) in a `topology` check",
        );
    }
    Some(TopologyWritten {
        no_cut_vertex: cut.is_some_and(|flag| flag.value),
        components: table.number("components", 1, problems),
        diameter: table.number("diameter", 1, problems),
    })
}

/// As written.
#[derive(Debug)]
pub(super) struct TopologyWritten {
    no_cut_vertex: bool,
    components: Option<At<u32>>,
    diameter: Option<At<u32>>,
}

impl Written for TopologyWritten {
    type Condition = Topology;

    fn validate(&self, place: &Place<'_>, problems: &mut Problems) {
        place.must_be_several("`topology`", "it has nobody to be connected with", problems);
        let Some(parts) = self.components.as_ref().filter(|parts| parts.value > 1) else { return };
        if parts.value as usize > place.named.len() {
            let why =
                format!("cannot pass: {} nodes make no {} parts", place.named.len(), parts.value);
            problems.warning(parts.span.clone(), why);
        } else if self.no_cut_vertex || self.diameter.is_some() {
            problems.error(parts.span.clone(), "what is in several parts is not connected: `no_cut_vertex` and `diameter` are about one network");
        }
    }

    fn resolve(&self, _: &Context<'_>) -> Topology {
        let number = |key: &Option<At<u32>>| key.as_ref().map(|key| u64::from(key.value));
        Topology {
            no_cut_vertex: self.no_cut_vertex,
            components: number(&self.components),
            diameter: number(&self.diameter),
        }
    }
}

#[cfg(test)]
mod tests;
