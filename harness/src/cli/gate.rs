//! `gate`: runs scenarios until it can say whether a build is good enough.

use std::{
    path::{Path, PathBuf},
    time::SystemTime,
};

use harness_core::{
    exit::ExitCode,
    gate::{
        Course, Decision, GateFile, Ran,
        ledger::{Asked, VERSION},
    },
    scenario::Overrides,
    text::plain,
};

use super::{args::GateArgs, output, profile};
use crate::{
    campaign::gate::{Drive, Gate, beside},
    evidence::draw_seed,
    library::load,
    provider::own_program,
    run::interrupt::Interrupt,
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
    let (asked, file) = read(args, path)?;
    for entry in &file.entries {
        output::note(&format!("{}: {} runs", entry.scenario.display(), entry.runs()));
    }
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
fn read(args: &GateArgs, path: &Path) -> Result<(Asked, GateFile), ExitCode> {
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
    let library = args.library.library();
    let profile = profile::asked(&args.node).ok_or(ExitCode::Usage)?;
    for entry in &file.entries {
        let found = library
            .find(&beside(&path, &entry.scenario))
            .map_err(|why| refused(why.to_string()))?;
        let overrides = Overrides {
            nodes: entry.nodes,
            source: args.node.source().unwrap_or(harness_core::node::NodeSource::Workspace),
            timeout_factor: args.timeout_factor,
            seed: 0,
            profile: profile.clone(),
            attached: None,
        };
        let (plan, problems) = load(&found, &overrides);
        if plan.is_none() {
            output::note(&problems.to_string());
            return Err(refused(format!("{}: refused; nothing was started", found.display())));
        }
    }
    let asked = Asked {
        version: VERSION,
        started: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        path: path.display().to_string(),
        text,
        seed: args.seed.unwrap_or_else(draw_seed),
        arguments: args.for_each_run(),
    };
    Ok((asked, file))
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
    let rest =
        std::time::Duration::from_secs_f64((left * gate.seconds_a_run() / jobs as f64).round());
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
