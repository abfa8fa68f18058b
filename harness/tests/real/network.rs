//! A network to work with: it stays, answers, shows its logs, and is gone when it is told to go.

use std::{
    env, fs,
    path::PathBuf,
    process::{Command, Output},
    thread,
    time::{Duration, Instant},
};

use crate::{
    leftovers::engine::Proxy,
    screen::Screen,
    support::{HARNESS, PATIENCE, docker_cli},
};

/// A user of its own: nobody else's networks are in the way.
pub(crate) struct User {
    pub(crate) folder: tempfile::TempDir,
    /// Where its engine is, if not at the usual place.
    engine: Option<Proxy>,
}

impl User {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), engine: None }
    }

    /// With an engine that publishes what containers serve.
    fn of_a_desktop() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engine = Some(Proxy::of_a_desktop(folder.path()));
        Self { folder, engine }
    }

    pub(crate) fn prepare(&self, command: &mut Command, arguments: &[&str]) {
        let home = PathBuf::from(env::var_os("HOME").unwrap_or_default());
        // What tools keep there stays where it is.
        let tools =
            [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup"), ("DOCKER_CONFIG", ".docker")];
        let kept = tools
            .map(|(name, folder)| (name, env::var_os(name).unwrap_or(home.join(folder).into())));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .envs(kept)
            .env("HOME", self.folder.path())
            .env_remove("XDG_STATE_HOME");
        if let Some(engine) = &self.engine {
            command.env("DOCKER_HOST", engine.address());
        }
    }

    fn command(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(HARNESS);
        self.prepare(&mut command, arguments);
        command.output().unwrap()
    }

    /// The same on a terminal of this size.
    fn on_a_screen(&self, size: (u16, u16), arguments: &[&str]) -> Screen {
        Screen::new(size, |command| self.prepare(command.arg(HARNESS), arguments))
    }

    /// Where `ps` says that a node answers.
    fn shown(&self, run: &str, node: &str) -> Option<String> {
        let runs = self.says(&["ps", "--format", "jsonl"]);
        let mut runs = runs.lines().filter_map(|line| serde_json::from_str(line).ok());
        let run: serde_json::Value = runs.find(|it: &serde_json::Value| it["run"] == run).unwrap();
        let nodes = run["nodes"].as_array().unwrap();
        let node = nodes.iter().find(|it| it["name"] == node).unwrap();
        node["rpc"].as_str().map(str::to_owned)
    }

    /// What it says, when it must work.
    fn says(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments);
        let text = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {text}");
        text
    }

    /// Its exit code and error, when it must not.
    fn refused(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.command(arguments);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code().unwrap(), error)
    }
}

impl Drop for User {
    fn drop(&mut self) {
        // Their own runs, by their names, and no other.
        let runs = fs::read_dir(self.folder.path().join("runs")).into_iter().flatten().flatten();
        for run in runs {
            let name = run.file_name().to_string_lossy().into_owned();
            let _ = self.command(&["gc", name.rsplit('-').next().unwrap_or_default()]);
        }
    }
}

fn works_and_goes(provider: &str) {
    let user = User::new();
    assert_eq!(user.refused(&["rpc", "seed", "system_health"]).0, 64, "there is none yet");
    let up = user.says(&["up", "--nodes", "1", "--mine", "--provider", provider]);
    let rpc = up.split("HARNESS_RPC=\"").nth(1).unwrap().split('"').next().unwrap();
    let names: Vec<&str> = rpc.split(' ').map(|pair| pair.split('=').next().unwrap()).collect();
    assert_eq!(names, ["seed", "node-1"], "{up}");
    let health: serde_json::Value =
        serde_json::from_str(&user.says(&["rpc", "node-1", "system_health"])).unwrap();
    assert_eq!(health["peers"], 1, "{health}");
    let header = user.says(&["rpc", "seed", "chain_getBlockHash", "0"]);
    assert!(header.starts_with("\"0x") && header.trim_end().len() == 68, "{header}");
    let (code, why) = user.refused(&["rpc", "seed", "no_such_method"]);
    assert!(code == 1 && why.contains("-32601"), "{why}");
    let (code, why) = user.refused(&["rpc", "nobody", "system_health"]);
    assert!(code == 64 && why.contains("there is node-1, seed"), "{why}");

    // In this order: a node may have said more since.
    let (last, all) = (user.says(&["logs", "--tail", "1", "node-1"]), user.says(&["logs"]));
    assert!(all.contains("seed   | ") && all.contains("node-1 | "), "{all}");
    assert_eq!(last.lines().count(), 1, "{last}");
    assert!(last.starts_with("node-1 | ") && all.contains(last.trim_end()), "{last}");

    let run = up.split("HARNESS_RUN=").nth(1).unwrap().split(' ').next().unwrap();
    assert_eq!(user.refused(&["down", "nobody"]).0, 64);
    user.says(&["down", run]);
    assert_eq!(user.refused(&["rpc", "seed", "system_health"]).0, 64, "it is gone");
    assert_eq!(user.says(&["down", "--all"]), "no network of `harness up` is on this host\n");
}

