//! `metric`: a value on a node's OpenMetrics page is what the scenario says it must be, or rises.
//!
//! `page` reads one sample from a page, `keys` is how the check is written. A metric that is not on the
//! page is never 0: it is not there.

mod keys;
pub mod page;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    Judgement, View,
    entry::{Check, CheckEntry, Context, Written},
    fail,
    hold::{Holds, Mark, held, starved},
    per_node,
    view::{inconclusive, passed},
};
use crate::{
    event::{Asked, AskedFor, Moment, Sampled, Scrape},
    text::{printable, short},
};

pub(super) use keys::{ENTRY, read};

/// Between two scrapes, beside what a node may take.
const PAUSE: Duration = Duration::from_secs(2);

/// The condition; one of the three bounds at least is there. They are the text of numbers, so that a
/// plan that is read again is the same one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metric {
    /// A sample's, as it stands on the page: a counter's has `_total`.
    pub name: String,
    /// Labels that the sample has, others beside them.
    pub labels: BTreeMap<String, String>,
    /// Its value from here on.
    pub at_least: Option<String>,
    /// Its value up to here.
    pub at_most: Option<String>,
    /// So much above what it was at first in the check's time.
    pub rises_by: Option<String>,
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.sample())?;
        let bounds =
            [(" >= ", &self.at_least), (" <= ", &self.at_most), (" rises by ", &self.rises_by)];
        let mut first = true;
        for (words, bound) in bounds {
            if let Some(bound) = bound {
                write!(f, "{}{words}{bound}", if first { "" } else { " and" })?;
                first = false;
            }
        }
        Ok(())
    }
}

impl Check for Metric {
    fn entry(&self) -> &'static CheckEntry {
        &ENTRY
    }

    fn judge(&self, view: &View<'_>) -> Judgement {
        let Some(bounds) = self.bounds() else {
            return Judgement::Settled(fail("the plan is none".to_owned(), String::new()));
        };
        let rounds = rounds(view);
        let observed = match rounds.last() {
            Some(round) => per_node(view.nodes, |node| words(round.scrapes.get(node))),
            None => "not asked yet".to_owned(),
        };
        let marks: Vec<Vec<Mark>> =
            view.nodes.iter().map(|node| marks(&bounds, node, &rounds, Holds::No)).collect();
        if let Some(since) = held(&marks, view) {
            return passed(format!("held for {}", short(view.hold)), observed, since);
        }
        if !view.is_over() {
            return Judgement::Pending { seen: observed, wants_hash_at: None };
        }
        match starved(view).or_else(|| unjudged(view, &bounds, &rounds)) {
            Some(why) => inconclusive(why, observed),
            None => Judgement::Settled(fail(self.why(view, &rounds), observed)),
        }
    }
}

/// The bounds as numbers.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    at_least: Option<f64>,
    at_most: Option<f64>,
    rises_by: Option<f64>,
}

/// One scrape of all its nodes.
struct Round<'a> {
    sent: Moment,
    answered: Moment,
    scrapes: &'a BTreeMap<String, Scrape>,
}

fn rounds<'a>(view: &View<'a>) -> Vec<Round<'a>> {
    let round = |asked: &'a Asked| {
        let AskedFor::Metrics(scrapes) = &asked.seen else { return None };
        let is_of = scrapes.len() == view.nodes.len()
            && view.nodes.iter().all(|node| scrapes.contains_key(node));
        is_of.then_some(Round { sent: asked.sent, answered: asked.answered, scrapes })
    };
    view.history.asked(view.id, view.start, view.now).iter().filter_map(round).collect()
}

