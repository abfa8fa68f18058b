//! `gc`: removes what dead runs have left.

use std::time::Duration;

use harness_core::exit::ExitCode;

use super::{args::GcArgs, output, ps};
use crate::{
    lease::{Cleared, Means, RunOnHost, State, clear, forget},
    provider::docker::Leftovers,
};

pub(super) async fn run(args: &GcArgs) -> ExitCode {
    let (survey, engine) = match ps::look().await {
        Ok(found) => found,
        Err(why) => {
            output::error(&why.to_string());
            return ExitCode::Environment;
        }
    };
    let unknown: Vec<&String> =
        args.runs.iter().filter(|name| !survey.runs.iter().any(|run| run.run == **name)).collect();
    if !unknown.is_empty() {
        unknown.iter().for_each(|name| {
            output::error(&format!("no run `{name}` on this host; `harness ps` lists them"))
        });
        return ExitCode::Usage;
    }
    let (mut removed, mut left) = (0, 0);
    for run in survey.runs.iter().filter(|run| is_meant(run, args)) {
        if run.state == State::Running {
            output::error(&format!("run {} is running: it is not touched", run.run));
            left += 1;
            continue;
        }
        if args.dry_run {
            let lines = run.would_remove();
            lines.iter().for_each(|what| output::result(&format!("would remove {what}")));
            removed += lines.len();
            continue;
        }
        let cleared = remove(run, engine.clone()).await;
        cleared.removed.iter().for_each(|what| output::result(&format!("removed {what}")));
        cleared
            .left
            .iter()
            .for_each(|what| output::error(&format!("run {}: not removed: {what}", run.run)));
        removed += cleared.removed.len();
        left += cleared.left.len();
    }
    if removed == 0 && left == 0 {
        output::note("nothing to remove");
    }
    let elsewhere: Vec<&str> = survey
        .runs
        .iter()
        .filter(|run| run.state == State::Elsewhere && !is_meant(run, args))
        .map(|run| run.run.as_str())
        .collect();
    if args.runs.is_empty() && !elsewhere.is_empty() {
        output::note(&format!(
            "left alone, as they are of other hosts or containers: {}; `gc RUN` removes one, `gc --elsewhere --older-than 6h` all of that age",
            elsewhere.join(", ")
        ));
    }
    if left == 0 { ExitCode::Pass } else { ExitCode::Environment }
}

/// A run of this very process that is over, and that looks alive to others for as long as we are. Says what
/// could not be removed.
pub(super) async fn own(run: &str) {
    let Ok((survey, engine)) = ps::look().await else {
        output::error(&format!("run {run} is not removed; `harness gc {run}` does it"));
        return;
    };
    for run in survey.runs.iter().filter(|it| it.run == run) {
        for what in remove(run, engine.clone()).await.left {
            output::error(&format!("run {}: not removed: {what}", run.run));
        }
    }
}

/// By name, anything; without a name, what nobody can want any more.
fn is_meant(run: &RunOnHost, args: &GcArgs) -> bool {
    if !args.runs.is_empty() {
        return args.runs.contains(&run.run);
    }
    // What has no known age is as old as it gets: nobody will ever know better.
    let age = run.started.map_or(Duration::MAX, |started| started.elapsed().unwrap_or_default());
    let is_left = match run.state {
        State::Dead => true,
        State::Kept => args.kept,
        State::Elsewhere => args.elsewhere,
        State::Running | State::Unknown => false,
    };
    is_left && age >= args.older_than
}

async fn remove(run: &RunOnHost, engine: Option<Leftovers>) -> Cleared {
    let on_engine = run.provider.as_deref() == Some("docker");
    if on_engine && engine.is_none() {
        return Cleared {
            removed: Vec::new(),
            left: vec!["what it may have on the engine, which does not answer".to_owned()],
        };
    }
    let cleared = clear(&Means { engine: engine.filter(|_| on_engine), ..run.means.clone() }).await;
    if let (Some(entry), true) = (&run.entry, cleared.left.is_empty()) {
        forget(entry);
    }
    cleared
}
