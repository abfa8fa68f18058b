//! A network to work with: it stays, answers, shows its logs, and is gone when it is told to go.

use std::{
    env, fs,
    path::PathBuf,
    process::{Command, Output},
};

use crate::support::HARNESS;

/// A user of its own: nobody else's networks are in the way.
struct User {
    folder: tempfile::TempDir,
}

impl User {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn command(&self, arguments: &[&str]) -> Output {
        let home = PathBuf::from(env::var_os("HOME").unwrap_or_default());
        // What tools keep there stays where it is.
        let tools =
            [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup"), ("DOCKER_CONFIG", ".docker")];
        let kept = tools
            .map(|(name, folder)| (name, env::var_os(name).unwrap_or(home.join(folder).into())));
        Command::new(HARNESS)
            .args(arguments)
            .current_dir(self.folder.path())
            .envs(kept)
            .env("HOME", self.folder.path())
            .env_remove("XDG_STATE_HOME")
            .output()
            .unwrap()
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

    let (all, last) = (user.says(&["logs"]), user.says(&["logs", "--tail", "1", "node-1"]));
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
