//! Builds our node from the workspace that this harness was compiled in. Cargo decides what is
//! stale and locks its directory, so several harnesses may ask at once. Where there is no workspace, nothing is built:
//! the node is beside the harness.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::Command,
    sync::OnceCell,
};

use super::{BinaryError, Progress, beside::beside, subprocess};

const PACKAGE: &str = "hegemon-node";
/// Cargo's last lines that an error shows: a compiler error with its context.
const TAIL_LINES: usize = 40;
/// Time and bytes for cargo to say its version.
const CARGO_LIMIT: Duration = Duration::from_secs(10);
const CARGO_OUTPUT: u64 = 4096;
/// A line of progress no more often than this.
const PROGRESS_EVERY: Duration = Duration::from_secs(2);
/// And no more seldom than this: linking says nothing for a minute.
const PULSE: Duration = Duration::from_secs(10);

/// How the C library gets into a released binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Linkage {
    /// Complete in itself: runs in an image that holds nothing else.
    Static,
    /// For hosts without a static C library; an image then gets loader and libraries too.
    Dynamic,
}

/// Which of the workspace's programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// The node.
    Node,
    /// The adversary.
    Hostile,
}

/// How much is done for a program's speed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildKind {
    /// Sooner there, for somebody who waits: of the crates that a harness built in the same way has made, so that only
    /// the node's own are left to do. Not optimised but for its hashes. Dynamic, since cargo links one of several packages
    /// in no other way.
    Quick,
    /// As it is released: for whoever judges a release, or its figures. Complete in itself where the host allows it.
    Release,
}

/// Where our own node comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnNode {
    /// It is built; from what and by whom.
    Built(String),
    /// It lies beside this harness.
    Beside(PathBuf),
}

impl Program {
    /// Its name, as cargo knows it. The package is the same.
    fn name(self) -> &'static str {
        match self {
            Self::Node => PACKAGE,
            Self::Hostile => "hegemon-hostile",
        }
    }
}

/// As this harness was built itself.
impl Default for BuildKind {
    fn default() -> Self {
        if cfg!(debug_assertions) { Self::Quick } else { Self::Release }
    }
}

/// Builds a program and returns its path in cargo's directory, where a later
/// build replaces it: copy it before use. Where there is no workspace it is the one beside this harness; where there is
/// one it never is, since a node of another day may lie there. Built once in a process: of a hundred runs beside each other
/// each would have cargo say again that nothing is stale.
///
/// # Errors
/// There is no cargo, or it fails: with its last lines; or there is neither a workspace nor the program.
pub async fn our_program(
    (program, kind): (Program, BuildKind),
    progress: Progress<'_>,
) -> Result<PathBuf, BinaryError> {
    static NODE: OnceCell<PathBuf> = OnceCell::const_new();
    static RELEASED: OnceCell<PathBuf> = OnceCell::const_new();
    static HOSTILE: OnceCell<PathBuf> = OnceCell::const_new();
    // Nobody judges an adversary: one kind of it is enough.
    let (built, kind) = match (program, kind) {
        (Program::Node, BuildKind::Quick) => (&NODE, kind),
        (Program::Node, BuildKind::Release) => (&RELEASED, kind),
        (Program::Hostile, _) => (&HOSTILE, BuildKind::default()),
    };
    match workspace() {
        Ok(workspace) => {
            let build = || program_of(&workspace, None, (program, kind), progress);
            built.get_or_try_init(build).await.cloned()
        }
        Err(_) => {
            let path = beside(program.name())?;
            progress(format!("{} is {}, beside this harness", program.name(), path.display()));
            Ok(path)
        }
    }
}

/// The same of another checkout of this workspace, with an own directory for what cargo makes if one is named.
///
/// # Errors
/// There is no cargo, or it fails: with its last lines.
pub async fn program_of(
    workspace: &Path,
    made: Option<&Path>,
    (program, kind): (Program, BuildKind),
    progress: Progress<'_>,
) -> Result<PathBuf, BinaryError> {
    let name = program.name();
    let with = |mut command: Command| {
        if let Some(made) = made {
            command.env("CARGO_TARGET_DIR", made);
        }
        build(command, name, progress)
    };
    if kind == BuildKind::Quick {
        return with(quick(workspace, name)).await;
    }
    let target = host_triple(workspace).await?;
    match with(release(workspace, name, (&target, Linkage::Static))).await {
        Err(BinaryError::Build { tail, .. }) if is_link_failure(&tail) => {
            progress(format!("no static C library on this host; linking {name} dynamically"));
            with(release(workspace, name, (&target, Linkage::Dynamic))).await
        }
        other => other,
    }
}

