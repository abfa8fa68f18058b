//! The way of a network that stays up: one window after another is gone through, each with the scenario's phases and
//! quiet for the rest of its time, and with evidence of its own that is sealed when the next one begins. A window that
//! does not pass is the last of its network: what it leaves is nothing that another could be judged by.

use std::{
    collections::BTreeMap,
    io,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::FutureExt;
use harness_core::{
    event::{EventKind, Moment, Sink},
    record::builds,
    scenario::Plan,
    soak::{
        NodeSeen,
        seen::{Blocks, Forks, blocks, forks, peers},
    },
    verdict::Verdict,
};

use super::{
    background::{Background, panic_text},
    executor::{Run, Way, conclude},
    logs::Logs,
    testbed::Testbed,
    usage::{self, Usage},
    watch,
};
use crate::evidence::RunDir;

/// Logs of one window, of all nodes together: one that floods its log ends the window and not the disk.
pub const LARGEST_LOGS: u64 = 64 * 1024 * 1024;

/// Samples in a window. Forty say the first thing about growth.
const SAMPLES: u32 = 60;

/// Between two samples, however long a window is: what leaks is found within ten minutes.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What a window begins with.
pub struct Begin {
    /// What is gone through.
    pub plan: Plan,
    /// Where its evidence goes.
    pub dir: RunDir,
    /// What writes it.
    pub sinks: Vec<Box<dyn Sink>>,
}

/// What was seen in a window.
#[derive(Debug)]
pub struct Seen {
    /// Since the network's beginning.
    pub began: Duration,
    /// How long it was.
    pub lasted: Duration,
    /// Where the chain was.
    pub blocks: Option<Blocks>,
    /// Where nodes disagreed.
    pub forks: Forks,
    /// What ran, by hashes and image IDs.
    pub build: Option<String>,
    /// By name.
    pub nodes: BTreeMap<String, NodeSeen>,
}

/// Who decides how it goes on, and writes it down.
pub trait Keeper {
    /// Whether another window follows this one, which passed as far as its checks are concerned.
    fn goes_on(&mut self, seen: &Seen) -> bool;

    /// A window of the network: the next that is written down, or one `after` it.
    ///
    /// # Errors
    ///
    /// There is no place for its evidence.
    fn window(&mut self, after: u64) -> io::Result<Begin>;

    /// A window is sealed. `last`: the network is gone with it.
    ///
    /// # Errors
    ///
    /// It cannot be written down.
    fn ended(&mut self, seen: Seen, verdict: &Verdict, dir: &RunDir, last: bool) -> io::Result<()>;
}

/// The window that a network is in.
struct Current {
    plan: Arc<Plan>,
    dir: RunDir,
    began: Moment,
    /// The chain's height then.
    height: u64,
}

struct Course<'a> {
    run: &'a Run,
    background: &'a Background,
    logs: &'a Logs,
    bed: &'a Mutex<Option<Arc<Testbed>>>,
    current: &'a Mutex<Current>,
    usage: &'a Usage,
    window: Duration,
}

impl Run {
    /// Runs windows of at least this length until one does not pass, the keeper has enough, or somebody asks it to
    /// stop. `home` has what the network needs while it lives. Returns when nothing is left of it.
    ///
    /// # Errors
    ///
    /// The keeper's: the window that was written last cannot be written down.
    pub async fn windows(
        self,
        home: &RunDir,
        window: Duration,
        keeper: &mut dyn Keeper,
    ) -> io::Result<()> {
        let background = Background::new(Arc::clone(&self.journal));
        let logs = Logs::new(self.dir.logs(), &self.plan);
        logs.at_most(LARGEST_LOGS / self.plan.nodes.len().max(1) as u64);
        let reader = self
            .provider
            .logs()
            .map(|lines| tokio::spawn(logs.clone().read(lines, background.clone())));
        background.spawn(watch::machine(
            Arc::clone(&self.journal),
            Arc::clone(&self.provider),
            background.clone(),
        ));
        let (bed, usage) = (Mutex::new(None), Usage::default());
        let current = Mutex::new(Current {
            plan: Arc::new(self.plan.clone()),
            dir: self.dir.clone(),
            began: self.journal.now(),
            height: 0,
        });
        let course = Course {
            run: &self,
            background: &background,
            logs: &logs,
            bed: &bed,
            current: &current,
            usage: &usage,
            window,
        };
        course.go(keeper).await;

        background.quiet().await;
        let seen = course.seen();
        let bed = bed.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.clean_up(bed.as_deref(), home).await;
        self.finish_logs(&logs, reader).await;
        let dir = lock(&current).dir.clone();
        let verdict = conclude(&self.journal, &dir, &self.interrupt);
        keeper.ended(seen, &verdict, &dir, true)
    }
}

