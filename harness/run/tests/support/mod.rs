//! What the integration tests share: scenarios on disk, a run from file to verdict, and a network
//! of fakes (`fake`).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

pub(crate) mod fake;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use harness_core::{
    event::{Event, Sink},
    scenario::{Origin, Overrides, Plan, load},
    verdict::Verdict,
};
use harness_run::{
    clock::RunClock,
    evidence::{Jsonl, RunDir},
    executor::{AtEnd, Measure, Run},
    interrupt::Interrupt,
    journal::Journal,
    link::Connect,
    provider::Provider,
};
use tokio::time::Instant;

/// A run that is over, and what it left.
pub(crate) struct Done {
    pub(crate) verdict: Verdict,
    pub(crate) dir: RunDir,
    pub(crate) folder: tempfile::TempDir,
}

impl Done {
    /// `verdict.json`, as somebody else would read it.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&fs::read_to_string(self.dir.path().join("verdict.json")).unwrap())
            .unwrap()
    }

    /// Names and decisions of all checks of the run, in order.
    pub(crate) fn checks(&self) -> Vec<(String, String)> {
        let json = self.json();
        let checks = json["phases"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|phase| phase["checks"].as_array().unwrap());
        checks
            .map(|check| {
                (
                    check["check"].as_str().unwrap().to_owned(),
                    check["verdict"].as_str().unwrap().to_owned(),
                )
            })
            .collect()
    }

    /// Every event, in order.
    pub(crate) fn events(&self) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(self.dir.events()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// A plan from text, as if it were read from `test.toml` in a folder.
pub(crate) fn plan(folder: &Path, text: &str, overrides: &Overrides) -> Plan {
    let path = &folder.join("test.toml");
    let (plan, problems) = load(Origin { name: "test", path }, text.to_owned(), overrides);
    plan.unwrap_or_else(|| panic!("{problems}"))
}

/// Does something when an event of a kind is recorded, on the spot.
pub(crate) struct When<F>(pub(crate) &'static str, pub(crate) F);

impl<F: FnMut() + Send> Sink for When<F> {
    fn take(&mut self, event: &Event) -> std::io::Result<()> {
        if serde_json::to_value(event)?["event"] == self.0 {
            (self.1)();
        }
        Ok(())
    }
}

/// A wall clock that goes on as tokio's time does, which a test may have paused.
pub(crate) fn wall(began: Instant) -> SystemTime {
    const EPOCH: Duration = Duration::from_secs(1_800_000_000);
    SystemTime::UNIX_EPOCH + EPOCH + began.elapsed()
}

/// A run's clock by tokio's time alone, of a machine that sleeps as told.
pub(crate) fn clock(slept: impl Fn() -> Duration + Send + Sync + 'static) -> RunClock {
    let began = Instant::now();
    RunClock::with(move || wall(began), slept)
}

fn never() -> Duration {
    Duration::ZERO
}

/// What runs nodes and knows how to ask them.
pub(crate) trait Network: Provider + Connect + 'static {}

impl<N: Provider + Connect + 'static> Network for N {}

/// How a scenario is run, where that matters.
struct How {
    clock: RunClock,
    folder: tempfile::TempDir,
    overrides: Overrides,
    measure: Measure,
    interrupt: Interrupt,
    listeners: Vec<Box<dyn Sink>>,
}

impl Default for How {
    fn default() -> Self {
        Self {
            clock: clock(never),
            folder: tempfile::tempdir().unwrap(),
            overrides: Overrides::default(),
            measure: Measure::Asked,
            interrupt: Interrupt::default(),
            listeners: Vec::new(),
        }
    }
}

/// What watches over programs of the user's: this package's, or the harness.
fn reaper() -> PathBuf {
    let own = option_env!("CARGO_BIN_EXE_harness-reaper");
    own.or(option_env!("CARGO_BIN_EXE_harness")).unwrap().into()
}

/// From a scenario's text to the end of its run.
pub(crate) async fn run(text: &str, network: Arc<impl Network>, interrupt: Interrupt) -> Done {
    start(text, (network.clone(), network), How { interrupt, ..How::default() }, |_| ()).await
}

/// The same, with something that listens to its events.
pub(crate) async fn run_with(
    text: &str,
    network: Arc<impl Network>,
    interrupt: Interrupt,
    listeners: Vec<Box<dyn Sink>>,
) -> Done {
    start(text, (network.clone(), network), How { interrupt, listeners, ..How::default() }, |_| ())
        .await
}

/// The same in a run directory that somebody has touched before.
pub(crate) async fn run_in(
    folder: tempfile::TempDir,
    text: &str,
    network: Arc<impl Network>,
    touch: impl FnOnce(&RunDir),
) -> Done {
    start(text, (network.clone(), network), How { folder, ..How::default() }, touch).await
}

/// The same by a clock of the test's own.
pub(crate) async fn run_by(
    clock: RunClock,
    text: &str,
    network: Arc<impl Network>,
    listeners: Vec<Box<dyn Sink>>,
) -> Done {
    start(text, (network.clone(), network), How { clock, listeners, ..How::default() }, |_| ())
        .await
}

/// The same with more patience.
pub(crate) async fn run_patiently(
    text: &str,
    network: Arc<impl Network>,
    timeout_factor: f64,
) -> Done {
    let overrides = Overrides { timeout_factor, ..Overrides::default() };
    start(text, (network.clone(), network), How { overrides, ..How::default() }, |_| ()).await
}

/// The same, with what every node uses.
pub(crate) async fn run_measured(text: &str, network: Arc<impl Network>) -> Done {
    let how = How { measure: Measure::All, ..How::default() };
    start(text, (network.clone(), network), how, |_| ()).await
}

/// The same with a provider around the one that the network is.
pub(crate) async fn run_around(
    text: &str,
    provider: Arc<dyn Provider>,
    connect: Arc<impl Network>,
) -> Done {
    start(text, (provider, connect), How::default(), |_| ()).await
}

async fn start(
    text: &str,
    network: (Arc<dyn Provider>, Arc<dyn Connect>),
    how: How,
    touch: impl FnOnce(&RunDir),
) -> Done {
    let plan = plan(how.folder.path(), text, &how.overrides);
    let Staged { run, folder } = staged(plan, network, how, touch);
    let dir = run.dir.clone();
    let verdict = run.execute().await;
    Done { verdict, dir, folder }
}

/// A run that has not begun, and the folder that it is in.
pub(crate) struct Staged {
    pub(crate) run: Run,
    pub(crate) folder: tempfile::TempDir,
}

/// A run of this plan.
pub(crate) fn stage(plan: Plan, network: Arc<impl Network>, interrupt: Interrupt) -> Staged {
    staged(plan, (network.clone(), network), How { interrupt, ..How::default() }, |_| ())
}

fn staged(
    plan: Plan,
    (provider, connect): (Arc<dyn Provider>, Arc<dyn Connect>),
    how: How,
    touch: impl FnOnce(&RunDir),
) -> Staged {
    let How { clock, folder, overrides: _, measure, interrupt, listeners } = how;
    let dir = RunDir::create(&folder.path().join("runs"), &plan.scenario).unwrap();
    touch(&dir);
    let jsonl = Jsonl::create(&dir.events()).unwrap();
    let mut sinks: Vec<Box<dyn Sink>> = vec![Box::new(jsonl)];
    sinks.extend(listeners);
    let journal = Arc::new(Journal::begin_at(clock, &dir, &plan, sinks));
    let run = Run {
        plan,
        provider,
        connect,
        journal,
        dir,
        at_end: AtEnd::Remove,
        measure,
        interrupt,
        program: reaper(),
    };
    Staged { run, folder }
}
