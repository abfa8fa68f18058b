//! The process between the harness and a program: it executes it, adopts what that leaves behind, and ends
//! all of it when the program is over, or when nobody is at the other end of its standard input any more.
//!
//! Only its own children are signalled: their numbers are nobody else's until it has waited for them. What
//! they have started becomes its child as they end.

use std::{
    ffi::OsString,
    fs, io,
    os::{fd::AsFd, unix::net::UnixStream as StdUnixStream, unix::process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use rustix::process::{
    Pid, Signal, WaitOptions, WaitStatus, getpid, kill_process, set_child_subreaper, setsid, wait,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    signal::unix::{Signal as Signals, SignalKind, signal},
};

use super::said::{How, Said};
use crate::spawn::{PART, die_with_this_thread, when_not_busy};

/// The hidden verb of the harness.
pub(super) const VERB: &str = "reap";
/// Its flag: the program's standard input.
pub(super) const INPUT: &str = "--input";

/// After so long it says what is left. A killed process is gone in milliseconds.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// Between two looks at what is left: the first, which doubles, and the last.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LAST_PAUSE: Duration = Duration::from_millis(500);

/// What a reaper is told at its start.
#[derive(Debug)]
pub struct Orders {
    /// The file that is the program's standard input.
    pub input: PathBuf,
    /// The program and its arguments.
    pub words: Vec<OsString>,
}

/// Its whole life. Returns when nothing is left of the program.
///
/// # Errors
///
/// If it cannot watch over a program: then none was executed. Nobody hears more than the exit code.
pub async fn live(orders: &Orders) -> io::Result<()> {
    // For people: the file that it was executed from has a name that says nothing.
    let _ = rustix::thread::set_name(c"harness-reaper");
    // What is sent to the harness's session or group is not for this one.
    setsid()?;
    // Listening is what keeps these from ending it; there is nothing to do about them.
    let _deaf =
        [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
    let mut ended = signal(SignalKind::child())?;
    let link = StdUnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    link.set_nonblocking(true)?;
    let (mut harness, mut to) = UnixStream::from_std(link)?.into_split();

    let program = match adopted(orders).await {
        Ok(program) => program,
        Err(why) => return tell(&mut to, &Said::NotRun(why.to_string())).await,
    };
    // Who is not there to hear it is heard no more of below.
    let _ = tell(&mut to, &Said::Began).await;
    let how = tokio::select! {
        how = end_of(program, &mut ended) => Some(how?),
        () = let_go(&mut harness) => None,
    };
    let in_time = tokio::time::timeout(PATIENCE, end_all()).await;
    let mut left = if in_time.is_err() { names(&children()) } else { Vec::new() };
    if in_time.is_err() && left.is_empty() {
        left.push("a process that /proc does not show".to_owned());
    }
    let _ = tell(&mut to, &Said::Over { how, left }).await;
    drop(to);
    end_all().await;
    Ok(())
}

/// From now on, who loses its parent below this process is its child.
fn adopt_all() -> io::Result<()> {
    // By a `/proc` of other numbers it would find somebody else.
    let seen = fs::read_link("/proc/self")?;
    if seen != Path::new(&getpid().as_raw_nonzero().to_string()) {
        return Err(io::Error::other(
            "/proc is not that of this process's namespace: what a program starts could not be ended",
        ));
    }
    Ok(set_child_subreaper(Some(getpid()))?)
}

async fn adopted(orders: &Orders) -> io::Result<Pid> {
    adopt_all()?;
    execute(orders).await
}

async fn execute(orders: &Orders) -> io::Result<Pid> {
    let [program, arguments @ ..] = orders.words.as_slice() else {
        return Err(io::Error::other("no program is named"));
    };
    let mut command = Command::new(program);
    // A script that ends its own group must not end this process.
    command.args(arguments).env_remove(PART).stdin(fs::File::open(&orders.input)?).process_group(0);
    // If this process is killed after all.
    die_with_this_thread(&mut command);
    let child = when_not_busy(|| command.spawn()).await?;
    // It is waited for with all the others.
    Pid::from_raw(child.id().cast_signed())
        .ok_or_else(|| io::Error::other("a child without a process ID"))
}

async fn tell(to: &mut OwnedWriteHalf, said: &Said) -> io::Result<()> {
    let line = serde_json::to_string(said)? + "\n";
    to.write_all(line.as_bytes()).await
}

/// The other end is closed, by whatever.
async fn let_go(harness: &mut OwnedReadHalf) {
    // Nothing is ever said there.
    while let Ok(1..) = harness.read(&mut [0; 16]).await {}
}

/// Waits for this child's end, and for whoever else ends before.
async fn end_of(program: Pid, ended: &mut Signals) -> io::Result<How> {
    loop {
        while let Some((child, status)) = wait(WaitOptions::NOHANG)? {
            if child == program {
                return how(status)
                    .ok_or_else(|| io::Error::other("the kernel does not say how it ended"));
            }
        }
        ended.recv().await;
    }
}

fn how(status: WaitStatus) -> Option<How> {
    status
        .exit_status()
        .map(How::Exited)
        .or_else(|| status.terminating_signal().map(How::Signalled))
}

/// Kills children until there are none: who is killed leaves its own.
async fn end_all() {
    let mut pause = FIRST_PAUSE;
    loop {
        for child in children() {
            // One that may not be signalled, because it runs as somebody else, is looked at again.
            let _ = kill_process(child, Signal::KILL);
        }
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some(_)) => {
                    pause = FIRST_PAUSE;
                    // Who starts others for ever does not keep anybody from looking at the clock.
                    tokio::task::yield_now().await;
                }
                Ok(None) => break,
                Err(_) => return,
            }
        }
        tokio::time::sleep(pause).await;
        pause = LAST_PAUSE.min(pause * 2);
    }
}

/// Of this process. One that has ended is among them until it is waited for, and its number nobody else's; one whose first
/// thread alone has ended looks the same, and lives.
fn children() -> Vec<Pid> {
    let this = getpid().as_raw_nonzero().to_string();
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let is_child = |pid: &Pid| {
        let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
        // proc(5): after the name, which may hold anything, come state and parent.
        stat.is_ok_and(|stat| {
            let mut fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
            fields.nth(1) == Some(&this)
        })
    };
    all.filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?))
        .filter(is_child)
        .collect()
}

fn names(processes: &[Pid]) -> Vec<String> {
    let name = |pid: &Pid| {
        let number = pid.as_raw_nonzero();
        let name = fs::read_to_string(format!("/proc/{number}/comm")).unwrap_or_default();
        format!("process {number} ({})", name.trim())
    };
    processes.iter().map(name).collect()
}
