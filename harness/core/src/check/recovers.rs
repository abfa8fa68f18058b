//! `recovers`: after a fault the named nodes are back above their conditions. Only a node that was
//! seen to fall can be seen to recover.
//!
//! What counts as a fall, per named node, from the moment at which the fault took effect: of a node
//! that the fault hit, a question without an answer; of another one, fewer peers than
//! `peers_at_least`. If only `height_by` is asked for, another node's own values need not fall at
//! all, so there the fall is that of the nodes that were hit. A condition counts only from its
//! node's fall on. A node that was never seen to fall makes the check inconclusive, not failed:
//! perhaps the fault was too weak for it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    Judgement, View, decide_or_blame,
    entry::{Check, CheckEntry, Context, Needs, Place, Window, Written},
    fail, height_advances,
    hold::{Mark, held, starved},
    impossible, peers, peers_in_words, per_node,
    view::inconclusive,
};
use crate::{
    control::{
        Control, Controls, Disturbance, How, Lie, PEERS_ONLY, RESTART, THREE_NODES, WITHOUT_MINERS,
        Wanted,
    },
    document::{At, Given, Key, Problems, Table, Takes},
    event::{
        CheckVerdict::{Fail, Inconclusive},
        Moment, Reading, Sample,
    },
    text::short,
};

/// The conditions; at least one is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovers {
    /// Peers of each node.
    pub peers_at_least: Option<u64>,
    /// Blocks that each node gained since the fault healed.
    pub height_by: Option<u64>,
}

impl fmt::Display for Recovers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let peers = self.peers_at_least.map(|n| format!("at least {} each", peers_in_words(n)));
        let height = self.height_by.map(|n| format!("height +{n} each"));
        let conditions: Vec<String> = peers.into_iter().chain(height).collect();
        write!(f, "fell, and came back: {}", conditions.join(" and "))
    }
}

impl Check for Recovers {
    fn entry(&self) -> &'static CheckEntry {
        &ENTRY
    }

    fn judge(&self, view: &View<'_>) -> Judgement {
        let healed = view.fault.and_then(|fault| fault.healed.map(|healed| (fault, healed)));
        let Some((fault, healed)) = healed else {
            return inconclusive("no fault has healed before it".to_owned(), String::new());
        };
        if let Some(why) =
            self.peers_at_least.and_then(|least| impossible(least, view.network.len()))
        {
            return Judgement::Settled(fail(
                format!("impossible: {why}"),
                self.describe_all(view, healed),
            ));
        }
        let falls: Vec<Option<Moment>> = view
            .nodes
            .iter()
            .map(|node| self.fall(view, node, &fault.nodes, fault.effective))
            .collect();
        let marks: Vec<Vec<Mark>> = view
            .nodes
            .iter()
            .zip(&falls)
            .flat_map(|(node, fall)| self.marks(view, node, healed, *fall))
            .collect();
        let held = held(&marks, view);
        let observed = self.describe_all(view, healed);
        let never: Vec<&str> = view
            .nodes
            .iter()
            .zip(&falls)
            .filter(|(_, fall)| fall.is_none())
            .map(|(node, _)| node.as_str())
            .collect();
        if view.is_over()
            && !never.is_empty()
            && starved(view).is_none()
            && self.others_recovered(view, &falls, healed)
        {
            let reason = format!(
                "{} was never seen to fall, so it cannot be seen to recover",
                never.join(", ")
            );
            return inconclusive(reason, observed);
        }
        let passed = |since: Moment| {
            format!("back {} after it healed; the fall was seen", short(since.since(healed)))
        };
        decide_or_blame(view, held, observed, passed, |sample| {
            self.peers_at_least
                .and_then(|_| peers::wrong(view, sample))
                .or_else(|| self.height_by.and_then(|_| height_advances::wrong(sample)))
        })
    }

    fn blocks(&self) -> Option<u64> {
        self.height_by
    }
}

