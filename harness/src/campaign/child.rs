//! One run of a scenario as a process of its own. It dies with us, and its watchdog removes what it made.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    process::Stdio,
    time::Instant,
};

use harness_core::{
    bundle::Sha256Hex, exit::ExitCode, gate::Outcome, record::builds, verdict::Verdict,
};
use harness_run::{evidence::verify, interrupt::Interrupt, spawn::die_with_this_thread};
use rustix::process::{Pid, Signal};
use tokio::{io::AsyncReadExt, process::Command};

/// What a child says on standard error is kept up to here: its last line may be the only reason there is.
const LONGEST: u64 = 64 * 1024;

/// A run that ended.
#[derive(Debug, Default)]
pub struct Ended {
    /// What its process exited with. `None`: a signal ended it, ours or another.
    pub exit: Option<ExitCode>,
    /// What follows from its evidence.
    pub verdict: Option<Verdict>,
    /// What ran, by hashes and image IDs, and the hash of the scenario's text.
    pub build: Option<String>,
    /// Of its bundle.
    pub digest: Option<Sha256Hex>,
    /// Its bundle, if it came that far.
    pub bundle: Option<PathBuf>,
    /// Why it did not pass, in one sentence.
    pub reason: Option<String>,
    /// How long it took.
    pub seconds: f64,
}

impl Ended {
    /// What it came to. `None`: it was told to end.
    pub fn outcome(&self) -> Option<Outcome> {
        // Whoever was killed by somebody else says nothing.
        self.exit.map_or(Some(Outcome::Nothing), Outcome::of)
    }

    /// Removes a passing run's evidence, unless all is to be kept; where what was kept lies, from `folder`.
    pub(super) fn keep(&self, out: &Path, folder: &Path, all: bool) -> io::Result<Option<String>> {
        if self.outcome() == Some(Outcome::Pass) && !all {
            fs::remove_dir_all(out)?;
            return Ok(None);
        }
        let relative =
            |path: &PathBuf| path.strip_prefix(folder).unwrap_or(path).display().to_string();
        Ok(self.bundle.as_ref().map(relative))
    }
}

/// Runs `harness scenario` with these arguments, scenarios last, and an own directory for its evidence.
///
/// # Errors
///
/// The program or the directory is not there.
pub async fn run(
    program: &Path,
    arguments: &[String],
    out: &Path,
    interrupt: &Interrupt,
) -> io::Result<Ended> {
    let began = Instant::now();
    fs::create_dir_all(out)?;
    let before = folders(out)?;
    let mut command = Command::new(program);
    command
        .args(["scenario", "--quiet", "--no-progress", "--out"])
        .arg(out)
        .args(arguments)
        // One of hundreds is nothing that a CI job's page should show.
        .env_remove("GITHUB_ACTIONS")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        // A Ctrl-C is ours to pass on: the terminal would send it to both.
        .process_group(0)
        .kill_on_drop(true);
    die_with_this_thread(command.as_std_mut());
    let mut child = command.spawn()?;
    let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    let mut stderr = child.stderr.take();
    let words = async {
        let mut words = Vec::new();
        if let Some(stderr) = &mut stderr {
            let _ = stderr.take(LONGEST).read_to_end(&mut words).await;
            // What is more is not kept, and must not make the child wait.
            let _ = tokio::io::copy(stderr, &mut tokio::io::sink()).await;
        }
        String::from_utf8_lossy(&words).into_owned()
    };
    let ending = async {
        let mut told = false;
        loop {
            tokio::select! {
                biased; // An ended child is not told to end.
                status = child.wait() => return status,
                _ = interrupt.raised(), if !told => {
                    told = true;
                    if let Some(pid) = pid {
                        let _ = rustix::process::kill_process(pid, Signal::TERM);
                    }
                }
            }
        }
    };
    let (status, words) = tokio::join!(ending, words);
    let exit = status?.code().and_then(|code| ExitCode::of(u8::try_from(code).ok()?));
    let mut ended = Ended { exit, ..Ended::default() };
    look(&mut ended, out, &before, &words)?;
    ended.seconds = began.elapsed().as_secs_f64();
    Ok(ended)
}

/// What its evidence says. One that does not verify, or says something else than the exit code, says nothing.
/// What was there `before` is of an attempt that was killed: its watchdog may still be at it, so it stays.
fn look(ended: &mut Ended, out: &Path, before: &BTreeSet<PathBuf>, words: &str) -> io::Result<()> {
    ended.bundle = folders(out)?.difference(before).next().cloned();
    let last = words.lines().rev().find(|line| !line.trim().is_empty());
    ended.reason =
        (ended.exit != Some(ExitCode::Pass)).then(|| last.unwrap_or("it said nothing").to_owned());
    let Some(bundle) = &ended.bundle else {
        if matches!(ended.exit, Some(ExitCode::Pass | ExitCode::Fail)) {
            distrust(ended, "it left no evidence".to_owned());
        }
        return Ok(());
    };
    let verified = match verify(bundle, None) {
        Ok(verified) => verified,
        Err(why) => {
            distrust(ended, format!("its evidence cannot be read: {why}"));
            return Ok(());
        }
    };
    ended.digest = verified.digest;
    let said = verified.verdict.as_ref().map(|verdict| verdict.exit);
    if !verified.is_whole() {
        let problem =
            verified.problems.first().map_or_else(String::new, |problem| format!(": {problem}"));
        distrust(ended, format!("its evidence does not verify{problem}"));
    } else if said != ended.exit {
        distrust(ended, "its evidence says something else than its exit code".to_owned());
    } else if let Some(reason) =
        verified.verdict.as_ref().and_then(|verdict| verdict.reason.clone())
    {
        ended.reason = Some(reason);
    }
    ended.build = verified.plan.as_ref().map(|record| {
        let ran: Vec<String> = builds(&record.facts).into_values().collect();
        format!(
            "{} of scenario {}",
            ran.join(" and "),
            Sha256Hex::of(&[record.plan.text.as_bytes()])
        )
    });
    ended.verdict = verified.verdict;
    Ok(())
}

fn folders(of: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let entries = fs::read_dir(of)?.filter_map(Result::ok).map(|entry| entry.path());
    Ok(entries.filter(|path| path.is_dir()).collect())
}

/// A pass or failure that cannot be believed is neither.
fn distrust(ended: &mut Ended, why: String) {
    if matches!(ended.exit, Some(ExitCode::Pass | ExitCode::Fail)) {
        ended.exit = Some(ExitCode::Inconclusive);
    }
    ended.reason = Some(why);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A watchdog may still write into it, so it cannot be removed first.
    #[test]
    fn what_a_killed_attempt_left_is_not_taken_for_the_evidence() {
        let out = tempfile::tempdir().unwrap();
        fs::create_dir(out.path().join("1-killed")).unwrap();
        let before = folders(out.path()).unwrap();
        let ended = || Ended { exit: Some(ExitCode::Pass), ..Ended::default() };
        let mut nothing = ended();
        look(&mut nothing, out.path(), &before, "").unwrap();
        assert_eq!((nothing.exit, nothing.bundle), (Some(ExitCode::Inconclusive), None));
        fs::create_dir(out.path().join("2-own")).unwrap();
        let mut own = ended();
        look(&mut own, out.path(), &before, "").unwrap();
        assert_eq!(own.bundle, Some(out.path().join("2-own")));
    }
}
