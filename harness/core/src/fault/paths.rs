//! What the record says of lines that should be cut, bad or open: ways that were tried from inside the
//! nodes' networks.

use std::{collections::BTreeMap, time::Duration};

use super::{
    entry::Record,
    lines::{Lines, Way},
};
use crate::{
    event::Moment,
    line::{Line, PathSeen},
};

/// The last look at each of these ways, sent since `from`, is as all lines are now; ways of nodes that
/// are down are none.
pub(super) fn all_as_they_should(
    record: &Record<'_>,
    ways: &[Way],
    from: Moment,
) -> Result<(), String> {
    let last = last_seen(record, from);
    let mut seen = 0_u32;
    for way in ways.iter().filter(|way| can_be_tried(record, way)) {
        let Some(path) = last.get(way) else {
            return Err(format!("the way from {} to {} was not tried", way.0, way.1));
        };
        if let Some(why) = record.lines.contradiction(path) {
            return Err(why);
        }
        seen += 1;
    }
    if seen == 0 {
        return Err("no way between nodes that run was tried".to_owned());
    }
    Ok(())
}

/// No look between its effect and `until` has shown a line that this fault cuts to be open, and the
/// last look is not older than [`OLDEST_LOOK`].
pub(super) fn held(record: &Record<'_>, own: &Lines) -> Result<(), String> {
    let since = record.hit.iter().map(|(_, since)| *since).max().unwrap_or(record.asked);
    let mut latest = None;
    for round in record.history.path_rounds(since, record.until) {
        for path in &round.paths {
            if let Some(why) = own.leak(path) {
                return Err(format!("{why}, before it was to heal"));
            }
            if *own.line(&(path.from.clone(), path.to.clone())) != Line::Open {
                latest = Some(round.answered);
            }
        }
    }
    // A node that runs alone has nobody to be tried with.
    let tried = own.ways().any(|way| can_be_tried(record, way));
    match latest {
        Some(at) if record.until.since(at) <= OLDEST_LOOK => Ok(()),
        _ if !tried => Ok(()),
        Some(_) | None => Err("nobody has looked at its lines lately".to_owned()),
    }
}

/// Both ends run.
pub(super) fn can_be_tried(record: &Record<'_>, way: &Way) -> bool {
    runs(record, &way.0) && runs(record, &way.1)
}

/// The nodes that a record is about.
pub(super) fn nodes(record: &Record<'_>) -> Vec<String> {
    record.hit.iter().map(|(node, _)| node.clone()).collect()
}

/// Every node that runs and is hit has answered since the fault was begun: what is cut is the line
/// between nodes, not the one to us.
pub(super) fn all_answer(record: &Record<'_>) -> Result<(), String> {
    for (node, _) in record.hit.iter().filter(|(node, _)| runs(record, node)) {
        let samples = record.history.samples(node, record.asked, record.to);
        let answers = samples.iter().any(|sample| !sample.height.is_silent());
        if !answers && record.history.refused(node, record.asked, record.to).is_empty() {
            return Err(format!("{node} has not answered over RPC since its lines were cut"));
        }
    }
    Ok(())
}

/// A look that is older says nothing about now.
const OLDEST_LOOK: Duration = Duration::from_secs(15);

/// The last look at every way since `from`.
pub(super) fn last_seen<'a>(record: &Record<'a>, from: Moment) -> BTreeMap<Way, &'a PathSeen> {
    let rounds = record.history.path_rounds(from, record.to);
    let paths = rounds.flat_map(|round| &round.paths);
    paths.map(|path| ((path.from.clone(), path.to.clone()), path)).collect()
}

/// By the last word on it. A frozen node is none that a connect could tell from a running one: its
/// kernel answers.
fn runs(record: &Record<'_>, node: &str) -> bool {
    let started = record.history.last_start(node);
    let states = record.history.states(node, Moment(0), record.to);
    match (started, states.last()) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some((_, start)), Some(seen)) => seen.state.is_running() || seen.at < start.at,
    }
}
