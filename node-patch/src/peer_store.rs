//! `pq-peers.bin` and its previous generation `pq-peers.bin.prev`: read at the start, replaced as a
//! whole. A cache: whatever is wrong with it, the node starts.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use hegemon_discovery::{
    Now,
    snapshot::{self, Format, MAX_BYTES, SnapshotError, Stored},
};

/// The store of one base path.
#[derive(Debug, Clone)]
pub struct PeerStore {
    current: PathBuf,
    previous: PathBuf,
}

/// Why one generation of the store is not used.
#[derive(Debug, thiserror::Error)]
enum LoadError {
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Content(#[from] SnapshotError),
}

impl PeerStore {
    /// The store under a base path.
    #[must_use]
    pub fn under(base_path: &Path) -> Self {
        Self {
            current: base_path.join("pq-peers.bin"),
            previous: base_path.join("pq-peers.bin.prev"),
        }
    }

    /// What was stored. A bad file is set aside with a warning, and the previous generation used.
    #[must_use]
    pub fn load(&self, now: Now) -> Stored {
        match read(&self.current, now) {
            Ok(stored) => {
                let origin = match stored.format {
                    Format::Current => "",
                    Format::Earlier => " of an earlier version",
                    Format::Legacy => " of an older node",
                };
                tracing::info!(peers = stored.records.len(), "read the peer store{origin}");
                return stored;
            }
            Err(LoadError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {}
            Err(LoadError::Io(error)) => {
                tracing::warn!(path = %self.current.display(), %error, "cannot read the peer store; it is a cache, the node starts without it")
            }
            Err(LoadError::Content(error)) => self.set_aside(error),
        }
        match read(&self.previous, now) {
            Ok(stored) => {
                tracing::warn!(path = %self.previous.display(), peers = stored.records.len(), "using the previous generation of the peer store");
                stored
            }
            Err(LoadError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
                Stored::default()
            }
            Err(error) => {
                tracing::warn!(path = %self.previous.display(), "the previous generation of the peer store {error}; starting without it");
                Stored::default()
            }
        }
    }

    /// Replaces the store: a temporary file, synced, renamed, and the directory synced, so that a
    /// crash at any moment leaves the old one or the new one, and from the first on there is always
    /// one. The old one stays as the previous generation, for the case that the disk does not keep
    /// what it acknowledged.
    ///
    /// # Errors
    ///
    /// The file system's.
    pub fn save(&self, snapshot: &[u8]) -> io::Result<()> {
        let temporary = self.current.with_extension("bin.new");
        let mut file = File::create(&temporary)?;
        file.write_all(snapshot)?;
        file.sync_all()?;
        self.keep_previous()?;
        fs::rename(&temporary, &self.current)?;
        match self.current.parent() {
            Some(directory) => File::open(directory)?.sync_all(),
            None => Ok(()),
        }
    }

    /// Gives the current generation its second name, under which it stays when it is replaced.
    fn keep_previous(&self) -> io::Result<()> {
        let temporary = self.current.with_extension("bin.prev.new");
        remove_if_there(&temporary)?;
        match fs::hard_link(&self.current, &temporary) {
            Ok(()) => fs::rename(&temporary, &self.previous)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => {
                tracing::debug!(%error, "this file system has no hard links: the peer store has no previous generation");
                return Ok(());
            }
        }
        // A crash between the two renames left both names with the same file; renaming one of its
        // names to another does nothing.
        remove_if_there(&temporary)
    }

    fn set_aside(&self, why: SnapshotError) {
        let aside = self.current.with_extension("bin.bad");
        match fs::rename(&self.current, &aside) {
            Ok(()) => {
                tracing::warn!(path = %self.current.display(), aside = %aside.display(), "the peer store {why}; set aside")
            }
            Err(error) => {
                tracing::warn!(path = %self.current.display(), %error, "the peer store {why} and cannot be set aside")
            }
        }
    }
}

/// One byte more than a store can have is enough to tell that it is too large.
fn read(path: &Path, now: Now) -> Result<Stored, LoadError> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(snapshot::decode(&bytes, now)?)
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hegemon_discovery::{
        Groups, Mono, PeerId,
        book::{Book, Change, Layout},
    };

    use super::*;

