//! Looks for what must not happen in any run: nodes that end unplanned, and a machine that sleeps.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use harness_core::{
    event::{EventKind, Moment, Reading},
    fault::evidence,
    node::NodeState,
    text::{ending, short},
};
use tokio::time::Instant;

use super::{background::Background, journal::Journal, logs::Logs, testbed::Testbed};
use crate::provider::{Provider, ProviderError};

/// An unplanned exit is seen within this, and reported within 2 s with the time that its last log
/// lines take.
const LOOK: Duration = Duration::from_millis(500);

/// A large network shares a hundred looks a second: an engine has other things to do, above all
/// while it starts it. No node is looked at less often than this.
const SELDOM: Duration = Duration::from_secs(1);
const SHARE: Duration = Duration::from_millis(10);

/// A node that has not answered properly for so long was silent for a whole window; a slower
/// machine stretches it.
const SILENT: Duration = Duration::from_secs(5);

/// The engine may fail to answer for so long: a restart of it would end the nodes as well.
const ENGINE_FAILS: Duration = Duration::from_secs(3);

/// An engine has so long to say why a node ended; the end itself is known.
const WHY: Duration = Duration::from_millis(1500);

/// An engine that takes a question and does not answer it for so long has gone as well; a slower
/// machine stretches it.
const ENGINE_SILENT: Duration = Duration::from_secs(6);

/// One that answers about other nodes is at work on this one: it says nothing of a container that it starts or ends, and
/// a busy machine may take its time for that. So many times `ENGINE_SILENT`, and not for ever.
const AT_WORK: u32 = 10;

/// When the engine last answered, about whomever.
#[derive(Debug, Clone)]
pub(crate) struct Answered(Arc<Mutex<Instant>>);

impl Answered {
    /// Now.
    pub(crate) fn now() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }

    fn again(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn within(&self, time: Duration) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).elapsed() < time
    }
}

/// Asks the engine about a node until the run ends.
pub(crate) async fn node(
    name: String,
    bed: Arc<Testbed>,
    logs: Logs,
    timeout_factor: f64,
    (background, engine): (Background, Answered),
) {
    let nodes = u32::try_from(bed.names.len()).unwrap_or(u32::MAX);
    let every = SHARE.saturating_mul(nodes).clamp(LOOK, SELDOM);
    let silent = ENGINE_SILENT.mul_f64(timeout_factor.max(1.0));
    let unknown = |why| format!("the state of {name} is unknown: {why}");
    let (mut answered, mut disturbed) = (Instant::now(), false);
    loop {
        let why = match tokio::time::timeout(silent, look(&name, &bed)).await {
            Ok(Ok(fine @ (Seen::Fine | Seen::NotAsked))) => {
                (answered, disturbed) = (Instant::now(), false);
                if matches!(fine, Seen::Fine) {
                    engine.again();
                }
                None
            }
            Ok(Ok(Seen::Ended { code, signal })) => {
                background.finish(exited(&name, (code, signal), &bed, &logs).await);
                return;
            }
            // Twice in a row: one look may fall into the moment of its end.
            Ok(Err(ProviderError::Disturbed(what))) if disturbed => Some(what),
            Ok(Err(ProviderError::Disturbed(_))) => {
                disturbed = true;
                None
            }
            Ok(Err(why)) => (answered.elapsed() >= ENGINE_FAILS).then(|| unknown(why.to_string())),
            Err(_) => {
                let waited = answered.elapsed().max(silent);
                let is_at_work = engine.within(silent) && waited < silent * AT_WORK;
                (!is_at_work).then(|| unknown(format!("no answer in {}", short(waited))))
            }
        };
        if let Some(reason) = why {
            background.finish(EventKind::EnvironmentFailed { reason, unsupported: false });
            return;
        }
        tokio::time::sleep(every).await;
    }
}

