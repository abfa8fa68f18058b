//! One execution of a node: its process group from the moment that it was executed until the kernel
//! has reported its end.
//!
//! A signal goes to the group, so that a wrapper script's node gets it too. It is only sent while
//! the leader is not reaped: until then the kernel gives its number to nobody else. When the leader
//! has ended, what is left of the group is killed, then the leader is reaped.

use std::{
    io,
    os::unix::process::ExitStatusExt,
    process::{Child, ExitStatus},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use harness_core::node::{Incarnation, NodeState, Resources};
use rustix::process::{Pid, Signal};
use tokio::sync::watch;

use super::procfs;
use crate::binary::{kill_group, wait_unreaped};

/// How the operating system is asked to look after a node when nobody holds it any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Custody {
    /// It dies with the harness.
    Harness,
    /// It is left running (`--keep`).
    User,
}

/// A process group, to signal it and to wait for its end. Any number of these may exist.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pid: Pid,
    /// `None` once reaped: from then on the number may be somebody else's.
    child: Arc<Mutex<Option<Child>>>,
    end: watch::Receiver<Option<ExitStatus>>,
}

impl Group {
    /// Signals the whole group, if it is still there.
    pub(super) fn signal(&self, signal: Signal) {
        self.with_leader(|pid| kill_group(pid, signal));
    }

    /// How it ended, if it has.
    pub(super) fn ended(&self) -> Option<NodeState> {
        (*self.end.borrow()).map(exited)
    }

    /// Waits for the end; `None` when the time is over.
    pub(super) async fn ends_within(&mut self, limit: Duration) -> Option<NodeState> {
        let status =
            tokio::time::timeout(limit, self.end.wait_for(Option::is_some)).await.ok()?.ok()?;
        (*status).map(exited)
    }

    /// Its leader's number, for people.
    pub(super) fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Looks at its leader, or acts on it, while the number cannot become somebody else's; `None` if it
    /// has been reaped.
    pub(super) fn with_leader<T>(&self, act: impl FnOnce(Pid) -> T) -> Option<T> {
        let child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        child.is_some().then(|| act(self.pid))
    }
}

/// The one owner of an execution: dropped, it kills the group unless the user keeps it.
#[derive(Debug)]
pub(super) struct Execution {
    group: Group,
    start_ticks: u64,
    incarnation: Incarnation,
    custody: Custody,
}

impl Execution {
    /// Takes over a child that leads its own process group.
    pub(super) fn watch(
        child: Child,
        boot: std::time::SystemTime,
        custody: Custody,
    ) -> io::Result<Self> {
        let pid = Pid::from_raw(child.id().cast_signed())
            .ok_or_else(|| io::Error::other("a child without a process ID"))?;
        // Nobody has reaped it yet, so the kernel still knows it, even if it has already ended.
        let start_ticks = procfs::stat(pid)
            .ok_or_else(|| io::Error::other("a child that /proc does not know"))?
            .start_ticks;
        let child = Arc::new(Mutex::new(Some(child)));
        let (report, end) = watch::channel(None);
        let reaped = Arc::clone(&child);
        let reaper = move || {
            wait_unreaped(pid);
            let mut child = reaped.lock().unwrap_or_else(PoisonError::into_inner);
            kill_group(pid, Signal::KILL);
            let status = child.take().and_then(|mut child| child.wait().ok());
            report.send_replace(status);
        };
        thread::Builder::new()
            .name(format!("reap {}", pid.as_raw_nonzero()))
            .stack_size(128 * 1024)
            .spawn(reaper)
            .inspect_err(|_| kill_group(pid, Signal::KILL))?;
        let number = pid.as_raw_nonzero().get();
        let incarnation = Incarnation {
            pid: number.into(),
            started: boot + procfs::ticks(start_ticks),
            id: format!("process group {number}"),
        };
        Ok(Self { group: Group { pid, child, end }, start_ticks, incarnation, custody })
    }

    /// What proves this execution.
    pub(super) fn incarnation(&self) -> &Incarnation {
        &self.incarnation
    }

    /// The process group that it is.
    pub(super) fn group(&self) -> &Group {
        &self.group
    }

    /// What it uses; `None` if it has ended.
    pub(super) fn usage(&self) -> Option<Resources> {
        let used = procfs::usage(self.group.pid)?;
        // Read before the look, so that it was this execution's and not that of a process with the
        // same number.
        self.is_running().then_some(used)
    }

    /// How many descriptors it has open; `None` if it has ended.
    pub(super) fn descriptors(&self) -> Option<u64> {
        let open = procfs::descriptors(self.group.pid)?;
        self.is_running().then_some(open)
    }

    /// What the kernel says of it; `None` if it has ended.
    pub(super) fn state(&self) -> Option<NodeState> {
        let frozen = procfs::is_frozen(self.group.pid);
        // Looked at last, so that all of it was this execution's.
        self.is_running().then(|| {
            let incarnation = self.incarnation.clone();
            if frozen { NodeState::Frozen(incarnation) } else { NodeState::Running(incarnation) }
        })
    }

    /// Whether the kernel still runs exactly this execution.
    pub(super) fn is_running(&self) -> bool {
        self.group.ended().is_none()
            && procfs::stat(self.group.pid)
                .is_some_and(|stat| stat.start_ticks == self.start_ticks && !stat.zombie)
    }
}

impl Drop for Execution {
    fn drop(&mut self) {
        if self.custody == Custody::Harness {
            self.group.signal(Signal::KILL);
        }
    }
}

fn exited(status: ExitStatus) -> NodeState {
    NodeState::Exited { code: status.code().map(i64::from), signal: status.signal().map(i64::from) }
}
