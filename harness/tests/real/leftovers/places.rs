//! A harness whose containers are not simply there: in a container itself, or where nothing comes
//! back from any. One that may have few files open.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use super::{
    engine::Image,
    trial::{HARNESS, Trial},
};
use crate::support::{Fake, docker_cli, fake, unique_run};

/// A network namespace without a single interface: the engine's socket is a file and works.
#[test]
fn a_harness_that_nothing_reaches_blames_no_node() {
    let began = Instant::now();
    let alone = |_: &Path| {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--net", HARNESS]);
        command
    };
    let mut trial = Trial::by(alone, "docker", &fake(Fake::StaticOurs), |_| ());
    let (code, words) = trial.end();
    assert_eq!(code, Some(3), "{words}");
    assert!(words.contains("no container can be reached from here: "), "{words}");
    assert!(words.contains("run the harness on the engine's own host"), "{words}");
    assert!(!words.contains("unplanned") && !words.contains("✗"), "no node is blamed: {words}");
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    trial.nothing_is_left();
}

/// As a CI job's container has it: its own network, the engine's socket, the project's directories.
fn in_a_container(name: &str, image: &Image, program: &[&str]) -> impl FnOnce(&Path) -> Command {
    let (name, image) = (name.to_owned(), image.0.clone());
    let program: Vec<String> = program.iter().map(|&word| word.to_owned()).collect();
    let target = Path::new(HARNESS).parent().unwrap().parent().unwrap().display().to_string();
    move |folder: &Path| {
        let mut command = Command::new("docker");
        command.args(["run", "--rm", "--name", &name]);
        let folder = folder.display().to_string();
        for path in ["/lib", "/lib64", "/usr", "/var/run/docker.sock", &target, &folder] {
            if Path::new(path).exists() {
                command.arg("--volume").arg(format!("{path}:{path}"));
            }
        }
        command.args(["--workdir", &folder, "--env", &format!("XDG_STATE_HOME={folder}/state")]);
        command.arg(image).args(program);
        command
    }
}

/// A container that must not outlive its test.
struct Guest(String);

impl Drop for Guest {
    fn drop(&mut self) {
        // Asked first: the harness in it removes what it made.
        docker_cli(&["stop", "--time", "30", &self.0]);
        docker_cli(&["rm", "-f", &self.0]);
    }
}

#[test]
fn a_harness_in_a_container_joins_the_runs_network_and_leaves_it() {
    let (image, name) = (Image::new(), unique_run());
    let program = in_a_container(&name, &image, &[HARNESS]);
    let _guest = Guest(name.clone());
    let mut trial = Trial::by(program, "docker", &fake(Fake::StaticOurs), |_| ());
    trial.wait("a node was asked", || trial.event("sample").is_some());
    let run = trial.run();
    let joined = docker_cli(&["inspect", "-f", "{{json .NetworkSettings.Networks}}", &name]);
    assert!(joined.contains(&format!("hegemon-{run}")), "{joined}");
    trial.wait("it answered", || trial.event_with("sample", "nonsense"));

    docker_cli(&["kill", "--signal", "INT", &name]);
    let (code, words) = trial.end();
    assert_eq!(code, Some(130), "{words}");
    assert!(words.contains("which joins the run's network"), "{words}");
    trial.nothing_is_left();
}

/// Its container lives on, and is on a network that must go.
#[test]
fn the_watchdog_of_a_harness_in_a_container_takes_that_off_the_network() {
    let (image, name) = (Image::new(), unique_run());
    let _guest = Guest(name.clone());
    let shell = ["/usr/bin/sh", "-c", r#""$0" "$@"; sleep 100"#, HARNESS];
    let program = in_a_container(&name, &image, &shell);
    let trial = Trial::by(program, "docker", &fake(Fake::StaticOurs), |_| ());
    trial.wait("its nodes are started", || trial.event("all-started").is_some());
    let pid = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path()).find(|path| {
        let starts =
            fs::read(path.join("cmdline")).is_ok_and(|line| line.starts_with(HARNESS.as_bytes()));
        starts && fs::read_link(path.join("cwd")).is_ok_and(|cwd| cwd == trial.folder.path())
    });
    let pid = pid.expect("the harness runs").file_name().unwrap().to_string_lossy().into_owned();
    assert!(Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
    trial.watchdog_ends();
    assert!(trial.watchdog_log().contains("nothing is left"), "{}", trial.watchdog_log());
    let running = docker_cli(&["inspect", "-f", "{{.State.Running}}", &name]);
    assert_eq!(running.trim(), "true", "its own container is nobody's to remove");
    docker_cli(&["rm", "-f", &name]);
    trial.nothing_is_left();
}

/// The harness with limits of a shell.
fn limited(limits: &str) -> impl FnOnce(&Path) -> Command {
    let script = format!("{limits}; exec \"$0\" \"$@\"");
    move |_: &Path| {
        let mut command = Command::new("sh");
        command.args(["-c", &script, HARNESS]);
        command
    }
}

#[test]
fn few_descriptors_are_raised_as_far_as_they_may_be() {
    let program = limited("ulimit -S -n 16");
    let mut trial = Trial::by(program, "process", &fake(Fake::StaticOurs), |_| ());
    trial.wait("its nodes are started", || trial.event("all-started").is_some());
    let pid = trial.child.id().to_string();
    trial.kill("-TERM", &pid);
    let (code, words) = trial.end();
    assert_eq!(code, Some(143), "{words}");
    assert!(!words.contains("descriptors"), "{words}");
    trial.nothing_is_left();
}

/// What this process has inherited decides where it runs out: at the pipe to the watchdog, in the
/// runtime, or not before its nodes are counted. Each is the machine's, and leaves nothing.
#[test]
fn a_run_without_descriptors_does_not_begin_and_leaves_nothing() {
    for limit in [13, 14, 16, 18, 20] {
        let script = format!("ulimit -n {limit}");
        let limits = limited(&script);
        let mut trial = Trial::by(limits, "process", &fake(Fake::StaticOurs), |_| ());
        let (code, words) = trial.end();
        assert_eq!(code, Some(3), "{limit}: {words}");
        let says = ["Too many open files", "prlimit"].iter().any(|part| words.contains(part));
        assert!(says, "{limit}: {words}");
        assert!(!words.contains("seed"), "{limit}: nothing was started: {words}");
        trial.nothing_is_left();
    }
}

#[test]
fn descriptors_that_cannot_be_raised_are_named() {
    let program = limited("ulimit -n 24");
    let mut trial = Trial::by(program, "process", &fake(Fake::StaticOurs), |_| ());
    let (code, words) = trial.end();
    assert_eq!(code, Some(3), "{words}");
    for part in ["2 nodes may need 48 descriptors, and this process may have 24", "prlimit"] {
        assert!(words.contains(part), "{part} in {words}");
    }
    assert!(!words.contains("seed"), "nothing was started: {words}");
}
