//! What the kernel says of a process: the evidence that an execution is the one that it is said to
//! be. Linux only.

use std::{
    fs,
    time::{Duration, SystemTime},
};

use harness_core::node::Resources;
use rustix::process::Pid;

/// One process as the kernel describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stat {
    /// Its process group.
    pub(crate) group: i32,
    /// Start time in clock ticks since boot: with the process ID, unique while the machine is up.
    pub(crate) start_ticks: u64,
    /// It has ended and only its parent's wait is missing.
    pub(crate) zombie: bool,
    /// A signal has stopped it.
    pub(crate) stopped: bool,
    /// Processor time of all its threads, in user mode and in the kernel, in clock ticks.
    pub(crate) cpu_ticks: u64,
}

/// Reads `/proc/<pid>/stat`; `None` if there is no such process.
pub(crate) fn stat(pid: Pid) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?)
}

/// Every process of a group that has not ended.
pub(super) fn members(group: Pid) -> impl Iterator<Item = Pid> {
    let number = group.as_raw_nonzero().get();
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    all.filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?))
        .filter(move |pid| stat(*pid).is_some_and(|stat| stat.group == number && !stat.zombie))
}

/// Whether every thread of every process of a group is stopped. Others than its leader are only
/// looked for if that is: a look at all processes of a machine is no small thing.
pub(super) fn is_frozen(leader: Pid) -> bool {
    is_stopped(leader) && members(leader).all(is_stopped)
}

fn is_stopped(pid: Pid) -> bool {
    let tasks = fs::read_dir(format!("/proc/{}/task", pid.as_raw_nonzero()));
    let texts = tasks
        .into_iter()
        .flatten()
        .flatten()
        .map(|task| fs::read_to_string(task.path().join("stat")));
    // A thread that has gone meanwhile gets no time either.
    let mut threads = texts.filter_map(|text| parse_stat(&text.ok()?)).peekable();
    threads.peek().is_some() && threads.all(|thread| thread.stopped || thread.zombie)
}

/// Fields are counted after the command's name, which may hold blanks and parentheses itself
/// (proc(5): state is field 3, pgrp 5, utime and stime 14 and 15, starttime 22).
fn parse_stat(text: &str) -> Option<Stat> {
    let (_, after_name) = text.rsplit_once(") ")?;
    let mut fields = after_name.split_ascii_whitespace();
    let state = fields.next()?;
    let group = fields.nth(1)?.parse().ok()?;
    let user: u64 = fields.nth(8)?.parse().ok()?;
    let kernel: u64 = fields.next()?.parse().ok()?;
    let start_ticks = fields.nth(6)?.parse().ok()?;
    Some(Stat {
        group,
        start_ticks,
        zombie: matches!(state, "Z" | "X"),
        stopped: state == "T",
        cpu_ticks: user.checked_add(kernel)?,
    })
}

/// Resident memory and processor time of a process and its living descendants: a wrapper script's
/// node is what counts. `None` if the process is gone.
pub(super) fn usage(pid: Pid) -> Option<Resources> {
    let mut total = of_one(pid)?;
    for child in children(pid) {
        // One that has ended meanwhile uses nothing.
        if let Some(used) = usage(child) {
            total.memory_bytes = total.memory_bytes.saturating_add(used.memory_bytes);
            total.cpu_ms = total.cpu_ms.saturating_add(used.cpu_ms);
        }
    }
    Some(total)
}

/// Open descriptors of a process and its living descendants. `None` if the process is gone, or somebody else's.
pub(super) fn descriptors(pid: Pid) -> Option<u64> {
    let open = fs::read_dir(format!("/proc/{}/fd", pid.as_raw_nonzero())).ok()?;
    let of_children = children(pid).into_iter().filter_map(descriptors);
    Some(open.count() as u64 + of_children.sum::<u64>())
}

fn of_one(pid: Pid) -> Option<Resources> {
    let stat = stat(pid).filter(|stat| !stat.zombie)?;
    let statm = fs::read_to_string(format!("/proc/{}/statm", pid.as_raw_nonzero())).ok()?;
    // proc(5): the second field is what is resident, in pages.
    let pages: u64 = statm.split_ascii_whitespace().nth(1)?.parse().ok()?;
    let memory_bytes = pages.checked_mul(rustix::param::page_size() as u64)?;
    Some(Resources { memory_bytes, cpu_ms: u64::try_from(ticks(stat.cpu_ticks).as_millis()).ok()? })
}

/// Children of any of its threads.
fn children(pid: Pid) -> Vec<Pid> {
    let tasks = fs::read_dir(format!("/proc/{}/task", pid.as_raw_nonzero()))
        .into_iter()
        .flatten()
        .flatten();
    let texts = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    texts
        .flat_map(|text| {
            text.split_ascii_whitespace()
                .filter_map(|word| Pid::from_raw(word.parse().ok()?))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Wall-clock time at which the machine was booted. The kernel derives it anew from both clocks at
/// every read, so it is read once per provider.
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
        let text = "42 (evil) Z 1 (x) S 1 42 42 0 -1 4194560 1 0 0 0 3 4 0 0 20 0 1 0 987654 1000 1 18446744073709551615";
        assert_eq!(
            parse_stat(text),
            Some(Stat {
                group: 42,
                start_ticks: 987_654,
                zombie: false,
                stopped: false,
                cpu_ticks: 7
            })
        );
    }

    #[test]
    fn this_process_uses_memory_and_time_and_so_does_a_child() {
        let own = rustix::process::getpid();
        let before = of_one(own).unwrap();
        assert!(before.memory_bytes > 1 << 20, "{before:?}");
        // Far more than the tests beside this one may give back meanwhile.
        let held = std::hint::black_box(vec![1u8; 256 << 20]);
        let began = std::time::Instant::now();
        // Until the kernel's own clock has counted it: a tick is 10 ms.
        while of_one(own).unwrap().cpu_ms < before.cpu_ms + 30 {
            assert!(began.elapsed() < Duration::from_secs(60), "the kernel counts no time of ours");
        }
        assert!(of_one(own).unwrap().memory_bytes > before.memory_bytes + (32 << 20));
        drop(held);
        let mut child =
            std::process::Command::new("sh").args(["-c", "sleep 60 & wait"]).spawn().unwrap();
        let pid = Pid::from_raw(child.id().cast_signed()).unwrap();
        while children(pid).is_empty() {
            assert!(began.elapsed() < Duration::from_secs(60), "the kernel lists no children");
        }
        assert!(usage(pid).unwrap().memory_bytes > of_one(pid).unwrap().memory_bytes);
        for pid in children(pid) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(usage(pid), None);
    }

    #[test]
    fn this_process_started_before_now() {
        let own = stat(rustix::process::getpid()).unwrap();
        let started = boot_time().unwrap() + ticks(own.start_ticks);
        assert!(started <= SystemTime::now() + Duration::from_secs(2));
        assert!(!own.zombie);
    }
}
