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
    hold::{Holds, Mark, held, recent, starved},
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
        let last = rounds(view).next_back();
        let observed = match last {
            Some(round) => per_node(view.nodes, |node| words(round.scrapes.get(node))),
            None => "not asked yet".to_owned(),
        };
        if let Some(since) = held(&marks(view, bounds, Holds::No), view) {
            return passed(format!("held for {}", short(view.hold)), observed, since);
        }
        if !view.is_over() {
            return Judgement::Pending { seen: observed, wants_hash_at: None };
        }
        match starved(view).or_else(|| unjudged(view, bounds)) {
            Some(why) => inconclusive(why, observed),
            None => Judgement::Settled(fail(self.why(view, last), observed)),
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
#[derive(Clone, Copy)]
struct Round<'a> {
    sent: Moment,
    answered: Moment,
    scrapes: &'a BTreeMap<String, Scrape>,
}

/// Its own rounds: of these nodes, and nobody else.
fn rounds<'a>(view: &View<'a>) -> impl DoubleEndedIterator<Item = Round<'a>> {
    of(view, view.history.asked(view.id, view.start, view.now))
}

fn of<'a>(view: &View<'a>, asked: &'a [Asked]) -> impl DoubleEndedIterator<Item = Round<'a>> {
    let nodes = view.nodes;
    asked.iter().filter_map(move |asked| {
        let AskedFor::Metrics(scrapes) = &asked.seen else { return None };
        let is_of =
            scrapes.len() == nodes.len() && nodes.iter().all(|node| scrapes.contains_key(node));
        is_of.then_some(Round { sent: asked.sent, answered: asked.answered, scrapes })
    })
}

/// What the last pages say that decide anything. Of several samples nobody knows which was meant: that says
/// `several`.
fn marks(view: &View<'_>, bounds: Bounds, several: Holds) -> Vec<Vec<Mark>> {
    let mut first = First { view, known: BTreeMap::new() };
    let mark = |round: &Round<'_>, node: usize| {
        let scrape = round.scrapes.get(&view.nodes[node]);
        let says = match scrape.map(|scrape| (&scrape.seen, scrape.start)) {
            Some((Sampled::Value(text), start)) => match text.parse::<f64>() {
                Ok(value) => {
                    let rise = bounds.rises_by.map_or(0.0, |_| value - first.of(node, start));
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
    recent(rounds(view).rev(), view.nodes.len(), mark, view)
}

/// From what a rise counts: the first value of the same start of the node, since counters begin at 0 with their
/// process. Each is looked for once.
struct First<'a> {
    view: &'a View<'a>,
    known: BTreeMap<(usize, u32), f64>,
}

impl First<'_> {
    /// No number if there is none.
    fn of(&mut self, node: usize, start: u32) -> f64 {
        let view = self.view;
        *self.known.entry((node, start)).or_insert_with(|| {
            let name = &view.nodes[node];
            let asked = view.history.asked(view.id, view.start, view.now);
            let is_before = |asked: &Asked| match &asked.seen {
                AskedFor::Metrics(scrapes) => {
                    scrapes.get(name).is_none_or(|scrape| scrape.start < start)
                }
                AskedFor::Answers(_) | AskedFor::Command(_) | AskedFor::Dials(_) => true,
            };
            // Starts only rise.
            let begun = asked.partition_point(is_before);
            let mut scrapes = of(view, &asked[begun..]).filter_map(|it| it.scrapes.get(name));
            scrapes.find_map(|scrape| value(scrape, start)).unwrap_or(f64::NAN)
        })
    }
}

/// Of this start of its node, if it has one.
fn value(scrape: &Scrape, start: u32) -> Option<f64> {
    match &scrape.seen {
        Sampled::Value(text) if scrape.start == start => text.parse().ok(),
        Sampled::Value(_)
        | Sampled::Absent
        | Sampled::Several(_)
        | Sampled::Wrong(_)
        | Sampled::Missing(_) => None,
    }
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
fn unjudged(view: &View<'_>, bounds: Bounds) -> Option<String> {
    let last = rounds(view).next_back().map_or(view.start, |round| round.answered);
    let pause = view.deadline.since(last);
    if pause > view.fresh + PAUSE {
        return Some(format!(
            "no page came back in the last {} of the window: this machine was too busy",
            short(pause)
        ));
    }
    // If it would not have held had those samples been right, they are no excuse.
    held(&marks(view, bounds, Holds::Yes), view)?;
    let several = |(node, scrape): (&String, &Scrape)| match scrape.seen {
        Sampled::Several(count) => Some(format!(
            "{count} samples of {node} have this name and these labels: name more of them"
        )),
        Sampled::Value(_) | Sampled::Absent | Sampled::Wrong(_) | Sampled::Missing(_) => None,
    };
    rounds(view).rev().find_map(|round| round.scrapes.iter().find_map(several))
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
    fn why(&self, view: &View<'_>, last: Option<Round<'_>>) -> String {
        let wrong = view.nodes.iter().find_map(|node| match &last?.scrapes.get(node)?.seen {
            Sampled::Absent => Some(format!("the page of {node} has no `{}`", self.sample())),
            Sampled::Wrong(why) => Some(format!("the page of {node} is none: {}", printable(why))),
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