impl Course<'_> {
    /// Until something ends it. Emits why.
    async fn go(&self, keeper: &mut dyn Keeper) {
        let Some(bed) = self.unless_ended(self.begin()).await else { return };
        loop {
            if self.unless_ended(self.window(&bed)).await.is_none()
                || !self.run.journal.is_good_so_far()
            {
                return;
            }
            let seen = self.seen();
            if !keeper.goes_on(&seen) {
                self.give_back(seen);
                return;
            }
            // Nothing cuts this off: a window that passed is written down.
            if let Err(why) = self.turn(&bed, seen, keeper).await {
                return self.run.ended(Way::EvidenceFailed(why));
            }
        }
    }

    /// What a part of the way comes to; `None` if it, or the network, or somebody else ended it.
    async fn unless_ended<T>(&self, part: impl Future<Output = Result<T, Way>>) -> Option<T> {
        let journal = &self.run.journal;
        tokio::select! {
            // The same order as in a run.
            biased;
            signal = self.run.interrupt.raised() => {
                journal.emit(EventKind::interrupted(signal));
                None
            }
            () = self.background.finished() => None,
            came_to = AssertUnwindSafe(part).catch_unwind() => match came_to {
                Ok(Ok(value)) => Some(value),
                Ok(Err(way)) => {
                    self.run.ended(way);
                    None
                }
                Err(panic) => {
                    journal.emit(EventKind::HarnessBroken { reason: panic_text(panic.as_ref()) });
                    None
                }
            },
        }
    }

    async fn begin(&self) -> Result<Arc<Testbed>, Way> {
        let bed = self.run.set_up(self.background, self.logs, self.bed).await?;
        let every = (self.window / SAMPLES).min(LONGEST_PAUSE);
        let measure = self.usage.clone().measure(Arc::clone(&bed), self.logs.clone(), every);
        self.background.spawn(measure);
        self.background.spawn(usage::compare(Arc::clone(&bed), every.max(Duration::from_secs(1))));
        lock(self.current).began = self.run.journal.now();
        Ok(bed)
    }

    /// The window that it is in, to its end.
    async fn window(&self, bed: &Testbed) -> Result<(), Way> {
        let (plan, until) = {
            let current = lock(self.current);
            (Arc::clone(&current.plan), current.began + self.window)
        };
        match self.run.through(&plan, bed, self.logs, until).await {
            Way::Through => Ok(()),
            cut @ (Way::ProviderFailed(_) | Way::EvidenceFailed(_)) => Err(cut),
        }
    }

    /// From one window to the next.
    async fn turn(&self, bed: &Testbed, seen: Seen, keeper: &mut dyn Keeper) -> io::Result<()> {
        let Begin { plan, dir, sinks } = keeper.window(1)?;
        dir.write_plan(&plan, bed.launches(), &self.run.provider.facts())?;
        self.logs.turn(dir.logs())?;
        let turned = self.run.journal.turn(&dir, &plan, sinks);
        let height = seen.blocks.map_or(0, |blocks| blocks.to);
        let began = self.run.journal.now();
        let next = Current { plan: Arc::new(plan), dir, began, height };
        let ended = std::mem::replace(&mut *lock(self.current), next).dir;
        // Megabytes are hashed, while the network goes on.
        let sealed = tokio::task::spawn_blocking(move || {
            let verdict = turned.close().map_err(io::Error::other)?;
            ended.conclude(&verdict)?;
            Ok::<_, io::Error>((verdict, ended))
        });
        let (verdict, ended) = sealed.await.map_err(io::Error::other)??;
        keeper.ended(seen, &verdict, &ended, false)
    }

    /// What was seen since the window began.
    fn seen(&self) -> Seen {
        let current = lock(self.current);
        let (from, now) = (current.began, self.run.journal.now());
        let mut used = self.usage.take();
        let ran: Vec<String> = builds(&self.run.provider.facts()).into_values().collect();
        let build = Some(ran.join(" and ")).filter(|ran| !ran.is_empty());
        self.run.journal.with_history(|history| Seen {
            began: from.since(Moment(0)),
            lasted: now.since(from),
            blocks: blocks(history, current.height, now),
            forks: forks(history, from, now),
            build,
            nodes: current
                .plan
                .network()
                .into_iter()
                .map(|name| {
                    let used = used.remove(&name).unwrap_or_default();
                    let peers = peers(history, &name, from, now);
                    (name, NodeSeen { peers, used, most: None })
                })
                .collect(),
        })
    }

    /// It is looked at once more, when the network is gone.
    fn give_back(&self, seen: Seen) {
        self.usage
            .give_back(seen.nodes.into_iter().map(|(name, node)| (name, node.used)).collect());
    }
}

fn lock(current: &Mutex<Current>) -> MutexGuard<'_, Current> {
    current.lock().unwrap_or_else(PoisonError::into_inner)
}
