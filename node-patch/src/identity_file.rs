//! `pq-identity.seed`: the node's secret, 64 hex digits and a newline, readable by its owner alone.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use crate::{
    config::environment::{IdentitySource, parse_secret},
    transport::identity::Identity,
};

/// What the group or everybody may do with a file.
const OTHERS: u32 = 0o077;

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The file system's.
    #[error("cannot {what} the identity seed {}: {why}; {advice}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What came back.
        why: io::Error,
        /// What to do.
        advice: &'static str,
    },
    /// A new one in its place would be another node.
    #[error("the identity seed {} does not hold 64 hex digits; put the node's secret back, or remove the file to become another node", .0.display())]
    Malformed(PathBuf),
    /// The operating system's random generator.
    #[error(
        "the operating system gave no randomness for a new identity seed; give one with HEGEMON_PQ_IDENTITY_SEED_PATH"
    )]
    Entropy,
}

/// The node's identity, from wherever the configuration says.
///
/// # Errors
///
/// [`IdentityError`]; a missing file is made only under the base path, since a mistyped path must
/// not become a new node.
pub fn load(source: &IdentitySource, base_path: &Path) -> Result<Identity, IdentityError> {
    let secret = match source {
        IdentitySource::Seed(secret) => secret.clone(),
        IdentitySource::File(path) => read(path)?,
        IdentitySource::BasePath => {
            let path = base_path.join("pq-identity.seed");
            // A link to nowhere is a secret that is not mounted, not a new node.
            if path.symlink_metadata().is_ok() { read(&path)? } else { create(&path)? }
        }
    };
    Ok(Identity::from_identity_seed(&secret))
}

fn read(path: &Path) -> Result<Zeroizing<[u8; 32]>, IdentityError> {
    let mut text = Zeroizing::new(String::new());
    let mut read = || -> io::Result<u32> {
        let mut file = File::open(path)?;
        file.read_to_string(&mut text)?;
        Ok(file.metadata()?.permissions().mode())
    };
    let mode = read().map_err(|why| IdentityError::Io {
        what: "read",
        path: path.to_owned(),
        why,
        advice: "put the node's secret there, readable for the node's user, or name its file in HEGEMON_PQ_IDENTITY_SEED_PATH",
    })?;
    let secret = parse_secret(&text).ok_or_else(|| IdentityError::Malformed(path.to_owned()))?;
    if mode & OTHERS != 0 {
        tracing::warn!(
            path = %path.display(), mode = format_args!("{:o}", mode & 0o777),
            "others can read this node's secret, and whoever has it can pass for this node: chmod 600 the file; if somebody may have read it, stop the node and remove the file, which makes it a new node"
        );
    }
    Ok(secret)
}

/// Written beside its place and renamed: a crash leaves a whole secret or none.
fn create(path: &Path) -> Result<Zeroizing<[u8; 32]>, IdentityError> {
    let mut secret = Zeroizing::new([0; 32]);
    aws_lc_rs::rand::fill(secret.as_mut_slice()).map_err(|_| IdentityError::Entropy)?;
    let temporary = path.with_extension("seed.new");
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(Zeroizing::new(format!("{}\n", hex::encode(secret.as_slice()))).as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(|why| IdentityError::Io {
        what: "write",
        path: path.to_owned(),
        why,
        advice: "let the node's user write there and make room on the disk, or choose another --base-path",
    })?;
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_once_for_its_owner_alone_and_read_ever_after() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pq-identity.seed");
        let first = load(&IdentitySource::BasePath, directory.path()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.len() == 65 && text.ends_with('\n'));
        assert_eq!(
            load(&IdentitySource::BasePath, directory.path()).unwrap().peer_id(),
            first.peer_id()
        );
        fs::write(&path, format!("  0x{}", text.trim())).unwrap();
        assert_eq!(
            load(&IdentitySource::File(path.clone()), directory.path()).unwrap().peer_id(),
            first.peer_id()
        );
    }

    #[test]
    fn a_damaged_or_missing_secret_never_becomes_a_new_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pq-identity.seed");
        fs::write(&path, "abc").unwrap();
        assert!(matches!(
            load(&IdentitySource::BasePath, directory.path()),
            Err(IdentityError::Malformed(_))
        ));
        assert_eq!(fs::read_to_string(&path).unwrap(), "abc");
        let missing = directory.path().join("elsewhere");
        assert!(matches!(
            load(&IdentitySource::File(missing.clone()), directory.path()),
            Err(IdentityError::Io { .. })
        ));
        assert!(!missing.exists());
    }
}
