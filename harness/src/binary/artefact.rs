//! From "what was asked for" to a file of this run: built or found, inspected, identified, and copied, so that a rebuild meanwhile changes nothing under a running network.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::{BinaryError, Executable, Progress, identify, inspect, workspace_node};
use crate::provider::NodeProfile;

/// A binary that a provider can run or pack.
#[derive(Debug, Clone)]
pub struct Artefact {
    /// The file of this run; the original where a copy would not work.
    pub path: PathBuf,
    /// How it is executed.
    pub executable: Executable,
    /// What it may be given.
    pub profile: NodeProfile,
    /// First line of its `--version`.
    pub version: Option<String>,
    /// Hex SHA-256 of the file.
    pub sha256: String,
}

impl Artefact {
    /// For the evidence; `source` is what was asked for.
    pub fn facts(&self, source: &str) -> serde_json::Value {
        serde_json::json!({
            "source": source,
            "path": self.path,
            "sha256": self.sha256,
            "version": self.version,
            "profile": match self.profile { NodeProfile::Ours => "ours", NodeProfile::Core => "core" },
            "linkage": self.executable.linkage(),
        })
    }
}

/// Where copies go, and what overrides a binary's own word.
#[derive(Debug, Clone, Copy)]
pub struct Staging<'a> {
    /// An existing directory of this run.
    pub dir: &'a Path,
    /// `--node-profile`, if given.
    pub profile: Option<NodeProfile>,
}

/// Makes a binary ready: `None` is our own, built from the workspace.
///
/// # Errors
/// It cannot be built, read, or run on this host.
pub async fn prepare(
    binary: Option<&Path>,
    staging: Staging<'_>,
    progress: Progress<'_>,
) -> Result<Artefact, BinaryError> {
    let original = match binary {
        Some(path) => std::path::absolute(path).map_err(BinaryError::io("read", path))?,
        None => workspace_node(progress).await?,
    };
    let (path, executable) = stage(&original, staging.dir).await?;
    // The original: a run's directory may be on a file system that executes nothing, which is of no concern to a container.
    let identity = identify(&original).await;
    let sha256 = sha256(&path)?;
    let profile = staging.profile.unwrap_or(identity.profile);
    Ok(Artefact {
        path,
        executable,
        profile,
        version: identity.version,
        sha256,
    })
}

/// Copies the file, unless that would take something from it: a script may look for files beside itself, a dynamic binary for libraries (`$ORIGIN`).
async fn stage(original: &Path, dir: &Path) -> Result<(PathBuf, Executable), BinaryError> {
    let executable = inspect(original).await?;
    if executable == Executable::Script {
        return Ok((original.to_owned(), executable));
    }
    let name = format!(
        "{}-{}",
        &sha256(original)?[..16],
        original.file_name().unwrap_or_default().to_string_lossy()
    );
    let copy = dir.join(name);
    std::fs::copy(original, &copy).map_err(BinaryError::io("copy", original))?;
    match inspect(&copy).await {
        Ok(same) if same == executable => Ok((copy, executable)),
        Ok(_) | Err(_) => Ok((original.to_owned(), executable)),
    }
}

fn sha256(path: &Path) -> Result<String, BinaryError> {
    let mut file = File::open(path).map_err(BinaryError::io("read", path))?;
    let mut hash = Sha256::new();
    let mut block = vec![0; 64 * 1024];
    loop {
        match file
            .read(&mut block)
            .map_err(BinaryError::io("read", path))?
        {
            0 => break,
            length => hash.update(&block[..length]),
        }
    }
    Ok(hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test]
    async fn a_binary_is_copied_and_a_script_stays() {
        let dir = tempfile::tempdir().unwrap();
        let staging = Staging {
            dir: dir.path(),
            profile: None,
        };
        let shell = prepare(Some(Path::new("/bin/sh")), staging, &|_| ())
            .await
            .unwrap();
        assert!(shell.path.starts_with(dir.path()));
        assert_eq!(shell.profile, NodeProfile::Core);
        assert_eq!(shell.sha256.len(), 64);

        let script = dir.path().join("script");
        std::fs::write(&script, "#!/bin/sh\necho 'x (hegemon-testbed)'\n").unwrap();
        std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
        let ours = prepare(Some(&script), staging, &|_| ()).await.unwrap();
        assert_eq!(
            (ours.path, ours.profile),
            (script.clone(), NodeProfile::Ours)
        );

        let overridden = Staging {
            profile: Some(NodeProfile::Core),
            ..staging
        };
        assert_eq!(
            prepare(Some(&script), overridden, &|_| ())
                .await
                .unwrap()
                .profile,
            NodeProfile::Core
        );
    }
}
