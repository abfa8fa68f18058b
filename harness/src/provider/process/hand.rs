//! A hand on one node of a network that stays: whoever started it is gone, so nothing is known but what was written down
//! and what the kernel says. Acts only on processes that live in the run's own directory, each by a descriptor that no
//! other process can get.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use harness_core::node::{Incarnation, NodeState, Resources};
use rustix::process::{Pid, Signal};

use super::{
    execution::{Custody, Execution},
    procfs,
    spawner::{self, Program},
    strays,
};

/// Time that the kernel has to do what it was told.
const LIMIT: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// A node's process group, and how to execute it again.
#[derive(Debug)]
pub(crate) struct Hand {
    scratch: PathBuf,
    /// The node's own directory.
    home: PathBuf,
    group: i64,
    launch: Option<Program>,
    /// Executed by this hand: it lives on when the hand is gone.
    execution: Option<Execution>,
}

impl Hand {
    /// On the group that was written down for a node of the run with this scratch directory.
    pub(crate) fn new(scratch: &Path, node: &str, group: i64) -> Self {
        let mut hand = Self {
            home: scratch.join("nodes").join(node),
            scratch: scratch.to_owned(),
            group,
            launch: None,
            execution: None,
        };
        hand.launch = hand.launch();
        hand
    }

    /// Where its log is.
    pub(crate) fn log(&self) -> PathBuf {
        self.home.join("node.log")
    }

    /// The kernel's word on it.
    pub(crate) fn state(&self) -> NodeState {
        let leader = self.leader();
        let Some((pid, stat)) = leader.and_then(|pid| Some((pid, procfs::stat(pid)?))) else {
            return NodeState::Exited { code: None, signal: None };
        };
        let boot = procfs::boot_time().unwrap_or(std::time::SystemTime::UNIX_EPOCH);
        let incarnation = Incarnation {
            pid: self.group,
            started: boot + procfs::ticks(stat.start_ticks),
            id: self.id(),
        };
        if procfs::is_frozen(pid) {
            NodeState::Frozen(incarnation)
        } else {
            NodeState::Running(incarnation)
        }
    }

    /// What it uses.
    pub(crate) fn usage(&self) -> Option<Resources> {
        let leader = self.leader()?;
        procfs::usage(leader)
    }

    /// The group, for people.
    pub(crate) fn id(&self) -> String {
        format!("process group {}", self.group)
    }

    /// Its number.
    pub(crate) fn group(&self) -> i64 {
        self.group
    }

    /// SIGKILL to all of it. The proof that it is gone.
    pub(crate) async fn kill(&mut self) -> io::Result<String> {
        let (group, began) = (self.group, Instant::now());
        self.launch = self.launch().or(self.launch.take());
        // All of it: a wrapper may be gone before the node that it started, which has port and database.
        self.order(Signal::KILL, |hand| hand.members().is_empty()).await?;
        let took = began.elapsed().as_millis();
        Ok(format!("process {group} is gone, {took} ms after SIGKILL"))
    }

    /// SIGSTOP to all of it. The proof that none of its threads runs.
    pub(crate) async fn pause(&mut self) -> io::Result<String> {
        self.order(Signal::STOP, |hand| matches!(hand.state(), NodeState::Frozen(_))).await?;
        Ok(format!("every thread of process {} is stopped (state T)", self.group))
    }

    /// SIGCONT to all of it. The proof that they do.
    pub(crate) async fn resume(&mut self) -> io::Result<String> {
        self.order(Signal::CONT, |hand| matches!(hand.state(), NodeState::Running(_))).await?;
        Ok(format!("process {} is not stopped any more", self.group))
    }

    /// Killed if it runs, and executed as it was before. The proof that it is another process.
    pub(crate) async fn restart(&mut self) -> io::Result<String> {
        let before = self.group;
        self.launch = self.launch().or(self.launch.take());
        if self.launch.as_ref().is_none_or(|launch| !launch.path.is_file()) {
            return Err(io::Error::other(
                "how it was executed is not known: it had ended before this looked at it, or its executable is gone, or it lives in another network than this",
            ));
        }
        if !self.members().is_empty() {
            self.kill().await?;
        }
        let launch = self.launch.as_ref().ok_or_else(|| io::Error::other("no launch"))?;
        let boot = procfs::boot_time().ok_or_else(|| io::Error::other("no /proc/stat"))?;
        let execution = spawner::execute(launch, boot, Custody::User)?;
        self.group = i64::from(execution.group().pid());
        self.execution = Some(execution);
        Ok(format!("process {before} is gone, and process {} is in its place", self.group))
    }

