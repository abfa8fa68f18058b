//! What a run says to a GitHub job that it runs in: its findings on the job's page, failures beside the change, and
//! outputs for later steps. Elsewhere, nothing.
//!
//! The job's runner takes lines of its log for commands, and nodes' words are in that log: commands are stopped but for
//! our own.

use std::{env, fs::OpenOptions, io::Write, path::PathBuf, sync::OnceLock};

use harness_core::{exit::ExitCode, report::markdown, text::printable, verdict::Verdict};
use harness_run::evidence::{RunDir, draw_seed};

use super::output;

/// Nothing that is said from here on is a command.
pub(super) fn begin() {
    if let Some(token) = token() {
        output::result(&format!("::stop-commands::{token}"));
    }
}

/// What came of one run.
pub(super) fn tell(verdict: &Verdict, dir: &RunDir) {
    let Some(token) = token() else { return };
    output::result(&format!("::{token}::"));
    for line in markdown::annotations(verdict) {
        output::result(&line);
    }
    output::result(&format!("::stop-commands::{token}"));
    let place = dir.path().display().to_string();
    append("GITHUB_STEP_SUMMARY", &markdown::summary(verdict, &place, dir.digest()));
}

/// What came of all of them; where the evidence is, if there was one.
pub(super) fn end(code: ExitCode, only: Option<&RunDir>) {
    let Some(token) = token() else { return };
    output::result(&format!("::{token}::"));
    let mut outputs = format!("verdict={}\n", word(code));
    if let Some(dir) = only {
        let digest = dir.digest().map(|digest| digest.to_string()).unwrap_or_default();
        let place = printable(&dir.path().display().to_string());
        outputs.push_str(&format!("digest={digest}\nbundle={place}\n"));
    }
    append("GITHUB_OUTPUT", &outputs);
}

fn word(code: ExitCode) -> &'static str {
    match code {
        ExitCode::Pass => "pass",
        ExitCode::Fail => "fail",
        ExitCode::Inconclusive => "inconclusive",
        ExitCode::NothingRan => "nothing-ran",
        ExitCode::Interrupted(_) => "interrupted",
        ExitCode::Environment | ExitCode::Usage | ExitCode::Bug => "environment",
    }
}

/// Nobody else knows it; none outside of a job.
fn token() -> Option<&'static str> {
    static TOKEN: OnceLock<Option<String>> = OnceLock::new();
    let drawn = || {
        let here = env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true");
        here.then(|| format!("hegemon-{:x}{:x}", draw_seed(), draw_seed()))
    };
    TOKEN.get_or_init(drawn).as_deref()
}

fn append(variable: &str, text: &str) {
    let Some(path) = env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from)
    else {
        return;
    };
    let file = OpenOptions::new().append(true).create(true).open(&path);
    if let Err(why) = file.and_then(|mut file| file.write_all(text.as_bytes())) {
        output::note(&format!("{variable}: {} cannot be written: {why}", path.display()));
    }
}
