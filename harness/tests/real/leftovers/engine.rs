//! The way to the engine, to be cut or blocked in the middle of a run, or that says what the engine is not; and what
//! other people have on it.

use std::{
    io::{Read, Write},
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use serde_json::Value;

use crate::support::{docker_cli, unique_run};

/// Passes bytes between whoever connects to its socket and the real engine.
pub(crate) struct Proxy {
    path: PathBuf,
    open: Arc<Mutex<Vec<UnixStream>>>,
    hung: Arc<AtomicBool>,
}

impl Proxy {
    pub(crate) fn new(dir: &Path) -> Self {
        Self::answering(dir, |_| None)
    }

    /// To an engine that says to be Docker Desktop's: this host has no route to its containers, and what they serve is
    /// published.
    pub(crate) fn of_a_desktop(dir: &Path) -> Self {
        Self::answering(dir, |question| {
            let path = question.strip_prefix("GET ")?.split(' ').next()?;
            path.ends_with("/info").then(|| {
                let mut facts: Value = serde_json::from_str(&ask("/info")).unwrap();
                facts["OperatingSystem"] = "Docker Desktop".into();
                let facts = facts.to_string();
                let length = facts.len();
                format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{facts}")
            })
        })
    }

    /// Questions that get another answer than the engine's own do not come to it.
    fn answering(dir: &Path, answer: fn(&str) -> Option<String>) -> Self {
        let path = dir.join("engine.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let (open, hung): (Arc<Mutex<Vec<UnixStream>>>, Arc<AtomicBool>) = Default::default();
        let (streams, swallow) = (Arc::clone(&open), Arc::clone(&hung));
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, engine) = (client.unwrap(), UnixStream::connect(real()).unwrap());
                streams
                    .lock()
                    .unwrap()
                    .extend([client.try_clone().unwrap(), engine.try_clone().unwrap()]);
                let (asked, engine_asked) =
                    (client.try_clone().unwrap(), engine.try_clone().unwrap());
                let swallows = [Arc::clone(&swallow), Arc::clone(&swallow)];
                let [there, back] = swallows;
                thread::spawn(move || pass(asked, engine_asked, &there, answer));
                thread::spawn(move || pass(engine, client, &back, |_| None));
            }
        });
        Self { path, open, hung }
    }

    pub(crate) fn address(&self) -> String {
        format!("unix://{}", self.path.display())
    }

    /// The engine goes away: connections end, and there are no new ones.
    pub(crate) fn cut(&self) {
        std::fs::remove_file(&self.path).unwrap();
        for stream in self.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// The engine hangs: it takes connections and questions, and nothing comes back.
    pub(crate) fn hang(&self) {
        self.hung.store(true, Ordering::SeqCst);
    }
}

fn pass(
    mut from: UnixStream,
    mut to: UnixStream,
    swallow: &AtomicBool,
    answer: fn(&str) -> Option<String>,
) {
    let mut block = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut block) {
        // Questions come one after another, each with its answer in between.
        if let Some(answer) = answer(&String::from_utf8_lossy(&block[..length])) {
            from.write_all(answer.as_bytes()).unwrap();
            continue;
        }
        if !swallow.load(Ordering::SeqCst) && to.write_all(&block[..length]).is_err() {
            break;
        }
    }
    if !swallow.load(Ordering::SeqCst) {
        let _ = to.shutdown(Shutdown::Write);
    }
}

/// The engine itself, past everybody.
fn ask(path: &str) -> String {
    let mut engine = UnixStream::connect(real()).unwrap();
    engine.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    engine.read_to_string(&mut answer).unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

fn real() -> PathBuf {
    let host = std::env::var("DOCKER_HOST")
        .ok()
        .and_then(|host| host.strip_prefix("unix://").map(PathBuf::from));
    host.unwrap_or_else(|| "/var/run/docker.sock".into())
}

/// A network, a container and a volume of somebody else, removed at the end of their test.
pub(crate) struct Foreign {
    pub(crate) network: String,
    pub(crate) container: String,
    pub(crate) volume: String,
}

impl Foreign {
    /// With these labels. `image` is any that the engine has; the container is never started.
    pub(crate) fn new(image: &str, labels: &[String]) -> Self {
        let name = format!("foreign-{}", unique_run());
        let flags: Vec<&str> =
            labels.iter().flat_map(|label| ["--label", label.as_str()]).collect();
        // The engine's own choice of addresses may be used up; these are for documentation.
        let made = (0..16).any(|part| {
            let subnet = format!("203.0.113.{}/28", part * 16);
            !docker_cli(
                &[
                    &["network", "create", "--internal", "--subnet", subnet.as_str()],
                    &flags[..],
                    &[&name],
                ]
                .concat(),
            )
            .is_empty()
        });
        assert!(made, "no network of somebody else");
        let container = docker_cli(&[&["create", "--name", &name], &flags[..], &[image]].concat());
        assert!(!container.is_empty(), "no container of somebody else from {image}");
        let volume = docker_cli(&[&["volume", "create"], &flags[..], &[name.as_str()]].concat());
        assert!(!volume.is_empty(), "no volume of somebody else");
        Self { network: name.clone(), container: name.clone(), volume: name }
    }

    pub(crate) fn is_there(&self) -> bool {
        let there = |kind: &str, name: &str| {
            !docker_cli(&[kind, "inspect", name]).trim_matches(['[', ']', '\n']).is_empty()
        };
        there("network", &self.network)
            && there("container", &self.container)
            && there("volume", &self.volume)
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        docker_cli(&["rm", "-f", &self.container]);
        docker_cli(&["network", "rm", &self.network]);
        docker_cli(&["volume", "rm", &self.volume]);
    }
}

/// An image of a test, without any label.
pub(crate) struct Image(pub(crate) String);

impl Image {
    /// With nothing in it.
    pub(crate) fn new() -> Self {
        Self::made(&["--files-from=/dev/null"], r#"CMD ["/none"]"#)
    }

    /// With one program, which it runs.
    pub(crate) fn of(program: &Path) -> Self {
        let (dir, name) = (program.parent().unwrap(), program.file_name().unwrap());
        let (dir, name) = (dir.to_str().unwrap(), name.to_str().unwrap());
        Self::made(&["-C", dir, name], &format!(r#"ENTRYPOINT ["/{name}"]"#))
    }

    fn made(files: &[&str], instruction: &str) -> Self {
        use std::process::{Command, Stdio};
        let name = format!("foreign/{}", unique_run());
        let mut tar =
            Command::new("tar").arg("-c").args(files).stdout(Stdio::piped()).spawn().unwrap();
        let import = Command::new("docker")
            .args(["import", "-c", instruction, "-", &name])
            .stdin(tar.stdout.take().unwrap())
            .output()
            .unwrap();
        assert!(import.status.success() && tar.wait().unwrap().success(), "{import:?}");
        Self(name)
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        docker_cli(&["rmi", "-f", &self.0]);
    }
}
