//! Executes nodes, all from one thread.
//!
//! The kernel ties a "die with your parent" to the *thread* that forked. This thread lives as long
//! as the provider, so nodes die when the provider is dropped, when the harness ends, and when it
//! is killed with SIGKILL: no handler is needed for any of them. What a node forks itself is killed
//! with its process group, which needs a living harness: a wrapper script's children outlive a
//! SIGKILL of the harness.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant, SystemTime},
};

use harness_run::spawn::{BUSY_LIMIT, BUSY_RETRY, die_with_this_thread};
use tokio::sync::{mpsc as queue, oneshot};

use super::execution::{Custody, Execution, Group};
use crate::netns::Join;

/// Executions that wait for their turn of a millisecond; a caller waits when there are more.
const QUEUE: usize = 64;

/// One execution to be.
#[derive(Debug, Clone)]
pub(super) struct Program {
    /// What is executed.
    pub(super) path: PathBuf,
    /// Its arguments.
    pub(super) args: Vec<String>,
    /// Its whole environment: nothing of the harness's own is passed on, neither `PATH` nor `HOME`.
    pub(super) env: BTreeMap<String, String>,
    /// Its working directory.
    pub(super) dir: PathBuf,
    /// Its state directory, made here if it is not there: nothing is made once the spawner is
    /// closed.
    pub(super) data: PathBuf,
    /// Both output streams are appended here: a file never makes a writer wait.
    pub(super) log: PathBuf,
    /// The network that it lives in, if that is not this process's.
    pub(super) join: Option<Arc<Join>>,
}

enum Request {
    Execute(Program, oneshot::Sender<io::Result<Execution>>),
    Close(mpsc::SyncSender<Vec<Group>>),
}

/// The thread that executes nodes.
#[derive(Debug, Clone)]
pub(super) struct Spawner {
    requests: queue::Sender<Request>,
}

impl Spawner {
    /// Starts the thread.
    pub(super) fn new(boot: SystemTime, custody: Custody) -> io::Result<Self> {
        let (requests, queue) = queue::channel(QUEUE);
        thread::Builder::new()
            .name("spawn nodes".to_owned())
            .spawn(move || serve(queue, boot, custody))?;
        Ok(Self { requests })
    }

    /// Executes a program. Returns after a successful `execve`. If the caller goes away meanwhile,
    /// the process is killed as soon as it is there.
    pub(super) async fn execute(&self, program: Program) -> io::Result<Execution> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(Request::Execute(program, reply)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Executes nothing more, and names every process group that is still there. Waits for an
    /// execution that is under way. Blocks, for milliseconds; also where a runtime forbids its own
    /// way of blocking (a destructor).
    pub(super) fn close(&self) -> io::Result<Vec<Group>> {
        let (reply, answer) = mpsc::sync_channel(1);
        let deadline = Instant::now() + BUSY_LIMIT;
        let mut request = Request::Close(reply);
        while let Err(refused) = self.requests.try_send(request) {
            if Instant::now() >= deadline {
                return Err(gone());
            }
            request = refused.into_inner();
            thread::sleep(Duration::from_millis(1));
        }
        answer.recv_timeout(2 * BUSY_LIMIT).map_err(|_| gone())
    }
}

fn gone() -> io::Error {
    io::Error::other("the spawning thread is gone")
}

fn serve(mut queue: queue::Receiver<Request>, boot: SystemTime, custody: Custody) {
    let mut groups: Vec<Group> = Vec::new();
    let mut closed = false;
    while let Some(request) = queue.blocking_recv() {
        match request {
            Request::Execute(program, reply) => {
                let outcome = if closed {
                    Err(io::Error::other("the run was torn down"))
                } else {
                    execute(&program, boot, custody)
                };
                groups.retain(|group| group.ended().is_none());
                groups.extend(outcome.as_ref().ok().map(|execution| execution.group().clone()));
                // If nobody waits any more, the execution is dropped here, and with it the process.
                let _ = reply.send(outcome);
            }
            Request::Close(reply) => {
                closed = true;
                groups.retain(|group| group.ended().is_none());
                let _ = reply.send(groups.clone());
            }
        }
    }
}

/// Executes a program, from the calling thread: whoever is not to die with that has it kept.
pub(super) fn execute(
    program: &Program,
    boot: SystemTime,
    custody: Custody,
) -> io::Result<Execution> {
    fs::create_dir_all(&program.data)?;
    let mut command = Command::new(&program.path);
    let (out, err) = log_streams(&program.log)?;
    command.args(&program.args).env_clear().envs(&program.env).current_dir(&program.dir);
    // A group of its own: Ctrl-C on the terminal reaches the harness, which decides what its nodes
    // get.
    command.process_group(0).stdin(Stdio::null()).stdout(out).stderr(err);
    if let Some(join) = &program.join {
        Arc::clone(join).before_exec(&mut command);
    }
    // Afterwards: the kernel forgets it where a process changes what it may do.
    if custody == Custody::Harness {
        die_with_this_thread(&mut command);
    }
    let deadline = Instant::now() + BUSY_LIMIT;
    let child = loop {
        match command.spawn() {
            Err(error)
                if error.kind() == io::ErrorKind::ExecutableFileBusy
                    && Instant::now() < deadline =>
            {
                thread::sleep(BUSY_RETRY)
            }
            other => break other?,
        }
    };
    Execution::watch(child, boot, custody)
}

/// The log, opened for both streams. A line that a killed node left unfinished is ended, so that
/// the next execution's first line stands alone.
fn log_streams(path: &Path) -> io::Result<(fs::File, fs::File)> {
    let mut log = OpenOptions::new().create(true).read(true).append(true).open(path)?;
    let mut last = [b'\n'];
    if log.metadata()?.len() > 0 {
        log.seek(SeekFrom::End(-1))?;
        log.read_exact(&mut last)?;
    }
    if last != [b'\n'] {
        log.write_all(b"\n")?;
    }
    Ok((log.try_clone()?, log))
}
