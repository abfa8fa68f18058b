//! A run over nodes that run already: nothing is started, stopped or written, so there is nothing to
//! clean up. The verdict follows from events as that of any other run.

use std::{collections::BTreeSet, io, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::{FutureExt, future::join_all};
use harness_core::{
    check::FRESH,
    event::{EventKind, Miss},
    needs,
    scenario::Plan,
    verdict::Verdict,
};
use tokio::time::Instant;

use super::{
    background::{Background, panic_text},
    course::Course,
    executor::conclude,
    interrupt::Interrupt,
    journal::Journal,
    link::NodeLink,
    logs::Logs,
    poll::Poller,
    testbed::{self, Testbed},
    watch,
};
use crate::{
    evidence::RunDir,
    http::Http,
    provider::{AttachedNodes, Provider, ProviderError},
};

/// A node that has never answered has so long to do so; a slower rate stretches it.
const REACH: Duration = Duration::from_secs(5);

/// A question to one that has never answered: a connection, TLS, and an answer.
const FIRST: Duration = Duration::from_secs(4);

/// One run over nodes that run already.
pub struct AttachedRun {
    /// What is looked for. Its nodes are the attached ones, and it has no faults.
    pub plan: Plan,
    /// Each node's name and how it is asked.
    pub links: Vec<(String, Arc<dyn NodeLink>)>,
    /// Nodes that have answered in an earlier run: their silence is theirs.
    pub known: BTreeSet<String>,
    /// What is recorded of them.
    pub nodes: AttachedNodes,
    /// Where events go.
    pub journal: Arc<Journal>,
    /// Where the evidence goes.
    pub dir: RunDir,
    /// Raised by a signal.
    pub interrupt: Interrupt,
}

enum Way {
    Through,
    Failed(ProviderError),
    EvidenceFailed(io::Error),
}

impl AttachedRun {
    /// Runs it. Returns when the verdict is on disk.
    pub async fn execute(self) -> Verdict {
        let background = Background::new(Arc::clone(&self.journal));
        let logs = Logs::new(self.dir.logs(), &self.plan);
        let provider: Arc<dyn Provider> = Arc::new(self.nodes.clone());
        background.spawn(watch::machine(
            Arc::clone(&self.journal),
            Arc::clone(&provider),
            background.clone(),
        ));
        let way = AssertUnwindSafe(self.way(&background, &logs, provider)).catch_unwind();
        tokio::select! {
            biased;
            signal = self.interrupt.raised() => {
                self.journal.emit(EventKind::interrupted(signal));
            }
            () = background.finished() => {}
            ended = way => match ended {
                Ok(Way::Through) => {}
                Ok(Way::Failed(error)) => self.environment(error.to_string()),
                Ok(Way::EvidenceFailed(why)) => self.environment(format!(
                    "the evidence cannot be written to {}: {why}",
                    self.dir.path().display()
                )),
                Err(panic) => {
                    let reason = panic_text(panic.as_ref());
                    self.journal.emit(EventKind::HarnessBroken { reason });
                }
            },
        }
        background.quiet().await;
        self.journal.emit(EventKind::TeardownStarted);
        // Nothing was made.
        self.journal.emit(EventKind::TornDown { left: None });
        conclude(&self.journal, &self.dir, &self.interrupt)
    }

    async fn way(&self, background: &Background, logs: &Logs, provider: Arc<dyn Provider>) -> Way {
        let facts = provider.facts();
        if let Err(why) = self.dir.write_plan(&self.plan, Vec::new(), &facts) {
            return Way::EvidenceFailed(why);
        }
        let name = provider.name().to_owned();
        self.journal.emit(EventKind::Prepared { provider: name, facts });
        if !self.reach().await {
            return Way::Through;
        }
        let slots = self.nodes.slots(&self.plan.network());
        if let Some(pace) = needs::pace(&self.plan, &testbed::profiles(&slots)) {
            self.journal.emit(EventKind::Pace(pace));
        }
        let connect = Arc::new(Http::through(provider.dialler()));
        let journal = Arc::clone(&self.journal);
        let bed = Arc::new(Testbed::new(&self.plan, &slots, provider, connect, journal));
        self.observe(&bed, background);
        bed.attach(self.links.clone());
        let course = Course { plan: &self.plan, bed: &bed, logs, patience: self.patience() };
        let timeout = self.journal.with_history(|history| self.plan.timeout(history.pace()));
        match tokio::time::timeout(timeout, course.phases()).await {
            Ok(Ok(())) => course.all_answer().await,
            Ok(Err(error)) => return Way::Failed(error),
            Err(_) => {
                let ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
                self.journal.emit(EventKind::TimedOut { ms });
            }
        }
        Way::Through
    }

    /// Whether all nodes answer anything that is JSON-RPC. One that never did is a matter of addresses,
    /// certificates and firewalls, and no node's; one that did before has stopped.
    async fn reach(&self) -> bool {
        let step = format!("asking {} for a first answer", self.plan.network().join(", "));
        self.journal.emit(EventKind::Preparing { step });
        let looks = self.links.iter().map(|(name, link)| async move {
            (name, first_answer(link.as_ref(), REACH.mul_f64(self.patience())).await)
        });
        let looks = join_all(looks).await;
        // Several that go silent at once lie beyond one line of ours.
        let ours = looks.len() > 1 && looks.iter().all(|(_, first)| first.is_err());
        let mut never = Vec::new();
        let mut all = true;
        for (name, first) in looks {
            let Err(miss) = first else { continue };
            all = false;
            if self.known.contains(name) && ours {
                never.push(format!(
                    "{name}, like all others, has answered before and does not any more: {miss}"
                ));
            } else if self.known.contains(name) {
                let reason = format!("has answered before, and does not any more: {miss}");
                let (node, last_lines) = (name.clone(), Vec::new());
                self.journal.emit(EventKind::NodeBroken { node, reason, last_lines });
            } else {
                never.push(format!(
                    "{name} has never answered as a node does: {miss}{}",
                    hint(&miss)
                ));
            }
        }
        if !never.is_empty() {
            self.environment(never.join("; "));
        }
        all
    }

    fn observe(&self, bed: &Testbed, background: &Background) {
        for name in &bed.names {
            let Some(link) = bed.link(name) else { continue };
            let poller = Poller {
                node: name.clone(),
                link,
                profile: bed.profile(name).cloned(),
                journal: Arc::clone(&self.journal),
                nodes: bed.names.len(),
                pace: bed.pace,
                sessions: needs::sessions(&self.plan, name),
                syncing: needs::syncing(&self.plan, name),
                background: background.clone(),
            };
            background.spawn(poller.run());
        }
    }

    /// Fewer questions in a second take longer to say the same.
    fn patience(&self) -> f64 {
        self.plan.fresh().as_secs_f64() / FRESH.as_secs_f64()
    }

    fn environment(&self, reason: String) {
        self.journal.emit(EventKind::EnvironmentFailed { reason, unsupported: false });
    }
}

/// A node of any kind has this method; an error from it is an answer as well, and so is a wish to be
/// asked later: it is there.
async fn first_answer(link: &dyn NodeLink, within: Duration) -> Result<(), Miss> {
    let deadline = Instant::now() + within;
    loop {
        link.ready().await;
        let miss = match link.turn().await {
            Err(miss) => miss,
            Ok(()) => match tokio::time::timeout(FIRST, link.ask("system_health", &[])).await {
                Ok(Ok(_)) => return Ok(()),
                Ok(Err(miss)) => miss,
                Err(_) => Miss::Timeout,
            },
        };
        match miss {
            Miss::Busy { .. } | Miss::Null | Miss::Refused { .. } => return Ok(()),
            Miss::Unreachable(_) | Miss::Timeout | Miss::Nonsense(_)
                if Instant::now() >= deadline =>
            {
                return Err(miss);
            }
            Miss::Unreachable(_) | Miss::Timeout | Miss::Nonsense(_) => {}
        }
    }
}

/// What to try.
fn hint(miss: &Miss) -> &'static str {
    match miss {
        Miss::Nonsense(what) if what.contains("401") => {
            " (it wants a key: --rpc-header authorization:@FILE)"
        }
        Miss::Nonsense(what) if what.contains("403") => {
            " (it refuses this `Host` or key: our own nodes take an IP address or a name without dots; a proxy under a name with dots must pass on one of those)"
        }
        Miss::Nonsense(_) => {
            " (is the URL's path right, and its scheme: https:// instead of http://?)"
        }
        Miss::Unreachable(_)
        | Miss::Timeout
        | Miss::Null
        | Miss::Busy { .. }
        | Miss::Refused { .. } => "",
    }
}
