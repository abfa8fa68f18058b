//! `rpc`: what any method of any node answers, or a part of it, is what the scenario says it must be.
//!
//! `want` is what may be asked of an answer, `number` compares those in it, `keys` is how it is written.

mod keys;
mod number;
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
    event::{Asked, AskedFor, Miss, Moment, Part},
    text::{printable, short},
};

pub(super) use keys::{ENTRY, read};
pub use want::Want;
use want::Wanted;

/// Between two questions of a check that is not starved of answers, beside what a node may take.
const PAUSE: Duration = Duration::from_secs(1);

/// Answers that a span needs: as many as `held` wants, and one to spare.
const ENOUGH: usize = 4;

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
        let observed = observed(view, rounds(view).next_back());
        let marks = marks(view, |round| wanted.says(round.answers.values()));
        if let Some(since) = held(&[marks], view) {
            let why = format!("held for {}", short(view.hold));
            return passed(why, observed, since);
        }
        if !view.is_over() {
            return Judgement::Pending { seen: observed, wants_hash_at: None };
        }
        match starved(view).or_else(|| unjudged(view, &wanted)) {
            Some(why) => inconclusive(why, observed),
            None => Judgement::Settled(fail(self.why(view, &wanted), observed)),
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
fn rounds<'a>(view: &View<'a>) -> impl DoubleEndedIterator<Item = Round<'a>> {
    let nodes = view.nodes;
    let round = |asked: &'a Asked| {
        let AskedFor::Answers(answers) = &asked.seen else { return None };
        Some(Round { sent: asked.sent, answered: asked.answered, answers })
    };
    let is_of = move |round: &Round<'_>| {
        round.answers.len() == nodes.len()
            && nodes.iter().all(|node| round.answers.contains_key(node))
    };
    let asked = view.history.asked(view.id, view.start, view.now).iter();
    asked.filter_map(round).filter(is_of)
}

/// What the rounds say, back to the last that says no, or to where they are enough: this is looked at
/// many times a second, and nothing before that changes anything.
fn marks(view: &View<'_>, says: impl Fn(Round<'_>) -> Holds) -> Vec<Mark> {
    let (mut marks, mut yes): (Vec<Mark>, Vec<Mark>) = (Vec::new(), Vec::new());
    for round in rounds(view).rev() {
        let mark = Mark { sent: round.sent, answered: round.answered, says: says(round) };
        marks.push(mark);
        if mark.says == Holds::Yes {
            yes.push(mark);
        }
        let until = yes.first().map_or(view.now, |mark| mark.sent);
        let later = yes.last().map_or(view.now, |mark| mark.sent);
        let covers = yes.len() >= ENOUGH && until >= mark.answered + view.hold;
        // The next one would be too far from what is already there.
        let is_stale = later.since(mark.answered) > view.fresh;
        if mark.says == Holds::No || is_stale || (mark.says == Holds::Yes && covers) {
            break;
        }
    }
    marks.reverse();
    marks
}

/// Why the answers cannot be judged, where no node is to blame for it.
fn unjudged(view: &View<'_>, wanted: &Wanted) -> Option<String> {
    let last = rounds(view).next_back().map_or(view.start, |round| round.answered);
    let pause = view.deadline.since(last);
    if pause > view.fresh + PAUSE {
        return Some(format!(
            "nothing came back in the last {} of the window: this machine was too busy",
            short(pause)
        ));
    }
    // Nothing that follows a wrong answer so late can have held for long enough.
    let late = rounds(view).rev().take_while(|round| round.answered + view.hold > view.deadline);
    if late.map(|round| wanted.says(round.answers.values())).any(|says| says == Holds::No) {
        return None;
    }
    busy(view).or_else(|| beyond(view, wanted))
}

/// A node that asks to be asked later most of the time.
fn busy(view: &View<'_>) -> Option<String> {
    let all = rounds(view).count();
    view.nodes.iter().find_map(|node| {
        let is_busy = |round: &Round<'_>| {
            round.answers.get(node).and_then(Part::miss).is_some_and(Miss::is_busy)
        };
        let busy = rounds(view).filter(is_busy).count();
        (busy * 2 > all).then(|| {
            format!(
                "{node} grants too few answers to judge: {busy} of {all} times it asked to be asked later (HTTP 429)"
            )
        })
    })
}

/// Answers that nobody can judge, if it would have held had they been right.
fn beyond(view: &View<'_>, wanted: &Wanted) -> Option<String> {
    let kind = |round: Round<'_>| {
        let judged = round.answers.values().filter(|part| wanted.beyond(part).is_none());
        wanted.says(judged)
    };
    held(&[marks(view, kind)], view)?;
    rounds(view).rev().find_map(|round| {
        round
            .answers
            .iter()
            .find_map(|(node, part)| Some(format!("what {node} answers {}", wanted.beyond(part)?)))
    })
}

impl Rpc {
    /// Which node's last answer is why, if one alone is.
    fn why(&self, view: &View<'_>, wanted: &Wanted) -> String {
        let last = rounds(view).next_back();
        let wrong = view.nodes.iter().find_map(|node| {
            let part = last?.answers.get(node)?;
            let method = &self.method;
            match part {
                Part::Missing(miss) if !miss.says_nothing() && !wanted.is_error() => Some(format!(
                    "{node} {} when it was asked for `{method}`",
                    printable(&miss.to_string())
                )),
                Part::Absent => {
                    Some(format!("{node} answers `{method}` without `{}`", self.pointer))
                }
                Part::Missing(_) | Part::Json(_) | Part::Same | Part::TooLong { .. } => None,
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
