//! Nothing is left behind: whatever ends the harness, what it made is removed, by itself, by its
//! watchdog or by `gc`, and nothing of anybody else. Real binary, fake nodes, both providers; an
//! engine that is missing fails these tests.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "leftovers/engine.rs"]
mod engine;
#[path = "provider/support.rs"]
#[expect(dead_code, reason = "every test binary uses its own part")]
mod provider;
#[path = "leftovers/trial.rs"]
mod trial;

use std::{
    fs,
    io::Read,
    path::Path,
    process::Command,
    time::{Duration, Instant, SystemTime},
};

use engine::{Foreign, Image, Proxy};
use harness::{
    lease::{MARKER, Marker},
    provider::Owner,
};
use provider::{Fake, docker_cli, fake, script, unique_run};
use trial::{Trial, harness, named};

/// What a dead process of this host would have left: a number that is no process's any more.
fn dead() -> String {
    let this = Owner::this();
    this.to_string().replacen(&format!(",{},", this.pid()), ",1,", 1)
}

/// The whole group is killed at once, as a CI system does it: the harness's output ends at once,
/// and the watchdog cleans up.
fn sigkill(provider: &str, node: &Path) {
    let image = Image::new();
    let foreign = Foreign::new(&image.0, &[]);
    let another_run = Foreign::new(&image.0, &labels(&unique_run(), &Owner::this().to_string()));
    let mut trial = Trial::with(provider, node, |_| ());
    trial.wait("its nodes are started", || trial.event("all-started").is_some());
    let run = trial.run();
    assert!(
        trial
            .harness(&["ps", "--format", "jsonl"])
            .1
            .contains(&format!(r#"{{"run":"{run}","state":"running""#))
    );
    let refused = trial.harness(&["gc", &run]);
    assert_eq!(
        (refused.0, refused.1.contains("is running: it is not touched")),
        (3, true),
        "{}",
        refused.1
    );

    let group = format!("-{}", trial.child.id());
    for signal in ["-HUP", "-INT", "-TERM"] {
        let watchdog = named(&format!("watchdog --run {run}"));
        assert_eq!(watchdog.len(), 1, "before {signal}: {watchdog:?}");
        let pid = pid_of(&format!("watchdog --run {run}"));
        trial.kill(signal, &pid);
    }
    trial.kill("-KILL", &group);
    trial.child.wait().unwrap();
    let killed = Instant::now();
    let mut rest = String::new();
    trial.child.stderr.take().unwrap().read_to_string(&mut rest).unwrap();
    trial.child.stdout.take().unwrap().read_to_string(&mut rest).unwrap();
    assert!(
        killed.elapsed() < Duration::from_millis(900),
        "who reads the harness's output waits for the watchdog"
    );

    trial.wait("the watchdog has ended", || named(&format!("watchdog --run {run}")).is_empty());
    assert!(trial.watchdog_log().contains("nothing is left"), "{}", trial.watchdog_log());
    trial.nothing_is_left();
    assert!(foreign.is_there() && another_run.is_there(), "what is not the run's own");
}

fn pid_of(text: &str) -> String {
    let output = Command::new("pgrep").args(["-f", text]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn labels(run: &str, owner: &str) -> Vec<String> {
    let label = |name: &str, value: &str| format!("org.hegemon.testbed{name}={value}");
    vec![label("", "1"), label(".run", run), label(".node", "seed"), label(".owner", owner)]
}

#[test]
fn the_watchdog_removes_containers_after_sigkill() {
    sigkill("docker", &fake(Fake::StaticOurs));
}

/// What a wrapper script has started does not die with the harness by itself.
#[test]
fn the_watchdog_ends_processes_after_sigkill() {
    let dir = tempfile::tempdir().unwrap();
    let node = fake(Fake::StaticOurs);
    let text = format!(
        "#!/bin/sh\n[ \"$1\" = --version ] && exec {0} --version\nsleep 1000 &\n{0} \"$@\"\n",
        node.display()
    );
    sigkill("process", &script(dir.path(), "node.sh", &text));
}

#[test]
fn a_signal_leaves_nothing_and_no_watchdog() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let mut trial = Trial::new("process");
        let pid = trial.child.id().to_string();
        trial.kill(signal, &pid);
        let (ended, words) = trial.end();
        assert_eq!(ended, Some(code), "{words}");
        trial.nothing_is_left();
        assert_eq!(trial.watchdog_log(), "", "it had nothing to do");
    }
}

/// `timeout` and `setsid` make groups of their own: what is in them does not get what the node's
/// group gets.
#[test]
fn a_node_in_a_group_of_its_own_ends_with_its_run() {
    let dir = tempfile::tempdir().unwrap();
    let node = fake(Fake::StaticOurs);
    let text = format!(
        "#!/bin/sh\n[ \"$1\" = --version ] && exec {0} --version\ntimeout 1000 {0} \"$@\"\n",
        node.display()
    );
    let mut trial = Trial::with("process", &script(dir.path(), "node.sh", &text), |_| ());
    trial.wait("its nodes are started", || trial.event("all-started").is_some());
    let scratch = trial.dir().unwrap().join("scratch").display().to_string();
    trial.wait("they run", || {
        named(&format!("timeout 1000 {}", node.display()))
            .iter()
            .filter(|line| line.contains(&scratch))
            .count()
            == 2
    });
    let pid = trial.child.id().to_string();
    trial.kill("-TERM", &pid);
    let (ended, words) = trial.end();
    assert_eq!(ended, Some(143), "{words}");
    assert_eq!(named(&scratch), Vec::<String>::new());
    trial.nothing_is_left();
}

/// Before anything was started: a program that is asked for its version and does not end, and then
/// SIGKILL.
#[test]
fn what_is_asked_for_its_version_ends_with_the_harness() {
    let dir = tempfile::tempdir().unwrap();
    let asked = dir.path().join("asked");
    let text = format!(
        "#!/bin/sh\necho $$ >{0}.incoming && mv {0}.incoming {0}\nexec sleep 1000\n",
        asked.display()
    );
    let mut trial = Trial::with("process", &script(dir.path(), "node.sh", &text), |_| ());
    trial.wait("it is asked", || asked.exists());
    let group = format!("-{}", trial.child.id());
    trial.kill("-KILL", &group);
    trial.child.wait().unwrap();
    let pid = fs::read_to_string(&asked).unwrap();
    let process = Path::new("/proc").join(pid.trim());
    trial.wait("it has ended", || {
        !process.exists()
            || fs::read_to_string(process.join("stat")).is_ok_and(|stat| stat.contains(") Z "))
    });
    let run = trial.run();
    trial.wait("the watchdog has ended", || named(&format!("watchdog --run {run}")).is_empty());
    trial.nothing_is_left();
}

/// A control that cannot begin, and a run without an engine.
#[test]
fn what_could_not_begin_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (state, runs) = (folder.path().join("state"), folder.path().join("runs"));
    for arguments in [
        &["selftest", "--provider", "docker", "nobody mines"][..],
        &["scenario", "three-node", "--provider", "docker"],
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_harness"));
        command
            .args(arguments)
            .arg("--out")
            .arg(&runs)
            .env("XDG_STATE_HOME", &state)
            .env("DOCKER_HOST", "unix:///nowhere/docker.sock");
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{output:?}");
        let made: Vec<_> = fs::read_dir(&runs).unwrap().map(|run| run.unwrap().path()).collect();
        assert!(!made.is_empty(), "{output:?}");
        assert!(made.iter().all(|run| !run.join("scratch").exists()), "{made:?}");
        assert_eq!(fs::read_dir(state.join("hegemon-testbed/runs")).unwrap().count(), 0);
    }
}

/// A node is killed from outside; the event's wall time says when it was reported.
fn unplanned_exit(provider: &str) {
    let mut trial = Trial::new(provider);
    let killed = SystemTime::now();
    if provider == "docker" {
        assert_ne!(docker_cli(&["kill", &format!("hegemon-{}-node", trial.run())]), "");
    } else {
        let pid = trial.event("node-started").unwrap()["incarnation"]["pid"].to_string();
        trial.kill("-KILL", &pid);
    }
    let (code, words) = trial.end();
    assert_eq!(code, Some(1), "{words}");
    assert!(words.contains("exited unplanned (signal 9)"), "{words}");
    let reported =
        humantime::parse_rfc3339(trial.event("node-exited").unwrap()["wall"].as_str().unwrap())
            .unwrap();
    let took = reported.duration_since(killed).unwrap();
    assert!(took < Duration::from_secs(2), "reported after {took:?}");

    trial.nothing_is_left();
}

#[test]
fn an_unplanned_exit_of_a_container_is_reported_within_two_seconds() {
    unplanned_exit("docker");
}

#[test]
fn an_unplanned_exit_of_a_process_is_reported_within_two_seconds() {
    unplanned_exit("process");
}

#[test]
fn an_engine_that_goes_away_is_said_with_what_it_keeps_and_gc_removes_that_later() {
    lost_engine(Proxy::cut);
}

#[test]
fn an_engine_that_hangs_is_no_other_than_one_that_went_away() {
    lost_engine(Proxy::hang);
}

fn lost_engine(lose: fn(&Proxy)) {
    let image = Image::new();
    let foreign = Foreign::new(&image.0, &[]);
    let dir = tempfile::tempdir().unwrap();
    let proxy = Proxy::new(dir.path());
    let mut trial = Trial::with("docker", &fake(Fake::StaticOurs), |command| {
        command.env("DOCKER_HOST", proxy.address());
    });
    trial.wait("its nodes are started", || trial.event("all-started").is_some());
    let (run, gone) = (trial.run(), SystemTime::now());
    lose(&proxy);
    let (code, words) = trial.end();
    let ended = gone.elapsed().unwrap();
    assert_eq!(code, Some(3), "{words}");
    let reported = humantime::parse_rfc3339(
        trial.event("environment-failed").unwrap()["wall"].as_str().unwrap(),
    )
    .unwrap();
    let reported = reported.duration_since(gone).unwrap();

    assert!(
        reported < Duration::from_secs(10) && ended < Duration::from_secs(20),
        "reported after {reported:?}, ended after {ended:?}"
    );
    for left in [
        format!("container hegemon-{run}-seed"),
        format!("container hegemon-{run}-node"),
        format!("network hegemon-{run}"),
        "image ".to_owned(),
    ] {
        assert!(words.contains(&left), "{left} in {words}");
    }
    assert!(words.contains("`harness gc` removes them"), "{words}");

    let (code, listed) = trial.harness(&["ps"]);
    assert!(
        code == 0 && listed.lines().any(|line| line.starts_with(&run) && line.contains("dead")),
        "{listed}"
    );
    let (code, listed) = trial.harness(&["gc", "--dry-run"]);
    assert!(
        code == 0 && listed.contains(&format!("would remove container hegemon-{run}-seed")),
        "{listed}"
    );
    let (code, removed) = trial.harness(&["gc", &run]);
    assert!(code == 0 && removed.contains(&format!("removed network hegemon-{run}")), "{removed}");
    trial.nothing_is_left();
    assert!(foreign.is_there());
}

/// A real limit of the kernel's: no file may grow any more. The node is a script, so that only the
/// evidence is in its way.
#[test]
fn evidence_that_cannot_be_written_ends_the_run_within_seconds() {
    let dir = tempfile::tempdir().unwrap();
    let node = script(
        dir.path(),
        "node.sh",
        "#!/bin/sh\n[ \"$1\" = --version ] && { echo 'hegemon-node 9.9.9 (hegemon-testbed)'; exit 0; }\nexec sleep 1000\n",
    );
    let limited =
        format!("trap '' XFSZ; ulimit -f 8; exec {} \"$@\"", env!("CARGO_BIN_EXE_harness"));
    let mut trial = Trial::with("process", &node, |command| {
        let mut shell = Command::new("bash");
        shell.args(["-c", &limited, "harness"]).args(command.get_args());
        shell.current_dir(command.get_current_dir().unwrap());
        shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        shell.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        *command = shell;
    });
    let began = Instant::now();
    let (code, words) = trial.end();
    assert_eq!(code, Some(3), "{words}");
    assert!(
        words.contains("the evidence cannot be written") && words.contains("File too large"),
        "{words}"
    );
    assert!(began.elapsed() < Duration::from_secs(30), "and not after the 60 s of the check");
    trial.nothing_is_left();
}

/// An entry and a run directory as a dead run leaves them; `lost` says what is wrong with them.
fn made_up(state: &Path, runs: &Path, run: &str, owner: &str) -> std::path::PathBuf {
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

#[test]
fn gc_removes_what_a_dead_run_left_and_nothing_that_only_looks_like_it() {
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

    let run = |arguments: &[&str]| harness(&state, arguments);
    let listed = run(&["ps"]).1;
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

    let (code, dry) = run(&["gc", "--dry-run"]);
    assert!(
        code == 0
            && dry.contains(&format!("would remove directory {}", ours.join("scratch").display())),
        "{dry}"
    );
    assert!(ours.join("scratch").exists(), "nothing was removed");
    assert!(!run(&["gc", "--dry-run", "--older-than", "30years"]).1.contains("aaaa000001"));

    assert!(
        dry.contains("left alone, as they are of other hosts or containers: aaaa000005;"),
        "{dry}"
    );
    assert_eq!(run(&["gc", "--dry-run", "--elsewhere"]).0, 64, "of what age must be said");
    let far_too = run(&["gc", "--dry-run", "--elsewhere", "--older-than", "1s"]).1;
    assert!(
        far_too.contains(&format!("would remove directory {}", far.join("scratch").display())),
        "{far_too}"
    );

    assert_eq!(run(&["gc", "aaaa000001"]).0, 0);
    assert!(
        !ours.join("scratch").exists()
            && ours.exists()
            && !entries.join("aaaa000001.json").exists(),
        "the evidence stays"
    );
    let (code, words) = run(&["gc", "aaaa000002", "aaaa000003"]);
    assert_eq!((code, words.matches("is running: it is not touched").count()), (3, 2), "{words}");
    let (code, words) = run(&["gc", "aaaa000004"]);
    assert!(code == 3 && words.contains("has no marker of this run"), "{words}");
    assert_eq!(run(&["gc", "aaaa000006"]).0, 64, "what is no entry is no run");
    for stays in [&living, &held, &unmarked, &far, &precious] {
        assert!(stays.join("scratch").exists(), "{}", stays.display());
    }
    for stays in ["aaaa000006.json", "aaaa000007.json"] {
        assert!(entries.join(stays).exists(), "{stays}");
    }
    drop(lock);
    assert_eq!(run(&["gc", "aaaa000003"]).0, 0, "its lock was what spoke for it");
    assert!(!held.join("scratch").exists());
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
            && dry.contains(&format!("would remove network {}", left.network)),
        "{dry}"
    );
    for other in [&living, &unknown, &nobodys, &half] {
        assert!(!dry.contains(&other.network), "{} in {dry}", other.network);
    }
    assert_eq!(harness(state.path(), &["gc", &dead_run]).0, 0);
    assert_eq!(docker_cli(&["ps", "-aq", "--filter", &format!("name={}", left.container)]), "");
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
    assert!(code == 0 && removed.matches("removed process ").count() == 2, "{removed}");
    trial.nothing_is_left();
}
