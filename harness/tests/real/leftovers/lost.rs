//! A run that loses what it needs: a node, its engine, the disk.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    process::Command,
    time::{Duration, Instant, SystemTime},
};

use super::{
    engine::{Foreign, Image, Proxy},
    trial::Trial,
};
use crate::support::{Fake, docker_cli, fake, script, unique_run};

/// Half of what the check of such a run waits. How soon it is on a quiet machine stands in `harness/TRIALS.md`: beside
/// other tests an engine alone may take seconds to say that a container ended.
const SOON: Duration = Duration::from_secs(30);

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

/// Reported while it happens, and not at the end of the check.
fn unplanned_exit(provider: &str) {
    let took = reported_after(provider);
    assert!(took < SOON, "reported after {took:?}");
}

/// A node is killed from outside; the event's wall time says when it was reported.
fn reported_after(provider: &str) -> Duration {
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
    trial.nothing_is_left();
    reported.duration_since(killed).unwrap()
}

#[test]
fn an_unplanned_exit_of_a_container_is_reported_while_it_happens() {
    unplanned_exit("docker");
}

#[test]
fn an_unplanned_exit_of_a_process_is_reported_while_it_happens() {
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

    assert!(reported < SOON, "reported after {reported:?}, ended after {ended:?}");
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
    trial.watchdog_ends();
    trial.nothing_is_left();
    assert!(foreign.is_there());
}

/// What happened to a run whose node's container got this from outside: its exit code and words.
fn disturbed(by: impl FnOnce(&Trial, &str)) -> (Option<i32>, String) {
    let mut trial = Trial::new("docker");
    let network = format!("hegemon-{}", trial.run());
    by(&trial, &network);
    let (code, words) = trial.end();
    trial.watchdog_ends();
    trial.nothing_is_left();
    (code, words)
}

#[test]
fn a_node_that_is_killed_for_memory_says_so_with_its_limit() {
    let (code, words) = disturbed(|trial, network| {
        let limit = ["--memory", "32m", "--memory-swap", "32m"];
        let node = format!("{network}-seed");
        assert_ne!(docker_cli(&[&["update"], &limit[..], &[&node]].concat()), "", "no limit");
        let rpc = trial.event_of("node-started", "seed")["rpc"].as_str().unwrap().to_owned();
        trial.wait("its RPC is there", || TcpStream::connect(&rpc).is_ok());
        let mut stream = TcpStream::connect(&rpc).unwrap();
        stream.write_all(b"GET /eat HTTP/1.0\r\n\r\n").unwrap();
        let _ = stream.read(&mut [0; 64]);
    });
    assert_eq!(code, Some(1), "{words}");
    let said = "exited unplanned (signal 9): killed for memory: its limit is 32 MiB";
    assert!(words.contains(said), "{words}");
}

#[test]
fn a_container_that_somebody_removed_is_no_failure_of_its_node() {
    let (code, words) = disturbed(|_, network| {
        docker_cli(&["rm", "-f", &format!("{network}-node")]);
    });
    assert_eq!(code, Some(3), "{words}");
    assert!(words.contains("looking at node: somebody removed its container"), "{words}");
}

#[test]
fn a_node_that_somebody_took_off_its_network_is_not_blamed() {
    let (code, words) = disturbed(|_, network| {
        docker_cli(&["network", "disconnect", "--force", network, &format!("{network}-node")]);
    });
    assert_eq!(code, Some(3), "{words}");
    let said = words.contains("somebody took node (") && words.contains(") off the run's network");
    assert!(said, "{words}");
}

/// A stranger's container on the run's network is in the way of that network's removal, and of
/// nothing else.
#[test]
fn a_stranger_on_the_runs_network_is_named_and_left_alone() {
    let node = fake(Fake::StaticOurs);
    let image = Image::of(&node);
    let mut trial = Trial::new("docker");
    let (network, stranger) = (format!("hegemon-{}", trial.run()), unique_run());
    let arguments = ["--base-path", "/state", "--rpc-port", "9944"];
    let run = [
        "run",
        "--detach",
        "--tmpfs",
        "/state",
        "--name",
        &stranger,
        "--network",
        &network,
        &image.0,
    ];
    assert_ne!(docker_cli(&[&run[..], &arguments].concat()), "", "no stranger");
    let (pid, asked) = (trial.child.id().to_string(), Instant::now());
    trial.kill("-TERM", &pid);
    let (code, words) = trial.end();
    let took = asked.elapsed();
    let running = docker_cli(&["inspect", "-f", "{{.State.Running}}", &stranger]);
    let containers = docker_cli(&["ps", "-aq", "--filter", &format!("name={network}")]);
    docker_cli(&["rm", "-f", &stranger]);

    assert_eq!(code, Some(143), "{words}");
    let named = format!("network {network} (`{stranger}` is on it");
    assert!(words.contains(&named) && words.contains("watchdog's now"), "{words}");
    assert!(!words.contains("engine is gone"), "{words}");
    assert!(took < SOON, "{took:?}");
    assert_eq!(running.trim(), "true", "the stranger's own");
    assert_eq!(containers, "", "everything else went");
    trial.watchdog_ends();
    trial.nothing_is_left();
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
    assert!(began.elapsed() < SOON, "and not after the 60 s of the check");
    trial.nothing_is_left();
}
