//! What the kernel says of a process: the evidence that an execution is the one that it is said to be. Linux only.

use std::{
    fs,
    time::{Duration, SystemTime},
};

use rustix::process::Pid;

/// One process as the kernel describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    /// Start time in clock ticks since boot: with the process ID, unique while the machine is up.
    pub(super) start_ticks: u64,
    /// It has ended and only its parent's wait is missing.
    pub(super) zombie: bool,
}

/// Reads `/proc/<pid>/stat`; `None` if there is no such process.
pub(super) fn stat(pid: Pid) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?)
}

/// Fields are counted after the command's name, which may hold blanks and parentheses itself (proc(5): state is field 3, starttime field 22).
fn parse_stat(text: &str) -> Option<Stat> {
    let (_, after_name) = text.rsplit_once(") ")?;
    let mut fields = after_name.split_ascii_whitespace();
    let state = fields.next()?;
    let start_ticks = fields.nth(18)?.parse().ok()?;
    Some(Stat { start_ticks, zombie: matches!(state, "Z" | "X") })
}

/// Wall-clock time at which the machine was booted. The kernel derives it anew from both clocks at every read, so it is read once per provider.
pub(super) fn boot_time() -> Option<SystemTime> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    let seconds = text.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

/// Ticks since boot as a duration; the tick is 10 ms on common kernels.
pub(super) fn ticks(count: u64) -> Duration {
    Duration::from_secs_f64(count as f64 / rustix::param::clock_ticks_per_second() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_shift_the_fields() {
        let text = "42 (evil) Z 1 (x) S 1 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 987654 1000 1 18446744073709551615";
        assert_eq!(parse_stat(text), Some(Stat { start_ticks: 987_654, zombie: false }));
    }

    #[test]
    fn this_process_started_before_now() {
        let own = stat(rustix::process::getpid()).unwrap();
        let started = boot_time().unwrap() + ticks(own.start_ticks);
        assert!(started <= SystemTime::now() + Duration::from_secs(2));
        assert!(!own.zombie);
    }
}
