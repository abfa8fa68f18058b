//! The thread on which a network lives, with a runtime of its own: whatever runtime a test has, and
//! whatever holds that up, nodes are watched and removed.

use std::{
    collections::BTreeMap,
    io,
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
    sync::Arc,
    thread::{self, JoinHandle},
};

use harness_core::{
    event::{EventKind, Sink},
    record::Asked,
    scenario::Overrides,
    stepwise::{Nodes, Stepwise},
    verdict::{RunVerdict, Verdict},
};
use harness_run::{
    driven::{Program, Question, Step},
    evidence::{Jsonl, RunDir},
    executor::{AtEnd, Measure, Run},
    http::Http,
    interrupt::Interrupt,
    journal::Journal,
};
use tokio::{
    runtime,
    sync::{mpsc, oneshot, watch},
};
use tokio_util::sync::CancellationToken;

use super::{error::Error, reenter};
use crate::{
    cli::{ProviderChoice, choose, environment, no_provider, registry},
    lease::Guard,
    provider::{ProviderOptions, own_program},
};

/// Steps wait for each other; so many may be under way.
const ORDERS: usize = 16;

/// How the run ended.
type Ended = Result<Verdict, NoVerdict>;

/// Why there is none.
#[derive(Debug)]
enum NoVerdict {
    /// Nothing was started.
    NotStarted(String),
    /// Something may be left, and then the watchdog has it.
    Panicked,
}

/// Where every node's RPC is; or why there is no network.
type Ready = Result<BTreeMap<String, String>, (RunVerdict, String)>;

/// What is run, before it is.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) name: String,
    pub(super) nodes: Nodes,
    pub(super) provider: ProviderChoice,
    pub(super) overrides: Overrides,
    pub(super) evidence: PathBuf,
}

/// A network's thread. Dropped, it ends, and nothing of the network is left.
#[derive(Debug)]
pub(super) struct Stage {
    dir: RunDir,
    steps: mpsc::Sender<Step>,
    questions: mpsc::Sender<Question>,
    ready: Option<oneshot::Receiver<Ready>>,
    ended: watch::Receiver<Option<Ended>>,
    over: CancellationToken,
    panicked: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

/// What the thread is given.
struct Task {
    scenario: Stepwise,
    provider: ProviderChoice,
    dir: RunDir,
    program: Program,
}

impl Stage {
    /// Begins to start a network.
    pub(super) fn open(wanted: Wanted) -> Result<Self, String> {
        if !reenter::is_possible() {
            return Err("no network can be started: its watchdog would be this program, which does not let this library have a look before its `main` (was the section `.init_array` removed?)".to_owned());
        }
        let Wanted { name, nodes, provider, overrides, evidence } = wanted;
        let scenario = Stepwise::begin(&name, &nodes, &overrides)?;
        let no_place = |why: io::Error| {
            format!("no directory for the evidence can be made in {}: {why}", evidence.display())
        };
        let dir = RunDir::create(&evidence, &name).map_err(no_place)?;
        let (steps, asked) = mpsc::channel(ORDERS);
        let (questions, wondered) = mpsc::channel(ORDERS);
        let (ready, begun) = oneshot::channel();
        let (end, ended) = watch::channel(None);
        let (over, panicked) = (CancellationToken::new(), CancellationToken::new());
        let program = Program {
            scenario: scenario.clone(),
            ready,
            steps: asked,
            questions: wondered,
            over: over.clone(),
            panicked: panicked.clone(),
        };
        let task = Task { scenario, provider, dir: dir.clone(), program };
        let thread = thread::Builder::new().name(format!("harness {}", dir.run_id()));
        let thread = thread
            .spawn(move || {
                end.send_replace(Some(task.play()));
            })
            .map_err(|why| format!("no thread for the network is to be had: {why}"))?;
        let ready = Some(begun);
        Ok(Self { dir, steps, questions, ready, ended, over, panicked, thread: Some(thread) })
    }

    /// Waits until every node answers.
    pub(super) async fn ready(&mut self) -> Result<BTreeMap<String, String>, Error> {
        let Some(ready) = self.ready.take() else { return Ok(BTreeMap::new()) };
        match ready.await {
            Ok(Ok(urls)) => Ok(urls),
            Ok(Err(_)) | Err(_) => Err(self.why_it_ended().await),
        }
    }

    /// Who takes steps.
    pub(super) fn steps(&self) -> &mpsc::Sender<Step> {
        &self.steps
    }

    /// Who answers questions.
    pub(super) fn questions(&self) -> &mpsc::Sender<Question> {
        &self.questions
    }

