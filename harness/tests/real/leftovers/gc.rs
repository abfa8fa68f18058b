//! `gc` removes what a dead run left, and only that.

use std::{
    fs,
    path::{Path, PathBuf},
};

use harness::{
    lease::{MARKER, Marker},
    provider::Owner,
};

use super::{
    dead,
    engine::{Foreign, Image},
    labels,
    trial::{Trial, harness, named},
};
use crate::support::{Fake, docker_cli, fake, unique_run};

/// An entry and a run directory as a dead run leaves them; `lost` says what is wrong with them.
fn made_up(state: &Path, runs: &Path, run: &str, owner: &str) -> PathBuf {
    let dir = runs.canonicalize().unwrap().join(format!("20261125T120000Z-made-up-{run}"));
    fs::create_dir_all(dir.join("scratch/nodes/seed")).unwrap();
    drop(Marker::hold(&dir.join("scratch"), run).unwrap());
    let owner: Owner = owner.parse().unwrap();
    let entry = serde_json::json!({
        "version": 1, "run": run, "scenario": "made-up", "dir": dir, "owner": owner, "started": "2026-11-25T12:00:00Z", "kept": false,
        "provider": "process", "nodes": {},
    });
    let entries = state.join("hegemon-testbed/runs");
    fs::create_dir_all(&entries).unwrap();
    fs::write(entries.join(format!("{run}.json")), entry.to_string()).unwrap();
    dir
}

/// What a dead run left, and everything that only looks like it.
struct MadeUp {
    folder: tempfile::TempDir,
    entries: PathBuf,
    ours: PathBuf,
    living: PathBuf,
    /// Its marker is locked by `lock`.
    held: PathBuf,
    lock: Option<Marker>,
    unmarked: PathBuf,
    far: PathBuf,
    /// Somebody else's directory, which an entry says is a run's.
    precious: PathBuf,
}

