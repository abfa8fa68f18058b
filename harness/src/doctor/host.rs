//! What any run needs of this host.

use std::{fs, path::Path};

use harness_core::doctor::{self, Diagnosis, Disk, NameSpaces};
use rustix::process::geteuid;

use crate::{
    lease::{Registry, State, survey},
    provider::docker::Leftovers,
};

/// The room where something will be; the directory itself need not be there yet.
pub(super) fn disk(what: &'static str, path: &Path) -> Option<Disk> {
    let path = std::path::absolute(path).ok()?;
    let there = path.ancestors().find(|path| path.exists())?;
    let seen = rustix::fs::statvfs(there).ok()?;
    Some(Disk { what, path: there.to_owned(), free: seen.f_bavail.saturating_mul(seen.f_frsize) })
}

pub(super) fn clock_source() -> String {
    text("/sys/devices/system/clocksource/clocksource0/current_clocksource")
}

pub(super) fn name_spaces() -> NameSpaces {
    NameSpaces {
        most: text("/proc/sys/user/max_user_namespaces").parse().ok(),
        forbidden: text("/proc/sys/kernel/unprivileged_userns_clone") == "0",
        restricted: text("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1",
        root: geteuid().is_root(),
    }
}

pub(super) async fn runs(registry: &Registry, engine: Option<&Leftovers>) -> Diagnosis {
    // An engine that cannot list what it has was named before.
    let seen = survey(registry, engine).await.map(|survey| survey.runs).unwrap_or_default();
    let dead: Vec<String> =
        seen.into_iter().filter(|run| run.state == State::Dead).map(|run| run.run).collect();
    doctor::runs(&dead)
}

/// Without its end of line; nothing if it is not there.
fn text(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}
