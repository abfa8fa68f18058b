//! Mistakes of beginners: each is really made, and what is said to it stands in `harness/MISTAKES.md`.
//! `UPDATE=1` writes it there anew.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, net::UnixListener},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;

use crate::support::{Fake, HARNESS, docker_cli, fake, script, unique_run};

/// What the document calls the folder in which a mistake is made.
const HERE: &str = "/home/you/project";

/// A heading of the document, and the place in which that mistake can be made.
type Mistake = (&'static str, fn() -> Place);

const MISTAKES: [Mistake; 16] = [
    ("You are in another folder", Place::new),
    ("A scenario's name is misspelt", Place::new),
    ("A check is misspelt", || Place::new().scenario("\"peers\"", "\"peer\"")),
    ("A key is misspelt", || Place::new().scenario("within", "whithin")),
    ("A window is too short", || {
        Place::new()
            .scenario("[[nodes]]", "[network]\nblock_time = \"60s\"\n\n[[nodes]]")
            .scenario("within = \"auto\"", "within = \"90s\"")
    }),
    ("No engine", Place::new),
    ("The engine is not open to you", || Place::new().socket().closed_to_all()),
    ("The image is not on the engine", Place::new),
    ("An image is to run as a process", Place::new),
    ("The image says not what to run", || Place::new().image("my/node:1.2", None, "")),
    ("The image lacks what its program needs", || {
        Place::new().image("my/node:1.2", Some(&fake(Fake::DynamicOurs)), "[\"/node\"]")
    }),
    ("The binary may not be executed", || Place::new().node(0o644, |_| ())),
    ("The binary is for another machine", || {
        // Byte 18 of an ELF file says for which: 22 is S/390.
        Place::new().node(0o755, |bytes| bytes[18] = 22)
    }),
    ("The binary is a script, and is to run in a container", || {
        let place = Place::new();
        script(place.folder.path(), "node", "#!/bin/sh\nexec hegemon-node \"$@\"\n");
        place
    }),
    ("The node refuses the flags that it is given", || {
        let place = Place::new();
        let refuses = "#!/bin/sh\necho \"error: unexpected argument '--dev' found\" >&2\nexit 2\n";
        script(place.folder.path(), "node", refuses);
        place
    }),
    ("Somebody edited a bundle", || {
        Place::new().bundle("verdict.json", "\"seconds\": 2.95", "\"seconds\": 1.95")
    }),
];

#[test]
fn what_is_said_to_each_mistake_stands_in_the_document() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("MISTAKES.md");
    let text = fs::read_to_string(&path).unwrap();
    let commands = commands(&text);
    let headings: Vec<&str> = commands.iter().map(|(heading, _)| *heading).collect();
    assert_eq!(
        headings,
        MISTAKES.map(|(heading, _)| heading),
        "each is made, and each stands there"
    );
    let said: Vec<String> = std::thread::scope(|scope| {
        let made = commands
            .iter()
            .zip(MISTAKES)
            .map(|((_, command), (_, place))| scope.spawn(move || place().made(command)));
        let made: Vec<_> = made.collect();
        made.into_iter().map(|made| made.join().unwrap()).collect()
    });
    let fresh = with(&text, &said);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(path, fresh).unwrap();
        return;
    }
    assert_same(&text, &fresh);
}

/// Each heading with a command below it, in order.
fn commands(text: &str) -> Vec<(&str, &str)> {
    let mut heading = "";
    let mut found = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("## ") {
            heading = name;
        } else if let Some(command) = line.strip_prefix("$ ") {
            found.push((heading, command));
        }
    }
    found
}

/// The document with what is said below each command.
fn with(text: &str, said: &[String]) -> String {
    let mut said = said.iter();
    let mut fresh = String::new();
    let mut inside = false;
    for line in text.lines() {
        inside &= line != "```";
        if !inside {
            fresh.push_str(line);
            fresh.push('\n');
        }
        if line.starts_with("$ ") {
            inside = true;
            fresh.push_str(said.next().unwrap());
        }
    }
    fresh
}

/// The first line that differs, with what is around it.
fn assert_same(text: &str, fresh: &str) {
    let differs = text.lines().zip(fresh.lines()).position(|(old, new)| old != new);
    if let Some(at) = differs.or((text != fresh).then_some(0)) {
        let around: Vec<&str> = fresh.lines().skip(at.saturating_sub(3)).take(12).collect();
        panic!(
            "MISTAKES.md is not what is said (`UPDATE=1` writes it): line {}:\n{}",
            at + 1,
            around.join("\n")
        );
    }
}

/// A folder in which a mistake is about to be made.
struct Place {
    folder: tempfile::TempDir,
    /// What the document calls an image, and how it is called here, where others make the same mistake.
    images: Vec<(&'static str, String)>,
    /// What has to stay until it was made.
    _held: Vec<UnixListener>,
}

impl Place {
    /// With a scenario that is good: what `harness init` writes.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let init = Command::new(HARNESS)
            .args(["init", "--ci", "none"])
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(init.status.success(), "{init:?}");
        Self { folder, images: Vec::new(), _held: Vec::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Another text in the scenario.
    fn scenario(self, from: &str, to: &str) -> Self {
        let path = self.path("scenarios/first/scenario.toml");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from} in {text}");
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
        self
    }

    /// A socket at `engine.sock` at which nobody answers.
    fn socket(mut self) -> Self {
        self._held.push(UnixListener::bind(self.path("engine.sock")).unwrap());
        self
    }

