//! What the record says of nodes that should be frozen, or thawed: the engine's or kernel's word, their
//! processor time, and questions that connect and are not answered.

use super::{entry::Record, evidence};
use crate::{
    event::{Miss, Moment, Reading, ResourceSample},
    history::History,
    node::{Incarnation, NodeState},
};

/// Between two looks at a processor's time that must not move.
const STANDS_STILL: std::time::Duration = std::time::Duration::from_millis(300);

/// All nodes are frozen: said so, their processor time stands still, and nobody answers who could be
/// connected to.
pub(super) fn all_frozen(record: &Record<'_>) -> Result<(), String> {
    record.hit.iter().try_for_each(|(node, since)| {
        let from = record.asked.max(*since);
        match record.history.states(node, from, record.to).last().map(|seen| &seen.state) {
            Some(NodeState::Frozen(_)) => {}
            Some(NodeState::Running(_)) => return Err(format!("{node} is not frozen: it runs")),
            Some(NodeState::Exited { .. }) => {
                return Err(format!("{node} is not frozen: it ended"));
            }
            None => return Err(format!("nobody has looked whether {node} is frozen")),
        }
        stands_still(record.history, node, from, record.to)?;
        let samples = record.history.samples(node, from, record.to);
        let silent = samples.iter().rev().take_while(|sample| sample.height.is_silent());
        let unanswered = silent.clone().count();
        if unanswered < evidence::UNANSWERED {
            return Err(format!(
                "{unanswered} questions in a row to {node} are unanswered ({} are needed)",
                evidence::UNANSWERED
            ));
        }
        // What has ended refuses a connection; what is frozen accepts it, by its kernel.
        let connected = |height: &Reading<u64>| *height == Reading::Missing(Miss::Timeout);
        if !silent.clone().any(|sample| connected(&sample.height)) {
            return Err(format!("{node} does not accept connections, as a frozen node does"));
        }
        Ok(())
    })
}

/// Nobody was seen to run or answer since it was hit, by `until`.
pub(super) fn all_stayed_frozen(record: &Record<'_>) -> Result<(), String> {
    record.hit.iter().try_for_each(|(node, since)| {
        // What is seen in the very millisecond in which it is thawed may be seen after that.
        let until = Moment(record.until.0.saturating_sub(u64::from(record.until < record.to)));
        let history = record.history;
        // What was seen in the very millisecond in which it was frozen may have been seen before that.
        let states = history.states(node, *since, until).iter();
        let mut states = states.skip_while(|seen| seen.at == *since && !is_frozen(&seen.state));
        if states.any(|seen| !is_frozen(&seen.state)) {
            return Err(format!("{node} did not stay frozen"));
        }
        let samples = history.samples(node, *since, until);
        if samples.iter().any(|sample| !sample.height.is_silent()) {
            return Err(format!("{node} answered although it should have been frozen"));
        }
        stands_still(history, node, *since, until)
    })
}

/// All nodes go on: the same process, that runs, gets time, and answers.
pub(super) fn all_thawed(record: &Record<'_>) -> Result<(), String> {
    record.hit.iter().try_for_each(|(node, since)| {
        let (history, until) = (record.history, record.until);
        let before = frozen_as(history, node, *since, until);
        match history.states(node, until, record.to).last().map(|seen| &seen.state) {
            Some(NodeState::Running(now)) if Some(now) == before => {}
            Some(NodeState::Running(_)) => return Err(format!("{node} is another process now")),
            Some(NodeState::Frozen(_)) => return Err(format!("{node} is still frozen")),
            Some(NodeState::Exited { .. }) => return Err(format!("{node} has ended")),
            None => return Err(format!("nobody has looked whether {node} is thawed")),
        }
        let samples = history.samples(node, until, record.to);
        if !samples.iter().any(|sample| !sample.height.is_silent())
            && history.refused(node, until, record.to).is_empty()
        {
            return Err(format!("{node} has not answered since it was thawed"));
        }
        let frozen = history.resources(node, *since, until).iter().filter_map(cpu).next_back();
        let now = history.resources(node, until, record.to).iter().filter_map(cpu).next_back();
        match (frozen, now) {
            (Some(frozen), Some(now)) if now > frozen => Ok(()),
            _ => Err(format!("the processor time of {node} has not moved since it was thawed")),
        }
    })
}

fn stands_still(history: &History, node: &str, from: Moment, to: Moment) -> Result<(), String> {
    let looks = history.resources(node, from, to);
    let looks: Vec<(Moment, u64)> =
        looks.iter().filter_map(|look| Some((look.answered, cpu(look)?))).collect();
    let (Some(first), Some(last)) = (looks.first(), looks.last()) else {
        return Err(format!("nobody has looked at the processor time of {node}"));
    };
    if last.1 > first.1 {
        return Err(format!("{node} got {} ms of processor time while frozen", last.1 - first.1));
    }
    if last.0.since(first.0) < STANDS_STILL {
        return Err(format!("the processor time of {node} was not looked at twice"));
    }
    Ok(())
}

fn cpu(look: &ResourceSample) -> Option<u64> {
    look.used.map(|used| used.cpu_ms)
}

fn is_frozen(state: &NodeState) -> bool {
    matches!(state, NodeState::Frozen(_))
}

fn frozen_as<'a>(
    history: &'a History,
    node: &str,
    from: Moment,
    to: Moment,
) -> Option<&'a Incarnation> {
    let states = history.states(node, from, to).iter().rev();
    states.filter(|seen| is_frozen(&seen.state)).find_map(|seen| seen.state.incarnation())
}
