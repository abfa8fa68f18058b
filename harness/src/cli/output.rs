//! Where words go: results to standard output, everything else to standard error. A reader that
//! went away (`| head`) never ends a run.

use std::{
    env,
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
};

use harness_core::{report::verdict::Text, tone::Colour, verdict::Verdict};
use harness_run::evidence::RunDir;
use rustix::termios::tcgetwinsize;

use super::screen;

/// A result.
pub(super) fn result(text: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{}", text.trim_end());
    let _ = out.flush();
}

/// Something that the user should know on the way.
pub(super) fn note(text: &str) {
    screen::say(text.trim_end());
}

/// Something that went wrong.
pub(super) fn error(text: &str) {
    note(&format!("error: {text}"));
}

/// A run's verdict, as long lines as the reader has room for. `again` is the command that runs the same once more.
pub(super) fn verdict(verdict: &Verdict, dir: &RunDir, again: Option<&str>) -> String {
    let (excerpt, evidence) = (dir.excerpt(verdict), place(dir.path()));
    let columns = tcgetwinsize(io::stdout()).ok().map(|size| usize::from(size.ws_col));
    let text = Text {
        verdict,
        excerpt: excerpt.as_ref(),
        evidence: &evidence,
        digest: dir.digest(),
        again,
        colour: colour(),
        width: columns.filter(|columns| *columns > 0),
    };
    text.to_string()
}

/// A path as short as it can be given here.
pub(super) fn place(path: &Path) -> PathBuf {
    let here = env::current_dir().ok();
    let below = here.and_then(|here| path.strip_prefix(here).ok().map(PathBuf::from));
    below.unwrap_or_else(|| path.to_owned())
}

/// Colours on standard output.
pub(super) fn colour() -> Colour {
    colour_of(io::stdout().is_terminal())
}

/// The same on standard error.
pub(super) fn colour_of_errors() -> Colour {
    colour_of(io::stderr().is_terminal())
}

/// Standard error is a terminal that can be drawn on.
pub(super) fn is_live() -> bool {
    is_capable() && io::stderr().is_terminal()
}

/// Only for a terminal that has them and a user who wants them (<https://no-color.org>).
fn colour_of(is_terminal: bool) -> Colour {
    let unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if !unwanted && is_capable() && is_terminal { Colour::On } else { Colour::Off }
}

fn is_capable() -> bool {
    env::var_os("TERM").is_some_and(|term| term != "dumb")
}