    fn closed_to_all(self) -> Self {
        fs::set_permissions(self.path("engine.sock"), PermissionsExt::from_mode(0o000)).unwrap();
        self
    }

    /// A node that is good, but for what is done to it.
    fn node(self, mode: u32, change: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut bytes = fs::read(fake(Fake::StaticForeign)).unwrap();
        change(&mut bytes);
        fs::write(self.path("node"), bytes).unwrap();
        fs::set_permissions(self.path("node"), PermissionsExt::from_mode(mode)).unwrap();
        self
    }

    /// An image that holds one program, with this entrypoint.
    fn image(mut self, name: &'static str, program: Option<&Path>, entrypoint: &str) -> Self {
        let own = format!("foreign/{}", unique_run());
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("README"), "an image").unwrap();
        if let Some(program) = program {
            fs::copy(program, dir.path().join("node")).unwrap();
        }
        let mut tar = Command::new("tar")
            .arg("-C")
            .arg(dir.path())
            .args(["-c", "."])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut import = Command::new("docker");
        import.arg("import");
        if !entrypoint.is_empty() {
            import.args(["-c", &format!("ENTRYPOINT {entrypoint}")]);
        }
        let import = import.args(["-", &own]).stdin(tar.stdout.take().unwrap()).output().unwrap();
        assert!(import.status.success() && tar.wait().unwrap().success(), "{import:?}");
        self.images.push((name, own));
        self
    }

    /// A run's evidence, and what somebody does to it.
    fn bundle(self, file: &str, from: &str, to: &str) -> Self {
        let bundle = Path::new(env!("CARGO_MANIFEST_DIR")).join("core/tests/verify/bundle");
        fs::create_dir_all(self.path("runs/RUN/logs")).unwrap();
        for folder in ["", "logs"] {
            for entry in fs::read_dir(bundle.join(folder)).unwrap().map(Result::unwrap) {
                if entry.path().is_file() {
                    let to = self.path("runs/RUN").join(folder).join(entry.file_name());
                    fs::copy(entry.path(), to).unwrap();
                }
            }
        }
        let path = self.path("runs/RUN").join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from} in {text}");
        fs::write(path, text.replace(from, to)).unwrap();
        self
    }

    /// Makes the mistake, as the document writes it down, and says what is said.
    fn made(&self, line: &str) -> String {
        let line = line.replace(HERE, &self.folder.path().display().to_string());
        let line = self.images.iter().fold(line, |line, (name, own)| line.replace(name, own));
        let (inside, line) = match line.strip_prefix("cd scenarios && ") {
            Some(line) => ("scenarios", line),
            None => ("", &line[..]),
        };
        let mut words = shell_words::split(line).unwrap();
        let variables: Vec<_> = words.iter().map_while(|word| word.split_once('=')).collect();
        let variables: Vec<(String, String)> = variables
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        words.drain(..=variables.len());
        let mut command = Command::new(HARNESS);
        if self.path("engine.sock").exists() && rustix::process::geteuid().is_root() {
            // Root opens what is closed to all: without that right it is a user like others.
            command = Command::new("setpriv");
            command.args(["--bounding-set=-dac_override,-dac_read_search", HARNESS]);
        }
        let output = command
            .args(words)
            .envs(variables)
            .env("COLUMNS", "120")
            .env("XDG_STATE_HOME", self.path("state"))
            .current_dir(self.path(inside))
            .output()
            .unwrap();
        self.images
            .iter()
            .fold(self.said(line, &output), |said, (name, own)| said.replace(own, name))
    }

    /// What the only run came to, if there was one.
    fn verdict(&self) -> Option<Value> {
        let run = fs::read_dir(self.path("runs")).ok()?.next()?.unwrap();
        Some(serde_json::from_slice(&fs::read(run.path().join("verdict.json")).ok()?).unwrap())
    }

    /// The reason of what a run came to, and everything of what starts none.
    fn said(&self, line: &str, output: &Output) -> String {
        let all = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stderr),
            String::from_utf8_lossy(&output.stdout)
        );
        let text = match self.verdict() {
            Some(verdict) if line.contains("harness scenario") => reason(&verdict, &all),
            Some(_) | None => all,
        };
        let text = text.replace(&self.folder.path().display().to_string(), HERE);
        format!("{text}(exit code {})\n", output.status.code().unwrap())
    }
}

/// Why a run came to nothing, as it says it: who ended it, and that node's last words. All of them make the same
/// mistake, so which of them is the first is chance.
fn reason(verdict: &Value, said: &str) -> String {
    let reason = verdict["reason"].as_str().unwrap_or_else(|| panic!("no reason: {verdict}"));
    assert!(said.contains(reason.lines().next().unwrap()), "`{reason}` is not said: {said}");
    let checks = verdict["phases"][0]["checks"].as_array().into_iter().flatten();
    let seen =
        checks.filter(|check| check["check"] == "alive").find_map(|it| it["observed"].as_str());
    assert!(seen.is_none_or(|seen| said.contains(seen)), "`{seen:?}` is not said: {said}");
    let first = regex_lite::Regex::new("^(seed|node-[0-9]) exited").unwrap();
    let reason = first.replace(reason, "seed exited");
    [Some(&*reason), seen].into_iter().flatten().map(|line| format!("{line}\n")).collect()
}

impl Drop for Place {
    fn drop(&mut self) {
        for (_, image) in &self.images {
            docker_cli(&["rmi", image]);
        }
    }
}