#[test]
fn of_processes() {
    works_and_goes("process");
}

#[test]
fn of_containers() {
    works_and_goes("docker");
}

/// An engine gives a container another port of its host at every start, whoever starts it.
#[test]
fn that_is_published_is_asked_at_the_port_that_it_has_now() {
    let user = User::of_a_desktop();
    let up = user.says(&["up", "--nodes", "1", "--provider", "docker"]);
    let run = up.split("HARNESS_RUN=").nth(1).unwrap().split(' ').next().unwrap();
    let seed = format!("hegemon-{run}-seed");
    let published = || {
        let at = docker_cli(&["port", &seed, "9944/tcp"]);
        at.lines().next().map(|at| at.trim().to_owned())
    };
    let first = published();
    assert!(first.is_some() && user.shown(run, "seed") == first, "{:?}", user.shown(run, "seed"));

    docker_cli(&["restart", "--time", "1", &seed]);
    assert_ne!(published(), first, "else this shows nothing");
    assert_eq!(user.shown(run, "seed"), published());
    let health = || user.command(&["rpc", "seed", "system_health"]);
    let began = Instant::now();
    // The engine takes connections before the node does.
    while !String::from_utf8_lossy(&health().stdout).contains("peers") {
        assert!(began.elapsed() < PATIENCE, "{:?}", health());
        thread::sleep(Duration::from_millis(50));
    }
    docker_cli(&["kill", &seed]);
    assert_eq!(user.shown(run, "seed"), None, "the port may be somebody else's");
    let (code, why) = user.refused(&["rpc", "seed", "system_health"]);
    assert!(code == 64 && why.contains("seed does not run"), "{why}");

    let mut log = user.on_a_screen((24, 80), &["logs", "--follow", "--tail", "1", "seed"]);
    log.until("the last line that there is", |_| log.bytes().contains('\n'));
    let starts = || log.bytes().matches("node::node: hegemon-node ").count();
    let before = starts();
    let mut screen = user.on_a_screen((24, 80), &["watch"]);
    let row = |words: &str, contents: &str| {
        contents.lines().any(|line| line.starts_with("seed ") && line.contains(words))
    };
    screen.until("the seed is down", |contents| row("down", contents));
    screen.press("r");
    screen.see("it answers at");
    screen.see(&published().unwrap());
    screen.until("and its row says so", |contents| row("running       1", contents));
    docker_cli(&["restart", "--time", "1", &seed]);
    // Killed at once it might not have come to its first line.
    log.until("it is there again", |_| starts() == before + 2);
    screen.press("x");
    screen.see("✓ kill seed: the engine says that it has ended; nothing of it is published");
    screen.press("p");
    screen.see("✗ pause seed: acting on seed: the engine says that it has ended");
    docker_cli(&["start", &seed]);
    screen.until("somebody else started it", |contents| row("running       1", contents));
    screen.press("q");
    assert_eq!(screen.end(), 0);
    screen.is_given_back();

    assert!(user.says(&["logs", "seed"]).matches("hegemon-node ").count() >= 4, "every start");
    log.until("the starts that it saw", |_| starts() == before + 3);
    user.says(&["down"]);
    assert_eq!(log.end(), 0);
    assert_eq!(docker_cli(&["ps", "-aq", "--filter", &format!("name=hegemon-{run}")]), "");
}

/// Containers and images of a run.
fn objects(run: &str) -> Vec<String> {
    let filter = format!("label=org.hegemon.testbed.run={run}");
    let containers = docker_cli(&["ps", "-aq", "--filter", &filter]);
    let images = docker_cli(&["images", "-aq", "--filter", &filter]);
    let mut objects: Vec<String> =
        format!("{containers}{images}").lines().map(str::to_owned).collect();
    objects.sort();
    objects
}

