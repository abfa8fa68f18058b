//! `compare`: runs two builds in turns, and says in what one differs from the other.

use std::{
    path::{Path, PathBuf, absolute},
    time::{Duration, SystemTime},
};

use harness_core::{
    compare::{Asked, Build, Course, Decision, Ran, asked::VERSION, page::Page},
    exit::ExitCode,
    node::NodeSource,
    scenario::Overrides,
    text::plain,
};
use harness_run::{evidence::draw_seed, interrupt::Interrupt};

use super::{
    args::{CompareArgs, ProviderChoice},
    gate::takes_of,
    output, profile,
};
use crate::{
    campaign::{
        compare::{Compare, Drive, digest},
        gate::beside,
        revisions::{self, Revision, RevisionError},
    },
    provider::own_program,
};

/// Without a word it is the scenario that has every figure.
const USUAL: &str = "three-node";

pub(super) async fn run(args: &CompareArgs, interrupt: Interrupt) -> ExitCode {
    match begin(args, &interrupt).await {
        Ok(Some((folder, mut compare))) => drive(args, &folder, &mut compare, &interrupt).await,
        Ok(None) => ExitCode::Pass,
        Err(code) => code,
    }
}

/// `None`: nothing was to be started.
async fn begin(
    args: &CompareArgs,
    interrupt: &Interrupt,
) -> Result<Option<(PathBuf, Compare)>, ExitCode> {
    if let Some(folder) = &args.resume {
        let compare = Compare::resume(folder).map_err(|why| {
            usage(&format!("no comparison to go on with in `{}`: {why}", folder.display()))
        })?;
        output::note(&format!("going on after {} runs", compare.course().ran().len()));
        return Ok(Some((folder.clone(), compare)));
    }
    let scenarios = scenarios(args)?;
    let revisions = match &args.rev {
        Some(range) => Some(revisions::find(range).map_err(|why| usage(&why.to_string()))?),
        None => {
            for build in &args.builds {
                image_or_file(build, args.provider)?;
            }
            None
        }
    };
    if args.dry_run {
        return Ok(None);
    }
    let started = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let folder = args.out.join(format!("compare-{}", started.replace(':', "")));
    let [a, b] = match &revisions {
        Some(revisions) => built(revisions, &folder, interrupt).await?,
        None => [build(&args.builds[0])?, build(&args.builds[1])?],
    };
    let asked = Asked {
        version: VERSION,
        started,
        a,
        b,
        scenarios,
        runs: args.runs,
        seed: args.seed.unwrap_or_else(draw_seed),
        arguments: args.for_each_run(),
    };
    let compare = Compare::begin(&folder, asked).map_err(|why| {
        output::error(&format!(
            "no comparison can be written down in `{}`: {why}",
            folder.display()
        ));
        ExitCode::Environment
    })?;
    Ok(Some((folder, compare)))
}

/// Each as its runs are told it, and how long all of them take.
fn scenarios(args: &CompareArgs) -> Result<Vec<String>, ExitCode> {
    let library = args.library.library();
    let overrides = Overrides {
        nodes: None,
        source: NodeSource::Workspace,
        timeout_factor: args.timeout_factor,
        seed: 0,
        profile: profile::asked(&args.node()).ok_or(ExitCode::Usage)?,
        attached: None,
    };
    let usual = [PathBuf::from(USUAL)];
    let asked = if args.scenario.is_empty() { &usual[..] } else { &args.scenario };
    // Paths are said as from anywhere: it may be gone on with from elsewhere.
    let here = absolute("compare").unwrap_or_default();
    let mut scenarios = Vec::new();
    let mut all = Duration::ZERO;
    for scenario in asked {
        all += takes_of(&library, scenario, &overrides)?.mul_f64(2.0 * args.runs as f64);
        let path = beside(&here, scenario);
        // Without the `.` in its middle.
        let path = if path.is_absolute() { absolute(&path).unwrap_or(path) } else { path };
        scenarios.push(path.display().to_string());
    }
    output::note(&format!(
        "{} runs of each build in {}: about {}",
        args.runs,
        scenarios.join(", "),
        humantime::format_duration(Duration::from_secs(all.as_secs().div_ceil(60) * 60)),
    ));
    Ok(scenarios)
}

