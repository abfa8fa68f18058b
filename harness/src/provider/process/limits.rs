//! How many files a running node may open. Only what the kernel calls the soft limit is changed: who
//! lowers the other needs a privilege to raise it again.

use std::fs;

use harness_core::state::Limits;
use rustix::process::{Pid, Resource, Rlimit, prlimit};

use super::{execution::Group, procfs, state::Nodes};
use crate::provider::ProviderError;

/// A process's limits, as the kernel has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct OpenFiles {
    soft: u64,
    /// `None`: unlimited.
    hard: Option<u64>,
}

/// Limits a node's processes; nothing at all restores what they had.
pub(super) fn set(nodes: &Nodes, name: &str, limits: &Limits) -> Result<(), ProviderError> {
    if limits.memory.is_some() || limits.cpu.is_some() {
        return Err(ProviderError::Unsupported(format!(
            "a process's memory and processor time are not limited while it runs ({name})"
        )));
    }
    let group = nodes.group(name)?;
    let had = leader_of(&group).ok_or_else(|| failed(name, "it has ended"))?.soft;
    if let Some(wanted) = nodes.limit_files(name, limits.open_files, had)? {
        apply(&group, name, wanted)?;
    }
    Ok(())
}

/// Limits a node that was just started as the one before was.
pub(super) fn again(nodes: &Nodes, name: &str) -> Result<(), ProviderError> {
    match (nodes.files_limit(name)?, nodes.group(name)) {
        (Some(limit), Ok(group)) => apply(&group, name, limit),
        // One that has ended already needs none.
        (None, _) | (_, Err(_)) => Ok(()),
    }
}

/// What the kernel lets each of a node's processes open at most.
pub(super) fn of(nodes: &Nodes, name: &str) -> Result<Limits, ProviderError> {
    let group = nodes.group(name)?;
    let found = group.with_leader(|leader| {
        procfs::members(leader).filter_map(open_files).map(|limit| limit.soft).max()
    });
    let open_files = found.flatten().ok_or_else(|| failed(name, "it has ended"))?;
    Ok(Limits { open_files: Some(open_files), ..Limits::default() })
}

/// Gives every process of a group this limit.
fn apply(group: &Group, name: &str, wanted: u64) -> Result<(), ProviderError> {
    let outcome = group.with_leader(|leader| {
        procfs::members(leader).try_for_each(|pid| {
            // One that has ended meanwhile needs none.
            let Some(before) = open_files(pid) else { return Ok(()) };
            let limit = Rlimit { current: Some(wanted), maximum: before.hard };
            prlimit(Some(pid), Resource::Nofile, limit).map(drop)
        })
    });
    outcome.unwrap_or(Ok(())).map_err(|why| failed(name, why))
}

fn failed(name: &str, why: impl ToString) -> ProviderError {
    ProviderError::failed(format!("limiting the open files of {name}"), why)
}

fn leader_of(group: &Group) -> Option<OpenFiles> {
    group.with_leader(open_files).flatten()
}

fn open_files(pid: Pid) -> Option<OpenFiles> {
    parse(&fs::read_to_string(format!("/proc/{}/limits", pid.as_raw_nonzero())).ok()?)
}

/// A line of proc(5)'s `limits`: the name, soft, hard, unit.
fn parse(text: &str) -> Option<OpenFiles> {
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files "))?;
    let mut fields = line.split_ascii_whitespace();
    let (soft, hard) = (fields.next()?, fields.next()?);
    Some(OpenFiles { soft: soft.parse().ok()?, hard: hard.parse().ok() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_open_files_is_read() {
        let text = "Limit                     Soft Limit           Hard Limit           Units     \n\
                    Max processes             96000                96000                processes \n\
                    Max open files            1024                 unlimited            files     \n";
        assert_eq!(parse(text), Some(OpenFiles { soft: 1024, hard: None }));
        assert_eq!(parse("Max processes 1 1 processes"), None);
        let own = open_files(rustix::process::getpid()).unwrap();
        assert!(own.hard.is_none_or(|hard| own.soft <= hard), "{own:?}");
    }
}
