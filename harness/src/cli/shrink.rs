//! `shrink`: the scenario of a bundle that failed, made smaller while it still fails for the same reason.

use std::{
    path::{Path, PathBuf, absolute},
    time::SystemTime,
};

use harness_core::{
    exit::ExitCode, node::NodeSource, record::PlanRecord, shrink::Course, text::plain,
    verdict::Verdict,
};
use harness_run::{evidence::verify, interrupt::Interrupt};

use super::{
    args::{NetworkArg, NodeArgs, ProviderChoice, ShrinkArgs, for_each_run},
    output,
};
use crate::{
    campaign::shrink::{Drive, SMALLEST, Tried, drive},
    provider::own_program,
};

pub(super) async fn run(args: &ShrinkArgs, interrupt: Interrupt) -> ExitCode {
    match prepare(args) {
        Ok((mut course, arguments, folder)) => {
            go(args, &mut course, (&arguments, &folder), &interrupt).await
        }
        Err(code) => code,
    }
}

fn prepare(args: &ShrinkArgs) -> Result<(Course, Vec<String>, PathBuf), ExitCode> {
    let (record, verdict) = recorded(&args.bundle).map_err(|why| usage(&why))?;
    let file = absolute(&record.plan.path).unwrap_or_else(|_| record.plan.path.clone());
    let beside = file.parent().unwrap_or(Path::new("/"));
    let course = Course::new(&record.plan, &verdict, beside, args.tries)
        .map_err(|why| usage(&why.to_string()))?;
    let started = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let name = format!("{}-{}", record.plan.scenario, started.replace(':', ""));
    let folder = args.out.join(name);
    std::fs::create_dir_all(&folder).map_err(|why| {
        output::error(&format!("`{}` cannot be made: {why}", folder.display()));
        ExitCode::Environment
    })?;
    Ok((course, arguments(args, &record), folder))
}

/// What was recorded, if it may be believed.
fn recorded(bundle: &Path) -> Result<(PlanRecord, Verdict), String> {
    let here = bundle.display();
    let verified = verify(bundle, None).map_err(|why| format!("no bundle at `{here}`: {why}"))?;
    if !verified.is_whole() {
        let first = verified.problems.first().map(ToString::to_string).unwrap_or_default();
        return Err(format!("the bundle at `{here}` does not verify: {first}"));
    }
    verified.plan.zip(verified.verdict).ok_or_else(|| format!("there is no plan in `{here}`"))
}

/// What was run, where it ran, and as patiently, unless something else is asked for.
fn arguments(args: &ShrinkArgs, record: &PlanRecord) -> Vec<String> {
    let (asked, overrides) = (&record.asked, &record.plan.overrides);
    let mut node = NodeArgs {
        node_profile: args.node.node_profile.clone().or_else(|| asked.profile.clone()),
        network: NetworkArg::again(args.node.network, asked),
        ..args.node.clone()
    };
    if node.source().is_none() {
        match &overrides.source {
            NodeSource::Image(image) => node.node_image = Some(image.clone()),
            NodeSource::Binary(path) => node.node_bin = Some(path.clone()),
            NodeSource::Workspace | NodeSource::Hostile => {}
        }
    }
    let provider = ProviderChoice::again(args.provider, asked, &record.facts);
    let factor = args.timeout_factor.unwrap_or(overrides.timeout_factor);
    let mut arguments = for_each_run(&node, provider, factor);
    arguments.extend(["--seed".to_owned(), record.plan.seed.to_string()]);
    arguments
}

async fn go(
    args: &ShrinkArgs,
    course: &mut Course,
    (arguments, folder): (&[String], &Path),
    interrupt: &Interrupt,
) -> ExitCode {
    let program = match own_program() {
        Ok(program) => program,
        Err(why) => {
            output::error(&format!("the system does not say which program this is: {why}"));
            return ExitCode::Environment;
        }
    };
    output::note(&format!("it failed with\n  {}\nand is {}", course.reason(), size(course)));
    let drives = Drive { program: &program, arguments, folder, budget: args.budget, interrupt };
    let mut last = None;
    let report = |course: &Course, tried: &Tried| {
        last = tried.exit;
        progress(course, tried);
    };
    let bundle = match drive(course, &drives, report).await {
        Ok(bundle) => bundle,
        Err(why) => {
            output::error(&format!("it cannot go on in `{}`: {why}", folder.display()));
            return ExitCode::Environment;
        }
    };
    let Some(bundle) = bundle else {
        return interrupt.signal().map_or_else(|| not_again(args, last), ExitCode::Interrupted);
    };
    let why = match (course.is_finished(), interrupt.signal()) {
        (true, _) => "nothing smaller fails",
        (false, Some(_)) => "interrupted",
        (false, None) => "the budget is over",
    };
    let (file, bundle) = (folder.join(SMALLEST), bundle.display().to_string());
    output::result(&format!(
        "{} after {} ({why})\n  scenario: {}\n  evidence: {bundle}",
        size(course),
        many(course.runs() as usize, "run"),
        file.display()
    ));
    interrupt
        .signal()
        .filter(|_| !course.is_finished())
        .map_or(ExitCode::Pass, ExitCode::Interrupted)
}

fn not_again(args: &ShrinkArgs, last: Option<ExitCode>) -> ExitCode {
    use ExitCode::{Bug, Environment, NothingRan, Usage};
    if let Some(code @ (Environment | NothingRan | Usage | Bug)) = last {
        output::error("it could not be run again, so nothing could be made smaller");
        return code;
    }
    output::error(&format!(
        "it did not fail again for that reason in {} runs: a failure by chance takes more --tries, and one of a busy machine a quieter one",
        args.tries
    ));
    ExitCode::Inconclusive
}

/// A line for each run.
fn progress(course: &Course, tried: &Tried) {
    let attempt = &tried.attempt;
    let without = attempt
        .without
        .as_ref()
        .map_or_else(|| "as it was".to_owned(), |what| format!("without {what}"));
    let came = if tried.kept {
        format!("fails the same way: now {}", size(course))
    } else {
        let why = tried.reason.as_deref().and_then(|why| why.lines().next()).unwrap_or("passed");
        format!("does not: {}", plain(why))
    };
    output::note(&format!(
        "[{}] {without}, try {}, {:.1} s: {came}",
        course.runs(),
        attempt.number,
        tried.seconds
    ));
}

fn size(course: &Course) -> String {
    let [groups, phases, faults, checks] = course.size();
    format!(
        "{}, {}, {}, {}",
        many(groups, "group"),
        many(phases, "phase"),
        many(faults, "fault"),
        many(checks, "check")
    )
}

fn many(count: usize, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}

fn usage(why: &str) -> ExitCode {
    output::error(why);
    ExitCode::Usage
}
