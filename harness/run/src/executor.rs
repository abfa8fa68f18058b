//! The way through a run, and every way out of it: after whatever happened, panics and signals
//! included, everything is removed and the verdict is written.

use std::{
    io,
    panic::AssertUnwindSafe,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::FutureExt;
use harness_core::{
    event::{EventKind, LookedAt, Moment},
    needs,
    scenario::{NodePlan, Plan},
    verdict::{RunVerdict, Verdict},
};
use tokio::{task::JoinHandle, time::Instant};

use super::{
    background::{Background, panic_text},
    course::Course,
    interrupt::Interrupt,
    journal::Journal,
    link::Connect,
    logs::Logs,
    resources,
    testbed::{self, Testbed},
    watch,
};
use crate::{
    evidence::RunDir,
    poll::{INTERVAL, Poller},
    provider::{NodeRequest, Provider, ProviderError, Slot},
};

/// A provider promises a teardown that goes on only for as long as it gets on; this is for one that
/// breaks its promise.
const TEARDOWN: Duration = Duration::from_secs(15 * 60);

/// A provider promises to close its logs at teardown; this is for one that breaks its promise.
const LOGS: Duration = Duration::from_secs(30);

/// Nodes that a fault left stopped and that are to stay have so long to come back.
const HEAL: Duration = Duration::from_secs(90);

/// At the end an adversary that has not reported that it attacked has so long to do so; it reports once
/// a second.
const REPORT: Duration = Duration::from_secs(3);

/// Between two looks whether all nodes have answered for the first time.
const FIRST_LOOK: Duration = Duration::from_millis(20);

/// What becomes of the nodes at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtEnd {
    /// Everything is removed.
    Remove,
    /// The nodes stay (`--keep`); the provider was created to leave them at teardown.
    Keep,
}

/// Of which nodes it is measured what they use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Of those that a check is about.
    Asked,
    /// Of all (`--measure`).
    All,
}

/// One run, ready to go.
pub struct Run {
    /// What is run.
    pub plan: Plan,
    /// Where.
    pub provider: Arc<dyn Provider>,
    /// How its nodes are asked.
    pub connect: Arc<dyn Connect>,
    /// Where events go.
    pub journal: Arc<Journal>,
    /// Where the evidence goes.
    pub dir: RunDir,
    /// What becomes of the nodes.
    pub at_end: AtEnd,
    /// What is measured.
    pub measure: Measure,
    /// Raised by a signal.
    pub interrupt: Interrupt,
    /// What has the hidden verb that watches over programs of the user's: the harness's own program.
    pub program: PathBuf,
}

/// The verdict, on disk, and nothing after it changes what it says: a signal that came, a machine
/// that slept and evidence that could not be written are looked at here for the last time. A signal
/// that comes later finds a run that is decided.
pub fn conclude(journal: &Journal, dir: &RunDir, interrupt: &Interrupt) -> Verdict {
    let lost = |why: String| {
        let reason = format!("the evidence cannot be written to {}: {why}", dir.path().display());
        journal.emit(EventKind::EnvironmentFailed { reason, unsupported: false });
    };
    if let (Some(signal), false) =
        (interrupt.signal(), journal.verdict().verdict == RunVerdict::Interrupted)
    {
        journal.emit(EventKind::interrupted(signal));
    }
    if let (Some(slept), RunVerdict::Pass) = (journal.clock().slept(), journal.verdict().verdict) {
        journal.emit(EventKind::clock_jumped(slept));
    }
    if let Some(why) = journal.broken() {
        lost(why);
    }
    // A disk may say only here that it is full: what was not kept is no evidence, so the verdict
    // waits for it.
    let verdict = journal.close().unwrap_or_else(|why| {
        lost(why);
        journal.verdict()
    });
    match dir.conclude(&verdict) {
        Ok(()) => verdict,
        // Then there is no file that could say anything else.
        Err(why) => {
            lost(why.to_string());
            journal.verdict()
        }
    }
}

/// What every way through a run has beside it.
pub(super) struct Place<'a> {
    pub(super) background: &'a Background,
    pub(super) logs: &'a Logs,
    /// The network, as soon as there is one: it is cleaned up after.
    pub(super) bed: &'a Mutex<Option<Arc<Testbed>>>,
}

