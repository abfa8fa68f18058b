//! This program, executed again as a part of its own run: the watchdog that cleans up when it was killed,
//! the keeper of its namespaces, the helper in a container's network. The harness's command line has
//! hidden verbs for that; a test has a `main` that knows nothing of them. So whatever links this library has a look at
//! its environment before its `main`, and goes no further if it was executed as such a part. A program
//! beside it that could do the same would have to be built, found, and of the same version.

use std::sync::atomic::{AtomicBool, Ordering};

use harness_run::spawn::PART;

use crate::cli;

/// The look was taken, so it will be by the next process as well.
static LOOKED: AtomicBool = AtomicBool::new(false);

#[used]
#[cfg_attr(target_os = "linux", unsafe(link_section = ".init_array"))]
#[expect(
    unsafe_code,
    reason = "the loader calls every function in this section before `main`, with the arguments of `main`, which one without parameters ignores"
)]
static BEFORE_MAIN: extern "C" fn() = look;

extern "C" fn look() {
    // Some loaders give no arguments that early: then no part could be told from the program itself.
    LOOKED.store(std::env::args_os().next().is_some(), Ordering::Relaxed);
    let Some(part) = std::env::var_os(PART) else { return };
    if std::env::args_os().nth(1).as_ref() != Some(&part) {
        return;
    }
    ignore_broken_pipes();
    std::process::exit(cli::run(std::env::args_os()).code().into());
}

/// As before every `main` of Rust: who is gone is seen by an error.
fn ignore_broken_pipes() {
    #[expect(unsafe_code, reason = "nothing else runs yet, and no function is installed")]
    // SAFETY: `SIG_IGN` is no function that could be called in an async-unsafe way.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_IGN);
    }
}

/// Whether this program can be executed as a part of its run.
pub(super) fn is_possible() -> bool {
    LOOKED.load(Ordering::Relaxed)
}
