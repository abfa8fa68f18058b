//! The kernel's table of neighbours, which all containers of this host share.

use std::fs;

use harness_core::limits;

/// How often it was full when the run began.
#[derive(Debug)]
pub(super) struct Neighbours {
    nodes: usize,
    before: u64,
}

impl Neighbours {
    /// `None` where the kernel does not say, as in a container: then nothing is watched.
    pub(super) fn of(nodes: usize) -> Option<Self> {
        Some(Self { nodes, before: overflows()? })
    }

    /// What is to be expected of it.
    pub(super) fn shortage(&self) -> Option<String> {
        limits::neighbours(self.nodes, limit()?).err().map(|shortage| shortage.to_string())
    }

    /// It was full since the run began.
    pub(super) fn overflowed(&self) -> Option<String> {
        let times = overflows()?.checked_sub(self.before).filter(|times| *times > 0)?;
        Some(limits::overflowed(times, self.nodes, limit()))
    }
}

fn overflows() -> Option<u64> {
    limits::overflows(&fs::read_to_string("/proc/net/stat/arp_cache").ok()?)
}

/// Entries that the kernel allows.
pub fn limit() -> Option<u64> {
    fs::read_to_string("/proc/sys/net/ipv4/neigh/default/gc_thresh3").ok()?.trim().parse().ok()
}
