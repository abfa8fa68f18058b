//! Where words go: results to standard output, everything else to standard error. A reader that
//! went away (`| head`) never ends a run.

use std::io::{self, IsTerminal, Write};

use harness_core::report::verdict::Colour;

use crate::cli::terminal::Progress;

/// A result.
pub(super) fn result(text: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{}", text.trim_end());
    let _ = out.flush();
}

/// Something that the user should know on the way.
pub(super) fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{}", text.trim_end());
}

/// Something that went wrong.
pub(super) fn error(text: &str) {
    note(&format!("error: {text}"));
}

/// Colours only for a terminal that has them and a user who wants them (<https://no-color.org>).
pub(super) fn colour() -> Colour {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if !unwanted && is_capable() && io::stdout().is_terminal() { Colour::On } else { Colour::Off }
}

/// A line that moves only where it can.
pub(super) fn progress() -> Progress {
    if is_capable() && io::stderr().is_terminal() { Progress::Live } else { Progress::Lines }
}

fn is_capable() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term != "dumb")
}
