//! `verify`: what a bundle says, and whether it may be believed.

use harness_core::{exit::ExitCode, text::printable, verify::Verified};
use harness_run::evidence::verify;
use serde_json::json;

use super::{
    args::{Format, VerifyArgs},
    output,
};

pub(super) fn run(args: &VerifyArgs) -> ExitCode {
    let verified = match verify(&args.bundle, args.expect_digest) {
        Ok(verified) => verified,
        Err(why) => {
            output::error(&format!("no bundle at `{}`: {why}", args.bundle.display()));
            return ExitCode::Usage;
        }
    };
    match args.format {
        Format::Human => human(&verified),
        Format::Jsonl => jsonl(&verified),
    }
    if verified.is_whole() { ExitCode::Pass } else { ExitCode::Fail }
}

/// Problems first: the last line is what people read.
fn human(verified: &Verified) {
    for problem in &verified.problems {
        output::result(&format!("  ✗ {problem}"));
    }
    if verified.more > 0 {
        output::result(&format!("  … and {} more", verified.more));
    }
    match verified.digest {
        Some(digest) => output::result(&format!("  digest: {digest}")),
        None => output::result("  digest: none, there is no manifest"),
    }
    let says = verified.verdict.as_ref().map_or_else(
        || "nothing follows from it".to_owned(),
        |verdict| {
            let reason = verdict.reason.as_deref().map_or(String::new(), |reason| {
                format!(": {}", printable(reason.lines().next().unwrap_or_default()))
            });
            let (scenario, run) = (printable(&verdict.scenario), printable(&verdict.run));
            format!(
                "{} {scenario}, run {run}, exit code {}{reason}",
                verdict.verdict.word(),
                verdict.exit_code
            )
        },
    );
    if verified.is_whole() {
        output::result(&format!("WHOLE: {} events say {says}", verified.events));
    } else {
        let problems = verified.problems.len() as u64 + verified.more;
        output::result(&format!(
            "NOT WHOLE: {problems} problem(s); what is left of {} events says {says}",
            verified.events
        ));
    }
}

fn jsonl(verified: &Verified) {
    for problem in &verified.problems {
        output::result(&json!({ "problem": problem }).to_string());
    }
    let verdict = verified.verdict.as_ref();
    let bundle = json!({
        "whole": verified.is_whole(),
        "problems": verified.problems.len() as u64 + verified.more,
        "digest": verified.digest,
        "events": verified.events,
        "run": verdict.map(|verdict| &verdict.run),
        "scenario": verdict.map(|verdict| &verdict.scenario),
        "verdict": verdict.map(|verdict| verdict.verdict),
        "exit_code": verdict.map(|verdict| verdict.exit_code),
        "reason": verdict.and_then(|verdict| verdict.reason.as_deref()),
    });
    output::result(&json!({ "bundle": bundle }).to_string());
}
