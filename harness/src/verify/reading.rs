//! Files of a directory that may be anybody's: nothing outside it is opened, nothing in it that is
//! no plain file, and nothing that would fill our memory.

use std::{
    fs::{self, File},
    io::{self, BufRead, Read},
    path::{Component, Path, PathBuf},
};

/// Everything but events and logs is a few pages.
const LARGEST: u64 = 16 * 1024 * 1024;

/// An event with 50 log lines of a node is the longest, far below this.
pub(super) const LONGEST_LINE: u64 = 4 * 1024 * 1024;

/// Opens a file of a bundle by its path in it.
pub(super) fn open(dir: &Path, path: &str) -> io::Result<File> {
    let full = inside(dir, path)?;
    if !fs::symlink_metadata(&full)?.is_file() {
        return Err(io::Error::other("not a plain file"));
    }
    File::open(full)
}

/// A whole small file.
pub(super) fn read(dir: &Path, path: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(dir, path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::other(format!("larger than {LARGEST} bytes")));
    }
    Ok(bytes)
}

/// The next line, with its newline if it has one; `None` at the end.
pub(super) fn line(reader: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    reader.by_ref().take(LONGEST_LINE + 1).read_until(b'\n', &mut line)?;
    if line.len() as u64 > LONGEST_LINE {
        return Err(io::Error::other(format!("a line of more than {LONGEST_LINE} bytes")));
    }
    Ok((!line.is_empty()).then_some(line))
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

    #[test]
    fn a_line_without_end_fills_no_memory() {
        let mut endless = io::BufReader::new(io::repeat(b'x'));
        assert!(line(&mut endless).is_err());
    }
}
