//! From "what was asked for" to a file of this run: built or found, inspected, identified, and
//! copied, so that a rebuild meanwhile changes nothing under a running network.

use std::{
    fs::{self, File},
    io::{Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use harness_core::profile::NodeProfile;
use sha2::{Digest, Sha256};

use super::{
    BinaryError, BuildKind, Executable, Program, Progress, identify, inspect, our_program,
};

/// A binary that a provider can run or pack.
#[derive(Debug, Clone)]
pub struct Artefact {
    /// The file of this run; the original where a copy would not work.
    pub path: PathBuf,
    /// What was asked for, or what cargo built.
    pub original: PathBuf,
    /// How it is executed.
    pub executable: Executable,
    /// What it may be given.
    pub profile: Arc<NodeProfile>,
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
            "file": self.original,
            "sha256": self.sha256,
            "version": self.version,
            "profile": self.profile.name,
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
    pub profile: Option<&'a Arc<NodeProfile>>,
}

/// What is to be made ready.
#[derive(Debug, Clone, Copy)]
pub enum Binary<'a> {
    /// Our own, built from the workspace, or beside this harness.
    Built(Program, BuildKind),
    /// A file on this host.
    File(&'a Path),
}

/// Makes a binary ready.
///
/// # Errors
/// It cannot be built, read, or run on this host.
pub async fn prepare(
    binary: Binary<'_>,
    staging: Staging<'_>,
    progress: Progress<'_>,
) -> Result<Artefact, BinaryError> {
    let original = match binary {
        Binary::File(path) => std::path::absolute(path).map_err(BinaryError::io("read", path))?,
        Binary::Built(program, kind) => our_program((program, kind), progress).await?,
    };
    let executable = inspect(&original).await?;
    let (path, sha256) = stage(&original, &executable, staging.dir).await?;
    // The original: a run's directory may be on a file system that executes nothing, which is of no
    // concern to a container.
    let identity = identify(&original).await;
    let profile = match binary {
        // It is no node; it goes wherever ours goes, whatever kind the nodes are.
        Binary::Built(Program::Hostile, _) => NodeProfile::ours(),
        Binary::Built(Program::Node, _) | Binary::File(_) => {
            staging.profile.cloned().unwrap_or(identity.profile)
        }
    };
    Ok(Artefact { path, original, executable, profile, version: identity.version, sha256 })
}

/// Copies the file, unless that would take something from it: a script may look for files beside
/// itself, a dynamic binary for libraries (`$ORIGIN`).
async fn stage(
    original: &Path,
    executable: &Executable,
    dir: &Path,
) -> Result<(PathBuf, String), BinaryError> {
    let incoming = dir.join("incoming");
    let sha256 = copy(original, &incoming)?;
    let name = original.file_name().unwrap_or_default().to_string_lossy();
    let copy = dir.join(format!("{}-{name}", &sha256[..16]));
    fs::rename(&incoming, &copy).map_err(BinaryError::io("copy", original))?;
    if *executable != Executable::Script
        && inspect(&copy).await.is_ok_and(|found| found == *executable)
    {
        return Ok((copy, sha256));
    }
    fs::remove_file(&copy).map_err(BinaryError::io("remove", &copy))?;
    Ok((original.to_owned(), sha256))
}

/// Copies content and mode; returns the hex SHA-256 of what was copied.
fn copy(from: &Path, to: &Path) -> Result<String, BinaryError> {
    let mut source = File::open(from).map_err(BinaryError::io("read", from))?;
    let mut target = File::create(to).map_err(BinaryError::io("write", to))?;
    let mut hash = Sha256::new();
    let mut block = vec![0; 256 * 1024];
    loop {
        let length = source.read(&mut block).map_err(BinaryError::io("read", from))?;
        if length == 0 {
            break;
        }
        hash.update(&block[..length]);
        target.write_all(&block[..length]).map_err(BinaryError::io("write", to))?;
    }
    let mode = source.metadata().map_err(BinaryError::io("read", from))?.permissions();
    target.set_permissions(mode).map_err(BinaryError::io("write", to))?;
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test]
    async fn a_binary_is_copied_and_a_script_stays() {
        let dir = tempfile::tempdir().unwrap();
        let staging = Staging { dir: dir.path(), profile: None };
        let shell = prepare(Binary::File(Path::new("/bin/sh")), staging, &|_| ()).await.unwrap();
        assert!(shell.path.starts_with(dir.path()));
        assert_eq!(shell.profile, NodeProfile::core());
        assert_eq!(shell.sha256.len(), 64);

        let script = dir.path().join("script");
        std::fs::write(&script, "#!/bin/sh\necho 'x (hegemon-testbed)'\n").unwrap();
        std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
        let ours = prepare(Binary::File(&script), staging, &|_| ()).await.unwrap();
        assert_eq!((ours.path, ours.profile), (script.clone(), NodeProfile::ours()));

        let overridden = Staging { profile: Some(&NodeProfile::core()), ..staging };
        assert_eq!(
            prepare(Binary::File(&script), overridden, &|_| ()).await.unwrap().profile,
            NodeProfile::core()
        );
    }
}
