//! Helper processes of ours (cargo, a loader, `--version`): each in its own process group, bounded
//! in time and output, and gone with everything that it started when its future is dropped. Not for
//! nodes: those outlive futures and are the providers' business.

use std::{
    io,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use harness_run::spawn::{die_with_this_thread, when_not_busy};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
};

/// What a bounded run left.
#[derive(Debug)]
pub(super) struct Output {
    /// `None` if it was killed at the time limit.
    pub(super) status: Option<ExitStatus>,
    /// At most the limit.
    pub(super) stdout: Vec<u8>,
    /// At most the limit.
    pub(super) stderr: Vec<u8>,
}

/// Runs a command to its end or for `limit`, reads at most `max` bytes of each stream, and kills
/// its process group in any case.
pub(super) async fn run(mut command: Command, limit: Duration, max: u64) -> io::Result<Output> {
    let (mut child, group) =
        spawn_group(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()))
            .await?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let pid = group.0;
    let finished = async {
        let _ = tokio::join!(read_up_to(stdout, max, &mut out), read_up_to(stderr, max, &mut err));
        // The zombie keeps the group's number ours until the group is killed.
        let _ = tokio::task::spawn_blocking(move || wait_unreaped(pid)).await;
    };
    let in_time = tokio::time::timeout(limit, finished).await.is_ok();
    drop(group);
    let status = child.wait().await?;
    Ok(Output { status: in_time.then_some(status), stdout: out, stderr: err })
}

/// Starts a command as the leader of a new process group. The guard kills the group when dropped
/// before the leader is reaped.
pub(super) async fn spawn_group(command: &mut Command) -> io::Result<(Child, GroupGuard)> {
    command.process_group(0).kill_on_drop(true);
    // The command line has one thread for everything that is awaited, and it is there until the
    // end.
    die_with_this_thread(command.as_std_mut());
    let child = when_not_busy(|| command.spawn()).await?;
    let pid = child
        .id()
        .and_then(|id| Pid::from_raw(id.cast_signed()))
        .ok_or_else(|| io::Error::other("a child without a process ID"))?;
    Ok((child, GroupGuard(pid)))
}

/// Kills a process group on drop.
#[derive(Debug)]
pub(super) struct GroupGuard(Pid);

impl GroupGuard {
    /// The leader ended in order and may be reaped: what it left running is meant to stay (a
    /// compiler cache's server).
    pub(super) fn disarm(self) {
        std::mem::forget(self);
    }
}

impl Drop for GroupGuard {
    fn drop(&mut self) {
        kill_group(self.0, Signal::KILL);
    }
}

/// Signals a process group of which the leader is not reaped yet. A group that is gone is no error:
/// that is what was wanted.
pub(crate) fn kill_group(leader: Pid, signal: Signal) {
    let _ = rustix::process::kill_process_group(leader, signal);
}

/// Blocks until the child has ended, and leaves it as a zombie, so that its number cannot be given
/// to anybody else meanwhile.
pub(crate) fn wait_unreaped(child: Pid) {
    while let Err(rustix::io::Errno::INTR) =
        rustix::process::waitid(WaitId::Pid(child), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
    {
    }
}

async fn read_up_to(
    stream: Option<impl AsyncRead + Unpin>,
    max: u64,
    into: &mut Vec<u8>,
) -> io::Result<()> {
    if let Some(stream) = stream {
        // Dropping the stream at the limit gives a flooding writer EPIPE instead of our memory.
        stream.take(max).read_to_end(into).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[tokio::test]
    async fn output_and_status_of_a_command_that_ends() {
        let output = run(shell("echo out; echo err >&2; exit 3"), Duration::from_secs(5), 1024)
            .await
            .unwrap();
        assert_eq!(
            (output.stdout.as_slice(), output.stderr.as_slice()),
            (b"out\n".as_slice(), b"err\n".as_slice())
        );
        assert_eq!(output.status.unwrap().code(), Some(3));
    }

    #[tokio::test]
    async fn a_command_that_hangs_is_killed_with_its_children() {
        let began = Instant::now();
        let output = run(shell("sleep 1234 & echo $!; wait"), Duration::from_millis(300), 1024)
            .await
            .unwrap();
        assert!(output.status.is_none());
        assert!(began.elapsed() < Duration::from_secs(5));
        let grandchild = String::from_utf8(output.stdout).unwrap();
        dies(grandchild.trim()).await;
    }

    #[tokio::test]
    async fn a_command_that_nobody_waits_for_any_more_is_killed_with_its_children() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pid");
        let command =
            shell(&format!("sleep 1234 & echo $! > {0}.new; mv {0}.new {0}; wait", file.display()));
        let mut waiting = Box::pin(run(command, Duration::from_secs(60), 1024));
        while !file.exists() {
            assert!(
                tokio::time::timeout(Duration::from_millis(10), &mut waiting).await.is_err(),
                "it does not end by itself"
            );
        }
        drop(waiting);
        let grandchild = std::fs::read_to_string(file).unwrap();
        dies(grandchild.trim()).await;
    }

    /// A signal takes its time.
    async fn dies(pid: &str) {
        let deadline = Instant::now() + Duration::from_secs(5);
        while is_alive(pid) {
            assert!(Instant::now() < deadline, "{pid} is still alive");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn is_alive(pid: &str) -> bool {
        std::fs::read_to_string(format!("/proc/{pid}/stat"))
            .is_ok_and(|stat| !stat.contains(") Z "))
    }

    #[tokio::test]
    async fn a_flood_is_cut_and_does_not_hang() {
        let output = run(shell("exec yes"), Duration::from_secs(5), 4096).await.unwrap();
        assert_eq!(output.stdout.len(), 4096);
        assert!(output.status.is_some(), "EPIPE ends it, not the clock");
    }
}
