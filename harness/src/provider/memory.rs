//! Processes that the kernel ends because there is no memory: it counts them for the whole machine,
//! and says no more than that to everybody.

use std::fs;

use harness_core::{limits, node::NodeState};

/// The count when the run began.
#[derive(Debug, Clone, Copy)]
pub(super) struct MemoryKills(Option<u64>);

impl MemoryKills {
    pub(super) fn so_far() -> Self {
        Self(count())
    }

    /// What there is to say of a node that ended like this.
    pub(super) fn explain(self, end: &NodeState) -> Option<String> {
        const SIGKILL: i64 = 9;
        let NodeState::Exited { signal: Some(SIGKILL), .. } = end else { return None };
        let kills = count()?.checked_sub(self.0?).filter(|kills| *kills > 0)?;
        Some(limits::killed_for_memory(kills))
    }
}

fn count() -> Option<u64> {
    limits::memory_kills(&fs::read_to_string("/proc/vmstat").ok()?)
}
