//! Takes this process out of the unit that the harness is in: a service manager that ends a service
//! (a CI system's agent, or one job of it) ends everything in its cgroup, whatever session that is
//! in. Where systemd runs, a scope of its own is one call; elsewhere nobody ends by cgroup what is
//! not in a container of its own, which ends with all that is in it.

use std::{path::Path, process::Stdio, time::Duration};

use rustix::process::{geteuid, getpid};
use tokio::process::Command;

/// It is worth no longer wait: the watchdog watches meanwhile in any case.
const LIMIT: Duration = Duration::from_secs(5);
/// Where it is on every system; the environment has no `PATH`.
const BUSCTL: &str = "/usr/bin/busctl";
/// Is there exactly where systemd is the service manager.
const SYSTEMD: &str = "/run/systemd/system";

/// Asks systemd, the user's or the system's, for a scope of this process's own. Without systemd, or
/// if it refuses, everything stays as it is.
pub(super) async fn leave(run: &str) {
    if !Path::new(SYSTEMD).exists() {
        return;
    }
    let manager = if geteuid().is_root() { "--system" } else { "--user" };
    let asked = Command::new(BUSCTL)
        .args(call(manager, run, getpid().as_raw_nonzero().get()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .status();
    // Nobody could do anything about a refusal.
    let _ = tokio::time::timeout(LIMIT, asked).await;
}

/// `StartTransientUnit(name, mode, properties, aux)`: the scope goes when its process has ended.
fn call(manager: &str, run: &str, pid: i32) -> Vec<String> {
    let (scope, pid) = (format!("hegemon-watchdog-{run}.scope"), pid.to_string());
    let words = [
        manager,
        "call",
        "org.freedesktop.systemd1",
        "/org/freedesktop/systemd1",
        "org.freedesktop.systemd1.Manager",
        "StartTransientUnit",
        "ssa(sv)a(sa(sv))",
        &scope,
        "fail",
        "2",
        "CollectMode",
        "s",
        "inactive-or-failed",
        "PIDs",
        "au",
        "1",
        &pid,
        "0",
    ];
    words.map(str::to_owned).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `busctl` reads a signature: name, mode, two properties with their own types, no more.
    #[test]
    fn the_call_has_what_its_signature_says() {
        let words = call("--user", "r1", 7).join(" ");
        assert!(words.ends_with(
            "ssa(sv)a(sa(sv)) hegemon-watchdog-r1.scope fail 2 CollectMode s inactive-or-failed PIDs au 1 7 0"
        ));
    }
}
