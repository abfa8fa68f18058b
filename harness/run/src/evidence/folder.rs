//! A bundle's directory, which may be anybody's: nothing outside it is opened, nothing in it that is
//! no plain file, and nothing that would fill our memory.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Component, Path, PathBuf},
};

use harness_core::{
    bundle::{MANIFEST, Sha256Hex, hash_all},
    page::{self, Belief},
    report::excerpt::Excerpt,
    verdict::Verdict,
    verify::{Bundle, Found, Verified},
};

/// What lives only as long as the nodes, and is no evidence.
const SCRATCH: &str = "scratch";

/// A run has a handful of files and a log for each node; more is no bundle.
const MOST_FILES: usize = 10_000;

/// Folders in folders; a bundle has `logs/`.
const DEEPEST: usize = 4;

/// Verifies the bundle in a directory. `expected` is the digest that the caller knows from
/// elsewhere.
///
/// # Errors
///
/// If there is no directory, or it cannot be read. Whatever is wrong inside it is a problem of the
/// bundle.
pub fn verify(dir: &Path, expected: Option<Sha256Hex>) -> io::Result<Verified> {
    harness_core::verify::verify(&Folder { dir }, expected)
}

/// The page of the bundle in a directory.
///
/// # Errors
///
/// If plan or events cannot be read.
pub fn page(dir: &Path, verdict: &Verdict, belief: &Belief) -> io::Result<String> {
    page::of(&Folder { dir }, verdict, belief)
}

/// What of the bundle in a directory stands beside its verdict on a terminal, if it is no pass.
///
/// # Errors
///
/// If plan or events cannot be read.
pub(super) fn excerpt(dir: &Path, verdict: &Verdict) -> io::Result<Option<Excerpt>> {
    page::excerpt(&Folder { dir }, verdict)
}

struct Folder<'a> {
    dir: &'a Path,
}

impl Bundle for Folder<'_> {
    fn found(&self) -> io::Result<Found> {
        files(self.dir)
    }

    fn open(&self, path: &str) -> io::Result<Box<dyn Read>> {
        Ok(Box::new(open(self.dir, path)?))
    }
}

/// Every file of a bundle but its manifest and what is no evidence. Links are not followed.
///
/// # Errors
///
/// If the directory cannot be read.
pub(super) fn files(dir: &Path) -> io::Result<Found> {
    let mut found = Found::default();
    walk(dir, "", 0, &mut found)?;
    found.files.sort();
    found.strange.sort();
    Ok(found)
}

fn walk(dir: &Path, prefix: &str, depth: usize, found: &mut Found) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let path = format!("{prefix}{}", name.to_string_lossy());
        let kind = entry.file_type()?;
        if depth == 0 && (name == MANIFEST || name == SCRATCH) {
            continue;
        }
        if found.files.len() + found.strange.len() >= MOST_FILES {
            return Err(io::Error::other(format!("more than {MOST_FILES} files")));
        }
        match name.to_str() {
            Some(_) if kind.is_file() => found.files.push(path),
            Some(_) if kind.is_dir() && depth < DEEPEST => {
                walk(&entry.path(), &format!("{path}/"), depth + 1, found)?
            }
            Some(_) | None => found.strange.push(path),
        }
    }
    Ok(())
}

/// The digest of a bundle that was written: the hash of its manifest.
///
/// # Errors
///
/// If there is none.
pub(super) fn digest(dir: &Path) -> io::Result<Sha256Hex> {
    Ok(hash_all(File::open(dir.join(MANIFEST))?)?.1)
}

/// Opens a file of a bundle by its path in it.
fn open(dir: &Path, path: &str) -> io::Result<File> {
    let full = inside(dir, path)?;
    if !fs::symlink_metadata(&full)?.is_file() {
        return Err(io::Error::other("not a plain file"));
    }
    File::open(full)
}

/// No part of the path leads elsewhere: neither by its name nor by a link.
fn inside(dir: &Path, path: &str) -> io::Result<PathBuf> {
    let mut full = dir.to_owned();
    let relative = Path::new(path);
    if path.is_empty() || path.contains('\0') {
        return Err(io::Error::other("no path"));
    }
    for part in relative.components() {
        let Component::Normal(name) = part else {
            return Err(io::Error::other("a path that leads out of the bundle"));
        };
        full.push(name);
        if fs::symlink_metadata(&full)?.file_type().is_symlink() {
            return Err(io::Error::other("a symbolic link"));
        }
    }
    Ok(full)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_outside_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("bundle");
        fs::create_dir_all(dir.join("logs")).unwrap();
        fs::write(folder.path().join("secret"), "x").unwrap();
        fs::write(dir.join("logs/a"), "x").unwrap();
        std::os::unix::fs::symlink("../secret", dir.join("link")).unwrap();
        std::os::unix::fs::symlink("..", dir.join("up")).unwrap();
        for bad in [
            "../secret",
            "/etc/passwd",
            "logs/../../secret",
            "link",
            "up/secret",
            "logs",
            "",
            "a\0b",
            ".",
        ] {
            assert!(open(&dir, bad).is_err(), "{bad}");
        }
        assert!(open(&dir, "logs/a").is_ok());
    }
}
