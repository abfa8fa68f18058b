//! `gate`: runs scenarios until it can say whether a build is good enough.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use harness_core::{
    exit::ExitCode,
    gate::{
        Course, Decision, GateFile, Ran,
        ledger::{Asked, VERSION},
    },
    scenario::Overrides,
    statistics::round,
    text::plain,
};
use harness_run::{evidence::draw_seed, interrupt::Interrupt};

use super::{
    args::GateArgs,
    output, profile,
    scenario::{USUAL, say_if_it_hides_another},
};
use crate::{
    campaign::gate::{Drive, Gate, beside},
    library::Library,
    provider::own_program,
};

pub(super) async fn run(args: &GateArgs, interrupt: Interrupt) -> ExitCode {
    match begin(args) {
        Ok(Some((folder, mut gate))) => drive(args, &folder, &mut gate, &interrupt).await,
        Ok(None) => ExitCode::Pass,
        Err(code) => code,
    }
}

/// `None`: nothing was to be started.
fn begin(args: &GateArgs) -> Result<Option<(PathBuf, Gate)>, ExitCode> {
    if let Some(folder) = &args.resume {
        let gate = Gate::resume(folder).map_err(|why| {
            output::error(&format!("no gate to go on with in `{}`: {why}", folder.display()));
            ExitCode::Usage
        })?;
        output::note(&format!("going on after {} runs", gate.runs()));
        return Ok(Some((folder.clone(), gate)));
    }
    let path = args.file.as_deref().unwrap_or(Path::new("release.toml"));
    let (asked, file, takes) = read(args, path)?;
    estimate(&file, &takes, args.jobs);
    if args.dry_run {
        return Ok(None);
    }
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let folder = args.out.join(format!("{name}-{}", asked.started.replace(':', "")));
    let gate = Gate::begin(&folder, asked, Course::new(file)).map_err(|why| {
        output::error(&format!("no gate can be written down in `{}`: {why}", folder.display()));
        ExitCode::Environment
    })?;
    Ok(Some((folder, gate)))
}

/// The gate, and every scenario of it read as its runs will.
fn read(args: &GateArgs, path: &Path) -> Result<(Asked, GateFile, Vec<Duration>), ExitCode> {
    let refused = |why: String| {
        output::error(&why);
        ExitCode::Usage
    };
    let text = std::fs::read_to_string(path)
        .map_err(|why| refused(format!("`{}` cannot be read: {why}", path.display())))?;
    let (file, problems) = GateFile::parse(path.to_owned(), &text);
    if !problems.is_empty() {
        output::note(&problems.to_string());
    }
    let file = file.ok_or(ExitCode::Usage)?;
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    if args.node.source().is_none() {
        output::note("the node is this testbed's own; --node-image or --node-bin takes another");
    }
    let library = args.library.library();
    let profile = profile::asked(&args.node).ok_or(ExitCode::Usage)?;
    let mut takes = Vec::new();
    for entry in &file.entries {
        let overrides = Overrides {
            nodes: entry.nodes,
            source: args.node.source().unwrap_or(harness_core::node::NodeSource::Workspace),
            timeout_factor: args.timeout_factor,
            seed: 0,
            profile: profile.clone(),
            attached: None,
        };
        takes.push(takes_of(&library, &beside(&path, &entry.scenario), &overrides)?);
    }
    let asked = Asked {
        version: VERSION,
        started: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        path: path.display().to_string(),
        text,
        seed: args.seed.unwrap_or_else(draw_seed),
        arguments: args.for_each_run(),
    };
    Ok((asked, file, takes))
}

/// How long a run of a scenario takes, by its own word; it is read as its runs will read it.
pub(super) fn takes_of(
    library: &Library,
    scenario: &Path,
    overrides: &Overrides,
) -> Result<Duration, ExitCode> {
    let found = library.find(scenario).map_err(|why| {
        output::error(&why.to_string());
        ExitCode::Usage
    })?;
    say_if_it_hides_another(&found);
    let (plan, problems) = found.load(overrides);
    let Some(plan) = plan else {
        output::note(&problems.to_string());
        output::error(&format!("{found}: refused; nothing was started"));
        return Err(ExitCode::Usage);
    };
    Ok(plan.takes.unwrap_or(USUAL))
}

/// What it takes at most, by the scenarios' own word: a failure ends it earlier.
fn estimate(file: &GateFile, takes: &[Duration], jobs: u8) {
    let mut all = Duration::ZERO;
    for (entry, takes) in file.entries.iter().zip(takes) {
        let runs = entry.runs();
        all += takes.mul_f64(runs as f64 / f64::from(jobs));
        output::note(&format!(
            "{}: {runs} runs of about {}; a build that passes 99 of 100 is accepted with a probability of {} %",
            entry.scenario.display(),
            humantime::format_duration(*takes),
            round(entry.plan.accepts(0.99, runs) * 100.0),
        ));
    }
    let all = Duration::from_secs(all.as_secs().div_ceil(60) * 60);
    let budget = file.budget.map_or_else(String::new, |budget| {
        format!("; undecided after {}", humantime::format_duration(budget))
    });
    output::note(&format!(
        "about {} for all of them, {jobs} at a time{budget}",
        humantime::format_duration(all)
    ));
}

async fn drive(args: &GateArgs, folder: &Path, gate: &mut Gate, interrupt: &Interrupt) -> ExitCode {
    let program = match own_program() {
        Ok(program) => program,
        Err(why) => {
            output::error(&format!("the system does not say which program this is: {why}"));
            return ExitCode::Environment;
        }
    };
    let drive = Drive {
        program: &program,
        jobs: args.jobs.into(),
        keep_all: args.keep_all,
        budget: gate.course().file().budget,
        interrupt,
    };
    match gate.drive(&drive, progress).await {
        Ok(decision) => said(folder, gate, decision, interrupt),
        Err(why) => {
            output::error(&format!(
                "the gate cannot go on: {why}; `harness gate --resume {}` does, later",
                folder.display()
            ));
            ExitCode::Environment
        }
    }
}

fn said(folder: &Path, gate: &Gate, decision: Decision, interrupt: &Interrupt) -> ExitCode {
    output::result(&gate.page().sentence());
    output::note(&format!("the page: {}", folder.join("gate.html").display()));
    match (decision, interrupt.signal()) {
        (Decision::Undecided, Some(signal)) => {
            output::note(&format!(
                "interrupted; `harness gate --resume {}` goes on",
                folder.display()
            ));
            ExitCode::Interrupted(signal)
        }
        _ => decision.exit(),
    }
}

/// A line for each run: where its scenario is, and how long the rest may take.
fn progress(gate: &Gate, ran: &Ran, jobs: usize) {
    let Some((entry, progress)) = gate.course().progress().nth(ran.ticket.entry) else { return };
    let left: f64 = gate
        .course()
        .progress()
        .map(|(entry, progress)| entry.runs().saturating_sub(progress.tally.runs()) as f64)
        .sum();
    let rest = Duration::from_secs_f64((left * gate.seconds_a_run() / jobs as f64).round());
    let why = ran.reason.as_deref().map_or_else(String::new, |why| {
        format!(": {}", plain(why.lines().next().unwrap_or_default()))
    });
    output::note(&format!(
        "[{}/{}] {} {:?} in {:.1} s{why}; {} failed, about {} left",
        progress.tally.runs(),
        entry.runs(),
        entry.scenario.display(),
        ran.outcome,
        ran.seconds,
        progress.tally.failed,
        humantime::format_duration(rest),
    ));
}