    /// Where the evidence is.
    pub(super) fn evidence(&self) -> &Path {
        self.dir.path()
    }

    /// An error of this network.
    pub(super) fn failed(&self, verdict: RunVerdict, reason: String) -> Error {
        Error::Failed { verdict, reason, evidence: self.dir.path().to_owned() }
    }

    /// Waits until nothing is left, and says why it has come to that.
    pub(super) async fn why_it_ended(&self) -> Error {
        let _ = self.ended.clone().wait_for(Option::is_some).await;
        match self.outcome() {
            Err(why) => why,
            Ok(()) => self.failed(RunVerdict::Pass, "it has ended".to_owned()),
        }
    }

    /// Ends it, and says what it has come to.
    pub(super) async fn end(&mut self) -> Result<(), Error> {
        self.over.cancel();
        let _ = self.ended.clone().wait_for(Option::is_some).await;
        self.close()
    }

    /// The same for who cannot wait but by holding everything up.
    pub(super) fn close(&mut self) -> Result<(), Error> {
        self.over.cancel();
        if let Some(thread) = self.thread.take() {
            // What a panic of it means is said by `outcome`.
            let _ = thread.join();
        }
        self.outcome()
    }

    /// The evidence is that of a program that panicked.
    pub(super) fn panicked(&self) {
        self.panicked.cancel();
    }

    fn outcome(&self) -> Result<(), Error> {
        match &*self.ended.borrow() {
            Some(Ok(verdict)) if verdict.verdict == RunVerdict::Pass => Ok(()),
            Some(Ok(verdict)) => {
                let reason = verdict.reason.clone().unwrap_or_default();
                Err(self.failed(verdict.verdict, reason))
            }
            Some(Err(NoVerdict::NotStarted(why))) => Err(Error::NotStarted(why.clone())),
            Some(Err(NoVerdict::Panicked)) | None => Err(self.failed(
                RunVerdict::Environment,
                "a bug of the harness: its thread panicked; what it has left is removed when this process ends".to_owned(),
            )),
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = self.close();
    }
}

impl Task {
    /// The thread's whole life.
    fn play(self) -> Ended {
        // As the command line has it: everything here waits for others.
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|why| {
            NoVerdict::NotStarted(format!("no threads or timers to be had: {why}"))
        })?;
        let played = panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(self.run())));
        runtime.shutdown_background();
        played.unwrap_or(Err(NoVerdict::Panicked))
    }

    async fn run(self) -> Ended {
        let dir = self.dir.clone();
        let name = self.scenario.plan().scenario.clone();
        let guard = Guard::take(&registry(), &environment(), &dir, &name, false).map_err(|why| {
            NoVerdict::NotStarted(format!("the run cannot be written down and watched, so nothing could be cleaned up after it: {why}"))
        })?;
        let verdict = self.guarded(&guard).await;
        if verdict.is_err() {
            guard.nothing_was_made(&dir);
        }
        // What is left, if anything, is in the verdict, and the watchdog's from now on.
        guard.end();
        verdict.map_err(|why| NoVerdict::NotStarted(why.to_string()))
    }

    /// An error means that nothing was made.
    async fn guarded(self, guard: &Guard) -> io::Result<Verdict> {
        let Self { scenario, provider, dir, program } = self;
        let asked = Asked { provider: provider.name(), ..Asked::default() };
        let dir = dir.asked(asked);
        let plan = scenario.plan().clone();
        let sinks: Vec<Box<dyn Sink>> = vec![Box::new(Jsonl::create(&dir.events())?), guard.sink()];
        let journal = Arc::new(Journal::begin(&dir, &plan, sinks));
        let interrupt = Interrupt::default();
        let options = ProviderOptions {
            run_id: dir.run_id().to_owned(),
            scratch: dir.scratch()?,
            profile: None,
            keep: false,
            network: Default::default(),
            build: Default::default(),
            program: own_program()?,
        };
        let say = |step| {
            journal.emit(EventKind::Preparing { step });
        };
        let chosen = match choose(provider, &plan, options, say).await {
            Ok(chosen) => chosen.provider(),
            Err(error) => return Ok(no_provider(&error, &plan, &journal, &dir, &interrupt)),
        };
        guard.provider(chosen.as_ref())?;
        let run = Run {
            plan,
            provider: Arc::clone(&chosen),
            connect: Arc::new(Http::through(chosen.dialler())),
            journal,
            dir,
            at_end: AtEnd::Remove,
            measure: Measure::Asked,
            interrupt,
            program: own_program()?,
        };
        Ok(run.driven(program).await)
    }
}
