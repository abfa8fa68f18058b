//! A process beside the run that outlives it: when the harness is gone without a word, it removes
//! what that left.
//!
//! The harness holds the write end of a pipe, which closes on `execve` and so is inherited by
//! nobody; the kernel closes it when the harness ends, however it ends. No process number is
//! involved that somebody else could get. A session of its own keeps Ctrl-C, a hang-up and signals
//! to the harness's group away from it, an environment without the harness's variables a CI system
//! that ends every process of a job by them, and a unit of its own (`apart`) a service manager that
//! ends all of a service.

use std::{
    collections::BTreeSet,
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    time::{Duration, Instant, SystemTime},
};

use harness_core::place::Environment;
use harness_run::{evidence::RunDir, spawn::PART};
use tokio::signal::unix::{SignalKind, signal};

use super::{
    apart,
    clear::{Cleared, Means, clear},
    entry::Entry,
    holder::{Lease, forget},
    registry,
};
use crate::provider::docker::Leftovers;

/// The hidden verb of this program.
const VERB: &str = "watchdog";
/// What the harness says when nothing is left.
const CLEAN: &[u8] = b"clean\n";
/// What it says when it has given up, and told its user what is left.
const LEFT: &[u8] = b"left\n";
/// It gives up when it has removed nothing for so long.
pub const LIMIT: Duration = Duration::from_secs(90);
/// Between two looks: a call to the engine that was under way may still make something.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// So many looks in a row must find nothing.
const QUIET_LOOKS: u32 = 2;
/// The same on an engine: it finishes what it was told (an import, above all) after whoever told it
/// is gone.
const QUIET_LOOKS_ON_ENGINE: u32 = 10;
/// Time that a dismissed watchdog has to end.
const DISMISSAL: Duration = Duration::from_secs(2);

/// The harness's side.
#[derive(Debug)]
pub struct Watchdog {
    child: Child,
    pipe: ChildStdin,
}

impl Watchdog {
    /// Starts `program` with the hidden verb `watchdog`. Its streams are nobody's: who waits for
    /// the harness's output does not wait for it. Of the environment it gets what says where the
    /// engine is, and nothing else.
    ///
    /// # Errors
    ///
    /// If it cannot be started.
    pub fn start(
        program: &Path,
        lease: &Lease,
        dir: &RunDir,
        environment: &Environment,
    ) -> io::Result<Self> {
        let mut command = Command::new(program);
        command.env_clear().envs(environment.variables()).env(PART, VERB);
        command
            .arg0("harness-watchdog")
            .args([VERB, "--run", &lease.run(), "--dir"])
            .arg(dir.path())
            .arg("--entry")
            .arg(lease.path());
        command.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        lead_a_session(&mut command);
        let mut child = command.spawn()?;
        let pipe = child
            .stdin
            .take()
            .ok_or_else(|| io::Error::other("a child without the pipe that it was given"))?;
        Ok(Self { child, pipe })
    }

    /// It is not needed any more.
    pub fn dismiss(mut self) {
        // If it is gone, somebody killed it: nothing is left to tell it.
        let _ = self.pipe.write_all(CLEAN);
        drop(self.pipe);
        let deadline = Instant::now() + DISMISSAL;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// The harness has given up, and this goes on. Whether it could be told.
    pub fn hand_over(mut self) -> bool {
        self.pipe.write_all(LEFT).is_ok()
    }
}

fn lead_a_session(command: &mut Command) {
    let arrange = || rustix::process::setsid().map(drop).map_err(io::Error::from);
    #[expect(
        unsafe_code,
        reason = "runs between fork and exec; it makes one system call and allocates nothing, which is all that is allowed there"
    )]
    // SAFETY: `setsid` is async-signal-safe, and the closure neither allocates nor takes a lock.
    unsafe {
        command.pre_exec(arrange);
    }
}

/// What the watchdog is told at its start.
#[derive(Debug, Clone)]
pub struct Orders {
    /// The run's ID.
    pub run: String,
    /// Its directory, absolute.
    pub dir: PathBuf,
    /// Its entry's file.
    pub entry: PathBuf,
    /// What says where its engine is.
    pub environment: Environment,
}