    const NOW: Now = Now { mono: Mono(0), wall: Duration::from_secs(1_795_000_000) };

    fn snapshot_of(addrs: &[&str]) -> Vec<u8> {
        let mut book = Book::new([7; 16], Layout::TABLES, Groups::Weighed);
        for addr in addrs {
            book.note(addr.parse().unwrap(), Change::Succeeded { peer: PeerId([1; 32]) }, NOW.mono)
                .unwrap();
        }
        snapshot::encode(&book, &[], NOW)
    }

    fn addresses(stored: &Stored) -> Vec<String> {
        stored.records.iter().map(|(record, _)| record.addr.to_string()).collect()
    }

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn what_was_saved_is_loaded() {
        let directory = tempfile::tempdir().unwrap();
        let store = PeerStore::under(directory.path());
        assert!(store.load(NOW).records.is_empty(), "no file is no error");
        store.save(&snapshot_of(&["198.18.0.2:30333"])).unwrap();
        store.save(&snapshot_of(&["198.18.0.2:30333", "198.18.0.3:30333"])).unwrap();
        assert_eq!(addresses(&store.load(NOW)), ["198.18.0.2:30333", "198.18.0.3:30333"]);
        assert_eq!(
            names(directory.path()),
            ["pq-peers.bin", "pq-peers.bin.prev"],
            "nothing temporary stays"
        );
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
            assert!(store.load(NOW).records.is_empty(), "{bytes:02x?}");
            assert!(directory.path().join("pq-peers.bin.bad").exists());
            assert!(!directory.path().join("pq-peers.bin").exists());
        }
    }

    #[test]
    fn the_previous_generation_is_used_when_the_current_one_is_bad_or_missing() {
        let directory = tempfile::tempdir().unwrap();
        let store = PeerStore::under(directory.path());
        store.save(&snapshot_of(&["198.18.0.2:30333"])).unwrap();
        store.save(&snapshot_of(&["198.18.0.3:30333"])).unwrap();
        assert_eq!(addresses(&store.load(NOW)), ["198.18.0.3:30333"]);
        fs::write(directory.path().join("pq-peers.bin"), b"HEGPEERS and then nothing of use")
            .unwrap();
        assert_eq!(addresses(&store.load(NOW)), ["198.18.0.2:30333"], "bad");
        assert_eq!(names(directory.path()), ["pq-peers.bin.bad", "pq-peers.bin.prev"]);
        assert_eq!(addresses(&store.load(NOW)), ["198.18.0.2:30333"], "missing");
        store.save(&snapshot_of(&["198.18.0.4:30333"])).unwrap();
        assert_eq!(addresses(&store.load(NOW)), ["198.18.0.4:30333"]);
        fs::write(directory.path().join("pq-peers.bin"), b"").unwrap();
        assert_eq!(
            addresses(&store.load(NOW)),
            ["198.18.0.2:30333"],
            "the last generation that was not bad is still there"
        );
        fs::write(directory.path().join("pq-peers.bin.prev"), b"").unwrap();
        assert!(store.load(NOW).records.is_empty(), "both");
    }

    #[test]
    fn what_a_crash_leaves_behind_does_not_hinder_the_next_save() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let store = PeerStore::under(directory.path());
        store.save(&snapshot_of(&["198.18.0.2:30333"])).unwrap();
        // Killed after the previous generation got its name, and before the new one became the
        // current.
        fs::hard_link(path("pq-peers.bin"), path("pq-peers.bin.prev")).unwrap();
        fs::hard_link(path("pq-peers.bin"), path("pq-peers.bin.prev.new")).unwrap();
        fs::write(path("pq-peers.bin.new"), b"half").unwrap();
        assert_eq!(addresses(&store.load(NOW)), ["198.18.0.2:30333"]);
        store.save(&snapshot_of(&["198.18.0.3:30333"])).unwrap();
        assert_eq!(names(directory.path()), ["pq-peers.bin", "pq-peers.bin.prev"]);
        assert_eq!(addresses(&store.load(NOW)), ["198.18.0.3:30333"]);
        fs::remove_file(path("pq-peers.bin")).unwrap();
        assert_eq!(addresses(&store.load(NOW)), ["198.18.0.2:30333"]);
    }
}
