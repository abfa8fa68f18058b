//! `rpc`: what any method of any node answers, or a part of it, is what the scenario says it must be.
//!
//! `want` is what may be asked of an answer, `keys` how it is written.

mod keys;
mod want;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    Judgement, View,
    entry::{Check, CheckEntry, Context, Place, Written},
    fail,
    hold::{Holds, Mark, held, starved},
    per_node,
    view::{inconclusive, passed},
};
use crate::{
    document::Problems,
    event::{Asked, AskedFor, Moment, Part},
    text::{printable, short},
};

pub(super) use keys::{ENTRY, read};
pub use want::Want;
use want::Wanted;

/// Between two questions of a check that is not starved of answers, beside what a node may take.
const PAUSE: Duration = Duration::from_secs(1);

/// Characters of an answer that are shown.
const SHOWN: usize = 200;

/// The condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rpc {
    /// What is asked: again and again, as long as the check runs.
    pub method: String,
    /// Its parameters: a list, as JSON text.
    pub params: String,
    /// Which part of the answer (RFC 6901); empty for all of it.
    pub pointer: String,
    /// What that must be.
    pub want: Want,
}

impl fmt::Display for Rpc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.method)?;
        if self.params != "[]" {
            write!(f, " of {}", self.params)?;
        }
        if !self.pointer.is_empty() {
            write!(f, " has at `{}`", self.pointer)?;
        }
        write!(f, " {}", self.want)
    }
}

impl Check for Rpc {
    fn entry(&self) -> &'static CheckEntry {
        &ENTRY
    }

    fn judge(&self, view: &View<'_>) -> Judgement {
        let Some(wanted) = self.want.read() else {
            return Judgement::Settled(fail("the plan is none".to_owned(), String::new()));
        };
        if self.want == Want::SameEverywhere && view.nodes.len() < 2 {
            let why = "impossible: one node has nobody to agree with".to_owned();
            return Judgement::Settled(fail(why, String::new()));
        }
        let rounds = rounds(view);
        let observed = observed(view, rounds.last().copied());
        if let Some(since) = held(&[marks(&wanted, &rounds)], view) {
            let why = format!("held for {}", short(view.hold));
            return passed(why, observed, since);
        }
        if !view.is_over() {
            return Judgement::Pending { seen: observed, wants_hash_at: None };
        }
        match starved(view).or_else(|| unjudged(view, &rounds)) {
            Some(why) => inconclusive(why, observed),
            None => Judgement::Settled(fail(self.why(view, &wanted, &rounds), observed)),
        }
    }
}

/// One question to all its nodes.
#[derive(Clone, Copy)]
struct Round<'a> {
    sent: Moment,
    answered: Moment,
    answers: &'a BTreeMap<String, Part>,
}

/// Its own rounds: of these nodes, and nobody else.
fn rounds<'a>(view: &View<'a>) -> Vec<Round<'a>> {
    let round = |asked: &'a Asked| {
        let AskedFor::Answers(answers) = &asked.seen else { return None };
        Some(Round { sent: asked.sent, answered: asked.answered, answers })
    };
    let is_of = |round: &Round<'_>| {
        round.answers.len() == view.nodes.len()
            && view.nodes.iter().all(|node| round.answers.contains_key(node))
    };
    let asked = view.history.asked(view.id, view.start, view.now).iter();
    asked.filter_map(round).filter(is_of).collect()
}

/// What the rounds say, back to the last that says no: nothing before it counts.
fn marks(wanted: &Wanted, rounds: &[Round<'_>]) -> Vec<Mark> {
    let mut marks: Vec<Mark> = Vec::new();
    for round in rounds.iter().rev() {
        let says = wanted.says(round.answers.values());
        marks.push(Mark { sent: round.sent, answered: round.answered, says });
        if says == Holds::No {
            break;
        }
    }
    marks.reverse();
    marks
}

/// Why the answers cannot be judged, where no node is to blame for it.
fn unjudged(view: &View<'_>, rounds: &[Round<'_>]) -> Option<String> {
    let last = rounds.last().map_or(view.start, |round| round.answered);
    let pause = view.deadline.since(last);
    if pause > view.fresh + PAUSE {
        return Some(format!(
            "nothing came back in the last {} of the window: this machine was too busy",
            short(pause)
        ));
    }
    let of = |node: &str, is: fn(&Part) -> bool| {
        rounds.iter().filter(|round| round.answers.get(node).is_some_and(is)).count()
    };
    view.nodes.iter().find_map(|node| {
        let busy = of(node, |part| part.miss().is_some_and(|miss| miss.is_busy()));
        if busy * 2 > rounds.len() {
            let all = rounds.len();
            return Some(format!(
                "{node} grants too few answers to judge: {busy} of {all} times it asked to be asked later (HTTP 429)"
            ));
        }
        let long = of(node, |part| matches!(part, Part::TooLong { .. }));
        (long > 0).then(|| {
            format!(
                "what {node} answers is longer than the {} bytes that can be judged: a `pointer` leads to a part of it",
                Part::LONGEST
            )
        })
    })
}

impl Rpc {
    /// Which node's last answer is why, if one alone is.
    fn why(&self, view: &View<'_>, wanted: &Wanted, rounds: &[Round<'_>]) -> String {
        let wrong = view.nodes.iter().find_map(|node| {
            let part = rounds.last()?.answers.get(node)?;
            let method = &self.method;
            match part {
                Part::Missing(miss) if !miss.says_nothing() && !wanted.is_error() => Some(format!(
                    "{node} {} when it was asked for `{method}`",
                    printable(&miss.to_string())
                )),
                Part::Absent => {
                    Some(format!("{node} answers `{method}` without `{}`", self.pointer))
                }
                Part::Missing(_) | Part::Json(_) | Part::TooLong { .. } => None,
            }
        });
        wrong.unwrap_or_else(|| format!("did not hold for {} by the deadline", short(view.hold)))
    }
}

/// The last round, in words.
fn observed(view: &View<'_>, round: Option<Round<'_>>) -> String {
    let Some(round) = round else { return "no answer yet".to_owned() };
    let words = |node: &str| match round.answers.get(node) {
        Some(part) => {
            let text = part.to_string();
            let cut: String = text.chars().take(SHOWN).collect();
            let more = if cut.len() < text.len() { "…" } else { "" };
            format!("{}{more}", printable(&cut))
        }
        None => "not asked".to_owned(),
    };
    match view.nodes {
        [first, rest @ ..] if rest.iter().all(|node| words(node) == words(first)) => words(first),
        nodes => per_node(nodes, words),
    }
}

impl Written for Rpc {
    type Condition = Self;

    fn validate(&self, place: &Place<'_>, problems: &mut Problems) {
        if self.want == Want::SameEverywhere {
            place.must_be_several("`same_everywhere`", "it has nobody to agree with", problems);
        }
    }

    fn resolve(&self, _: &Context<'_>) -> Self {
        self.clone()
    }
}
