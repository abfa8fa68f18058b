//! `pq-peers.bin`: read at the start, replaced as a whole. A cache: whatever is wrong with it, the node starts.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use hegemon_discovery::{
    Now,
    book::Record,
    snapshot::{self, Format, MAX_BYTES},
};

/// The store of one base path.
#[derive(Debug, Clone)]
pub struct PeerStore {
    path: PathBuf,
}

impl PeerStore {
    /// The store under a base path.
    #[must_use]
    pub fn under(base_path: &Path) -> Self {
        Self { path: base_path.join("pq-peers.bin") }
    }

    /// What was stored. A bad file is set aside with a warning.
    #[must_use]
    pub fn load(&self, now: Now) -> Vec<Record> {
        let bytes = match self.read() {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
            Err(error) => {
                tracing::warn!(path = %self.path.display(), %error, "cannot read the peer store; starting without it");
                return Vec::new();
            }
        };
        match snapshot::decode(&bytes, now) {
            Ok((records, format)) => {
                let origin = if format == Format::Legacy { " of an older node" } else { "" };
                tracing::info!(peers = records.len(), "read the peer store{origin}");
                records
            }
            Err(error) => {
                self.set_aside(&error.to_string());
                Vec::new()
            }
        }
    }

    /// Replaces the store: a temporary file, synced, renamed, and the directory synced, so that a crash at any moment leaves the old one or the new one.
    ///
    /// # Errors
    ///
    /// The file system's.
    pub fn save(&self, snapshot: &[u8]) -> io::Result<()> {
        let temporary = self.path.with_extension("bin.new");
        let mut file = File::create(&temporary)?;
        file.write_all(snapshot)?;
        file.sync_all()?;
        fs::rename(&temporary, &self.path)?;
        match self.path.parent() {
            Some(directory) => File::open(directory)?.sync_all(),
            None => Ok(()),
        }
    }

    /// One byte more than a store can have is enough to tell that it is too large.
    fn read(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(&self.path)?.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn set_aside(&self, why: &str) {
        let aside = self.path.with_extension("bin.bad");
        match fs::rename(&self.path, &aside) {
            Ok(()) => tracing::warn!(path = %self.path.display(), aside = %aside.display(), "the peer store {why}; set aside, starting without it"),
            Err(error) => tracing::warn!(path = %self.path.display(), %error, "the peer store {why} and cannot be set aside; starting without it"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hegemon_discovery::{
        Mono, PeerId,
        book::{Book, Change},
    };

    use super::*;

    const NOW: Now = Now { mono: Mono(0), wall: Duration::from_secs(1_795_000_000) };

    fn snapshot_of(addrs: &[&str]) -> Vec<u8> {
        let mut book = Book::default();
        for addr in addrs {
            book.note(addr.parse().unwrap(), Change::Succeeded { peer: PeerId([1; 32]) }, NOW.mono).unwrap();
        }
        snapshot::encode(&book, NOW)
    }

    fn addresses(records: &[Record]) -> Vec<String> {
        records.iter().map(|record| record.addr.to_string()).collect()
    }

    #[test]
    fn what_was_saved_is_loaded() {
        let directory = tempfile::tempdir().unwrap();
        let store = PeerStore::under(directory.path());
        assert!(store.load(NOW).is_empty(), "no file is no error");
        store.save(&snapshot_of(&["198.18.0.2:30333"])).unwrap();
        store.save(&snapshot_of(&["198.18.0.2:30333", "198.18.0.3:30333"])).unwrap();
        assert_eq!(addresses(&store.load(NOW)), ["198.18.0.2:30333", "198.18.0.3:30333"]);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing temporary stays");
    }

    #[test]
    fn every_damaged_file_is_set_aside_and_none_stops_the_node() {
        let whole = snapshot_of(&["198.18.0.2:30333"]);
        let mut damaged: Vec<Vec<u8>> = (1..whole.len()).map(|len| whole[..len].to_vec()).collect();
        damaged.extend((0..whole.len()).map(|at| {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            changed
        }));
        damaged.push(vec![0xff; MAX_BYTES + 7]);
        for bytes in damaged {
            let directory = tempfile::tempdir().unwrap();
            let store = PeerStore::under(directory.path());
            fs::write(directory.path().join("pq-peers.bin"), &bytes).unwrap();
            assert!(store.load(NOW).is_empty(), "{bytes:02x?}");
            assert!(directory.path().join("pq-peers.bin.bad").exists());
            assert!(!directory.path().join("pq-peers.bin").exists());
        }
    }
}