/// The watchdog's whole life.
///
/// # Errors
///
/// If it cannot wait. Nobody hears that, but the exit code says it.
pub async fn watch(orders: Orders) -> io::Result<()> {
    // Listening is what keeps these from ending it; there is nothing to do about them.
    let _deaf =
        [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
    let run = orders.run.clone();
    tokio::spawn(async move { apart::leave(&run).await });
    let said = tokio::task::spawn_blocking(|| {
        let mut said = Vec::new();
        io::stdin().lock().read_to_end(&mut said).map(|_| said)
    });
    let said = said.await.map_err(io::Error::other)??;
    if said == CLEAN {
        return Ok(());
    }
    if said == LEFT {
        // The run's evidence is sealed: nothing may be added to it.
        clean_up(&orders, &mut Log(None)).await;
        return Ok(());
    }
    // A log that cannot be written is no reason not to clean up.
    let mut log = Log(OpenOptions::new()
        .create(true)
        .append(true)
        .open(orders.dir.join("watchdog.log"))
        .ok());
    log.line(&format!("the harness of the run {} is gone; removing what it left", orders.run));
    // The pipe of a harness that panics is closed a moment before it ends, and its own clean-up
    // comes first. One that only gave up this run may live for long.
    while registry::read(&orders.entry).is_ok_and(|entry| entry.owner.lives()) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    clean_up(&orders, &mut log).await;
    Ok(())
}

async fn clean_up(orders: &Orders, log: &mut Log) {
    let mut quiet = 0;
    let mut last = Cleared::default();
    let was_entered = orders.entry.exists();
    let mut moved = Instant::now();
    let needed = if needs_engine(registry::read(&orders.entry).ok().as_ref()) {
        QUIET_LOOKS_ON_ENGINE
    } else {
        QUIET_LOOKS
    };
    while quiet < needed && moved.elapsed() < LIMIT {
        let cleared = look(orders).await;
        cleared.removed.iter().for_each(|what| log.line(&format!("removed {what}")));
        if cleared.left != last.left {
            cleared.left.iter().for_each(|what| log.line(&format!("still there: {what}")));
        }
        if !cleared.removed.is_empty() {
            moved = Instant::now();
        }
        quiet = if cleared == Cleared::default() { quiet + 1 } else { 0 };
        last = cleared;
        if was_entered && !orders.entry.exists() {
            return log.line("somebody else has removed the rest");
        }
        if quiet < needed {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
    if quiet == needed {
        forget(&orders.entry);
        log.line("nothing is left");
    } else {
        log.line(&format!(
            "given up after {} s in which nothing went; `harness gc` goes on",
            LIMIT.as_secs()
        ));
    }
}

/// Nothing was made before a provider was chosen, and what one process left is no engine's.
fn needs_engine(entry: Option<&Entry>) -> bool {
    entry
        .is_none_or(|entry| entry.provider.as_deref().is_some_and(|provider| provider != "process"))
}

async fn look(orders: &Orders) -> Cleared {
    let entry = registry::read(&orders.entry).ok().filter(|entry| entry.run == orders.run);
    let is_process =
        entry.as_ref().is_some_and(|entry| entry.provider.as_deref() == Some("process"));
    let groups = entry
        .iter()
        .filter(|_| is_process)
        .flat_map(|entry| entry.nodes.values())
        .map(|node| node.pid)
        .collect::<BTreeSet<_>>();
    let (engine, missing) = if needs_engine(entry.as_ref()) {
        Leftovers::connect(&orders.environment)
            .await
            .map_or_else(|why| (None, Some(why.to_string())), |engine| (Some(engine), None))
    } else {
        (None, None)
    };
    let on = entry.and_then(|entry| entry.engine);
    let mut cleared = clear(&Means {
        run: orders.run.clone(),
        scratch: Some(orders.dir.join("scratch")),
        groups,
        on,
        engine,
    })
    .await;
    cleared.left.extend(missing);
    cleared
}

struct Log(Option<File>);

impl Log {
    fn line(&mut self, text: &str) {
        if let Some(file) = &mut self.0 {
            let _ =
                writeln!(file, "{} {text}", humantime::format_rfc3339_millis(SystemTime::now()));
        }
    }
}
