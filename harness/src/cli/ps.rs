//! `ps`: the runs on this host.

use std::time::{Duration, SystemTime};

use harness_core::exit::ExitCode;
use serde::Serialize;

use super::{
    args::{Format, PsArgs},
    output,
};
use crate::{
    cli::environment::{environment, registry},
    lease::{RunOnHost, State, Survey, survey},
    provider::{ProviderError, docker::Leftovers},
};

pub(super) async fn run(args: &PsArgs) -> ExitCode {
    let survey = match look().await {
        Ok((survey, _)) => survey,
        Err(why) => {
            output::error(&why.to_string());
            return ExitCode::Environment;
        }
    };
    match args.format {
        Format::Human if survey.runs.is_empty() => output::note("no runs on this host"),
        Format::Human => output::result(&table(&survey.runs)),
        Format::Jsonl => survey.runs.iter().for_each(|run| output::result(&json(run))),
    }
    ExitCode::Pass
}

/// What there is. Says on the way what could not be looked at.
pub(super) async fn look() -> Result<(Survey, Option<Leftovers>), ProviderError> {
    let engine = match Leftovers::connect(&environment()).await {
        Ok(engine) => Some(engine),
        Err(why) => {
            output::note(&format!(
                "containers are not shown: {}",
                why.to_string().lines().next().unwrap_or_default()
            ));
            None
        }
    };
    let survey = survey(&registry(), engine.as_ref()).await?;
    for file in &survey.unreadable {
        output::note(&format!(
            "{} is no entry of a run ({}); it is left alone, remove it if it is in the way",
            file.path.display(),
            file.why
        ));
    }
    Ok((survey, engine))
}

/// As it is written everywhere.
pub(super) fn state(state: State) -> &'static str {
    match state {
        State::Running => "running",
        State::Kept => "kept",
        State::Dead => "dead",
        State::Elsewhere => "elsewhere",
        State::Unknown => "unknown",
    }
}

fn table(runs: &[RunOnHost]) -> String {
    let mut lines = vec![format!(
        "{:<12} {:<10} {:<9} {:<8} {:<16} DIRECTORY",
        "RUN", "STATE", "AGE", "PROVIDER", "SCENARIO"
    )];
    for run in runs {
        let dir = run.dir.as_ref().map_or_else(|| "?".to_owned(), |dir| dir.display().to_string());
        let (provider, scenario) =
            (run.provider.as_deref().unwrap_or("none yet"), run.scenario.as_deref().unwrap_or("?"));
        lines.push(format!(
            "{:<12} {:<10} {:<9} {provider:<8} {scenario:<16} {dir}",
            run.run,
            state(run.state),
            age(run.started)
        ));
        for node in &run.nodes {
            let rpc = node.rpc.map(|rpc| format!("  http://{rpc}")).unwrap_or_default();
            lines.push(format!("  {:<10} {}{rpc}", node.name, node.id));
        }
        let containers = run.nodes.iter().any(|node| node.id.starts_with("container"));
        lines.extend(
            run.objects
                .iter()
                .filter(|what| !(containers && what.starts_with("container ")))
                .map(|what| format!("  {what}")),
        );
    }
    lines.join("\n")
}

fn age(started: Option<SystemTime>) -> String {
    let seconds = started.and_then(|started| started.elapsed().ok()).map(|age| age.as_secs());
    match seconds {
        None => "?".to_owned(),
        Some(seconds @ 0..120) => format!("{seconds}s"),
        Some(seconds @ 120..7200) => format!("{}m", seconds / 60),
        Some(seconds) => format!("{}h", Duration::from_secs(seconds).as_secs() / 3600),
    }
}

#[derive(Serialize)]
struct Line<'a> {
    run: &'a str,
    state: State,
    scenario: Option<&'a str>,
    provider: Option<&'a str>,
    started: Option<String>,
    dir: Option<&'a std::path::Path>,
    nodes: &'a [crate::lease::NodeOnHost],
    objects: &'a [String],
}

fn json(run: &RunOnHost) -> String {
    let line = Line {
        run: &run.run,
        state: run.state,
        scenario: run.scenario.as_deref(),
        provider: run.provider.as_deref(),
        started: run.started.map(|started| humantime::format_rfc3339_seconds(started).to_string()),
        dir: run.dir.as_deref(),
        nodes: &run.nodes,
        objects: &run.objects,
    };
    serde_json::to_string(&line).unwrap_or_default()
}