impl Recovers {
    /// When a node was first seen to fall.
    fn fall(
        &self,
        view: &View<'_>,
        node: &str,
        hit: &[String],
        effective: Moment,
    ) -> Option<Moment> {
        let silent = |node: &str| {
            first(view.samples(node, effective), |sample| {
                sample.peers.is_silent() && sample.height.is_silent()
            })
        };
        if hit.iter().any(|name| name == node) {
            return silent(node);
        }
        match self.peers_at_least {
            Some(least) => first(view.samples(node, effective), |sample| {
                sample.peers.value().is_some_and(|peers| *peers < least)
            }),
            None => hit.iter().filter_map(|node| silent(node)).min(),
        }
    }

    /// One list for each condition of the node; only what was asked after both the heal and the
    /// node's fall counts.
    fn marks(
        &self,
        view: &View<'_>,
        node: &str,
        healed: Moment,
        fall: Option<Moment>,
    ) -> Vec<Vec<Mark>> {
        let Some(fall) = fall else {
            return vec![Vec::new()];
        };
        self.conditions(view, node, healed)
            .into_iter()
            .map(|marks| marks.into_iter().filter(|mark| mark.sent > fall).collect())
            .collect()
    }

    fn conditions(&self, view: &View<'_>, node: &str, healed: Moment) -> Vec<Vec<Mark>> {
        let peers = self.peers_at_least.map(|least| peers::marks(view, node, healed, least));
        let height = self.height_by.map(|by| height_advances::marks(view, node, healed, by));
        peers.into_iter().chain(height).collect()
    }

    /// Whether everything but the missing falls is as it should be. If not, the check failed for a
    /// better reason.
    fn others_recovered(&self, view: &View<'_>, falls: &[Option<Moment>], healed: Moment) -> bool {
        let marks: Vec<Vec<Mark>> = view
            .nodes
            .iter()
            .zip(falls)
            .flat_map(|(node, fall)| match fall {
                Some(_) => self.marks(view, node, healed, *fall),
                None => self.conditions(view, node, healed),
            })
            .collect();
        held(&marks, view).is_some()
    }

    fn describe_all(&self, view: &View<'_>, healed: Moment) -> String {
        per_node(view.nodes, |node| {
            let peers = self.peers_at_least.map(|_| match view.samples(node, healed).last() {
                Some(sample) => describe_peers(sample),
                None => "not asked yet".to_owned(),
            });
            let height = self
                .height_by
                .map(|_| format!("height {}", height_advances::describe(view, node, healed)));
            peers.into_iter().chain(height).collect::<Vec<_>>().join(", ")
        })
    }
}

fn describe_peers(sample: &Sample) -> String {
    match &sample.peers {
        Reading::Value(_) => format!("peers {}", peers::describe(sample)),
        Reading::Missing(miss) => miss.to_string(),
    }
}

fn first(samples: &[Sample], fell: impl Fn(&Sample) -> bool) -> Option<Moment> {
    samples.iter().find(|sample| fell(sample)).map(|sample| sample.sent)
}

