//! `generate`: scenarios from seeds, printed, written, or run one after another.

use std::{
    fs, io,
    ops::Range,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use harness_core::{
    exit::ExitCode,
    generate::{
        Asked,
        asked::VERSION,
        generate, name,
        night::{Night, NightAsked, NightRan, seeds},
    },
    scenario::{Origin, Overrides, load},
    text::plain,
};
use harness_run::interrupt::Interrupt;

use super::{args::GenerateArgs, output};
use crate::{
    campaign::generated::{Drive, Generated},
    provider::own_program,
};

/// Where runs go.
const USUAL: &str = "generated";

pub(super) async fn run(args: &GenerateArgs, interrupt: Interrupt) -> ExitCode {
    if !args.run && args.resume.is_none() {
        return print(args);
    }
    match begin(args) {
        Ok((folder, mut generated)) => drive(args, &folder, &mut generated, &interrupt).await,
        Err(code) => code,
    }
}

fn range(args: &GenerateArgs) -> Range<u64> {
    let one = args.seed.map(|seed| seed..seed.saturating_add(1));
    args.seeds.clone().or(one).unwrap_or(0..0)
}

fn print(args: &GenerateArgs) -> ExitCode {
    let folder = args.out.as_deref().filter(|out| *out != Path::new("-"));
    for seed in range(args) {
        let place = args.provider.place();
        let text = generate(&Asked { seed, nodes: args.nodes, faults: args.faults, place });
        if let Some(problems) = refused(&text) {
            output::note(&problems);
            output::error(&format!("a bug of the generator: seed {seed} is no good scenario"));
            return ExitCode::Bug;
        }
        match folder {
            None => output::result(text.trim_end()),
            Some(folder) => {
                let path = folder.join(format!("{}.toml", name(seed)));
                if let Err(why) = write(folder, &path, &text) {
                    output::error(&format!("`{}` cannot be written: {why}", path.display()));
                    return ExitCode::Environment;
                }
                output::result(&path.display().to_string());
            }
        }
    }
    ExitCode::Pass
}

/// A file that is there is somebody's: it is not written over, unless it is the same.
fn write(folder: &Path, path: &Path, text: &str) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    match fs::read_to_string(path) {
        Ok(there) if there == text => Ok(()),
        Ok(_) => Err(io::Error::other("there is another file of this name")),
        Err(why) if why.kind() == io::ErrorKind::NotFound => fs::write(path, text),
        Err(why) => Err(why),
    }
}

/// What is wrong with it, which is never anything.
fn refused(text: &str) -> Option<String> {
    let origin = Origin { name: USUAL, path: Path::new("generated.toml") };
    let (_, problems) = load(origin, text.to_owned(), &Overrides::default());
    (!problems.is_empty()).then(|| problems.to_string())
}

fn begin(args: &GenerateArgs) -> Result<(PathBuf, Generated), ExitCode> {
    if let Some(folder) = &args.resume {
        let generated = Generated::resume(folder).map_err(|why| {
            output::error(&format!("no runs to go on with in `{}`: {why}", folder.display()));
            ExitCode::Usage
        })?;
        output::note(&format!("going on after {} runs", generated.night().progress().0));
        return Ok((folder.clone(), generated));
    }
    let range = range(args);
    let asked = NightAsked {
        version: VERSION,
        from: range.start,
        to: range.end,
        nodes: args.nodes,
        faults: args.faults,
        place: args.provider.place(),
        arguments: args.for_each_run(),
    };
    if let Err(why) = seeds(&asked) {
        output::error(&why);
        return Err(ExitCode::Usage);
    }
    let out = args.out.clone().filter(|out| out != Path::new("-"));
    let started = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let folder = out.unwrap_or_else(|| USUAL.into()).join(format!(
        "{}-{}-{}",
        range.start,
        range.end,
        started.replace(':', "")
    ));
    let generated = Generated::begin(&folder, asked).map_err(|why| {
        output::error(&format!("nothing can be written down in `{}`: {why}", folder.display()));
        ExitCode::Environment
    })?;
    Ok((folder, generated))
}

async fn drive(
    args: &GenerateArgs,
    folder: &Path,
    generated: &mut Generated,
    interrupt: &Interrupt,
) -> ExitCode {
    let program = match own_program() {
        Ok(program) => program,
        Err(why) => {
            output::error(&format!("the system does not say which program this is: {why}"));
            return ExitCode::Environment;
        }
    };
    let jobs = usize::from(args.jobs);
    let drive = Drive { program: &program, jobs, keep_all: args.keep_all, interrupt };
    let ended = generated.drive(&drive, |night, ran| progress(night, ran, jobs)).await;
    output::result(&generated.night().table());
    output::note(&format!("in {}", folder.display()));
    let goes_on = format!("`harness generate --resume {}` goes on", folder.display());
    if let Err(why) = ended {
        output::error(&format!("it cannot go on: {why}; {goes_on}, later"));
        return ExitCode::Environment;
    }
    let (ran, all) = generated.night().progress();
    match interrupt.signal() {
        // What is left did not run, so the whole is no pass.
        Some(signal) if (ran as u64) < all => {
            output::note(&format!("interrupted; {goes_on}"));
            ExitCode::Interrupted(signal)
        }
        _ => generated.night().exit().unwrap_or(ExitCode::Bug),
    }
}

/// A line for each run, and how long the rest may take.
fn progress(night: &Night, ran: &NightRan, jobs: usize) {
    let (done, all) = night.progress();
    let left = all.saturating_sub(done as u64) as f64 * night.seconds_a_run() / jobs as f64;
    let rest = Duration::from_secs_f64(left.round());
    let why = ran.reason.as_deref().map_or_else(String::new, |why| {
        format!(": {}", plain(why.lines().next().unwrap_or_default()))
    });
    output::note(&format!(
        "[{done}/{all}] seed {} exit {} in {:.1} s{why}; about {} left",
        ran.seed,
        ran.exit,
        ran.seconds,
        humantime::format_duration(rest),
    ));
}
