//! A file of lines that only grows, and that one process at a time has open. A line is there whole, and on disk,
//! before anything follows from it.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rustix::fs::{FlockOperation, flock};
use serde::Serialize;

/// A ledger of a long campaign has a few hundred bytes for each run.
const LARGEST: u64 = 256 * 1024 * 1024;

/// A child of a process that held it has it too, from its fork until it executes: whoever waits for that is not refused.
const HELD: Duration = Duration::from_secs(2);

/// The file.
#[derive(Debug)]
pub(super) struct Lines(File);

impl Lines {
    /// A new one.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        Self::hold(OpenOptions::new().append(true).create_new(true).open(path)?)
    }

    /// One that is there, and its text.
    pub(super) fn open(path: &Path) -> io::Result<(Self, String)> {
        let mut lines = Self::hold(OpenOptions::new().read(true).append(true).open(path)?)?;
        let mut text = Vec::new();
        lines.0.seek(SeekFrom::Start(0))?;
        let read = (&lines.0).take(LARGEST + 1).read_to_end(&mut text)?;
        if read as u64 > LARGEST {
            return Err(io::Error::other(format!("it is larger than {LARGEST} bytes")));
        }
        // A line that a kill cut in two may end inside a letter; `resume` drops it.
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        text.truncate(whole);
        let text = String::from_utf8(text).map_err(|_| io::Error::other("it is no text"))?;
        Ok((lines, text))
    }

    /// Drops what a kill left of a last line.
    pub(super) fn cut(&mut self, whole: usize) -> io::Result<()> {
        self.0.set_len(whole as u64)
    }

    /// Adds a line.
    pub(super) fn add(&mut self, line: &impl Serialize) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        self.0.write_all(&bytes)?;
        self.0.sync_data()
    }

    fn hold(file: File) -> io::Result<Self> {
        let deadline = Instant::now() + HELD;
        while flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            if Instant::now() >= deadline {
                return Err(io::Error::other("another process goes on with it"));
            }
            thread::sleep(HELD / 100);
        }
        Ok(Self(file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_line_is_dropped_and_two_writers_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gate.jsonl");
        let mut lines = Lines::create(&path).unwrap();
        lines.add(&1).unwrap();
        assert!(Lines::open(&path).is_err(), "somebody has it open");
        lines.0.write_all("\"ä".as_bytes().split_at(2).0).unwrap();
        drop(lines);
        let (mut lines, text) = Lines::open(&path).unwrap();
        assert_eq!(text, "1\n");
        lines.cut(text.len()).unwrap();
        lines.add(&2).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "1\n2\n");
        assert!(Lines::create(&path).is_err(), "it is there");
    }
}
