//! A network that stays up, window after window: each is judged by itself, with evidence of its own.

use std::{io, sync::Arc, time::Duration};

use harness_core::{
    event::Sink,
    exit::{ExitCode, Signal},
    scenario::Overrides,
    verdict::Verdict,
};
use harness_run::{
    evidence::{Jsonl, RunDir, verify},
    interrupt::Interrupt,
    windows::{Begin, Keeper, Seen},
};

use crate::{
    NODES,
    support::{
        Staged,
        fake::{Fake, Faults},
        plan, stage,
    },
};

/// How long a window is, at least.
const WINDOW: Duration = Duration::from_secs(60);

/// Between two samples of what a node uses: sixty in a window.
const EVERY: f64 = 1.0;

const ADVANCE: &str = r#"
[[phases]]
name = "advance"
[[phases.checks]]
check = "height-advances"
nodes = "*"
by = 3
within = "5s"
for = "1s"
"#;

/// Has enough after so many windows.
struct Enough {
    folder: tempfile::TempDir,
    windows: usize,
    /// There is no place for the next one.
    full: bool,
    ended: Vec<Ended>,
}

struct Ended {
    seen: Seen,
    verdict: Verdict,
    dir: RunDir,
    last: bool,
}

impl Enough {
    fn after(windows: usize) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), windows, full: false, ended: Vec::new() }
    }

    fn exits(&self) -> Vec<(ExitCode, bool)> {
        self.ended.iter().map(|window| (window.verdict.exit, window.last)).collect()
    }
}

impl Keeper for Enough {
    fn goes_on(&mut self, _: &Seen) -> bool {
        self.ended.len() + 1 < self.windows
    }

    fn window(&mut self, _: u64) -> io::Result<Begin> {
        if self.full {
            return Err(io::Error::other("no space left on device"));
        }
        let plan = scenario(self.folder.path());
        let dir = RunDir::create(self.folder.path(), "window")?;
        let sinks: Vec<Box<dyn Sink>> = vec![Box::new(Jsonl::create(&dir.events())?)];
        Ok(Begin { plan, dir, sinks })
    }

    fn ended(&mut self, seen: Seen, verdict: &Verdict, dir: &RunDir, last: bool) -> io::Result<()> {
        let (verdict, dir) = (verdict.clone(), dir.clone());
        let verified = verify(dir.path(), None).unwrap();
        assert!(verified.problems.is_empty(), "{:?}", verified.problems);
        self.ended.push(Ended { seen, verdict, dir, last });
        Ok(())
    }
}

fn scenario(folder: &std::path::Path) -> harness_core::scenario::Plan {
    plan(folder, &format!("{NODES}{ADVANCE}"), &Overrides::default())
}

/// Windows of a network until `keeper` has enough; the network, which is gone by then, with the folder of the first.
async fn windows(
    faults: Faults,
    interrupt: Interrupt,
    keeper: &mut Enough,
) -> (Arc<Fake>, tempfile::TempDir) {
    let network = Fake::new(faults);
    let Staged { run, folder } = stage(scenario(keeper.folder.path()), network.clone(), interrupt);
    let home = RunDir::create(&folder.path().join("home"), "home").unwrap();
    run.windows(&home, WINDOW, keeper).await.unwrap();
    assert!(network.torn_down.load(std::sync::atomic::Ordering::Relaxed), "nothing is left");
    (network, folder)
}

#[tokio::test(start_paused = true)]
async fn a_good_network_goes_from_window_to_window_until_it_is_enough() {
    let mut keeper = Enough::after(3);
    let last_words = Some(("node-2", "goodbye"));
    let faults = Faults { memory: Some(5_000_000), last_words, ..Faults::default() };
    let _folder = windows(faults, Interrupt::default(), &mut keeper).await;
    let (pass, last) = (ExitCode::Pass, true);
    assert_eq!(keeper.exits(), [(pass, !last), (pass, !last), (pass, last)]);

    let logs = |window: usize| {
        let log = keeper.ended[window].dir.logs().join("node-2.log");
        std::fs::read_to_string(log).unwrap_or_default()
    };
    assert!(logs(0).contains("node-2 starts") && !logs(0).contains("goodbye"), "{}", logs(0));
    assert_eq!((logs(1).as_str(), logs(2).as_str()), ("", "goodbye\n"), "each has its own");

    let mut before = None;
    for Ended { seen, dir, .. } in &keeper.ended {
        assert!(seen.lasted >= WINDOW && seen.lasted < WINDOW * 2, "{:?}", seen.lasted);
        let blocks = seen.blocks.unwrap();
        // Ten in a second.
        assert!(blocks.to - blocks.from > 500, "{blocks:?}");
        if let Some((began, to)) = before.replace((seen.began, blocks.to)) {
            assert!(seen.began >= began + WINDOW, "one after another: {:?}", seen.began);
            assert_eq!(blocks.from, to, "each begins where the last one ended");
        }
        let (forks, most) = (seen.forks, seen.lasted.as_secs());
        assert!(forks.looks >= 50 && forks.looks <= most + 1, "{forks:?}");
        assert_eq!((forks.split, forks.deepest), (0, 0));
        for (name, node) in &seen.nodes {
            assert_eq!(node.peers, Some([2, 2, 2]), "{name}");
            let samples = &node.used[&0];
            assert!(samples.len() >= 50, "{name}: {}", samples.len());
            assert!(samples.windows(2).all(|two| (two[1].0 - two[0].0 - EVERY).abs() < 0.1));
            assert!(samples.iter().all(|sample| sample.1 == Some(5_000_000)));
            let logged = format!("\u{1b}[32m{name} starts\u{1b}[0m\n").len() as u64;
            assert_eq!(samples.last().unwrap().3, logged, "what {name} has logged");
        }
        assert_eq!(seen.nodes.len(), 3);
        let events = std::fs::read_to_string(dir.events()).unwrap();
        assert!(events.contains("\"all-started\""), "what was said once is said to each window");
    }
}

