//! How a process is executed, of the harness's own or of anybody's: tied to who executes it, and tried again while its
//! file is too busy.

use std::{
    io,
    os::unix::process::CommandExt,
    time::{Duration, Instant},
};

use rustix::process::{Signal, getpid, getppid, set_parent_process_death_signal};

/// In the environment of a process of the harness's own that is a part of a run: its hidden verb, once more. A test
/// that has a network goes no further than that.
pub const PART: &str = "HEGEMON_TESTBED_PART";

/// How long a file may be too busy to be executed. Its writer is long done, but a process that
/// another thread has forked holds the writer's descriptor until its own `execve`.
pub const BUSY_LIMIT: Duration = Duration::from_secs(2);
/// How soon it is tried again.
pub const BUSY_RETRY: Duration = Duration::from_millis(5);

/// Tries again as long as the file is too busy to be executed.
pub async fn when_not_busy<C>(mut execute: impl FnMut() -> io::Result<C>) -> io::Result<C> {
    let deadline = Instant::now() + BUSY_LIMIT;
    loop {
        match execute() {
            Err(error)
                if error.kind() == io::ErrorKind::ExecutableFileBusy
                    && Instant::now() < deadline =>
            {
                tokio::time::sleep(BUSY_RETRY).await;
            }
            other => return other,
        }
    }
}

/// What it starts gets SIGKILL when the thread that starts it ends, and so when this process does,
/// however it ends.
pub fn die_with_this_thread(command: &mut std::process::Command) {
    let harness = getpid();
    let arrange = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // The harness may have died before the line above: nobody would tell us any more.
        if getppid() == Some(harness) {
            Ok(())
        } else {
            Err(io::Error::from_raw_os_error(rustix::io::Errno::SRCH.raw_os_error()))
        }
    };
    #[expect(
        unsafe_code,
        reason = "runs between fork and exec; it makes two system calls and allocates nothing, which is all that is allowed there"
    )]
    // SAFETY: `prctl` and `getppid` are async-signal-safe, and neither arm of the closure allocates
    // or takes a lock.
    unsafe {
        command.pre_exec(arrange);
    }
}
