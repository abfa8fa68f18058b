//! SIGINT, SIGTERM and SIGHUP end the run and start the clean-up; a second one is answered, and
//! does not cut the clean-up short: that would leak.

use std::io;

use harness_core::exit::Signal;
use harness_run::interrupt::Interrupt;
use tokio::signal::unix::{SignalKind, signal};

use super::output;

/// Listens until the process ends.
pub(super) fn listen(interrupt: Interrupt) -> io::Result<()> {
    let mut kinds = vec![
        (Signal::Interrupt, SignalKind::interrupt()),
        (Signal::Terminate, SignalKind::terminate()),
    ];
    // Under `nohup` the user wants us to survive the terminal.
    if !is_hangup_ignored() {
        kinds.push((Signal::Hangup, SignalKind::hangup()));
    }
    for (name, kind) in kinds {
        let mut stream = signal(kind)?;
        let interrupt = interrupt.clone();
        tokio::spawn(async move {
            while stream.recv().await.is_some() {
                if !interrupt.raise(name) {
                    // A thread of its own: a terminal that hangs must not hold up what it speaks
                    // of.
                    std::thread::spawn(move || {
                        output::note(&format!(
                            "{}: still finishing what was begun, or removing what this run made; that takes seconds, and stopping now would leave it behind",
                            name.name()
                        ));
                    });
                }
            }
        });
    }
    Ok(())
}

/// From `/proc/self/status`; where there is none, it is not.
fn is_hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & (1 << (Signal::Hangup.number() - 1)) != 0)
}
