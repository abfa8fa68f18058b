//! How the node ends: by a signal, in order; by a panic anywhere, at once, with the reason as the
//! last line of the log.

use std::{
    io::{self, Write},
    panic, process,
};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The exit code of a panic, as Rust's own.
const PANIC_EXIT_CODE: i32 = 101;

/// Makes a panic in any thread or task end the process: a node that lost a part of itself must not
/// go on as if nothing were.
pub fn exit_on_panic() {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        report(info);
        // Last, on one line, and past the log's own locks, which the panicking thread may hold.
        let reason = info.to_string().replace('\n', " ");
        let _ = writeln!(io::stderr(), "fatal: {reason}");
        process::exit(PANIC_EXIT_CODE);
    }));
}

/// SIGTERM and SIGINT, from the moment that this was made.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Takes both over. To be made before anything that has to be taken apart again.
    ///
    /// # Errors
    ///
    /// If the operating system refuses a handler.
    pub fn catch() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Completes with the first of them, also one that came before this was called.
    pub async fn first(&mut self) -> &'static str {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
