//! The machine that runs the harness, for the evidence.

use std::fs;

use harness_core::record::Host;

/// This one.
pub(super) fn this() -> Host {
    let kernel =
        fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = memory.lines().find_map(|line| {
        line.strip_prefix("MemTotal:")?.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
    });
    Host {
        os: std::env::consts::OS.to_owned(),
        kernel,
        architecture: std::env::consts::ARCH.to_owned(),
        cores: std::thread::available_parallelism().map_or(0, usize::from),
        memory_bytes: kib.map(|kib| kib.saturating_mul(1024)),
    }
}