    async fn order(&self, signal: Signal, is_done: impl Fn(&Self) -> bool) -> io::Result<()> {
        let members = self.members();
        if members.is_empty() {
            return Err(io::Error::other("it does not run"));
        }
        members.iter().for_each(|process| process.signal(signal));
        let deadline = Instant::now() + LIMIT;
        while !is_done(self) {
            if Instant::now() >= deadline {
                return Err(io::Error::other(format!(
                    "the kernel does not say that it is done, {} s after the signal",
                    LIMIT.as_secs()
                )));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// If it runs.
    fn leader(&self) -> Option<Pid> {
        let pid = Pid::from_raw(i32::try_from(self.group).ok()?)?;
        strays::leads_in(&self.scratch, pid).then_some(pid)
    }

    fn members(&self) -> Vec<strays::Process> {
        strays::in_group(&self.scratch, self.group)
    }

    /// As the kernel has it; nothing of one that has ended, and of one that lives in another network: it would come back
    /// in this one.
    fn launch(&self) -> Option<Program> {
        let leader = self.leader()?;
        let dir = PathBuf::from(format!("/proc/{}", leader.as_raw_nonzero()));
        let own = fs::read_link("/proc/self/ns/net").ok()?;
        if fs::read_link(dir.join("ns/net")).ok()? != own {
            return None;
        }
        let words = |file: &str| {
            let bytes = fs::read(dir.join(file)).ok()?;
            let Some(words) = bytes.strip_suffix(b"\0") else { return Some(Vec::new()) };
            let words = words.split(|byte| *byte == 0);
            words.map(|word| String::from_utf8(word.to_vec()).ok()).collect::<Option<Vec<_>>>()
        };
        let variables: Option<BTreeMap<String, String>> = words("environ")?
            .iter()
            .map(|variable| {
                let (name, value) = variable.split_once('=')?;
                Some((name.to_owned(), value.to_owned()))
            })
            .collect();
        // Nothing stands there yet as long as it is still being executed.
        let [_, args @ ..] = &*words("cmdline")? else { return None };
        Some(Program {
            path: fs::read_link(dir.join("exe")).ok()?,
            args: args.to_vec(),
            env: variables?,
            dir: fs::read_link(dir.join("cwd")).ok()?,
            data: self.home.clone(),
            log: self.log(),
            join: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{
        os::unix::process::CommandExt,
        process::{Child, Command},
    };

    use super::*;

    /// A run's directory with a node's, and what runs there in a group of its own.
    struct Node {
        scratch: tempfile::TempDir,
        child: Child,
    }

    impl Node {
        fn new(script: &str) -> Self {
            let scratch = tempfile::tempdir().unwrap();
            let home = scratch.path().join("nodes/node");
            fs::create_dir_all(&home).unwrap();
            let mut command = Command::new("sh");
            command.args(["-c", script]).current_dir(&home).process_group(0);
            let child = command.spawn().unwrap();
            Self { scratch, child }
        }

        fn hand(&self) -> Hand {
            Hand::new(self.scratch.path(), "node", self.child.id().into())
        }
    }

    impl Drop for Node {
        fn drop(&mut self) {
            strays::end(self.scratch.path(), &[self.child.id().into()].into(), LIMIT);
            let _ = self.child.wait();
        }
    }

    async fn until(what: &str, is_so: impl Fn() -> bool) {
        let deadline = Instant::now() + LIMIT;
        while !is_so() {
            assert!(Instant::now() < deadline, "never: {what}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    #[tokio::test]
    async fn a_node_is_frozen_let_go_killed_and_executed_again_as_it_was() {
        let node = Node::new("exec sleep 300");
        let mut hand = node.hand();
        until("it sleeps", || hand.launch().is_some_and(|it| it.args == ["300"])).await;
        hand.pause().await.unwrap();
        assert!(matches!(hand.state(), NodeState::Frozen(_)));
        hand.resume().await.unwrap();
        assert!(matches!(hand.state(), NodeState::Running(_)));
        let before = hand.group();
        hand.restart().await.unwrap();
        assert_ne!(hand.group(), before);
        assert!(strays::in_group(node.scratch.path(), before).is_empty());
        until("it sleeps again", || hand.launch().is_some_and(|it| it.args == ["300"])).await;
        hand.kill().await.unwrap();
        assert!(!hand.state().is_running());
        assert!(hand.kill().await.is_err(), "there is nothing to kill");
        hand.restart().await.unwrap();
        assert!(hand.state().is_running(), "it is known how it was executed");
        hand.kill().await.unwrap();
    }

    /// What a wrapper has started is gone before the wrapper runs again.
    #[tokio::test]
    async fn a_child_that_outlives_its_leader_is_not_left_beside_the_next() {
        let mut node = Node::new("sleep 300 & wait");
        until("both are there", || node.hand().members().len() == 2).await;
        let mut hand = node.hand();
        let group = hand.group();
        node.child.kill().unwrap();
        node.child.wait().unwrap();
        until("one is left", || hand.members().len() == 1).await;
        hand.restart().await.unwrap();
        assert!(strays::in_group(node.scratch.path(), group).is_empty());
        hand.kill().await.unwrap();
    }
}
