//! A node's state on disk, as seen and changed from outside while the node is down.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One file of a node's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateFile {
    /// Relative to its base path, with `/`.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its content, in hex.
    pub sha256: String,
}

/// What is done to files of a node that is down. Paths are relative to its base path; one that is a
/// folder means everything in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateChange {
    /// They are removed; one that is not there is left at that.
    Remove(Vec<String>),
    /// Every file is damaged.
    Damage {
        /// Which.
        paths: Vec<String>,
        /// How.
        how: Damage,
        /// Decides where.
        seed: u64,
    },
}

/// How a file is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Damage {
    /// Its second half is cut off.
    Truncate,
    /// Some of its bytes have other bits: one in every 4 KiB, and one at least.
    Flip,
    /// It has no content.
    Empty,
}

impl StateChange {
    /// Whether it is about this file or folder. A node's base path itself (`.` or nothing) means all that
    /// is in it.
    pub fn is_about(&self, file: &str) -> bool {
        let (Self::Remove(paths) | Self::Damage { paths, .. }) = self;
        paths.iter().any(|path| {
            let path = path.trim_start_matches("./").trim_end_matches('/');
            let below = file.strip_prefix(path);
            path.is_empty()
                || path == "."
                || below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }
}

impl Damage {
    /// So many bytes are damaged as one.
    pub const BLOCK: usize = 4096;

    /// What is left of a file of so many bytes.
    pub fn length(self, bytes: u64) -> u64 {
        match self {
            Self::Truncate => bytes / 2,
            Self::Flip => bytes,
            Self::Empty => 0,
        }
    }

    /// Damages one block of what is left of a file, by its number: [`Self::BLOCK`] bytes, or fewer at
    /// the end. The same seed damages the same bytes of the same file.
    pub fn block(self, seed: u64, file: &str, number: u64, block: &mut [u8]) {
        if self != Self::Flip || block.is_empty() {
            return;
        }
        let path = file.bytes().fold(seed, |state, byte| mixed(state ^ u64::from(byte)));
        let chance = mixed(path ^ number);
        let [mask, rest @ ..] = chance.to_le_bytes();
        let at = rest.iter().fold(0, |at: u64, byte| at << 8 | u64::from(*byte));
        let at = at % block.len() as u64;
        // Some bit at least.
        block[usize::try_from(at).unwrap_or(0)] ^= mask.max(1);
    }
}

/// SplitMix64's output function, over its next state: every input bit counts in every output bit.
fn mixed(state: u64) -> u64 {
    let state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

/// What a node executes, by the engine's or operating system's word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Executable {
    /// An image's ID, or `sha256:` and the hash of the executable that the process was made of.
    pub id: String,
}

/// What a node may use, as it is asked for and as the kernel or engine says it. `None`: unlimited, or
/// left as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of memory.
    pub memory: Option<u64>,
    /// Processor time, in thousandths of one core.
    pub cpu: Option<u32>,
    /// Descriptors.
    pub open_files: Option<u64>,
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = [
            self.memory.map(|memory| format!("{} MiB of memory", memory >> 20)),
            self.cpu.map(|cpu| format!("{} % of a core", f64::from(cpu) / 10.0)),
            self.open_files.map(|files| format!("{files} descriptors")),
        ];
        let said: Vec<String> = said.into_iter().flatten().collect();
        if said.is_empty() { f.write_str("nothing") } else { f.write_str(&said.join(", ")) }
    }
}

/// A port of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Port {
    /// Its transport's.
    P2p,
    /// JSON-RPC's.
    Rpc,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn damaged(how: Damage, seed: u64, file: &str, content: &[u8]) -> Vec<u8> {
        let mut left =
            content[..usize::try_from(how.length(content.len() as u64)).unwrap()].to_vec();
        for (number, block) in left.chunks_mut(Damage::BLOCK).enumerate() {
            how.block(seed, file, number as u64, block);
        }
        left
    }

    #[test]
    fn one_byte_of_every_block_is_another_and_always_the_same_one() {
        let content: Vec<u8> = (0..4096 * 3 + 10).map(|at: usize| at.to_le_bytes()[0]).collect();
        for seed in 0..200 {
            let found = damaged(Damage::Flip, seed, "db", &content);
            assert_eq!(found.len(), content.len());
            let blocks = found.chunks(Damage::BLOCK).zip(content.chunks(Damage::BLOCK));
            for (now, before) in blocks {
                assert_eq!(now.iter().zip(before).filter(|(now, before)| now != before).count(), 1);
            }
            assert_eq!(found, damaged(Damage::Flip, seed, "db", &content));
        }
        let one = damaged(Damage::Flip, 1, "db", &content);
        assert_ne!(one, damaged(Damage::Flip, 2, "db", &content), "another seed");
        assert_ne!(one, damaged(Damage::Flip, 1, "other", &content), "another file");
        assert_ne!(damaged(Damage::Flip, 7, "db", &[0]), [0], "the shortest file");
        assert!(damaged(Damage::Flip, 7, "db", &[]).is_empty(), "has nothing to be damaged");
    }

    #[test]
    fn the_second_half_or_all_is_cut_off() {
        for (how, content, left) in [
            (Damage::Truncate, &b"abcde"[..], &b"ab"[..]),
            (Damage::Truncate, b"a", b""),
            (Damage::Truncate, b"", b""),
            (Damage::Empty, b"abcde", b""),
        ] {
            assert_eq!(damaged(how, 1, "db", content), left, "{how:?} of {content:?}");
        }
    }

    #[test]
    fn a_path_is_a_file_or_all_that_is_in_a_folder() {
        let about =
            |path: &str, file: &str| StateChange::Remove(vec![path.to_owned()]).is_about(file);
        for (path, file) in [
            ("db", "db"),
            ("db", "db/a/b"),
            ("db/", "db/a"),
            ("./db", "db/a"),
            ("db/a", "db/a"),
            (".", "x"),
            ("", "x/y"),
            ("./", "x"),
        ] {
            assert!(about(path, file), "{path} {file}");
        }
        for (path, file) in
            [("db", "dbx"), ("db", "x/db"), ("db/a", "db"), ("db/a", "db/ab"), ("x", "")]
        {
            assert!(!about(path, file), "{path} {file}");
        }
        assert!(!StateChange::Remove(Vec::new()).is_about("x"), "nothing is nothing");
    }
}
