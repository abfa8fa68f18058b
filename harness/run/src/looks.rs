//! What single checks look at by themselves, beside the samples that every node gives: from their start
//! until they are decided.

use std::{collections::BTreeMap, future::Future, time::Duration};

use futures_util::future::join_all;
use harness_core::{
    check::{CheckKind, command, metric, rpc},
    event::{Asked, AskedFor, CheckId, EventKind, Part, Ran, Reading, Sampled, Scrape},
    scenario::{CheckPlan, Plan},
};
use serde_json::Value;
use tokio::sync::watch::Receiver;

use super::{
    command::Job,
    logs::Logs,
    poll::{INTERVAL, rpc::wish},
    scrape,
    testbed::Testbed,
};

/// Between two looks at what changes once a second.
const SECOND: Duration = Duration::from_secs(1);

/// One check that looks by itself.
#[derive(Clone, Copy)]
struct Look<'a> {
    id: CheckId,
    plan: &'a CheckPlan,
    bed: &'a Testbed,
    scenario: &'a Plan,
}

/// Looks at what this check needs until it is decided: `want` goes with its decision. Does not return.
pub(crate) async fn of<T>(
    id: CheckId,
    plan: &CheckPlan,
    (bed, logs, scenario): (&Testbed, &Logs, &Plan),
    mut want: Receiver<T>,
) {
    let look = Look { id, plan, bed, scenario };
    let looks = async {
        if let CheckKind::Rpc(question) = &plan.kind {
            look.ask(question).await;
        }
        if let CheckKind::Metric(metric) = &plan.kind {
            look.scrape(metric).await;
        }
        if let CheckKind::Dials(_) = &plan.kind {
            look.count().await;
        }
        if let CheckKind::Command(command) = &plan.kind {
            look.run(command, logs).await;
        }
    };
    tokio::select! {
        () = looks => {}
        () = async { while want.changed().await.is_ok() {} } => {}
    }
    std::future::pending().await
}

impl<'a> Look<'a> {
    /// Asks all nodes the same, no faster than they grant.
    async fn ask(self, question: &rpc::Rpc) {
        // Whatever is no list was refused with its scenario.
        let params: Vec<Value> = serde_json::from_str(&question.params).unwrap_or_default();
        let mut before = BTreeMap::new();
        loop {
            let pause = tokio::time::sleep(self.bed.pace.unwrap_or(INTERVAL));
            let mut later = Duration::ZERO;
            self.round(
                async |name| {
                    let link = self.bed.link(name)?.borrow().clone()?;
                    let answer = link.rpc.call(&question.method, &params).await;
                    Some(Part::of(answer, &question.pointer))
                },
                |answers: BTreeMap<String, Part>| {
                    let misses = answers.values().filter_map(Part::miss).cloned();
                    later = misses
                        .map(|miss| wish(&Reading::<()>::Missing(miss)))
                        .max()
                        .unwrap_or_default();
                    let changed = Part::changed(&answers, &before);
                    before = answers;
                    AskedFor::Answers(changed)
                },
            )
            .await;
            // What is asked here counts where the poller asks, too.
            tokio::time::sleep(later).await;
            pause.await;
        }
    }

    /// Reads all nodes' pages of metrics.
    async fn scrape(self, metric: &metric::Metric) {
        loop {
            let pause = tokio::time::sleep(SECOND);
            self.round(
                async |name| {
                    let link = self.bed.link(name)?.borrow().clone()?;
                    let seen = match scrape::page(self.bed, name).await {
                        Ok(page) => metric::page::find(&page, &metric.name, &metric.labels),
                        Err(miss) => Sampled::Missing(miss),
                    };
                    Some(Scrape { start: link.start, seen })
                },
                AskedFor::Metrics,
            )
            .await;
            pause.await;
        }
    }

    /// Counts what all nodes dial. Of one that is down nobody counts anything.
    async fn count(self) {
        loop {
            let pause = tokio::time::sleep(SECOND);
            let injector = self.bed.provider.injector();
            let count = async |name| Some(injector.dialled(name).await.ok());
            self.round(count, AskedFor::Dials).await;
            pause.await;
        }
    }

    /// Executes the user's program, once.
    async fn run(self, wanted: &command::Command, logs: &Logs) {
        let sent = self.bed.journal.now();
        let record = |ran: Ran| {
            let (check, answered) = (self.id, self.bed.journal.now());
            let seen = AskedFor::Command(ran);
            self.bed.journal.emit(EventKind::Asked(Asked { check, sent, answered, seen }));
        };
        let limit = wanted.timeout.map(|limit| limit.mul_f64(self.scenario.overrides.patience()));
        let job = Job {
            words: &wanted.run,
            limit,
            name: format!("command_{}_{}", self.id.phase + 1, self.id.check + 1),
            nodes: &self.plan.nodes,
            bed: self.bed,
            scenario: self.scenario,
        };
        let ran = job.run(&logs.folder(), &record).await;
        record(ran);
    }

    /// One look at all nodes at once, recorded.
    async fn round<T, F: Future<Output = Option<T>>>(
        self,
        at: impl Fn(&'a str) -> F,
        seen: impl FnOnce(BTreeMap<String, T>) -> AskedFor,
    ) {
        let sent = self.bed.journal.now();
        let looks = self.plan.nodes.iter().map(|name| {
            let look = at(name);
            async move { Some((name.clone(), look.await?)) }
        });
        let all: BTreeMap<String, T> = join_all(looks).await.into_iter().flatten().collect();
        let (check, answered) = (self.id, self.bed.journal.now());
        self.bed.journal.emit(EventKind::Asked(Asked { check, sent, answered, seen: seen(all) }));
    }
}
