//! A harness that is ended by a signal, SIGKILL included.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::Command,
};

use harness::provider::Owner;

use super::{
    engine::{Foreign, Image},
    labels,
    trial::{Trial, named},
};
use crate::support::{Fake, fake, script, unique_run};

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

    let own = trial.child.id().to_string();
    let held = open_files(&pid_of(&format!("watchdog --run {run}")));
    for output in [1, 2] {
        let pipe = fs::read_link(format!("/proc/{own}/fd/{output}")).unwrap();
        assert!(pipe.to_string_lossy().starts_with("pipe:"), "{pipe:?}");
        assert!(!held.contains(&pipe), "who reads the harness's output waits for the watchdog");
    }

    let group = format!("-{own}");
    for signal in ["-HUP", "-INT", "-TERM"] {
        let watchdog = named(&format!("watchdog --run {run}"));
        assert_eq!(watchdog.len(), 1, "before {signal}: {watchdog:?}");
        let pid = pid_of(&format!("watchdog --run {run}"));
        trial.kill(signal, &pid);
    }
    trial.kill("-KILL", &group);
    trial.child.wait().unwrap();
    let mut rest = String::new();
    trial.child.stderr.take().unwrap().read_to_string(&mut rest).unwrap();
    trial.child.stdout.take().unwrap().read_to_string(&mut rest).unwrap();

    trial.watchdog_ends();
    assert!(trial.watchdog_log().contains("nothing is left"), "{}", trial.watchdog_log());
    trial.nothing_is_left();
    assert!(foreign.is_there() && another_run.is_there(), "what is not the run's own");
}

/// What a process has open.
fn open_files(pid: &str) -> Vec<PathBuf> {
    let open = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    open.filter_map(|open| fs::read_link(open.path()).ok()).collect()
}

fn pid_of(text: &str) -> String {
    let output = Command::new("pgrep").args(["-f", text]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// At the end of a job a CI system kills every process that carries the job's variables.
fn killed_by_cookie(names: &[&str]) {
    let cookie = unique_run();
    let mut trial = Trial::with("docker", &fake(Fake::StaticOurs), |command| {
        command.envs(names.iter().map(|name| (name, &cookie)));
    });
    trial.wait("its nodes are started", || trial.event("all-started").is_some());
    let run = trial.run();
    let carriers = carriers(&cookie);
    assert!(carriers.contains(&trial.child.id().to_string()), "{carriers:?}");
    carriers.iter().for_each(|pid| trial.kill("-KILL", pid));
    trial.child.wait().unwrap();
    assert_eq!(named(&format!("watchdog --run {run}")).len(), 1, "the watchdog carried it, too");
    trial.watchdog_ends();
    assert!(trial.watchdog_log().contains("nothing is left"), "{}", trial.watchdog_log());
    trial.nothing_is_left();
}

/// Processes with this text in their environment.
fn carriers(text: &str) -> Vec<String> {
    let processes = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    processes
        .filter(|path| {
            fs::read(path.join("environ"))
                .is_ok_and(|environ| String::from_utf8_lossy(&environ).contains(text))
        })
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect()
}

#[test]
fn the_watchdog_outlives_what_jenkins_kills() {
    killed_by_cookie(&["BUILD_ID", "JENKINS_NODE_COOKIE", "HUDSON_COOKIE"]);
}

#[test]
fn the_watchdog_outlives_what_github_kills() {
    killed_by_cookie(&["RUNNER_TRACKING_ID"]);
}

#[test]
fn the_watchdog_outlives_what_gitlab_kills() {
    killed_by_cookie(&["CI_JOB_ID", "CI_JOB_TOKEN"]);
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
    trial.watchdog_ends();
    trial.nothing_is_left();
}
