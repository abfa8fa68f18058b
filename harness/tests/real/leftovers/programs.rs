//! A program of the user's, and all that it starts where no group and no session leads back to it: whatever
//! ends the run, that ends too.

use std::{
    fs,
    path::Path,
    process::{Child, Command},
    time::{SystemTime, UNIX_EPOCH},
};

use super::trial::Trial;

/// Starts sleepers that have left its group, its session and its environment, and lost their parents; waits
/// until all are there, and goes on as it is told.
const ESCAPES: &str = r#"#!/bin/sh
sleeper='echo $$ >"$0.new"; mv "$0.new" "$0"; exec sleep SECONDS'
setsid sh -c "$sleeper" "$PWD/setsid.pid" &
timeout 300 sh -c "$sleeper" "$PWD/timeout.pid" &
(setsid sh -c '(sh -c "$1" "$2" &) &' - "$sleeper" "$PWD/daemon.pid" &)
env -i PATH="$PATH" setsid sh -c "$sleeper" "$PWD/bare.pid" </dev/null >/dev/null 2>&1 &
(trap '' TERM HUP INT; setsid sh -c "$sleeper" "$PWD/deaf.pid" &)
until [ -e setsid.pid ] && [ -e timeout.pid ] && [ -e daemon.pid ] && [ -e bare.pid ] && [ -e deaf.pid ]; do sleep 0.01; done
"#;
const ESCAPED: [&str; 5] = ["setsid", "timeout", "daemon", "bare", "deaf"];

/// A run whose check has such a program, and somebody who sleeps as long as its sleepers.
struct Programs {
    trial: Trial,
    seconds: String,
    bystander: Child,
}

impl Programs {
    fn new(goes_on: &str, keys: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Nobody else's sleep lasts as long.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let seconds = format!("300.{now}");
        let script = ESCAPES.replace("SECONDS", &seconds) + goes_on + "\n";
        fs::write(folder.path().join("escapes.sh"), script).unwrap();
        let scenario = format!(
            r#"
[scenario]
description = "a program that starts others"
[[nodes]]
name = "seed"
seed = true
[[phases]]
name = "ask"
[[phases.checks]]
check = "command"
nodes = "*"
run = ["sh", "escapes.sh"]
{keys}
"#
        );
        let bystander = Command::new("setsid").args(["sleep", &seconds]).spawn().unwrap();
        Self { trial: Trial::of(folder, &scenario), seconds, bystander }
    }

    /// Those whose number is written down, and that still sleep.
    fn sleeping(&self) -> Vec<&'static str> {
        let sleeps = |name: &&&str| {
            let pid = fs::read_to_string(self.file(name)).unwrap();
            is_sleeping(pid.trim(), &self.seconds)
        };
        ESCAPED.iter().filter(sleeps).copied().collect()
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.trial.folder.path().join(format!("{name}.pid"))
    }

    fn all_sleep(&self) {
        self.trial.wait("they sleep", || {
            ESCAPED.iter().all(|name| self.file(name).exists()) && self.sleeping() == ESCAPED
        });
    }

    /// The run is over, and so are they; nobody else is.
    fn nothing_is_left(&mut self) {
        assert_eq!(self.sleeping(), Vec::<&str>::new());
        self.trial.nothing_is_left();
        let bystander = self.bystander.id().to_string();
        assert!(is_sleeping(&bystander, &self.seconds), "somebody else's");
    }

    fn said(&self) -> String {
        self.trial.event("check-settled").unwrap().to_string()
    }
}

impl Drop for Programs {
    /// A test that failed leaves none.
    fn drop(&mut self) {
        let _ = self.bystander.kill();
        let _ = self.bystander.wait();
        for name in ESCAPED {
            let pid = fs::read_to_string(self.file(name)).unwrap_or_default();
            if is_sleeping(pid.trim(), &self.seconds) {
                let _ = Command::new("kill").args(["-KILL", pid.trim()]).status();
            }
        }
    }
}

fn is_sleeping(pid: &str, seconds: &str) -> bool {
    let line = fs::read(Path::new("/proc").join(pid).join("cmdline")).unwrap_or_default();
    line == format!("sleep\0{seconds}\0").as_bytes()
}

const LONG: &str = "within = \"60s\"";

#[test]
fn what_a_program_has_started_ends_with_it() {
    for (goes_on, said) in [
        ("exit 0", "exited with 0"),
        ("exit 3", "exited with 3, not 0"),
        ("kill -KILL $$", "signal 9"),
        // To who watches over it.
        ("kill -TERM $PPID; kill -HUP $PPID; kill -INT $PPID; exit 0", "exited with 0"),
    ] {
        let mut programs = Programs::new(goes_on, LONG);
        programs.trial.end();
        assert!(programs.said().contains(said), "{}", programs.said());
        programs.nothing_is_left();
    }
}

#[test]
fn what_a_program_has_started_ends_with_its_time() {
    let limit = "within = \"30s\"\ntimeout = \"2s\"";
    for (keys, said) in
        [(limit, "did not end within 2.0 s"), ("within = \"3s\"", "still ran at the deadline")]
    {
        let mut programs = Programs::new("exec sleep 100", keys);
        programs.trial.end();
        assert!(programs.said().contains(said), "{}", programs.said());
        programs.nothing_is_left();
    }
}

#[test]
fn what_a_program_has_started_ends_with_a_run_that_a_signal_ends() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let mut programs = Programs::new("exec sleep 100", LONG);
        programs.all_sleep();
        let pid = programs.trial.child.id().to_string();
        programs.trial.kill(signal, &pid);
        let (ended, words) = programs.trial.end();
        assert_eq!(ended, Some(code), "{words}");
        programs.nothing_is_left();
    }
}

#[test]
fn what_a_program_has_started_ends_with_a_harness_that_is_killed() {
    let mut programs = Programs::new("exec sleep 100", LONG);
    programs.all_sleep();
    let group = format!("-{}", programs.trial.child.id());
    programs.trial.kill("-KILL", &group);
    programs.trial.child.wait().unwrap();
    programs.trial.wait("they have ended", || programs.sleeping().is_empty());
    programs.trial.watchdog_ends();
    programs.nothing_is_left();
}