/// Whether there will be a node of our own, and where from; builds nothing.
///
/// # Errors
/// There is no cargo; or there is neither a workspace nor a node beside this harness.
pub async fn our_node() -> Result<OwnNode, BinaryError> {
    let Ok(workspace) = workspace() else { return beside(PACKAGE).map(OwnNode::Beside) };
    let mut command = Command::new(cargo_program());
    command.arg("--version");
    let said = subprocess::run(command, CARGO_LIMIT, CARGO_OUTPUT)
        .await
        .map_err(|error| failure(format!("cannot run {:?}: {error}", cargo_program())))?;
    let cargo = String::from_utf8_lossy(&said.stdout).trim().to_owned();
    let workspace = workspace.display();
    Ok(OwnNode::Built(format!("{PACKAGE} of {workspace}, built by {cargo} when a run needs it")))
}

/// Where this harness was compiled. A release knows none: it is the same, byte for byte, wherever that was.
#[cfg(release)]
const COMPILED_IN: Option<&str> = None;
#[cfg(not(release))]
const COMPILED_IN: Option<&str> = Some(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));

/// The workspace that this harness was compiled in.
///
/// # Errors
/// It is a release, or the workspace is gone.
pub fn workspace() -> Result<PathBuf, BinaryError> {
    let Some(folder) = COMPILED_IN else {
        return Err(failure("this harness is a release, which has no workspace".to_owned()));
    };
    let root = Path::new(folder).canonicalize().ok();
    root.filter(|root| root.join("Cargo.toml").is_file()).ok_or_else(|| {
        failure(format!("this harness was compiled in `{folder}`, which is not there any more"))
    })
}

async fn build(
    mut command: Command,
    name: &str,
    progress: Progress<'_>,
) -> Result<PathBuf, BinaryError> {
    let (mut child, group) = subprocess::spawn_group(&mut command)
        .await
        .map_err(|error| failure(format!("cannot run {:?}: {error}", cargo_program())))?;
    let messages = child.stdout.take().expect("stdout is piped");
    let diagnostics = child.stderr.take().expect("stderr is piped");
    let (executable, tail) =
        tokio::join!(find_executable(messages, name), follow(diagnostics, name, progress));
    let status = child.wait().await.map_err(|error| failure(error.to_string()))?;
    group.disarm();
    match executable {
        Some(path) if status.success() => Ok(path),
        _ => Err(BinaryError::Build { why: ending(status, name), tail: tail.into() }),
    }
}

fn ending(status: ExitStatus, name: &str) -> String {
    if status.success() {
        format!("cargo made no `{name}` executable")
    } else {
        format!("cargo ended with {status}")
    }
}

fn cargo_program() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from)
}

/// Both packages are named, so that cargo takes the same features of what they share as for the harness alone, and
/// finds it built; of the two only the program is made.
fn quick(workspace: &Path, name: &str) -> Command {
    let mut command = cargo("build", workspace, name);
    command.args(["--package", env!("CARGO_PKG_NAME")]);
    command
}

fn release(workspace: &Path, name: &str, (target, linkage): (&str, Linkage)) -> Command {
    let mut command = cargo("rustc", workspace, name);
    // With an explicit target, flags do not reach build scripts and procedural macros, which cannot
    // be static.
    command.args(["--release", "--target", target]);
    if linkage == Linkage::Static {
        command.args(["--", "-C", "target-feature=+crt-static"]);
    }
    command
}

fn cargo(verb: &str, workspace: &Path, name: &str) -> Command {
    let mut command = Command::new(cargo_program());
    command
        .current_dir(workspace)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.args([verb, "--color=never", "--message-format=json-render-diagnostics"]);
    command.args(["--package", PACKAGE, "--bin", name]);
    if workspace.join("Cargo.lock").is_file() {
        command.arg("--locked");
    }
    without_cargos_own_environment(&mut command);
    command
}

/// `cargo run` and `cargo test` describe the package that they run in the environment. A cargo
/// inside would take that for our wish, and rebuild whatever looks at it.
fn without_cargos_own_environment(command: &mut Command) {
    const PREFIXES: [&str; 3] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"];
    const NAMES: [&str; 4] =
        ["CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE", "CARGO_TARGET_TMPDIR", "OUT_DIR"];
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if PREFIXES.iter().any(|prefix| text.starts_with(prefix)) || NAMES.contains(&text.as_ref())
        {
            command.env_remove(&name);
        }
    }
}

async fn host_triple(workspace: &Path) -> Result<String, BinaryError> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut command = Command::new(&rustc);
    command.arg("-vV").current_dir(workspace);
    let output = subprocess::run(command, Duration::from_secs(60), 64 * 1024)
        .await
        .map_err(|error| failure(format!("cannot run {}: {error}", rustc.display())))?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_owned).ok_or_else(|| {
        failure(format!(
            "`{} -vV` names no host: {}",
            rustc.display(),
            String::from_utf8_lossy(&output.stderr).trim()
        ))
    })
}

/// Reads cargo's messages to their end: the last executable of our package, if any.
async fn find_executable(messages: impl AsyncRead + Unpin, name: &str) -> Option<PathBuf> {
    let mut lines = BufReader::new(messages).lines();
    let mut found = None;
    while let Ok(Some(line)) = lines.next_line().await {
        found = executable_in(&line, name).or(found);
    }
    found
}

