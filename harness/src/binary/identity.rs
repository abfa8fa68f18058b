//! Whose node a binary is, by its own word. Runs a file that we may never have seen: bounded in
//! time and output, without environment.

use std::{path::Path, sync::Arc, time::Duration};

use harness_core::profile::NodeProfile;
use tokio::process::Command;

use super::subprocess;

/// The first line of our node's `--version` contains this; nobody else's does.
pub const OURS_MARKER: &str = "hegemon-testbed";

const VERSION_LIMIT: Duration = Duration::from_secs(5);
const VERSION_OUTPUT: u64 = 4096;

/// What a binary says that it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Ours if it says so, else foreign.
    pub profile: Arc<NodeProfile>,
    /// First line of `--version`; `None` if it gave none in time.
    pub version: Option<String>,
}

/// Asks a binary for its `--version`. One that fails, hangs or floods is foreign, and no error: it
/// may still be a good node.
pub async fn identify(path: &Path) -> Identity {
    let mut command = Command::new(path);
    command.arg("--version").env_clear().current_dir("/");
    let version = match subprocess::run(command, VERSION_LIMIT, VERSION_OUTPUT).await {
        Ok(output) if output.status.is_some_and(|status| status.success()) => {
            first_line(&output.stdout)
        }
        Ok(_) | Err(_) => None,
    };
    let ours = version.as_deref().is_some_and(|line| line.contains(OURS_MARKER));
    Identity { profile: if ours { NodeProfile::ours() } else { NodeProfile::core() }, version }
}

fn first_line(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let line: String =
        text.lines().next()?.chars().filter(|character| !character.is_control()).collect();
    (!line.trim().is_empty()).then(|| line.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    async fn identity_of(script: &str) -> Identity {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        identify(&path).await
    }

    #[tokio::test]
    async fn our_package_is_ours() {
        let identity = identity_of("echo 'hegemon-node 0.1.0 (hegemon-testbed)'").await;
        assert_eq!(identity.profile, NodeProfile::ours());
        assert_eq!(identity.version.as_deref(), Some("hegemon-node 0.1.0 (hegemon-testbed)"));
    }

    #[tokio::test]
    async fn everything_else_is_foreign() {
        for script in [
            "echo hegemon-node 0.10.0",
            "echo first; echo hegemon-testbed",
            "exit 1",
            "echo hegemon-testbed; exit 1",
            ":",
        ] {
            assert_eq!(identity_of(script).await.profile, NodeProfile::core(), "{script}");
        }
    }

    #[tokio::test]
    async fn a_flood_neither_hangs_nor_grows() {
        let identity = identity_of("while :; do echo flood; done").await;
        assert_eq!(identity.profile, NodeProfile::core());
    }
}