/// What there is to know of it.
pub(super) static ENTRY: CheckEntry = CheckEntry {
    name: "recovers",
    about: "after a fault, each node was seen to fall and is back",
    keys: KEYS,
    window: Window::Part,
    needs: Needs::Samples,
    holds: "after a fault that healed: each node was seen to fall, and is back. A fall is a question without an answer for a node that the fault hit, fewer peers than `peers_at_least` for another (with `height_by` alone: the fall of a node that was hit). One or both keys",
    missing: "fails; a node that was never seen to fall: inconclusive. Where nodes that stay up are peers enough for each other, `validate` warns of that",
    example: r#"[[phases.checks]]
check = "recovers"
nodes = "node"
peers_at_least = 2
height_by = 1
within = "60s"
"#,
    controls: Controls::new(&[
        Control {
            name: "nobody was seen to lose a peer",
            scenario: &[THREE_NODES, PEERS_ONLY, RESTART, RECOVERS_PEERS],
            disturbance: Disturbance::Lies(&[
                Lie {
                    node: "node-1",
                    method: "system_health",
                    how: How::Says(r#"{"peers":2,"isSyncing":false,"shouldHavePeers":true}"#),
                },
                Lie { node: "node-1", method: "system_peers", how: How::Denies },
            ]),
            wanted: Wanted::Check(Inconclusive, "never seen to fall"),
        },
        Control {
            name: "no block comes after it",
            scenario: &[WITHOUT_MINERS, PEERS_ONLY, RECOVERS_HEIGHT],
            disturbance: Disturbance::None,
            wanted: Wanted::Check(Fail, "did not hold"),
        },
    ]),
};

const KEYS: &[Key] = &[
    Key {
        name: "peers_at_least",
        takes: Takes::Number(1),
        given: Given::OneOf,
        about: "peers that each must have again",
    },
    Key {
        name: "height_by",
        takes: Takes::Number(1),
        given: Given::OneOf,
        about: "blocks that each must gain since the fault healed",
    },
];

pub(super) fn read(table: &Table<'_, '_>, problems: &mut Problems) -> Option<RecoversWritten> {
    let peers_at_least = table.number("peers_at_least", 1, problems);
    let height_by = table.number("height_by", 1, problems);
    if !table.has("peers_at_least") && !table.has("height_by") {
        problems.error(
            table.span.clone(),
            "missing key `peers_at_least` or `height_by` (or both) in a `recovers` check",
        );
    }
    Some(RecoversWritten {
        peers_at_least: peers_at_least.map(|peers| peers.map(u64::from)),
        height_by: height_by.map(|by| by.value.into()),
    })
}

/// As written.
#[derive(Debug)]
pub(super) struct RecoversWritten {
    peers_at_least: Option<At<u64>>,
    height_by: Option<u64>,
}

impl Written for RecoversWritten {
    type Condition = Recovers;

    fn validate(&self, place: &Place<'_>, problems: &mut Problems) {
        let about = "is about the time after the fault";
        place.must_follow_a_heal("`recovers`", about, place.span, problems);
        if let Some(least) = &self.peers_at_least {
            place.warn_if_impossible(least, problems);
            if let Some(hit) = place.hit {
                warn_if_nobody_falls(least, hit, place, problems);
            }
        }
    }

    fn resolve(&self, _: &Context<'_>) -> Recovers {
        let peers_at_least = self.peers_at_least.as_ref().map(|least| least.value);
        Recovers { peers_at_least, height_by: self.height_by }
    }
}

/// It needs to see a fall. Where the nodes that stay up are enough of peers for each other, there
/// may be none.
fn warn_if_nobody_falls(
    least: &At<u64>,
    hit: &[String],
    place: &Place<'_>,
    problems: &mut Problems,
) {
    let up = place.network.iter().filter(|node| !hit.contains(node)).count();
    let others = up.saturating_sub(1);
    if let Some(node) = place.named.iter().find(|node| !hit.contains(node))
        && others as u64 >= least.value
    {
        let why = format!(
            "`{node}` may never be seen to fall, and then the run is inconclusive: {others} other nodes stay up during the fault, and it is to fall below {}",
            least.value
        );
        problems.warning(least.span.clone(), why);
    }
}

const RECOVERS_PEERS: &str = r#"
[[phases.checks]]
check = "recovers"
nodes = "*"
peers_at_least = 2
within = "8s"
for = "1s"
"#;

const RECOVERS_HEIGHT: &str = r#"
[[phases]]
name = "restart the seed"
[[phases.faults]]
fault = "restart"
nodes = "seed"
downtime = "2s"
[[phases.checks]]
check = "recovers"
nodes = "node"
height_by = 2
within = "8s"
for = "1s"
"#;

#[cfg(test)]
mod tests;
