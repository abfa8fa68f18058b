//! Looks for what must not happen in any run: nodes that end unplanned, and a machine that sleeps.

use std::{sync::Arc, time::Duration};

use super::{background::Background, logs::Logs, testbed::Testbed};
use crate::{
    event::What,
    provider::{NodeState, ProviderError},
};

/// An unplanned exit is seen within this, and reported within 2 s with the time that its last log lines take.
const LOOK: Duration = Duration::from_millis(500);

/// Sleep shorter than this is a hiccup.
const SLEPT: Duration = Duration::from_secs(2);

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

/// Ends the run if the machine sleeps or the evidence cannot be written.
pub(crate) async fn machine(bed: Arc<Testbed>, background: Background) {
    loop {
        let slept = bed.controller.clock().slept();
        if slept >= SLEPT {
            background.finish(What::ClockJumped { ms: u64::try_from(slept.as_millis()).unwrap_or(u64::MAX) });
            return;
        }
        if let Some(why) = bed.controller.broken() {
            background.finish(What::EnvironmentFailed { reason: format!("the evidence cannot be written: {why}"), unsupported: false });
            return;
        }
        tokio::time::sleep(LOOK).await;
    }
}