#[tokio::test(start_paused = true)]
async fn nodes_that_disagree_are_seen_to_and_how_deep() {
    let mut keeper = Enough::after(1);
    let faults = Faults { fork: true, ..Faults::default() };
    windows(faults, Interrupt::default(), &mut keeper).await;
    let Seen { forks, blocks, .. } = &keeper.ended[0].seen;
    assert_eq!(forks.split, forks.looks, "{forks:?}");
    // Ten looks, each twice as far below as the one before, reach 511 blocks down.
    let (height, deepest) = (blocks.unwrap().to, forks.deepest);
    assert!(deepest > height.min(500) - 20 && deepest <= height, "{deepest} of {height}");
}

#[tokio::test(start_paused = true)]
async fn a_window_that_fails_is_the_last_of_its_network() {
    let mut keeper = Enough::after(5);
    let faults = Faults { no_mining: true, ..Faults::default() };
    windows(faults, Interrupt::default(), &mut keeper).await;
    assert_eq!(keeper.exits(), [(ExitCode::Fail, true)]);
    let reason = keeper.ended[0].verdict.reason.clone().unwrap_or_default();
    assert!(reason.starts_with("height-advances of *: did not hold"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn a_node_that_floods_its_log_ends_its_window_and_not_the_disk() {
    let mut keeper = Enough::after(5);
    // A third of what the logs of a window may have is a node's.
    let (long, short) = ("x".repeat(1 << 20), "y".repeat(4000));
    let lines = std::iter::repeat_n(long.as_str(), 21).chain(std::iter::repeat_n(&*short, 100));
    let flood = lines.collect::<Vec<_>>().join("\n").leak();
    let faults = Faults { logs: Some(("node-1", flood)), ..Faults::default() };
    let _folder = windows(faults, Interrupt::default(), &mut keeper).await;
    assert_eq!(keeper.exits(), [(ExitCode::Environment, true)]);
    let reason = keeper.ended[0].verdict.reason.clone().unwrap_or_default();
    assert!(reason.contains("node-1 has logged 22369621 bytes"), "{reason}");
    // What is written stays as it was hashed: nothing of the run is left by now.
    let verified = verify(keeper.ended[0].dir.path(), None).unwrap();
    assert!(verified.problems.is_empty(), "{:?}", verified.problems);
}

#[tokio::test(start_paused = true)]
async fn a_signal_ends_the_window_that_it_comes_in_with_evidence() {
    let (mut keeper, interrupt) = (Enough::after(5), Interrupt::default());
    let raise = async {
        tokio::time::sleep(WINDOW + WINDOW / 2).await;
        interrupt.raise(Signal::Interrupt);
    };
    let (_, _) = tokio::join!(windows(Faults::default(), interrupt.clone(), &mut keeper), raise);
    let interrupted = ExitCode::Interrupted(Signal::Interrupt);
    assert_eq!(keeper.exits(), [(ExitCode::Pass, false), (interrupted, true)]);
    assert!(keeper.ended[1].seen.lasted < WINDOW);
}

#[tokio::test(start_paused = true)]
async fn a_window_without_a_place_for_its_evidence_is_the_machines_fault() {
    let mut keeper = Enough { full: true, ..Enough::after(5) };
    windows(Faults::default(), Interrupt::default(), &mut keeper).await;
    assert_eq!(keeper.exits(), [(ExitCode::Environment, true)]);
    let reason = keeper.ended[0].verdict.reason.clone().unwrap_or_default();
    assert!(reason.contains("no space left on device"), "{reason}");
}