/// A file is what is there, or what is written like a path; everything else is an image.
fn image_or_file(build: &str, provider: ProviderChoice) -> Result<(), ExitCode> {
    if Path::new(build).is_file() {
        return Ok(());
    }
    if build.starts_with(['/', '.']) {
        return Err(usage(&format!("no build `{build}`: there is no such file")));
    }
    if provider == ProviderChoice::Process {
        return Err(usage(&format!(
            "no build `{build}`: there is no such file, and an image needs --provider docker"
        )));
    }
    Ok(())
}

fn build(name: &str) -> Result<Build, ExitCode> {
    if Path::new(name).is_file() {
        binary(name, Path::new(name))
    } else {
        Ok(Build::Image(name.to_owned()))
    }
}

fn binary(name: &str, path: &Path) -> Result<Build, ExitCode> {
    let found = digest(path).and_then(|sha256| Ok((sha256, absolute(path)?)));
    let (sha256, path) =
        found.map_err(|why| usage(&format!("build `{}` cannot be read: {why}", path.display())))?;
    Ok(Build::Binary { name: name.to_owned(), path: path.display().to_string(), sha256 })
}

/// Both revisions, in the comparison's own folder: it goes on with them after a kill.
async fn built(
    revisions: &[Revision; 2],
    folder: &Path,
    interrupt: &Interrupt,
) -> Result<[Build; 2], ExitCode> {
    let places = ["a", "b"].map(|side| folder.join("builds").join(side));
    let progress = |line: String| output::note(&line);
    tokio::select! {
        // What is built, and its worktree, is gone with the future.
        signal = interrupt.raised() => return Err(ExitCode::Interrupted(signal)),
        built = revisions::build(revisions, &places, &progress) => built.map_err(|why| {
            output::error(&why.to_string());
            let unknown = matches!(why, RevisionError::NotTwo(_) | RevisionError::Unknown(..));
            if unknown { ExitCode::Usage } else { ExitCode::Environment }
        })?,
    }
    Ok([binary(&revisions[0].name, &places[0])?, binary(&revisions[1].name, &places[1])?])
}

async fn drive(
    args: &CompareArgs,
    folder: &Path,
    compare: &mut Compare,
    interrupt: &Interrupt,
) -> ExitCode {
    let program = match own_program() {
        Ok(program) => program,
        Err(why) => {
            output::error(&format!("the system does not say which program this is: {why}"));
            return ExitCode::Environment;
        }
    };
    let drive = Drive { program: &program, keep_all: args.keep_all, interrupt };
    let decision = match compare.drive(&drive, progress).await {
        Ok(decision) => decision,
        Err(why) => {
            output::error(&format!(
                "the comparison cannot go on: {why}; `harness compare --resume {}` does, later",
                folder.display()
            ));
            return ExitCode::Environment;
        }
    };
    output::result(&Page::new(compare.course()).sentence());
    output::note(&format!("the page: {}", folder.join("compare.html").display()));
    match (decision, interrupt.signal()) {
        (Decision::Nothing, Some(signal)) => {
            output::note(&format!(
                "interrupted; `harness compare --resume {}` goes on",
                folder.display()
            ));
            ExitCode::Interrupted(signal)
        }
        _ => decision.exit(),
    }
}

/// A line for each run, and how long the rest may take.
fn progress(course: &Course, ran: &Ran) {
    let (judged, all) = course.progress();
    let spent: f64 = course.ran().iter().chain([ran]).map(|ran| ran.seconds).sum();
    let each = spent / (course.ran().len() + 1) as f64;
    let rest = Duration::from_secs_f64((each * (all - judged).saturating_sub(1) as f64).round());
    let why = ran.reason.as_deref().map_or_else(String::new, |why| {
        format!(": {}", plain(why.lines().next().unwrap_or_default()))
    });
    output::note(&format!(
        "[{}/{all}] {} {:?} {:?} in {:.1} s{why}; about {} left",
        judged + 1,
        course.asked().scenarios[ran.ticket.scenario],
        ran.ticket.side,
        ran.outcome,
        ran.seconds,
        humantime::format_duration(rest),
    ));
}

fn usage(why: &str) -> ExitCode {
    output::error(why);
    ExitCode::Usage
}
