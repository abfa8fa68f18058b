//! What of the evidence belongs to the one thing that decided against a run: for people who look at nothing else.

use crate::event::Moment;

/// Around the moment at which it was decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Excerpt {
    /// That moment.
    pub decided: Moment,
    /// Moments before it, the last is it.
    pub moments: Vec<Moment>,
    /// Nodes, those first that have least, and what each said at each of the moments.
    pub samples: Vec<(String, Vec<String>)>,
    /// The last height at which hashes differed, in words.
    pub fork: Option<String>,
    /// Last lines of the nodes concerned, by time.
    pub logs: Vec<LogLine>,
}

/// A line of a node's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Milliseconds after the run's start, by the node's own clock; none if the line has no time.
    pub at: Option<i64>,
    /// Whose.
    pub node: String,
    /// As it stands in the log.
    pub text: String,
}
