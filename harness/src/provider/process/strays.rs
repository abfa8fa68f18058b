//! Processes of a run that nobody holds: what a node's wrapper script has put into a group of its
//! own, what it started before a SIGKILL of the harness, and what is kept. Nodes themselves die
//! with their provider, by the kernel's hand.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::procfs;
use crate::netns::handle::SCRATCH;

/// A process of a run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Process {
    pid: i32,
    start_ticks: u64,
    command: String,
}

impl Process {
    pub(crate) fn describe(&self) -> String {
        format!("process {} ({})", self.pid, self.command)
    }

    /// Kills exactly this process: its number may have come back since it was found.
    pub(crate) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// The same for any signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let Some(pid) = Pid::from_raw(self.pid) else { return };
        // The descriptor keeps the process's identity from here on; if it is not the one that was
        // found, it is not signalled.
        if let Ok(process) = pidfd_open(pid, PidfdFlags::empty())
            && procfs::stat(pid).is_some_and(|stat| stat.start_ticks == self.start_ticks)
        {
            let _ = pidfd_send_signal(process, signal);
        }
    }
}

/// What was killed, and what is still there.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    pub(crate) killed: BTreeSet<Process>,
    pub(crate) left: Vec<Process>,
}

/// Kills all that [`of`] finds until it finds none, or until the time is over: a process may be
/// forking while it is found. Blocks for as long.
pub(crate) fn end(scratch: &Path, groups: &BTreeSet<i64>, limit: Duration) -> Ended {
    let deadline = Instant::now() + limit;
    let mut ended = Ended::default();
    loop {
        let found = of(scratch, groups);
        if found.is_empty() {
            return ended;
        }
        if Instant::now() >= deadline {
            ended.killed.retain(|process| !found.contains(process));
            return Ended { left: found, ..ended };
        }
        found.iter().for_each(Process::kill);
        ended.killed.extend(found);
        thread::sleep(Duration::from_millis(10));
    }
}

/// Processes that run in or from this scratch directory and belong to a group that the run is known
/// to have made: because it wrote that down, or because one of the group was given a state
/// directory there. Somebody who merely stands in the directory is left alone.
pub(crate) fn of(scratch: &Path, groups: &BTreeSet<i64>) -> Vec<Process> {
    let inside: Vec<(Process, i32, PathBuf)> =
        all().filter(|(_, _, path)| is_inside(path, scratch)).collect();
    let marked = inside
        .iter()
        .filter(|(_, _, path)| has_state_in(path, scratch))
        .map(|(_, group, _)| i64::from(*group));
    let groups: BTreeSet<i64> = groups.iter().copied().chain(marked).collect();
    let mut found: Vec<Process> = inside
        .into_iter()
        .filter(|(_, group, _)| groups.contains(&i64::from(*group)))
        .map(|(process, _, _)| process)
        .collect();
    found.sort();
    found
}

/// Processes of one group that run in or from this scratch directory: a group's number may be somebody else's now.
pub(crate) fn in_group(scratch: &Path, group: i64) -> Vec<Process> {
    let of = |(process, of, path): (Process, i32, PathBuf)| {
        (i64::from(of) == group && is_inside(&path, scratch)).then_some(process)
    };
    all().filter_map(of).collect()
}

/// Whether a process runs in or from this scratch directory, and leads a group.
pub(crate) fn leads_in(scratch: &Path, pid: Pid) -> bool {
    let number = pid.as_raw_nonzero().get();
    let leads = procfs::stat(pid).is_some_and(|stat| !stat.zombie && stat.group == number);
    leads && is_inside(&PathBuf::from(format!("/proc/{number}")), scratch)
}

/// Every process that has not ended, with its group and its directory of `/proc`.
fn all() -> impl Iterator<Item = (Process, i32, PathBuf)> {
    fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = procfs::stat(Pid::from_raw(pid)?).filter(|stat| !stat.zombie)?;
        let command =
            fs::read_to_string(entry.path().join("comm")).unwrap_or_default().trim().to_owned();
        Some((Process { pid, start_ticks: stat.start_ticks, command }, stat.group, entry.path()))
    })
}

fn is_inside(process: &Path, scratch: &Path) -> bool {
    ["cwd", "exe"].iter().any(|link| {
        fs::read_link(process.join(link)).is_ok_and(|target| target.starts_with(scratch))
    })
}

/// One of its arguments is `--base-path` with a directory of the run's nodes after it; or it is the
/// keeper of the run's network, which names the run's directory.
fn has_state_in(process: &Path, scratch: &Path) -> bool {
    let line = fs::read(process.join("cmdline")).unwrap_or_default();
    let arguments: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
    arguments.windows(2).any(|pair| {
        let value = String::from_utf8_lossy(pair[1]);
        let value = Path::new(value.as_ref());
        (pair[0] == b"--base-path" && value.starts_with(scratch.join("nodes")))
            || (pair[0] == SCRATCH.as_bytes() && value == scratch)
    })
}

#[cfg(test)]
mod tests {
    use std::{os::unix::process::CommandExt, process::Command};

    use super::*;

    #[test]
    fn a_bystander_in_the_directory_is_left_alone_and_a_recorded_group_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let scratch = dir.path().canonicalize().unwrap();
        let mut child = Command::new("sleep")
            .arg("1000")
            .current_dir(&scratch)
            .process_group(0)
            .spawn()
            .unwrap();
        let group = i64::from(child.id());
        assert_eq!(of(&scratch, &BTreeSet::new()), [], "it only stands there");
        assert_eq!(
            of(Path::new("/nowhere"), &BTreeSet::from([group])),
            [],
            "a group's number may be somebody else's now"
        );
        let found = of(&scratch, &BTreeSet::from([group]));
        assert_eq!(found.len(), 1);
        Process { start_ticks: found[0].start_ticks + 1, ..found[0].clone() }.kill();
        assert!(child.try_wait().unwrap().is_none(), "another process of this number is not meant");
        found[0].kill();
        assert!(!child.wait().unwrap().success());
    }

    #[test]
    fn groups_are_known_by_their_state_directory_and_end_with_all_that_is_in_them() {
        let dir = tempfile::tempdir().unwrap();
        let scratch = dir.path().canonicalize().unwrap();
        let state = scratch.join("nodes/seed/data");
        fs::create_dir_all(&state).unwrap();
        let shell = "sleep 1000 & wait";
        let mut node = Command::new("sh")
            .args(["-c", shell, "node", "--base-path"])
            .arg(&state)
            .current_dir(&scratch)
            .process_group(0)
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        while of(&scratch, &BTreeSet::new()).len() < 2 {
            assert!(
                Instant::now() < deadline,
                "the shell and what it started: {:?}",
                of(&scratch, &BTreeSet::new())
            );
        }
        let ended = end(&scratch, &BTreeSet::new(), Duration::from_secs(10));
        assert!(ended.killed.len() == 2 && ended.left.is_empty(), "{ended:?}");
        node.wait().unwrap();
    }
}
