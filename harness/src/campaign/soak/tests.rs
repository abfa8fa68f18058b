//! A soak's folder: what is kept, what goes, and what a signal or a kill takes away.

use std::time::Duration;

use harness_core::{
    event::{Event, EventKind, FORMAT_VERSION, Moment},
    exit::Signal,
    scenario::Overrides,
    soak::asked::VERSION,
    verdict::Ledger,
};

use super::*;

fn asked() -> Asked {
    let text = include_str!("../../../../scenarios/soak/scenario.toml");
    Asked {
        version: VERSION,
        started: "2026-11-27T00:00:00Z".to_owned(),
        scenario: "soak".to_owned(),
        path: "soak/scenario.toml".into(),
        text: text.to_owned(),
        overrides: Overrides::default(),
        lasts: Duration::from_secs(3600),
        window: Duration::from_secs(600),
        limits: harness_core::soak::Limits::default(),
        provider: "process".to_owned(),
        network: None,
    }
}

fn heard() -> (Report, Listen) {
    (Box::new(|_, _| ()), Box::new(|_| None))
}

fn crash() -> EventKind {
    let node = "node-1".to_owned();
    EventKind::NodeExited { node, code: Some(1), signal: None, why: None, last_lines: vec![] }
}

/// A window of a network that began, with these events; and its verdict.
fn begun(campaign: &mut Campaign, events: Vec<EventKind>) -> (RunDir, Verdict) {
    let Begin { plan, dir, mut sinks } = campaign.window(0).unwrap();
    let (run, scenario) = (dir.run_id().to_owned(), plan.scenario.clone());
    let began = EventKind::RunStarted {
        version: FORMAT_VERSION,
        run: run.clone(),
        scenario,
        seed: plan.seed,
    };
    let mut ledger = Ledger::new(run, plan);
    for (seq, what) in std::iter::once(began).chain(events).enumerate() {
        let seq = seq as u64;
        let event = Event { seq, at_ms: Moment(1000 * seq), wall: String::new(), what };
        ledger.record(&event);
        sinks[0].take(&event).unwrap();
    }
    sinks[0].close().unwrap();
    (dir, ledger.verdict())
}

fn seen() -> Seen {
    Seen {
        began: Duration::ZERO,
        lasted: Duration::from_secs(60),
        blocks: None,
        forks: Forks::default(),
        build: None,
        nodes: BTreeMap::new(),
    }
}

fn campaign(place: &tempfile::TempDir) -> Campaign {
    let mut campaign = Campaign::begin(&place.path().join("soak"), asked(), heard()).unwrap();
    campaign.network("2026-11-27T00:00:00Z".to_owned()).unwrap();
    campaign
}

/// Killed after a node crashed: the window is kept, and the soak has failed; what comes after half a line is nothing.
#[test]
fn a_kill_takes_no_failure_away() {
    for (events, decision) in [
        (vec![EventKind::AllStarted, crash()], Some(Decision::Failed)),
        (vec![EventKind::AllStarted], None),
        // What a signal does to nodes is no failure of theirs.
        (vec![EventKind::interrupted(Signal::Terminate), crash()], None),
    ] {
        let place = tempfile::tempdir().unwrap();
        let mut first = campaign(&place);
        let (dir, _) = begun(&mut first, events);
        let mut text = fs::read(dir.events()).unwrap();
        text.extend(b"{\"seq\":");
        fs::write(dir.events(), text).unwrap();
        let folder = first.folder.clone();
        drop(first);
        for _ in 0..2 {
            let again = Campaign::resume(&folder, String::new(), heard()).unwrap();
            let verdict = again.soak.decision();
            assert_eq!(verdict.as_ref().map(|it| it.decision), decision, "{verdict:?}");
            assert_eq!(dir.path().exists(), decision.is_some());
            if let Some(verdict) = verdict {
                assert!(verdict.reasons[0].contains("node-1 exited"), "{verdict:?}");
            }
        }
    }
}

/// Killed between a window's line and the removal of what passed.
#[test]
fn a_window_that_is_written_down_is_not_asked_again() {
    let place = tempfile::tempdir().unwrap();
    let mut first = campaign(&place);
    let (dir, _) = begun(&mut first, vec![EventKind::AllStarted]);
    let window = first.line(&seen());
    first.lines.add(&Line::Window(Box::new(window))).unwrap();
    let folder = first.folder.clone();
    drop(first);
    let again = Campaign::resume(&folder, String::new(), heard()).unwrap();
    assert_eq!((dir.path().exists(), again.soak.windows().len()), (false, 1));
}

