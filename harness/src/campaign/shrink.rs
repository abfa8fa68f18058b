//! Drives what makes a failing scenario smaller: writes each smaller one, runs it, and keeps the smallest that
//! still fails, with its evidence.

use std::{
    fs, io,
    path::{Path, PathBuf, absolute},
    time::{Duration, Instant},
};

use harness_core::{
    exit::ExitCode,
    shrink::{Course, Try},
};
use harness_run::{evidence::write_whole, interrupt::Interrupt};

use super::child;

/// The smallest that still fails.
pub const SMALLEST: &str = "shrunk.toml";

/// How it goes on.
#[derive(Debug)]
pub struct Drive<'a> {
    /// This program.
    pub program: &'a Path,
    /// What each run is told, as `harness scenario` takes it.
    pub arguments: &'a [String],
    /// A folder of its own.
    pub folder: &'a Path,
    /// Until when.
    pub budget: Option<Duration>,
    /// Raised by a signal.
    pub interrupt: &'a Interrupt,
}

/// A try that ended.
#[derive(Debug)]
pub struct Tried {
    /// What it was.
    pub attempt: Try,
    /// It failed for the same reason, and is the smallest now.
    pub kept: bool,
    /// What it exited with.
    pub exit: Option<ExitCode>,
    /// What it came to instead, in one sentence.
    pub reason: Option<String>,
    /// How long it took.
    pub seconds: f64,
}

/// Goes on until nothing smaller fails, time is over, or a signal came; `report` hears of each run. The bundle
/// of the smallest, if one failed at all.
///
/// # Errors
///
/// A run cannot be started, or a scenario cannot be written.
pub async fn drive(
    course: &mut Course,
    drive: &Drive<'_>,
    mut report: impl FnMut(&Course, &Tried),
) -> io::Result<Option<PathBuf>> {
    let began = Instant::now();
    let (mut bundle, mut number) = (None::<PathBuf>, 0_u32);
    let tries = drive.folder.join("try");
    fs::create_dir_all(&tries)?;
    let over = || drive.budget.is_some_and(|budget| began.elapsed() >= budget);
    while drive.interrupt.signal().is_none()
        && !over()
        && let Some(attempt) = course.next_try()
    {
        number += 1;
        write_whole(&tries, SMALLEST, attempt.text.as_bytes())?;
        let out = drive.folder.join("runs").join(format!("{number:04}"));
        let mut arguments = drive.arguments.to_vec();
        arguments.push("--".to_owned());
        arguments.push(absolute(tries.join(SMALLEST))?.display().to_string());
        let ended = child::run(drive.program, &arguments, &out, drive.interrupt).await?;
        // Told to end, it says nothing.
        if ended.outcome().is_none() {
            fs::remove_dir_all(&out)?;
            break;
        }
        let kept = course.ended(&course.outcome(ended.exit, ended.verdict.as_ref()));
        if kept {
            write_whole(drive.folder, SMALLEST, attempt.text.as_bytes())?;
            if let Some(larger) = bundle.take().as_deref().and_then(Path::parent) {
                fs::remove_dir_all(larger)?;
            }
            bundle = ended.bundle;
        } else {
            fs::remove_dir_all(&out)?;
        }
        let (exit, reason, seconds) = (ended.exit, ended.reason, ended.seconds);
        report(course, &Tried { attempt, kept, exit, reason, seconds });
    }
    fs::remove_dir_all(&tries)?;
    Ok(bundle)
}
