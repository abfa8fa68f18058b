//! The rule that every check follows: held by all at once, for long enough, seen often enough. And
//! what it means if we did not look.

use std::time::Duration;

use super::View;
use crate::{
    event::{Moment, Reading},
    text::short,
};

/// Fresh samples of each node that a span needs.
const SAMPLES: usize = 3;

/// A question is given up once its answer would not be fresh. One that took longer by this was not
/// given up in time, nor its answer heard: whoever asked it did not run, whatever the node did.
const OVERDUE: Duration = Duration::from_millis(200);

/// What one observation says about a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// It holds.
    Yes,
    /// It does not, or the answer was wrong: breaks the span.
    No,
    /// Nothing came back: tolerated until the last answer is no longer fresh.
    Unknown,
}

impl Holds {
    /// What a reading says about a condition on its value.
    pub fn of<T>(reading: &Reading<T>, holds: impl FnOnce(&T) -> bool) -> Self {
        match reading {
            Reading::Value(value) if holds(value) => Self::Yes,
            Reading::Value(_) => Self::No,
            Reading::Missing(miss) if miss.says_nothing() => Self::Unknown,
            Reading::Missing(_) => Self::No,
        }
    }

    /// Both conditions: one `No` is a no, one silence leaves it open.
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::Yes, Self::Yes) => Self::Yes,
        }
    }
}

/// One observation of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// When the question was sent: what it says was true at some moment from here on …
    pub sent: Moment,
    /// … to here.
    pub answered: Moment,
    /// What it says.
    pub says: Holds,
}

/// The moment since when the condition has held for all at once, if that is for at least `hold`
/// until now. `marks` holds one list for each node, in order of time.
///
/// The span counted is the one that is certain: from the first answer of the last node to have it,
/// to the last question of the node that was asked least lately.
pub fn held(marks: &[Vec<Mark>], view: &View<'_>) -> Option<Moment> {
    let runs: Vec<Vec<Mark>> = marks.iter().map(|marks| unbroken(marks, view)).collect();
    let since = runs
        .iter()
        .map(|run| run.first().map(|mark| mark.answered))
        .collect::<Option<Vec<_>>>()?
        .into_iter()
        .max()?;
    let until = runs.iter().filter_map(|run| run.last()).map(|mark| mark.sent).min()?;
    let enough =
        runs.iter().all(|run| run.iter().filter(|mark| mark.answered >= since).count() >= SAMPLES);
    (enough && until >= since + view.hold).then_some(since)
}

/// The observations on which [`held`] depends, one list for each of so many nodes, in order of time. This is
/// looked at many times a second and holds up everybody who records something: `rounds`, from the last one
/// back, are looked at only until the span of one node has begun and those of the others reach as far.
pub fn recent<R>(
    rounds: impl Iterator<Item = R>,
    nodes: usize,
    mut mark: impl FnMut(&R, usize) -> Mark,
    view: &View<'_>,
) -> Vec<Vec<Mark>> {
    let mut spans = vec![Span::back_from(view.now); nodes];
    for round in rounds {
        if spans.iter().any(|span| span.is_over && span.yes.is_empty()) {
            break;
        }
        // Some node has it only since then: what the others had before changes nothing.
        let begun = spans.iter().filter(|span| span.is_over).filter_map(Span::since).max();
        let mut is_enough = true;
        for (node, span) in spans.iter_mut().enumerate() {
            let reaches = begun.is_some_and(|begun| span.since().is_some_and(|it| it <= begun));
            if !span.is_over && !reaches {
                is_enough = false;
                span.take(mark(&round, node), view.fresh);
            }
        }
        if is_enough {
            break;
        }
    }
    spans.into_iter().map(Span::marks).collect()
}

/// The observations that say yes, back from now, until one says no or two are too far apart.
fn unbroken(marks: &[Mark], view: &View<'_>) -> Vec<Mark> {
    let mut span = Span::back_from(view.now);
    for mark in marks.iter().rev() {
        span.take(*mark, view.fresh);
        if span.is_over {
            break;
        }
    }
    span.marks()
}

/// One node's, while it grows back in time.
#[derive(Debug, Clone)]
struct Span {
    yes: Vec<Mark>,
    later: Moment,
    is_over: bool,
}

impl Span {
    fn back_from(now: Moment) -> Self {
        Self { yes: Vec::new(), later: now, is_over: false }
    }

    fn take(&mut self, mark: Mark, fresh: Duration) {
        let is_stale = self.later.since(mark.answered) > fresh;
        let took_long = mark.answered.since(mark.sent) > fresh;
        match mark.says {
            Holds::No => self.is_over = true,
            // Of what comes before, all is as stale.
            Holds::Yes | Holds::Unknown if is_stale => self.is_over = true,
            Holds::Yes if took_long => self.is_over = true,
            Holds::Unknown => {}
            Holds::Yes => {
                self.later = mark.sent;
                self.yes.push(mark);
            }
        }
    }