/// The second time by somebody who has not seen the first.
#[test]
fn of_containers_has_a_node_cut_off_by_hand_and_joined_again() {
    let user = User::new();
    let up = user.says(&["up", "--nodes", "2", "--provider", "docker"]);
    let run = up.split("HARNESS_RUN=").nth(1).unwrap().split(' ').next().unwrap();
    let peers = |node: &str| {
        let health = user.says(&["rpc", node, "system_health"]);
        serde_json::from_str::<serde_json::Value>(&health).unwrap()["peers"].as_u64().unwrap()
    };
    let until = |what: &str, is_so: &dyn Fn() -> bool| {
        let began = Instant::now();
        while !is_so() {
            assert!(began.elapsed() < 3 * PATIENCE, "never: {what}");
            thread::sleep(Duration::from_millis(100));
        }
    };
    let row = |peers: u32| {
        let words = format!("seed    running       {peers} ");
        move |contents: &str| contents.lines().any(|line| line.starts_with(&words))
    };
    let before = objects(run);
    assert_eq!(before.len(), 4, "three nodes, and what they are made from");
    let mut screen = user.on_a_screen((24, 200), &["watch"]);
    screen.see("i isolate/rejoin");
    screen.until("all are peers", row(2));
    screen.press("i");
    screen.see("… isolate/rejoin seed");
    screen.see("✓ isolate seed: no TCP connect and none of 20 datagrams came through on 4 ways between it and node-1, node-2; it answers at");
    // They notice in their own time, which is most of a minute.
    until("its peers are gone", &|| peers("seed") == 0);
    screen.until("its row says so", row(0));
    until("the others have each other", &|| (peers("node-1"), peers("node-2")) == (1, 1));
    assert_eq!(objects(run), before, "no helper, nor what it is made from");
    screen.press("q");
    assert_eq!(screen.end(), 0);

    let mut screen = user.on_a_screen((24, 200), &["watch"]);
    screen.until("it has still no peers", row(0));
    // Its lines are as they were: who cannot be asked is not joined.
    screen.press("p");
    screen.see("✓ pause seed");
    screen.press("i");
    screen.see("✗ isolate/rejoin seed: acting on seed: the engine says that it is paused");
    screen.press("p");
    screen.see("✓ go on seed");
    screen.press("i");
    // Whoever leaves at once waits for it.
    screen.press("q");
    screen.see("what was begun is finished first");
    assert_eq!(screen.end(), 0);
    screen.is_given_back();
    let contents = screen.contents();
    let proof = "✓ rejoin seed: every TCP connect and ";
    assert!(contents.contains(proof) && contents.contains(" on 4 ways between it"), "{contents}");
    until("they find each other again", &|| peers("seed") == 2);
    assert_eq!(objects(run), before, "no helper, nor what it is made from");
    user.says(&["down"]);
    assert_eq!(objects(run), [""; 0]);
}

/// In namespaces nothing outside gets to a node, and its address is nobody's, or somebody else's: nothing is dialled.
#[test]
fn in_namespaces_is_not_asked_from_outside() {
    let user = User::new();
    user.says(&["up", "--nodes", "1", "--provider", "process", "--network", "namespace"]);
    let (code, why) = user.refused(&["rpc", "seed", "system_health"]);
    assert!(code == 64 && why.contains("in a network namespace of its own, at 198.18."), "{why}");
    assert!(user.says(&["logs", "seed"]).contains("hegemon-node"));
    user.says(&["down"]);
}

/// What somebody kept to look into is not what `down` is for, unless it is named.
#[test]
fn another_kept_run_goes_by_its_name_only() {
    let user = User::new();
    let scenario = "[scenario]\ntimeout = \"30s\"\n[[nodes]]\nname = \"seed\"\nseed = true\nmine = true\n[[phases]]\nname = \"a\"\n[[phases.checks]]\ncheck = \"height-advances\"\nnodes = \"*\"\nby = 1\nwithin = \"20s\"\nfor = \"100ms\"\n";
    fs::write(user.folder.path().join("kept.toml"), scenario).unwrap();
    let flags = ["scenario", "./kept.toml", "--provider", "process", "--network", "loopback"];
    let ran = user.says(&[&flags[..], &["--keep", "--quiet"]].concat());
    let run = ran.split("harness gc ").nth(1).unwrap().lines().next().unwrap().trim().to_owned();
    assert_eq!(user.refused(&["down"]).0, 64);
    assert_eq!(user.says(&["down", "--all"]), "no network of `harness up` is on this host\n");
    assert!(user.says(&["rpc", "seed", "system_health"]).contains("isSyncing"), "it still runs");
    user.says(&["down", &run]);
    assert_eq!(user.refused(&["rpc", "seed", "system_health"]).0, 64);
}

/// One that does not come up leaves nothing, and its evidence says why.
#[test]
fn that_does_not_come_up_is_gone() {
    let user = User::new();
    // Less time than a peer has to be there.
    let flags = ["up", "--provider", "process", "--timeout-factor", "0.01"];
    assert_eq!(user.refused(&flags).0, 1);
    assert_eq!(user.refused(&["logs"]).0, 64);
    let runs = fs::read_dir(user.folder.path().join("runs")).unwrap();
    let run = runs.map(|run| run.unwrap().path()).next().unwrap();
    assert!(run.join("verdict.json").exists() && !run.join("scratch").exists());
}