impl MadeUp {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (state, runs) = (folder.path().join("state"), folder.path());
        let ours = made_up(&state, runs, "aaaa000001", &dead());
        let living = made_up(&state, runs, "aaaa000002", &Owner::this().to_string());
        let held = made_up(&state, runs, "aaaa000003", &dead());
        fs::remove_file(held.join("scratch").join(MARKER)).unwrap();
        let lock = Marker::hold(&held.join("scratch"), "aaaa000003").unwrap();
        let unmarked = made_up(&state, runs, "aaaa000004", &dead());
        fs::remove_file(unmarked.join("scratch").join(MARKER)).unwrap();
        let far = made_up(&state, runs, "aaaa000005", &format!("other-{}", dead()));
        let entries = state.join("hegemon-testbed/runs");
        fs::write(entries.join("aaaa000006.json"), "{\"version\": 1, \"run\"").unwrap();
        let precious = folder.path().join("precious");
        fs::create_dir_all(precious.join("scratch")).unwrap();
        let lie = fs::read_to_string(entries.join("aaaa000001.json"))
            .unwrap()
            .replace("aaaa000001", "aaaa000007");
        let dir = runs.canonicalize().unwrap().join("20261125T120000Z-made-up-aaaa000007");
        fs::write(
            entries.join("aaaa000007.json"),
            lie.replace(dir.to_str().unwrap(), precious.to_str().unwrap()),
        )
        .unwrap();
        let lock = Some(lock);
        Self { entries, ours, living, held, lock, unmarked, far, precious, folder }
    }

    fn run(&self, arguments: &[&str]) -> (i32, String) {
        harness(&self.folder.path().join("state"), arguments)
    }

    fn are_listed(&self) {
        let listed = self.run(&["ps"]).1;
        for (run, state) in [
            ("aaaa000001", "dead"),
            ("aaaa000002", "running"),
            ("aaaa000003", "running"),
            ("aaaa000004", "dead"),
            ("aaaa000005", "elsewhere"),
        ] {
            assert!(
                listed.lines().any(|line| line.starts_with(run) && line.contains(state)),
                "{run} {state} in {listed}"
            );
        }
        assert!(
            listed.contains("aaaa000006.json is no entry of a run")
                && listed.contains("aaaa000007.json is no entry of a run"),
            "{listed}"
        );
    }

    fn are_named_and_left_by_a_dry_run(&self) {
        let (code, dry) = self.run(&["gc", "--dry-run"]);
        assert!(
            code == 0
                && dry.contains(&format!(
                    "would remove directory {}",
                    self.ours.join("scratch").display()
                )),
            "{dry}"
        );
        assert!(self.ours.join("scratch").exists(), "nothing was removed");
        assert!(
            !self.run(&["gc", "--dry-run", "--older-than", "30years"]).1.contains("aaaa000001")
        );

        assert!(
            dry.contains("left alone, as they are of other hosts or containers: aaaa000005;"),
            "{dry}"
        );
        assert_eq!(self.run(&["gc", "--dry-run", "--elsewhere"]).0, 64, "of what age must be said");
        let far_too = self.run(&["gc", "--dry-run", "--elsewhere", "--older-than", "1s"]).1;
        assert!(
            far_too.contains(&format!(
                "would remove directory {}",
                self.far.join("scratch").display()
            )),
            "{far_too}"
        );
    }

    fn go_by_name_or_not_at_all(&self) {
        assert_eq!(self.run(&["gc", "aaaa000001"]).0, 0);
        assert!(
            !self.ours.join("scratch").exists()
                && self.ours.exists()
                && !self.entries.join("aaaa000001.json").exists(),
            "the evidence stays"
        );
        let (code, words) = self.run(&["gc", "aaaa000002", "aaaa000003"]);
        assert_eq!(
            (code, words.matches("is running: it is not touched").count()),
            (3, 2),
            "{words}"
        );
        let (code, words) = self.run(&["gc", "aaaa000004"]);
        assert!(code == 3 && words.contains("has no marker of this run"), "{words}");
        assert_eq!(self.run(&["gc", "aaaa000006"]).0, 64, "what is no entry is no run");
        for stays in [&self.living, &self.held, &self.unmarked, &self.far, &self.precious] {
            assert!(stays.join("scratch").exists(), "{}", stays.display());
        }
        for stays in ["aaaa000006.json", "aaaa000007.json"] {
            assert!(self.entries.join(stays).exists(), "{stays}");
        }
    }

    fn go_without_their_lock(&mut self) {
        drop(self.lock.take());
        assert_eq!(self.run(&["gc", "aaaa000003"]).0, 0, "its lock was what spoke for it");
        assert!(!self.held.join("scratch").exists());
    }
}

#[test]
fn gc_removes_what_a_dead_run_left_and_nothing_that_only_looks_like_it() {
    let mut made_up = MadeUp::new();
    made_up.are_listed();
    made_up.are_named_and_left_by_a_dry_run();
    made_up.go_by_name_or_not_at_all();
    made_up.go_without_their_lock();
}

/// It would find nothing, and take that for the end of the run.
#[test]
fn gc_asks_no_other_engine_for_what_a_run_left() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let ours = made_up(&state, folder.path(), "aaaa000001", &dead());
    let entry = state.join("hegemon-testbed/runs/aaaa000001.json");
    let text = fs::read_to_string(&entry).unwrap();
    let on = |engine: &str| {
        let text = text.replace(
            r#""provider":"process""#,
            &format!(r#""provider":"docker","engine":"{engine}""#),
        );
        fs::write(&entry, text).unwrap();
        harness(&state, &["gc", "aaaa000001"])
    };
    let (code, words) = on("another");
    assert!(code == 3 && words.contains("another one answers here"), "{words}");
    assert!(entry.exists() && ours.join("scratch").exists());
    let (code, words) = on(docker_cli(&["info", "--format", "{{.ID}}"]).trim());
    assert!(code == 0 && !entry.exists() && !ours.join("scratch").exists(), "{words}");
}