/// Asks the engine about an adversary until the run ends. Its end is nobody's failure but this
/// testbed's.
pub(crate) async fn adversary(name: String, bed: Arc<Testbed>, logs: Logs, background: Background) {
    let mut answered = Instant::now();
    loop {
        let why = match look(&name, &bed).await {
            Ok(Seen::Fine | Seen::NotAsked) => {
                answered = Instant::now();
                None
            }
            Ok(Seen::Ended { code, signal }) => {
                let last = logs.last_lines(&name).await.pop().unwrap_or_default();
                let how = ending(code, signal);
                Some(format!("the adversary {name} ended ({how}), and nobody asked it to: {last}"))
            }
            Err(why) => (answered.elapsed() >= ENGINE_FAILS)
                .then(|| format!("the state of the adversary {name} is unknown: {why}")),
        };
        if let Some(reason) = why {
            background.finish(EventKind::EnvironmentFailed { reason, unsupported: false });
            return;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// A node ended although nobody asked it to: with its last words, and with what the engine or the
/// kernel knows of it, if they say so in time.
pub(crate) async fn exited(
    name: &str,
    (code, signal): (Option<i64>, Option<i64>),
    bed: &Testbed,
    logs: &Logs,
) -> EventKind {
    let why = tokio::time::timeout(WHY, bed.provider.why_ended(name));
    let (last_lines, why) = tokio::join!(logs.last_lines(name), why);
    let why = why.ok().flatten();
    EventKind::NodeExited { node: name.to_owned(), code, signal, why, last_lines }
}

/// What one look at a node said.
pub(crate) enum Seen {
    /// As it should be, or between two states.
    Fine,
    /// Nothing is to be known of it now, and the engine was not asked.
    NotAsked,
    /// It should be running and is not.
    Ended { code: Option<i64>, signal: Option<i64> },
}

/// One look at a node, recorded.
pub(crate) async fn look(name: &str, bed: &Testbed) -> Result<Seen, ProviderError> {
    let Some(before) = bed.expected(name) else {
        return Ok(Seen::NotAsked);
    };
    if bed.starts(name) == 0 {
        return Ok(Seen::NotAsked);
    }
    let state = bed.provider.state(name).await?;
    // The answer is about a time in which it was meant to stop or start: it says nothing.
    if bed.expected(name) != Some(before) {
        return Ok(Seen::Fine);
    }
    bed.journal.emit(EventKind::State { node: name.to_owned(), state: state.clone() });
    match state {
        NodeState::Exited { code, signal } if before.running => Ok(Seen::Ended { code, signal }),
        NodeState::Running(now) | NodeState::Frozen(now)
            if before.running && bed.incarnation(name).is_some_and(|then| then != now) =>
        {
            // Somebody else restarted it: its end went unseen, and it was not ours.
            Ok(Seen::Ended { code: None, signal: None })
        }
        NodeState::Exited { .. } | NodeState::Running(_) | NodeState::Frozen(_) => Ok(Seen::Fine),
    }
}

/// The engine's word on a node that a fault has just changed: part of its proof.
pub(crate) async fn see(name: &str, bed: &Testbed) -> Result<NodeState, ProviderError> {
    let state = bed.provider.state(name).await?;
    bed.journal.emit(EventKind::State { node: name.to_owned(), state: state.clone() });
    Ok(state)
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

/// Whether a node's last start has answered anything at all, be it nonsense.
pub(crate) fn has_answered(name: &str, bed: &Testbed) -> bool {
    let Some(link) = bed.link(name).and_then(|link| link.borrow().clone()) else { return false };
    bed.journal.with_history(|history| {
        evidence::back(history, name, link.start, Moment(u64::MAX)).answered.is_some()
    })
}

/// By the last word on it, a node runs and is not frozen.
pub(crate) fn runs(name: &str, bed: &Testbed) -> bool {
    bed.journal.with_history(|history| {
        let states = history.states(name, Moment(0), Moment(u64::MAX));
        matches!(states.last().map(|seen| &seen.state), Some(NodeState::Running(_)))
    })
}

/// A node has answered anything at all within so long a time.
pub(crate) fn answers(name: &str, bed: &Testbed, within: Duration) -> bool {
    let now = bed.journal.now();
    let from = Moment(now.0.saturating_sub(u64::try_from(within.as_millis()).unwrap_or(u64::MAX)));
    bed.journal.with_history(|history| {
        let mut samples = history.samples(name, from, now).iter();
        samples.any(|sample| !sample.height.is_silent())
            || !history.refused(name, from, now).is_empty()
    })
}

/// What the samples of one node since `from` say.
pub(crate) fn rpc(name: &str, bed: &Testbed, from: Moment, timeout_factor: f64) -> Rpc {
    let Some(link) = bed.link(name).and_then(|link| link.borrow().clone()) else {
        return Rpc::NotYet;
    };
    let from = from.max(link.since);
    let window = bed.journal.now().since(from);
    bed.journal.with_history(|history| {
        let samples = history.samples(name, from, Moment(u64::MAX));
        let of_start = || samples.iter().filter(|sample| sample.start == link.start);
        let Some(last) = of_start().next_back() else { return Rpc::NotYet };
        let (what, miss) = match (&last.peers, &last.height) {
            _ if !of_start().any(|sample| sample.peers.value().is_some()) => ("peers", &last.peers),
            _ if !of_start().any(|sample| sample.height.value().is_some()) => {
                ("height", &last.height)
            }
            _ => return Rpc::Answers,
        };
        if window < SILENT.mul_f64(timeout_factor) {
            return Rpc::NotYet;
        }
        let why = if let Reading::Missing(miss) = miss { miss.to_string() } else { String::new() };
        Rpc::Silent(format!("never gave its {what} in {} ({why})", short(window)))
    })
}

/// Ends the run if the machine sleeps, has run out of what the nodes need, or if the evidence cannot
/// be written.
pub(crate) async fn machine(
    journal: Arc<Journal>,
    provider: Arc<dyn Provider>,
    background: Background,
) {
    loop {
        if let Some(slept) = journal.clock().slept() {
            background.finish(EventKind::clock_jumped(slept));
            return;
        }
        if let Some(reason) = provider.exhausted() {
            background.finish(EventKind::EnvironmentFailed { reason, unsupported: false });
            return;
        }
        if let Some(why) = journal.broken() {
            background.finish(EventKind::EnvironmentFailed {
                reason: format!("the evidence cannot be written: {why}"),
                unsupported: false,
            });
            return;
        }
        tokio::time::sleep(LOOK).await;
    }
}
