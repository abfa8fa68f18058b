//! Which process of which host made something, so that another one can tell later whether it still
//! lives. On every object of an engine, and in every entry of a run.

use std::{fmt, fs, str::FromStr};

use rustix::{
    io::Errno,
    process::{Pid, getpid},
};
use serde::{Deserialize, Serialize};

use super::process::procfs;

/// One process of one host. The number of a process comes back, with another start time or after
/// another boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The host's name and its namespace of process IDs: only there does `pid` mean anything.
    host: String,
    boot: String,
    pid: i32,
    start_ticks: u64,
}

/// A text that is no [`Owner`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not of the form host,boot,pid,start")]
pub struct NoOwner;

impl Owner {
    /// This process.
    pub fn this() -> Self {
        let pid = getpid();
        let start_ticks = procfs::stat(pid).map_or(0, |stat| stat.start_ticks);
        Self { host: host(), boot: boot(), pid: pid.as_raw_nonzero().get(), start_ticks }
    }

    /// It was a process of this host: what is said of its life here is true.
    pub fn is_of_this_host(&self) -> bool {
        self.host == host()
    }

    /// Exactly this process is there, and has not ended.
    pub fn lives(&self) -> bool {
        if self.pid <= 0 || !self.is_of_this_host() || self.boot != boot() {
            return false;
        }
        let Some(pid) = Pid::from_raw(self.pid) else { return false };
        match procfs::stat(pid) {
            Some(stat) if self.start_ticks != 0 => {
                stat.start_ticks == self.start_ticks && !stat.zombie
            }
            // No /proc here, or one that hides other users' processes (`hidepid`): the number must
            // do, and one that came back errs on the side of leaving things alone.
            Some(_) | None => !matches!(rustix::process::test_kill_process(pid), Err(Errno::SRCH)),
        }
    }

    /// Its number, for people.
    pub fn pid(&self) -> i32 {
        self.pid
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{},{},{},{}", self.host, self.boot, self.pid, self.start_ticks)
    }
}

impl FromStr for Owner {
    type Err = NoOwner;

    fn from_str(text: &str) -> Result<Self, NoOwner> {
        let mut parts = text.split(',');
        let mut next = || parts.next().filter(|part| !part.is_empty()).ok_or(NoOwner);
        let (host, boot, pid, start) = (next()?, next()?, next()?, next()?);
        let owner = Self {
            host: host.to_owned(),
            boot: boot.to_owned(),
            pid: pid.parse().map_err(|_| NoOwner)?,
            start_ticks: start.parse().map_err(|_| NoOwner)?,
        };
        if parts.next().is_none() { Ok(owner) } else { Err(NoOwner) }
    }
}

fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| std::env::var("HOSTNAME").ok())
        .unwrap_or_default();
    let namespace = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    format!("{}:{}", word(&name), word(&namespace.to_string_lossy()))
}

fn boot() -> String {
    word(&fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default())
}

/// What can stand in a label without quotes.
fn word(text: &str) -> String {
    let word: String =
        text.trim().chars().filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).collect();
    if word.is_empty() { "unknown".to_owned() } else { word }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives_and_is_known_by_its_text() {
        let this = Owner::this();
        assert!(this.lives() && this.is_of_this_host());
        assert_eq!(this.to_string().parse(), Ok(this));
    }

    #[test]
    fn another_start_another_boot_or_another_host_is_another_process() {
        let this = Owner::this();
        for other in [
            Owner { start_ticks: this.start_ticks + 1, ..this.clone() },
            Owner { boot: "another".to_owned(), ..this.clone() },
            Owner { host: "another".to_owned(), ..this.clone() },
            Owner { pid: i32::MAX, ..this.clone() },
            Owner { pid: -1, ..this.clone() },
        ] {
            assert!(!other.lives(), "{other}");
        }
    }

    #[test]
    fn half_a_text_is_no_owner() {
        for text in ["", "a", "a,b,1", "a,b,x,1", "a,b,1,1,1", "a,,1,1"] {
            assert_eq!(text.parse::<Owner>(), Err(NoOwner), "{text}");
        }
    }
}