#[test]
fn gc_takes_from_the_engine_only_what_is_dead_by_its_labels() {
    let (image, state) = (Image::new(), tempfile::tempdir().unwrap());
    let made = |owner: Option<String>| {
        let run = unique_run();
        let mut labels = labels(&run, owner.as_deref().unwrap_or_default());
        labels.truncate(if owner.is_some() { 4 } else { 3 });
        (Foreign::new(&image.0, &labels), run)
    };
    let (left, dead_run) = made(Some(dead()));
    let (living, living_run) = made(Some(Owner::this().to_string()));
    let (unknown, unknown_run) = made(None);
    let nobodys = Foreign::new(&image.0, &[]);
    // What somebody runs of the run's image has the image's labels.
    let of_its_image = docker_cli(&[
        "create",
        "--label",
        "org.hegemon.testbed=1",
        "--label",
        &format!("org.hegemon.testbed.run={dead_run}"),
        &image.0,
    ]);
    let half = Foreign::new(&image.0, &["org.hegemon.testbed=1".to_owned()]);

    let dry = harness(state.path(), &["gc", "--dry-run"]).1;
    assert!(
        dry.contains(&format!("would remove container {}", left.container))
            && dry.contains(&format!("would remove network {}", left.network))
            && dry.contains(&format!("would remove volume {}", left.volume)),
        "{dry}"
    );
    for other in [&living, &unknown, &nobodys, &half] {
        assert!(!dry.contains(&other.network), "{} in {dry}", other.network);
    }
    assert_eq!(harness(state.path(), &["gc", &dead_run]).0, 0);
    assert_eq!(docker_cli(&["ps", "-aq", "--filter", &format!("name={}", left.container)]), "");
    assert_eq!(
        docker_cli(&["volume", "ls", "-q", "--filter", &format!("name={}", left.volume)]),
        ""
    );
    assert_eq!(
        docker_cli(&["network", "ls", "-q", "--filter", &format!("name={}", left.network)]),
        ""
    );
    assert_ne!(docker_cli(&["rm", "-f", &of_its_image]), "", "it is no node of the run");
    assert_eq!(
        harness(state.path(), &["gc", &living_run]).0,
        3,
        "a run that lives is not touched, even by name"
    );
    assert!(living.is_there() && unknown.is_there() && nobodys.is_there() && half.is_there());
    assert_eq!(
        harness(state.path(), &["gc", &unknown_run]).0,
        0,
        "by name, what nobody answers for goes"
    );
    assert_eq!(
        docker_cli(&["network", "ls", "-q", "--filter", &format!("name={}", unknown.network)]),
        ""
    );
}

#[test]
fn what_is_kept_goes_by_name_and_not_before() {
    let mut trial = Trial::with("process", &fake(Fake::StaticOurs), |command| {
        command.arg("--keep");
    });
    trial.wait("its nodes are started", || trial.event("all-started").is_some());
    let (run, pid) = (trial.run(), trial.child.id().to_string());
    assert_eq!(named(&format!("watchdog --run {run}")), Vec::<String>::new());
    trial.kill("-TERM", &pid);
    let (code, words) = trial.end();
    assert!(code == Some(143) && words.contains(&format!("harness gc {run}")), "{words}");
    assert!(!trial.harness(&["gc", "--dry-run"]).1.contains(&run), "kept");
    assert!(trial.harness(&["gc", "--dry-run", "--kept"]).1.contains(&run));
    assert!(
        trial
            .harness(&["ps"])
            .1
            .lines()
            .any(|line| line.starts_with(&run) && line.contains("kept"))
    );
    let (code, removed) = trial.harness(&["gc", &run]);
    // The nodes, and the keeper of their network.
    assert!(code == 0 && removed.matches("removed process ").count() == 3, "{removed}");
    assert!(removed.contains("(harness-keeper)"), "{removed}");
    trial.nothing_is_left();
}
