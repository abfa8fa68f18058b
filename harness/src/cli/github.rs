//! What a run says to a GitHub job that it runs in: its findings on the job's page, failures beside the change, and
//! outputs for later steps. Elsewhere, nothing.

use std::{env, fs::OpenOptions, io::Write, path::PathBuf};

use harness_core::{report::markdown, text::printable, verdict::Verdict};

use super::output;
use crate::evidence::RunDir;

/// Says it; that it cannot be said changes no verdict.
pub(super) fn tell(verdict: &Verdict, dir: &RunDir) {
    if env::var_os("GITHUB_ACTIONS").is_none_or(|value| value != "true") {
        return;
    }
    for line in markdown::annotations(verdict) {
        output::result(&line);
    }
    let place = dir.path().display().to_string();
    append("GITHUB_STEP_SUMMARY", &markdown::summary(verdict, &place, dir.digest()));
    let digest = dir.digest().map(|digest| digest.to_string()).unwrap_or_default();
    let word = verdict.verdict.word().to_lowercase();
    append(
        "GITHUB_OUTPUT",
        &format!("verdict={word}\ndigest={digest}\nbundle={}\n", printable(&place)),
    );
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