#[test]
fn what_a_kill_left_of_another_plan_is_not_removed() {
    let place = tempfile::tempdir().unwrap();
    let mut first = campaign(&place);
    first.soak =
        Soak::new(Asked { overrides: Overrides { seed: 99, ..Overrides::default() }, ..asked() });
    let (dir, _) = begun(&mut first, vec![crash()]);
    let folder = first.folder.clone();
    drop(first);
    let why = Campaign::resume(&folder, String::new(), heard()).err().unwrap().to_string();
    assert!(why.contains("move its directory away"), "{why}");
    assert!(dir.path().exists());
}

/// A signal during the teardown of a window that had failed.
#[test]
fn a_signal_takes_no_failure_away() {
    let signal = || EventKind::interrupted(Signal::Terminate);
    for (events, exit) in [
        (vec![crash(), EventKind::TeardownStarted, signal()], 1),
        (vec![EventKind::TeardownStarted, signal()], 143),
        (vec![signal(), EventKind::TeardownStarted, crash()], 143),
    ] {
        let place = tempfile::tempdir().unwrap();
        let mut campaign = campaign(&place);
        let (dir, verdict) = begun(&mut campaign, events);
        assert_eq!(verdict.exit_code, 143);
        campaign.ended(seen(), &verdict, &dir, true).unwrap();
        assert_eq!(campaign.soak.windows()[0].exit, exit);
        let failed = campaign.soak.decision().map(|it| it.decision);
        assert_eq!(failed, (exit == 1).then_some(Decision::Failed));
    }
    // Its events cannot be read: the verdict has what failed.
    let place = tempfile::tempdir().unwrap();
    let mut campaign = campaign(&place);
    let (dir, verdict) = begun(&mut campaign, vec![crash(), signal()]);
    fs::remove_file(dir.events()).unwrap();
    campaign.ended(seen(), &verdict, &dir, true).unwrap();
    assert_eq!(campaign.soak.windows()[0].exit, 1);
}

fn names(campaign: &Campaign) -> usize {
    folders(&campaign.folder.join(WINDOWS)).unwrap().len()
}

#[test]
fn evidence_is_bounded_and_what_a_kill_left_goes() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("soak");
    let mut campaign = Campaign::begin(&folder, asked(), heard()).unwrap();
    campaign.network("2026-11-27T00:00:00Z".to_owned()).unwrap();
    for number in 0..12 {
        let begun = campaign.window(0).unwrap();
        fs::write(begun.dir.path().join("some"), vec![0; 1000]).unwrap();
        let path = begun.dir.path().strip_prefix(&campaign.folder).unwrap();
        let window = Window {
            number,
            network: 0,
            began: 600.0 * number as f64,
            seconds: 600.0,
            exit: 2,
            build: None,
            reason: None,
            digest: None,
            bundle: Some(path.display().to_string()),
            blocks: None,
            forks: Forks::default(),
            nodes: BTreeMap::new(),
        };
        campaign.lines.add(&Line::Window(Box::new(window.clone()))).unwrap();
        assert!(campaign.soak.ended(window));
        campaign.rotate().unwrap();
    }
    assert_eq!(names(&campaign), MOST_KEPT);
    assert!(campaign.kept().last().unwrap().is_dir(), "the newest are kept");
    // A window that was begun, and a page that was half written.
    let cut = campaign.window(0).unwrap().dir;
    fs::write(folder.join("soak.md.incoming"), "half").unwrap();
    drop(campaign);
    let campaign = Campaign::resume(&folder, String::new(), heard()).unwrap();
    assert!(!cut.path().exists());
    assert_eq!((names(&campaign), campaign.soak.windows().len()), (MOST_KEPT, 12));
    campaign.write().unwrap();
}

/// What is removed is the soak's own.
#[test]
fn windows_elsewhere_are_not_ours() {
    let place = tempfile::tempdir().unwrap();
    let folder = campaign(&place).folder.clone();
    let other = place.path().join("other");
    fs::rename(folder.join(WINDOWS), &other).unwrap();
    fs::create_dir(other.join("mine")).unwrap();
    std::os::unix::fs::symlink(&other, folder.join(WINDOWS)).unwrap();
    let why = Campaign::resume(&folder, String::new(), heard()).err().unwrap().to_string();
    assert!(why.contains("is a link"), "{why}");
    assert!(other.join("mine").exists());
}