    /// The first answer, if there is one.
    fn since(&self) -> Option<Moment> {
        self.yes.last().map(|mark| mark.answered)
    }

    fn marks(mut self) -> Vec<Mark> {
        self.yes.reverse();
        self.yes
    }
}

/// Why the window cannot be judged because of us, or of a node that grants too few answers: for more
/// than half of it, or at its end, there is nothing to judge; or for a quarter, and nowhere between is
/// there time enough to see the condition hold.
///
/// A node that is asked and does not answer is the node's fault; a node that is not asked is ours,
/// and so is an answer that we were too late to hear.
/// One that asks to be asked later has answered nothing, and has done nothing wrong.
pub fn starved(view: &View<'_>) -> Option<String> {
    let window = view.deadline.since(view.start);
    for node in view.nodes {
        let refused = view.history.refused(node, view.start, view.deadline).len();
        let lost = lost(view, node, refused > 0);
        let unasked: Duration = lost.iter().map(|(from, to)| to.since(*from)).sum();
        let at_end = lost.last().is_some_and(|(_, to)| *to >= view.deadline);
        let no_time = refused == 0
            && unasked * 4 > window
            && longest_between(&lost, view) < view.hold + 2 * view.fresh;
        if unasked * 2 > window || at_end || no_time {
            return Some(if refused > 0 {
                let samples = view.history.samples(node, view.start, Moment(u64::MAX));
                granted(node, samples.len(), refused, window)
            } else {
                format!(
                    "we asked {node} too rarely to judge (no question for {} of {}): this machine was too busy",
                    short(unasked),
                    short(window)
                )
            });
        }
    }
    None
}

/// Why the window cannot be judged by what the engine said of the nodes, none of which spoke against one:
/// it was silent for longer than what is seen stays true. That is no node's fault.
pub(super) fn unseen(marks: &[Vec<Mark>], view: &View<'_>) -> Option<String> {
    if marks.iter().flatten().any(|mark| mark.says == Holds::No) {
        return None;
    }
    view.nodes.iter().zip(marks).find_map(|(node, marks)| {
        let seen = marks.iter().map(|mark| mark.answered.min(view.deadline));
        let from = std::iter::once(view.start).chain(seen.clone());
        let mut pauses = from.zip(seen.chain([view.deadline])).map(|(from, to)| to.since(from));
        if let Some(pause) = pauses.find(|pause| *pause > view.fresh) {
            return Some(format!("nobody heard for {} whether {node} runs", short(pause)));
        }
        let times = marks.len();
        (times < SAMPLES)
            .then(|| format!("nobody heard more than {times} times whether {node} runs"))
    })
}

/// When a node was not asked within the window although it should have been, in order of time.
fn lost(view: &View<'_>, node: &str, is_refused: bool) -> Vec<(Moment, Moment)> {
    // A pause between questions that is too long to be a poll interval, and longer than a
    // question can stay open. Beside refusals it is any that breaks a span.
    let late = if is_refused { view.fresh } else { view.fresh + Duration::from_secs(1) };
    let mut lost = Vec::new();
    let (mut last, mut asked) = (view.start, None);
    // Not `view.samples`: a question that was still open at the deadline was asked all the same.
    for sample in view.history.samples(node, view.start, Moment(u64::MAX)) {
        let sent = sample.sent.min(view.deadline);
        let answered = sample.answered.min(view.deadline);
        if sent.since(last) > late {
            lost.push((last, sent));
        }
        // The first question to a start is several, one after the other.
        let is_one = asked.replace(sample.start) == Some(sample.start);
        if is_one && sample.answered.since(sample.sent) > view.fresh + OVERDUE {
            lost.push((sent, answered));
        }
        last = answered.max(last);
    }
    if view.deadline.since(last) > late {
        lost.push((last, view.deadline));
    }
    lost
}

/// The longest time of the window in which nothing was lost.
fn longest_between(lost: &[(Moment, Moment)], view: &View<'_>) -> Duration {
    let starts = std::iter::once(view.start).chain(lost.iter().map(|(_, to)| *to));
    let ends = lost.iter().map(|(from, _)| *from).chain(std::iter::once(view.deadline));
    starts.zip(ends).map(|(from, to)| to.since(from)).max().unwrap_or_default()
}

fn granted(node: &str, answers: usize, refused: usize, window: Duration) -> String {
    format!(
        "{node} grants too few answers to judge: {answers} in {} ({:.2} a second), and {refused} times it asked to be asked later (HTTP 429)",
        short(window),
        answers as f64 / window.as_secs_f64()
    )
}

#[cfg(test)]
mod tests;