/// How the way through ended, when nothing cut it short.
pub(super) enum Way {
    Through,
    ProviderFailed(ProviderError),
    EvidenceFailed(io::Error),
}

impl Run {
    /// Runs it. Returns when nothing is left, and the verdict is on disk.
    pub async fn execute(self) -> Verdict {
        self.along(async |run: &Self, place: &Place<'_>| run.way(place).await).await
    }

    /// The same along another way than through the plan's phases.
    pub(super) async fn along(self, way: impl AsyncFnOnce(&Self, &Place<'_>) -> Way) -> Verdict {
        let background = Background::new(Arc::clone(&self.journal));
        let logs = Logs::new(self.dir.logs(), &self.plan);
        let reader = self
            .provider
            .logs()
            .map(|lines| tokio::spawn(logs.clone().read(lines, background.clone())));
        let bed = Mutex::new(None);
        // From the very beginning: a build takes minutes, and a disk that is full is full.
        background.spawn(watch::machine(
            Arc::clone(&self.journal),
            Arc::clone(&self.provider),
            background.clone(),
        ));

        let place = Place { background: &background, logs: &logs, bed: &bed };
        self.go(&background, way(&self, &place)).await;

        background.quiet().await;
        let bed = bed.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.clean_up(bed.as_deref(), &self.dir).await;
        self.finish_logs(&logs, reader).await;
        conclude(&self.journal, &self.dir, &self.interrupt)
    }

    /// From nothing to the last check, or to what cut it short. Emits why.
    async fn go(&self, background: &Background, way: impl Future<Output = Way>) {
        let way = AssertUnwindSafe(way).catch_unwind();
        tokio::select! {
            // Who asks us to stop is heard first; then what ended the run, whose event is recorded
            // already; the way itself has no more to say after either.
            biased;
            signal = self.interrupt.raised() => {
                self.journal.emit(EventKind::interrupted(signal));
            }
            () = background.finished() => {}
            ended = way => match ended {
                Ok(way) => self.ended(way),
                Err(panic) => {
                    self.journal.emit(EventKind::HarnessBroken { reason: panic_text(panic.as_ref()) });
                }
            },
        }
    }

    /// Emits why the way was cut short, if it was.
    pub(super) fn ended(&self, way: Way) {
        let (reason, unsupported) = match way {
            Way::Through => return,
            Way::ProviderFailed(error) => {
                (error.to_string(), matches!(error, ProviderError::Unsupported(_)))
            }
            Way::EvidenceFailed(why) => {
                let place = self.dir.path().display();
                (format!("the evidence cannot be written to {place}: {why}"), false)
            }
        };
        self.journal.emit(EventKind::EnvironmentFailed { reason, unsupported });
    }

    async fn way(&self, place: &Place<'_>) -> Way {
        let testbed = match self.set_up(place.background, place.logs, place.bed).await {
            Ok(testbed) => testbed,
            Err(way) => return way,
        };
        self.through(&self.plan, &testbed, place.logs, self.journal.now()).await
    }

    /// A network in which every node was started and had time to answer; or why there is none.
    pub(super) async fn set_up(
        &self,
        background: &Background,
        logs: &Logs,
        bed: &Mutex<Option<Arc<Testbed>>>,
    ) -> Result<Arc<Testbed>, Way> {
        // At once, so that a run that never gets further leaves evidence from which its verdict
        // follows as well.
        if let Err(why) = self.dir.write_plan(&self.plan, Vec::new(), &serde_json::Value::Null) {
            return Err(Way::EvidenceFailed(why));
        }
        if let Some(lack) = self.lack(&self.plan) {
            return Err(Way::ProviderFailed(ProviderError::Unsupported(lack)));
        }
        let slots = match self.reserve().await {
            Ok(slots) => slots,
            Err(error) => return Err(Way::ProviderFailed(error)),
        };
        let testbed = Testbed::new(
            &self.plan,
            &slots,
            Arc::clone(&self.provider),
            Arc::clone(&self.connect),
            Arc::clone(&self.journal),
        );
        let testbed = Arc::new(testbed.with_harness(self.program.clone()));
        bed.lock().unwrap_or_else(PoisonError::into_inner).replace(Arc::clone(&testbed));
        if let Err(why) =
            self.dir.write_plan(&self.plan, testbed.launches(), &self.provider.facts())
        {
            return Err(Way::EvidenceFailed(why));
        }
        self.observe(&testbed, logs, background);
        if let Err(error) = testbed.start_all().await {
            return Err(Way::ProviderFailed(error));
        }
        self.first_answers(&testbed).await;
        Ok(testbed)
    }

    /// All phases, what is left of the time `until` then, and a last look.
    pub(super) async fn through(
        &self,
        plan: &Plan,
        bed: &Testbed,
        logs: &Logs,
        until: Moment,
    ) -> Way {
        let course = Course { plan, bed, logs, patience: self.timeout_factor() };
        let timeout = self.journal.with_history(|history| plan.timeout(history.pace()));
        match tokio::time::timeout(timeout, course.phases()).await {
            Ok(Ok(())) => {
                if self.journal.is_good_so_far() {
                    tokio::time::sleep(until.since(self.journal.now())).await;
                }
                self.last_look(&course).await
            }
            Ok(Err(error)) => Way::ProviderFailed(error),
            Err(_) => {
                self.journal.emit(EventKind::TimedOut {
                    ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
                });
                Way::Through
            }
        }
    }

    /// Network and addresses for every node, each of a kind that the scenario can be asked of.
    async fn reserve(&self) -> Result<Vec<Slot>, ProviderError> {
        let progress = |step: String| {
            self.journal.emit(EventKind::Preparing { step });
        };
        let (requests, subnet) = (self.requests(), self.plan.subnet.as_deref());
        let slots = self.provider.reserve(&requests, subnet, &progress).await?;
        if !self.plan.adversaries().is_empty() && slots.iter().any(|slot| slot.loopback) {
            // What a node does to an address would hit everybody.
            return Err(ProviderError::Unsupported(
                "adversaries need a network of their own, and this one is loopback, where everybody has one address: use --provider docker, or a system that allows network namespaces".to_owned(),
            ));
        }
        let profiles = testbed::profiles(&slots);
        if let Some(why) = needs::impossible(&self.plan, &profiles) {
            return Err(ProviderError::Unsupported(why));
        }
        needs::warnings(&self.plan, &profiles).into_iter().for_each(progress);
        self.journal.emit(EventKind::Prepared {
            provider: self.provider.name().to_owned(),
            facts: self.provider.facts(),
        });
        if let Some(pace) = needs::pace(&self.plan, &profiles) {
            self.journal.emit(EventKind::Pace(pace));
        }
        Ok(slots)
    }

    fn requests(&self) -> Vec<NodeRequest> {
        let request = |node: &NodePlan| NodeRequest {
            name: node.name.clone(),
            source: node.source.clone(),
            upgrades: self.plan.upgrades(&node.name),
        };
        self.plan.nodes.iter().map(request).collect()
    }

    /// What the scenario needs and the provider cannot do.
    pub(super) fn lack(&self, plan: &Plan) -> Option<String> {
        let can = self.provider.capabilities();
        let missing = plan.needs().into_iter().find(|need| !can.contains(need))?;
        let (provider, missing) = (self.provider.name(), missing.words());
        Some(format!("the provider `{provider}` cannot {missing}, which this scenario needs"))
    }

    /// Everything that watches nodes, before any of them starts.
    fn observe(&self, bed: &Arc<Testbed>, logs: &Logs, background: &Background) {
        for name in &bed.adversaries {
            let (name, bed, logs) = (name.clone(), Arc::clone(bed), logs.clone());
            background.spawn(watch::adversary(name, bed, logs, background.clone()));
        }
        let engine = watch::Answered::now();
        for name in &bed.names {
            background.spawn(watch::node(
                name.clone(),
                Arc::clone(bed),
                logs.clone(),
                self.timeout_factor(),
                (background.clone(), engine.clone()),
            ));
            if let Some(link) = bed.link(name) {
                let sessions = needs::sessions(&self.plan, name);
                let syncing = needs::syncing(&self.plan, name);
                let poller = Poller {
                    node: name.clone(),
                    link,
                    profile: bed.profile(name).cloned(),
                    journal: Arc::clone(&self.journal),
                    nodes: bed.names.len(),
                    pace: None,
                    sessions,
                    syncing,
                    background: background.clone(),
                };
                background.spawn(poller.run());
            }
            if self.measure == Measure::All || needs::resources(&self.plan, name) {
                background.spawn(resources::measure(name.clone(), Arc::clone(bed)));
            }
        }
    }

    /// A kind of node that may take long to answer for the first time is waited for: a scenario's
    /// windows are about a network that is there. One that does not answer at all is judged as any
    /// other.
    async fn first_answers(&self, bed: &Testbed) {
        let longest = bed
            .names
            .iter()
            .filter_map(|name| bed.profile(name))
            .map(|profile| profile.start_within)
            .max();
        let longest = longest.unwrap_or_default().mul_f64(self.timeout_factor());
        let deadline = Instant::now() + longest;
        let answered = |name: &String| watch::has_answered(name, bed);
        while Instant::now() < deadline && !bed.names.iter().all(answered) {
            tokio::time::sleep(FIRST_LOOK).await;
        }
    }

    pub(super) fn timeout_factor(&self) -> f64 {
        self.plan.overrides.timeout_factor
    }

    /// A node may have ended since it was last looked at; that is no pass.
    pub(super) async fn last_look(&self, course: &Course<'_>) -> Way {
        let (bed, logs) = (course.bed, course.logs);
        let deadline = Instant::now() + REPORT.mul_f64(self.timeout_factor().max(1.0));
        while Instant::now() < deadline && !self.all_attacked(bed) {
            tokio::time::sleep(INTERVAL).await;
        }
        course.all_answer().await;
        for name in &bed.names {
            match watch::look(name, bed).await {
                Ok(watch::Seen::Fine | watch::Seen::NotAsked) => {}
                Ok(watch::Seen::Ended { code, signal }) => {
                    self.journal.emit(watch::exited(name, (code, signal), bed, logs).await);
                }
                Err(error) => return Way::ProviderFailed(error),
            }
        }
        Way::Through
    }

    /// A short run waits for what its adversaries have to report.
    fn all_attacked(&self, bed: &Testbed) -> bool {
        let acted = |name: &String| {
            self.journal.with_history(|history| {
                let looks = history.looks(name, Moment(0), Moment(u64::MAX));
                looks
                    .iter()
                    .any(|look| matches!(&look.seen, LookedAt::Report(report) if report.acted()))
            })
        };
        !self.journal.is_good_so_far() || bed.adversaries.iter().all(acted)
    }

    /// A provider that was told to keep its nodes leaves them at teardown, so that is called either
    /// way.
    pub(super) async fn clean_up(&self, bed: Option<&Testbed>, home: &RunDir) {
        if let (AtEnd::Keep, Some(bed)) = (self.at_end, bed) {
            let _ = tokio::time::timeout(HEAL, bed.heal()).await;
            self.journal.emit(EventKind::Kept);
        }
        self.journal.emit(EventKind::TeardownStarted);
        let teardown = AssertUnwindSafe(self.provider.teardown()).catch_unwind();
        let left = match tokio::time::timeout(TEARDOWN, teardown).await {
            Ok(Ok(Ok(()))) => None,
            Ok(Ok(Err(error))) => Some(error.to_string()),
            Ok(Err(panic)) => Some(panic_text(panic.as_ref())),
            Err(_) => Some(format!("the provider did not finish within {} s", TEARDOWN.as_secs())),
        };
        let left = left
            .or_else(|| if self.at_end == AtEnd::Remove { home.remove_scratch() } else { None });
        self.journal.emit(EventKind::TornDown { left });
    }

    /// Nodes' last words are part of their logs.
    pub(super) async fn finish_logs(&self, logs: &Logs, reader: Option<JoinHandle<()>>) {
        logs.close();
        let Some(mut reader) = reader else { return };
        let in_time = tokio::time::timeout(LOGS, &mut reader).await;
        let read = match in_time {
            Ok(read) => read,
            Err(_) => {
                let reason =
                    format!("the nodes' logs had no end {} s after the clean-up", LOGS.as_secs());
                self.journal.emit(EventKind::EnvironmentFailed { reason, unsupported: false });
                logs.give_up();
                reader.await
            }
        };
        if let Err(error) = read
            && let Ok(panic) = error.try_into_panic()
        {
            self.journal.emit(EventKind::HarnessBroken { reason: panic_text(panic.as_ref()) });
        }
        // Whatever became of the reader: what is hashed next must not change any more.
        if let Err(reason) = logs.finish() {
            self.journal.emit(EventKind::EnvironmentFailed { reason, unsupported: false });
        }
    }
}