/// What one node's pages say. A rise counts from the first value of the same start of the node: counters
/// begin at 0 with their process. Of several samples nobody knows which was meant: that says `several`.
fn marks(bounds: &Bounds, node: &str, rounds: &[Round<'_>], several: Holds) -> Vec<Mark> {
    let mut first: Option<(u32, f64)> = None;
    let mark = |round: &Round<'_>| {
        let scrape = round.scrapes.get(node);
        let says = match scrape.map(|scrape| (&scrape.seen, scrape.start)) {
            Some((Sampled::Value(text), start)) => match text.parse::<f64>() {
                Ok(value) => {
                    if first.is_none_or(|(of, _)| of != start) {
                        first = Some((start, value));
                    }
                    let rise = first.map_or(0.0, |(_, first)| value - first);
                    if bounds.hold(value, rise) { Holds::Yes } else { Holds::No }
                }
                Err(_) => Holds::No,
            },
            Some((Sampled::Missing(miss), _)) if miss.says_nothing() => Holds::Unknown,
            Some((Sampled::Several(_), _)) => several,
            Some((Sampled::Absent | Sampled::Wrong(_) | Sampled::Missing(_), _)) => Holds::No,
            None => Holds::Unknown,
        };
        Mark { sent: round.sent, answered: round.answered, says }
    };
    rounds.iter().map(mark).collect()
}

impl Bounds {
    /// What is no number holds nothing.
    fn hold(&self, value: f64, rise: f64) -> bool {
        self.at_least.is_none_or(|least| value >= least)
            && self.at_most.is_none_or(|most| value <= most)
            && self.rises_by.is_none_or(|by| rise >= by)
    }
}

/// Why nothing can be judged, where no node is to blame.
fn unjudged(view: &View<'_>, bounds: &Bounds, rounds: &[Round<'_>]) -> Option<String> {
    let last = rounds.last().map_or(view.start, |round| round.answered);
    let pause = view.deadline.since(last);
    if pause > view.fresh + PAUSE {
        return Some(format!(
            "no page came back in the last {} of the window: this machine was too busy",
            short(pause)
        ));
    }
    // If it would not have held had those samples been right, they are no excuse.
    let kind: Vec<Vec<Mark>> =
        view.nodes.iter().map(|node| marks(bounds, node, rounds, Holds::Yes)).collect();
    held(&kind, view)?;
    let several = |(node, scrape): (&String, &Scrape)| match scrape.seen {
        Sampled::Several(count) => Some(format!(
            "{count} samples of {node} have this name and these labels: name more of them"
        )),
        Sampled::Value(_) | Sampled::Absent | Sampled::Wrong(_) | Sampled::Missing(_) => None,
    };
    rounds.iter().rev().find_map(|round| round.scrapes.iter().find_map(several))
}

impl Metric {
    fn bounds(&self) -> Option<Bounds> {
        let number = |text: &Option<String>| match text {
            Some(text) => text.parse::<f64>().ok().map(Some),
            None => Some(None),
        };
        let at_least = number(&self.at_least)?;
        let (at_most, rises_by) = (number(&self.at_most)?, number(&self.rises_by)?);
        let bounds = Bounds { at_least, at_most, rises_by };
        (at_least.is_some() || at_most.is_some() || rises_by.is_some()).then_some(bounds)
    }

    /// As a page has it.
    fn sample(&self) -> String {
        let labels = self.labels.iter().map(|(name, value)| format!("{name}={value:?}"));
        let labels = labels.collect::<Vec<_>>().join(",");
        if labels.is_empty() { self.name.clone() } else { format!("{}{{{labels}}}", self.name) }
    }

    /// Which node's last page is why, if one alone is.
    fn why(&self, view: &View<'_>, rounds: &[Round<'_>]) -> String {
        let wrong =
            view.nodes.iter().find_map(|node| match &rounds.last()?.scrapes.get(node)?.seen {
                Sampled::Absent => Some(format!("the page of {node} has no `{}`", self.sample())),
                Sampled::Wrong(why) => {
                    Some(format!("the page of {node} is none: {}", printable(why)))
                }
                Sampled::Missing(miss) if !miss.says_nothing() => Some(format!(
                    "{node} {} when it was asked for its metrics",
                    printable(&miss.to_string())
                )),
                Sampled::Value(_) | Sampled::Several(_) | Sampled::Missing(_) => None,
            });
        wrong.unwrap_or_else(|| format!("did not hold for {} by the deadline", short(view.hold)))
    }
}

fn words(scrape: Option<&Scrape>) -> String {
    match scrape.map(|scrape| &scrape.seen) {
        Some(seen) => printable(&seen.to_string()),
        None => "not asked".to_owned(),
    }
}

impl Written for Metric {
    type Condition = Self;

    fn resolve(&self, _: &Context<'_>) -> Self {
        self.clone()
    }
}
