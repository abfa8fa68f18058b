//! Looks for what must not happen in any run: nodes that end unplanned, and a machine that sleeps.

use std::{sync::Arc, time::Duration};

use super::{background::Background, logs::Logs, testbed::Testbed};
use crate::{
    check::short,
    event::{Moment, Reading, What},
    provider::{NodeState, ProviderError},
};

/// An unplanned exit is seen within this, and reported within 2 s with the time that its last log lines take.
const LOOK: Duration = Duration::from_millis(500);

/// A node that has not answered properly for so long was silent for a whole window; a slower machine stretches it.
const SILENT: Duration = Duration::from_secs(5);

/// The engine may fail to answer so many times in a row.
const ENGINE_FAILURES: u32 = 5;

/// Asks the engine about a node until the run ends.
pub(crate) async fn node(name: String, bed: Arc<Testbed>, logs: Logs, background: Background) {
    let mut failures = 0;
    loop {
        match look(&name, &bed).await {
            Ok(Seen::Fine) => failures = 0,
            Ok(Seen::Ended { code, signal }) => {
                let last_lines = logs.last_lines(&name).await;
                background.finish(What::NodeExited { node: name, code, signal, last_lines });
                return;
            }
            Err(why) => {
                failures += 1;
                if failures == ENGINE_FAILURES {
                    background.finish(What::EnvironmentFailed { reason: format!("the state of {name} is unknown: {why}"), unsupported: false });
                    return;
                }
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// What one look at a node said.
pub(crate) enum Seen {
    /// As it should be, or between two states.
    Fine,
    /// It should be running and is not.
    Ended { code: Option<i64>, signal: Option<i64> },
}

/// One look at a node, recorded.
pub(crate) async fn look(name: &str, bed: &Testbed) -> Result<Seen, ProviderError> {
    let Some(before) = bed.expected(name) else {
        return Ok(Seen::Fine);
    };
    if bed.starts(name) == 0 {
        return Ok(Seen::Fine);
    }
    let state = bed.provider.state(name).await?;
    // The answer is about a time in which it was meant to stop or start: it says nothing.
    if bed.expected(name) != Some(before) {
        return Ok(Seen::Fine);
    }
    bed.controller.emit(What::State { node: name.to_owned(), running: matches!(state, NodeState::Running(_)) });
    match state {
        NodeState::Exited { code, signal } if before.running => Ok(Seen::Ended { code, signal }),
        NodeState::Running(now) if before.running && bed.incarnation(name).is_some_and(|then| then != now) => {
            // Somebody else restarted it: its end went unseen, and it was not ours.
            Ok(Seen::Ended { code: None, signal: None })
        }
        NodeState::Exited { .. } | NodeState::Running(_) => Ok(Seen::Fine),
    }
}

/// A node's RPC as nobody may have looked at it: no check names the node.
pub(crate) enum Rpc {
    /// Since `from` and its last start it has given its peers and its height.
    Answers,
    /// Not yet, and it is too early to say.
    NotYet,
    /// Not for a whole window: why it has failed.
    Silent(String),
}

/// What the samples of one node since `from` say.
pub(crate) fn rpc(name: &str, bed: &Testbed, from: Moment, timeout_factor: f64) -> Rpc {
    let Some(link) = bed.link(name).and_then(|link| link.borrow().clone()) else {
        return Rpc::NotYet;
    };
    let from = from.max(link.since);
    let window = bed.controller.now().since(from);
    bed.controller.with_history(|history| {
        let samples = history.samples(name, from, Moment(u64::MAX));
        let of_start = || samples.iter().filter(|sample| sample.start == link.start);
        let Some(last) = of_start().next_back() else { return Rpc::NotYet };
        let (what, miss) = match (&last.peers, &last.height) {
            _ if !of_start().any(|sample| sample.peers.value().is_some()) => ("peers", &last.peers),
            _ if !of_start().any(|sample| sample.height.value().is_some()) => ("height", &last.height),
            _ => return Rpc::Answers,
        };
        if window < SILENT.mul_f64(timeout_factor) {
            return Rpc::NotYet;
        }
        let why = if let Reading::Missing(miss) = miss { miss.to_string() } else { String::new() };
        Rpc::Silent(format!("never gave its {what} in {} ({why})", short(window)))
    })
}

/// Ends the run if the machine sleeps or the evidence cannot be written.
pub(crate) async fn machine(bed: Arc<Testbed>, background: Background) {
    loop {
        if let Some(slept) = bed.controller.clock().slept() {
            background.finish(What::clock_jumped(slept));
            return;
        }
        if let Some(why) = bed.controller.broken() {
            background.finish(What::EnvironmentFailed { reason: format!("the evidence cannot be written: {why}"), unsupported: false });
            return;
        }
        tokio::time::sleep(LOOK).await;
    }
}