fn executable_in(message: &str, name: &str) -> Option<PathBuf> {
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    let is_ours = message["reason"] == "compiler-artifact" && message["target"]["name"] == name;
    is_ours.then(|| message["executable"].as_str().map(PathBuf::from)).flatten()
}

/// Reads cargo's words to their end, passes on what a waiting person wants to know, and keeps the
/// last lines.
async fn follow(
    diagnostics: impl AsyncRead + Unpin,
    name: &str,
    progress: Progress<'_>,
) -> VecDeque<String> {
    let mut lines = BufReader::new(diagnostics).lines();
    let mut tail = VecDeque::with_capacity(TAIL_LINES);
    let mut reporter = Reporter { progress, name, began: Instant::now(), spoken: None, crates: 0 };
    loop {
        let line = match tokio::time::timeout(PULSE, lines.next_line()).await {
            Err(_) => {
                reporter.pulse();
                continue;
            }
            Ok(Ok(Some(line))) => line,
            Ok(Ok(None) | Err(_)) => return tail,
        };
        reporter.hear(line.trim_start());
        if tail.len() == TAIL_LINES {
            tail.pop_front();
        }
        tail.push_back(line);
    }
}

/// Turns a flood of cargo's lines into a few.
struct Reporter<'a> {
    progress: Progress<'a>,
    name: &'a str,
    began: Instant,
    spoken: Option<Instant>,
    crates: usize,
}

impl Reporter<'_> {
    fn hear(&mut self, line: &str) {
        if let Some(package) = line.strip_prefix("Compiling ") {
            self.crates += 1;
            if self.spoken.is_none_or(|last| last.elapsed() >= PROGRESS_EVERY) {
                self.say(&format!(
                    "{} crates so far, now {}",
                    self.crates,
                    package.split(' ').next().unwrap_or(package)
                ));
            }
        } else if line.starts_with("Blocking ") {
            self.say("waiting for another cargo");
        }
    }

    /// Nothing was heard for a while; if there was anything to build, it goes on.
    fn pulse(&mut self) {
        if self.spoken.is_some() {
            self.say(&format!("{} s so far", self.began.elapsed().as_secs()));
        }
    }

    fn say(&mut self, what: &str) {
        self.spoken = Some(Instant::now());
        (self.progress)(format!("building {}: {what}", self.name));
    }
}

fn is_link_failure(tail: &[String]) -> bool {
    tail.iter().any(|line| line.contains("linking with `"))
}

fn failure(why: String) -> BinaryError {
    BinaryError::Build { why, tail: Vec::new() }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn only_our_executable_is_taken() {
        let message = |name: &str, executable: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","target":{{"name":"{name}"}},"executable":{executable}}}"#
            )
        };
        assert_eq!(
            executable_in(&message("hegemon-node", r#""/t/hegemon-node""#), PACKAGE),
            Some(PathBuf::from("/t/hegemon-node"))
        );
        assert_eq!(executable_in(&message("hegemon-node", "null"), PACKAGE), None);
        assert_eq!(executable_in(&message("hegemon-sim", r#""/t/hegemon-sim""#), PACKAGE), None);
        assert_eq!(executable_in("not json", PACKAGE), None);
    }

    #[tokio::test]
    async fn a_person_hears_little_and_an_error_keeps_the_end() {
        let words = (0..100)
            .map(|number| format!("   Compiling crate{number} v1.0.0\n"))
            .collect::<String>()
            + "error: no\n";
        let heard = Mutex::new(Vec::new());
        let tail =
            follow(words.as_bytes(), PACKAGE, &|line| heard.lock().unwrap().push(line)).await;
        assert_eq!(tail.len(), TAIL_LINES);
        assert_eq!(tail.back().map(String::as_str), Some("error: no"));
        assert_eq!(*heard.lock().unwrap(), ["building hegemon-node: 1 crates so far, now crate0"]);
    }

    #[test]
    fn a_released_node_is_built_as_such_and_one_that_is_waited_for_is_not() {
        let words = |command: Command| {
            let words = command.as_std().get_args();
            words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
        };
        let quick = words(quick(Path::new("/w"), PACKAGE));
        let release = words(release(Path::new("/w"), PACKAGE, ("t", Linkage::Static)));
        assert!(release.contains("--release") && release.ends_with("+crt-static"), "{release}");
        assert!(quick.starts_with("build ") && quick.contains("--package harness"), "{quick}");
        assert!(!quick.contains("--release"), "{quick}");
    }

    #[test]
    fn a_missing_static_c_library_is_recognised() {
        assert!(is_link_failure(&["error: linking with `cc` failed: exit status: 1".to_owned()]));
        assert!(!is_link_failure(&["error[E0308]: mismatched types".to_owned()]));
    }
}
