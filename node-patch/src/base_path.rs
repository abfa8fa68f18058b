//! The state directory: kept, or with `--tmp` removed on a clean exit.
//!
//! `--tmp` alone makes a directory of its own, which goes as a whole. With `--base-path` it is a
//! directory that somebody named, and somebody may have files in it. So it is a temporary one only
//! if it was empty, or missing, when a node first took it: a marker in it says so, also to the node
//! that starts again after a SIGKILL. Of such a directory goes what nodes write, by name, and then
//! the directory itself if nothing else is left in it. In any other nothing is removed, and a
//! warning says so. A node without `--tmp` takes the marker away: what it was told to keep is never
//! temporary again. No directory is ever emptied by walking through it, and no link followed.

use std::{
    fs::{self, File},
    io::ErrorKind,
    path::{Path, PathBuf},
};

use anyhow::Context;

use crate::config::Flags;

/// Says that a directory was a node's alone from the beginning.
const MARKER: &str = ".hegemon-node-tmp";

/// What a node writes under its base path: the chain, the secret, the peer store, and what those
/// are written as before they get their names.
const OWN: [&str; 10] = [
    "chain.redb",
    "chain.new",
    "pq-identity.seed",
    "pq-identity.seed.new",
    "pq-peers.bin",
    "pq-peers.bin.new",
    "pq-peers.bin.prev",
    "pq-peers.bin.prev.new",
    "pq-peers.bin.bad",
    MARKER,
];

/// See the module.
#[derive(Debug)]
pub enum BasePath {
    /// Nothing in it is removed.
    Kept(PathBuf),
    /// Made for this run, under a name of its own.
    Made(tempfile::TempDir),
    /// Named by the operator, and the node's alone.
    Lent(PathBuf),
}

impl BasePath {
    /// The directory that the flags ask for, made if it is missing.
    ///
    /// # Errors
    ///
    /// If it cannot be made or looked into.
    pub fn prepare(flags: &Flags) -> anyhow::Result<Self> {
        match (&flags.base_path, flags.tmp) {
            (Some(path), true) => lend(path),
            (Some(path), false) => keep(path.clone()),
            (None, true) => tempfile::Builder::new()
                .prefix("hegemon-node-")
                .tempdir()
                .map(Self::Made)
                .context("cannot make a temporary directory; say where the state goes with --base-path"),
            (None, false) => keep(data_directory().context("neither XDG_DATA_HOME nor HOME is set; say where the state goes with --base-path")?.join("hegemon-node")),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Kept(path) | Self::Lent(path) => path,
            Self::Made(directory) => directory.path(),
        }
    }

    /// Removes what is temporary: the last thing of a clean exit.
    ///
    /// # Errors
    ///
    /// If a file of the node's own cannot be removed.
    pub fn remove(self) -> anyhow::Result<()> {
        match self {
            Self::Kept(_) => Ok(()),
            Self::Made(directory) => directory
                .close()
                .context("cannot remove all of the temporary state directory; remove it by hand"),
            Self::Lent(path) => give_back(&path),
        }
    }
}

/// What is to be kept from now on may have been temporary before: then it is so no more, or a later
/// `--tmp` would remove it.
fn keep(path: PathBuf) -> anyhow::Result<BasePath> {
    make(&path)?;
    let marker = path.join(MARKER);
    match fs::remove_file(&marker) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error).with_context(|| {
            format!(
                "cannot remove {}, which says that this state is temporary; remove it by hand, or give --tmp",
                marker.display()
            )
        }),
        Ok(()) | Err(_) => Ok(BasePath::Kept(path)),
    }
}

fn lend(path: &Path) -> anyhow::Result<BasePath> {
    make(path)?;
    let cannot =
        || format!("cannot use the state directory {}; choose another --base-path", path.display());
    let marker = path.join(MARKER);
    if marker.symlink_metadata().is_ok() {
        return Ok(BasePath::Lent(path.to_owned()));
    }
    if fs::read_dir(path).with_context(cannot)?.next().is_some() {
        tracing::warn!(path = %path.display(), "--tmp: this directory was not empty, so nothing in it will be removed; name an empty or a new one with --base-path, or leave --tmp out");
        return Ok(BasePath::Kept(path.to_owned()));
    }
    // New, so that no link is followed that somebody put there meanwhile.
    File::create_new(marker).with_context(cannot)?;
    Ok(BasePath::Lent(path.to_owned()))
}

