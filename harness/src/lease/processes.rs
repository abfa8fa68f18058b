//! Processes that a dead run of the process provider has left. Its nodes died with it, by the kernel's hand; what a node's wrapper script has started did not, nor what is kept.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::provider::process_stat;

/// A process of a run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Process {
    pid: i32,
    start_ticks: u64,
    command: String,
}

impl Process {
    pub(super) fn describe(&self) -> String {
        format!("process {} ({})", self.pid, self.command)
    }

    /// Kills exactly this process: its number may have come back since it was found.
    pub(super) fn kill(&self) {
        let Some(pid) = Pid::from_raw(self.pid) else { return };
        // The descriptor keeps the process's identity from here on; if it is not the one that was found, it is not signalled.
        if let Ok(process) = pidfd_open(pid, PidfdFlags::empty())
            && process_stat(pid).is_some_and(|stat| stat.start_ticks == self.start_ticks)
        {
            let _ = pidfd_send_signal(process, Signal::KILL);
        }
    }
}

/// Processes that run in or from this scratch directory and belong to a group that the run is known to have made: because it wrote that down, or because one of the group was
/// given a state directory there. Somebody who merely stands in the directory is left alone.
pub(super) fn of(scratch: &Path, groups: &BTreeSet<i64>) -> Vec<Process> {
    let inside: Vec<(Process, i32, PathBuf)> = all().filter(|(_, _, path)| is_inside(path, scratch)).collect();
    let marked = inside.iter().filter(|(_, _, path)| has_state_in(path, scratch)).map(|(_, group, _)| i64::from(*group));
    let groups: BTreeSet<i64> = groups.iter().copied().chain(marked).collect();
    let mut found: Vec<Process> = inside.into_iter().filter(|(_, group, _)| groups.contains(&i64::from(*group))).map(|(process, _, _)| process).collect();
    found.sort();
    found
}

/// Every process that has not ended, with its group and its directory of `/proc`.
fn all() -> impl Iterator<Item = (Process, i32, PathBuf)> {
    fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = process_stat(Pid::from_raw(pid)?).filter(|stat| !stat.zombie)?;
        let command = fs::read_to_string(entry.path().join("comm")).unwrap_or_default().trim().to_owned();
        Some((Process { pid, start_ticks: stat.start_ticks, command }, stat.group, entry.path()))
    })
}

fn is_inside(process: &Path, scratch: &Path) -> bool {
    ["cwd", "exe"].iter().any(|link| fs::read_link(process.join(link)).is_ok_and(|target| target.starts_with(scratch)))
}

/// One of its arguments is `--base-path` with a directory of the run's nodes after it.
fn has_state_in(process: &Path, scratch: &Path) -> bool {
    let line = fs::read(process.join("cmdline")).unwrap_or_default();
    let arguments: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
    arguments.windows(2).any(|pair| {
        let value = String::from_utf8_lossy(pair[1]);
        pair[0] == b"--base-path" && Path::new(value.as_ref()).starts_with(scratch.join("nodes"))
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
        let mut child = Command::new("sleep").arg("1000").current_dir(&scratch).process_group(0).spawn().unwrap();
        let group = i64::from(child.id());
        assert_eq!(of(&scratch, &BTreeSet::new()), [], "it only stands there");
        assert_eq!(of(Path::new("/nowhere"), &BTreeSet::from([group])), [], "a group's number may be somebody else's now");
        let found = of(&scratch, &BTreeSet::from([group]));
        assert_eq!(found.len(), 1);
        Process { start_ticks: found[0].start_ticks + 1, ..found[0].clone() }.kill();
        assert!(child.try_wait().unwrap().is_none(), "another process of this number is not meant");
        found[0].kill();
        assert!(!child.wait().unwrap().success());
    }

    #[test]
    fn a_group_is_known_by_its_state_directory() {
        let dir = tempfile::tempdir().unwrap();
        let scratch = dir.path().canonicalize().unwrap();
        let state = scratch.join("nodes/seed/data");
        fs::create_dir_all(&state).unwrap();
        let shell = "sleep 1000 & wait";
        let mut node = Command::new("sh").args(["-c", shell, "node", "--base-path"]).arg(&state).current_dir(&scratch).process_group(0).spawn().unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while of(&scratch, &BTreeSet::new()).len() < 2 {
            assert!(std::time::Instant::now() < deadline, "the shell and what it started: {:?}", of(&scratch, &BTreeSet::new()));
        }
        of(&scratch, &BTreeSet::new()).iter().for_each(Process::kill);
        node.wait().unwrap();
    }
}
