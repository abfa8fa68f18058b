//! Limits of a machine that a network of many nodes meets: foreseen, named, and with the command
//! that raises them. Pure: what the machine allows comes in as numbers and texts.

use std::fmt;

/// A limit that a run may meet, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortage {
    /// Which, and how far it goes.
    pub what: String,
    /// The command that raises it.
    pub remedy: String,
}

impl fmt::Display for Shortage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}; {}", self.what, self.remedy)
    }
}

/// Whether the kernel can remember the hardware address of every node for every node: containers
/// have tables of their own, and the limit (`net.ipv4.neigh.default.gc_thresh3`) is one for all.
///
/// # Errors
///
/// It cannot: what follows are dials that fail with "no route to host".
pub fn neighbours(nodes: usize, limit: u64) -> Result<(), Shortage> {
    // Each node's neighbours, itself excepted, and this host's on both sides.
    let needed = (nodes as u64).saturating_mul(nodes as u64 + 1);
    if needed <= limit {
        return Ok(());
    }
    Err(Shortage {
        what: format!(
            "{nodes} containers may need {needed} entries in the kernel's neighbour table, which has {limit}: dials between them then fail"
        ),
        remedy: raise_neighbours(needed),
    })
}

/// How often the neighbour table was full since the machine started, by `/proc/net/stat/arp_cache`.
/// `None`: the kernel does not count it.
pub fn overflows(arp_cache: &str) -> Option<u64> {
    let mut lines = arp_cache.lines();
    let column = lines.next()?.split_ascii_whitespace().position(|name| name == "table_fulls")?;
    let of_processor =
        |line: &str| u64::from_str_radix(line.split_ascii_whitespace().nth(column)?, 16).ok();
    lines.map(of_processor).sum()
}

/// What an overflow means for a run of so many nodes.
pub fn overflowed(times: u64, nodes: usize, limit: Option<u64>) -> String {
    let limit = limit.map(|limit| format!(" of {limit} entries")).unwrap_or_default();
    let needed = (nodes as u64).saturating_mul(nodes as u64 + 1).max(1024) * 2;
    format!(
        "the kernel's neighbour table{limit} was full ({times} times since the run began), so that dials between containers failed; {}",
        raise_neighbours(needed)
    )
}

fn raise_neighbours(needed: u64) -> String {
    let limit = needed.next_power_of_two();
    format!(
        "as root: sysctl -w net.ipv4.neigh.default.gc_thresh3={limit} net.ipv4.neigh.default.gc_thresh2={}",
        limit / 2
    )
}

/// Whether the harness may have as many files and sockets open as it needs for so many nodes.
///
/// # Errors
///
/// It may not.
pub fn descriptors(nodes: usize, limit: u64) -> Result<(), Shortage> {
    /// Each node's log, two reserved ports or calls to its engine, connections to its RPC.
    const EACH: u64 = 8;
    /// Evidence, signals, the watchdog, programs that are asked for their version.
    const OWN: u64 = 32;
    let needed = OWN + (nodes as u64).saturating_mul(EACH);
    if needed <= limit {
        return Ok(());
    }
    Err(Shortage {
        what: format!(
            "{nodes} nodes may need {needed} descriptors, and this process may have {limit}"
        ),
        remedy: format!("raise the hard limit: as root, prlimit --pid $$ --nofile={needed}"),
    })
}

/// A node that the kernel ended because there was no memory, by its engine's word; with its own
/// limit, if it had one.
pub fn out_of_memory(limit: Option<u64>) -> String {
    match limit {
        Some(bytes) => {
            format!("killed for memory: its limit is {} MiB", bytes.div_ceil(1024 * 1024))
        }
        None => "killed for memory: this machine has no more".to_owned(),
    }
}

/// A node that was killed by nobody who says so, while the kernel has ended so many processes.
pub fn killed_for_memory(kills: u64) -> String {
    format!(
        "most likely for memory: since the run began the kernel has ended {kills} process(es) of this machine for want of it"
    )
}

/// How many processes the kernel has ended for memory since the machine started, by `/proc/vmstat`.
pub fn memory_kills(vmstat: &str) -> Option<u64> {
    vmstat.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_hundred_containers_need_is_foreseen() {
        assert_eq!(neighbours(31, 1024), Ok(()));
        let shortage = neighbours(100, 1024).unwrap_err().to_string();
        assert!(shortage.starts_with("100 containers may need 10100 entries"), "{shortage}");
        assert!(shortage.ends_with("gc_thresh3=16384 net.ipv4.neigh.default.gc_thresh2=8192"));
        assert_eq!(neighbours(100, 16_384), Ok(()));
    }

    #[test]
    fn overflows_are_counted_over_all_processors_where_the_kernel_counts_them() {
        let table = "entries  allocs   table_fulls\n00000002 0000001a 0000000a\n00000002 00000001 00000001\n";
        assert_eq!(overflows(table), Some(11));
        assert_eq!(overflows("entries allocs\n00000002 0000001a\n"), None);
        assert_eq!(overflows("entries table_fulls\n00000002\n"), None, "half a line");
        assert_eq!(overflows(""), None);
    }

    #[test]
    fn what_was_killed_for_memory_says_so() {
        assert_eq!(out_of_memory(Some(4 << 30)), "killed for memory: its limit is 4096 MiB");
        assert_eq!(memory_kills("pgpgin 7\noom_kill 3\nnuma_hit 9\n"), Some(3));
        assert_eq!(memory_kills("oom_kill_x 3\n"), None);
    }

    #[test]
    fn descriptors_that_are_too_few_are_named_with_the_command() {
        assert_eq!(descriptors(100, 1024), Ok(()));
        let shortage = descriptors(18, 64).unwrap_err().to_string();
        assert_eq!(
            shortage,
            "18 nodes may need 176 descriptors, and this process may have 64; raise the hard limit: as root, prlimit --pid $$ --nofile=176"
        );
    }
}