/// The marker goes last: what is left by a failure is still known to be a node's.
fn give_back(path: &Path) -> anyhow::Result<()> {
    for name in OWN {
        let file = path.join(name);
        match fs::remove_file(&file) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).with_context(|| {
                    format!(
                        "cannot remove {} of the temporary state; remove it by hand",
                        file.display()
                    )
                });
            }
            Ok(()) | Err(_) => {}
        }
    }
    match fs::remove_dir(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => tracing::info!(
            path = %path.display(), %error,
            "the temporary state is removed, its directory stays"
        ),
        Ok(()) | Err(_) => {}
    }
    Ok(())
}

fn make(path: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(path).with_context(|| {
        format!("cannot make the state directory {}; choose another --base-path", path.display())
    })
}

fn data_directory() -> Option<PathBuf> {
    let variable =
        |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    variable("XDG_DATA_HOME").or_else(|| variable("HOME").map(|home| home.join(".local/share")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn temporary(path: &Path) -> BasePath {
        let path = path.to_str().unwrap();
        BasePath::prepare(&Flags::parse_from(["hegemon-node", "--tmp", "--base-path", path]))
            .unwrap()
    }

    fn names(path: &Path) -> Vec<String> {
        let entries = fs::read_dir(path).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn write_own(path: &Path) {
        for name in OWN.iter().filter(|name| **name != MARKER) {
            fs::write(path.join(name), name).unwrap();
        }
    }

    #[test]
    fn a_missing_and_an_empty_directory_are_temporary_and_go() {
        let directory = tempfile::tempdir().unwrap();
        for make in [false, true] {
            let path = directory.path().join("a/state");
            if make {
                fs::create_dir_all(&path).unwrap();
            }
            let lent = temporary(&path);
            assert_eq!(lent.path(), path);
            write_own(&path);
            lent.remove().unwrap();
            assert!(!path.exists() && path.parent().unwrap().exists());
        }
    }

    #[test]
    fn after_a_kill_it_is_still_temporary() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state");
        let killed = temporary(&path);
        write_own(&path);
        drop(killed);
        assert!(path.join("chain.redb").exists(), "a kill removes nothing");
        temporary(&path).remove().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn what_a_node_was_told_to_keep_is_never_temporary_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state");
        drop(temporary(&path));
        assert_eq!(names(&path), [MARKER], "a killed node leaves it");
        let flags = ["hegemon-node", "--base-path", path.to_str().unwrap()];
        let kept = BasePath::prepare(&Flags::parse_from(flags)).unwrap();
        fs::write(path.join("pq-identity.seed"), "a secret that somebody wants to keep").unwrap();
        kept.remove().unwrap();
        assert!(matches!(temporary(&path), BasePath::Kept(_)));
        assert_eq!(names(&path), ["pq-identity.seed"]);
    }

    #[test]
    fn what_was_there_before_stays_all_of_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("pq-identity.seed"), "a secret that somebody wants to keep").unwrap();
        let kept = temporary(&path);
        fs::write(path.join("chain.redb"), "written by this node").unwrap();
        kept.remove().unwrap();
        assert_eq!(names(&path), ["chain.redb", "pq-identity.seed"]);
    }

    #[test]
    fn what_others_put_into_it_stays_and_what_a_link_names_too() {
        let directory = tempfile::tempdir().unwrap();
        let (path, elsewhere) =
            (directory.path().join("state"), directory.path().join("elsewhere"));
        fs::create_dir(&elsewhere).unwrap();
        fs::write(elsewhere.join("kept"), "kept").unwrap();
        let lent = temporary(&path);
        fs::write(path.join("notes.txt"), "somebody's").unwrap();
        fs::create_dir(path.join("dir")).unwrap();
        fs::write(path.join("dir/chain.redb"), "somebody's").unwrap();
        std::os::unix::fs::symlink(elsewhere.join("kept"), path.join("chain.redb")).unwrap();
        std::os::unix::fs::symlink(&elsewhere, path.join("link")).unwrap();
        lent.remove().unwrap();
        assert_eq!(names(&path), ["dir", "link", "notes.txt"]);
        assert_eq!(names(&path.join("dir")), ["chain.redb"]);
        assert_eq!(names(&elsewhere), ["kept"]);
    }
}
