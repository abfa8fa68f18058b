//! Two revisions of this workspace, each built in a worktree of its own under a temporary directory. Cargo's directory is
//! shared, so that what both need is compiled once. The binaries are copied to where they stay; everything else is gone
//! at the end, however it comes.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use crate::binary::{BinaryError, BuildKind, Program, Progress, program_of, workspace};

/// A revision that is no revision, or does not build.
#[derive(Debug, thiserror::Error)]
pub enum RevisionError {
    /// Not `A..B`.
    #[error("`{0}` names no two revisions: write A..B")]
    NotTwo(String),
    /// Git does not know it.
    #[error("no revision `{0}` of {1}: {2}")]
    Unknown(String, String, String),
    /// Git did not do it.
    #[error("git made no worktree of `{0}`: {1}")]
    Worktree(String, String),
    /// It cannot be built.
    #[error("revision `{0}` cannot be built: {1}")]
    Build(String, BinaryError),
    /// The harness's own workspace is gone.
    #[error(transparent)]
    Workspace(#[from] BinaryError),
    /// A directory cannot be made, or a binary not copied.
    #[error("building revisions needs a place: {0}")]
    Io(#[from] io::Error),
}

/// A revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// As it was asked for, with the commit that it means.
    pub name: String,
    commit: String,
}

/// Both, known to git.
///
/// # Errors
///
/// They are not two, or one is unknown.
pub fn find(range: &str) -> Result<[Revision; 2], RevisionError> {
    let not_two = || RevisionError::NotTwo(range.to_owned());
    let (a, b) = range.split_once("..").ok_or_else(not_two)?;
    // Three dots mean something else to git, and an option is no revision.
    if [a, b].iter().any(|name| name.is_empty() || name.starts_with(['.', '-'])) {
        return Err(not_two());
    }
    let root = workspace()?;
    Ok([revision(&root, a)?, revision(&root, b)?])
}

fn revision(root: &Path, name: &str) -> Result<Revision, RevisionError> {
    let said = git(root, &["rev-parse", "--verify", "--quiet", &format!("{name}^{{commit}}")])?;
    let commit = String::from_utf8_lossy(&said.stdout).trim().to_owned();
    if !said.status.success() || commit.len() < 40 {
        let why = String::from_utf8_lossy(&said.stderr).trim().to_owned();
        let why = if why.is_empty() { "git knows none".to_owned() } else { why };
        return Err(RevisionError::Unknown(name.to_owned(), root.display().to_string(), why));
    }
    Ok(Revision { name: format!("{name} ({})", &commit[..10]), commit })
}

/// Builds both nodes, and puts each where it stays.
///
/// # Errors
///
/// One does not build, or there is no place for it.
pub async fn build(
    revisions: &[Revision; 2],
    places: &[PathBuf; 2],
    progress: Progress<'_>,
) -> Result<(), RevisionError> {
    let root = workspace()?;
    let scratch = tempfile::Builder::new().prefix("harness-revisions-").tempdir()?;
    for (index, (revision, place)) in revisions.iter().zip(places).enumerate() {
        progress(format!("building {}", revision.name));
        let tree = Worktree::add(&root, scratch.path().join(index.to_string()), revision)?;
        let built = program_of(
            &tree.path,
            Some(&scratch.path().join("target")),
            (Program::Node, BuildKind::Release),
            progress,
        )
        .await
        .map_err(|why| RevisionError::Build(revision.name.clone(), why))?;
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::copy(built, place)?;
    }
    Ok(())
}

/// A worktree that git forgets when it is dropped.
struct Worktree<'a> {
    root: &'a Path,
    path: PathBuf,
}

impl<'a> Worktree<'a> {
    fn add(root: &'a Path, path: PathBuf, revision: &Revision) -> Result<Self, RevisionError> {
        // What a killed build left of its own is in nobody's way, and goes with git's next clean-up.
        let text = path.display().to_string();
        let said = git(root, &["worktree", "add", "--detach", &text, &revision.commit])?;
        let tree = Self { root, path };
        if said.status.success() {
            return Ok(tree);
        }
        let why = String::from_utf8_lossy(&said.stderr).trim().to_owned();
        Err(RevisionError::Worktree(revision.name.clone(), why))
    }
}

impl Drop for Worktree<'_> {
    fn drop(&mut self) {
        let _ =
            git(self.root, &["worktree", "remove", "--force", &self.path.display().to_string()]);
    }
}

fn git(root: &Path, arguments: &[&str]) -> io::Result<Output> {
    Command::new("git").args(arguments).current_dir(root).stdin(Stdio::null()).output()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_revisions_are_asked_for() {
        for wrong in ["HEAD", "..", "HEAD..", "..HEAD", "HEAD...HEAD", "--all..HEAD"] {
            assert!(matches!(find(wrong), Err(RevisionError::NotTwo(_))), "{wrong}");
        }
    }

    #[test]
    fn a_worktree_is_there_until_it_is_dropped() {
        let repository = tempfile::tempdir().unwrap();
        let root = repository.path();
        let done = |arguments: &[&str]| {
            let said = git(root, arguments).unwrap();
            assert!(said.status.success(), "{said:?}");
        };
        done(&["init", "--quiet"]);
        fs::write(root.join("file"), "text").unwrap();
        done(&["add", "file"]);
        done(&["-c", "user.name=n", "-c", "user.email=e", "commit", "--quiet", "-m", "one"]);
        let revision = revision(root, "HEAD").unwrap();
        assert!(revision.name.starts_with("HEAD ("), "{}", revision.name);
        let place = tempfile::tempdir().unwrap();
        let tree = Worktree::add(root, place.path().join("tree"), &revision).unwrap();
        assert!(tree.path.join("file").is_file());
        let path = tree.path.clone();
        drop(tree);
        assert!(!path.exists());
        let trees = git(root, &["worktree", "list"]).unwrap().stdout;
        assert_eq!(String::from_utf8(trees).unwrap().lines().count(), 1);
        let unknown = super::revision(root, "nowhere").unwrap_err().to_string();
        assert!(unknown.contains("no revision `nowhere`"), "{unknown}");
    }
}
