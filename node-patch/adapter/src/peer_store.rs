//! `pq-peers.bin` and its previous generation `pq-peers.bin.prev`: read at the start, replaced as a
//! whole. A cache: whatever is wrong with it, the node starts.

use std::{
    fmt,
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use hegemon_discovery::{
    Now,
    snapshot::{self, Format, MAX_BYTES, SnapshotError, Stored},
};
use tokio::sync::watch;

use crate::tasks::{Task, Tasks};

/// The store of one base path.
#[derive(Debug, Clone)]
pub struct PeerStore {
    current: PathBuf,
    previous: PathBuf,
}

/// What an operator should know of the store, in words.
#[derive(Debug)]
pub enum Remark {
    /// As it should be.
    Read {
        /// Addresses in it.
        peers: usize,
        /// Who wrote it.
        format: Format,
    },
    /// A generation is not used.
    Unused {
        /// Its file.
        path: PathBuf,
        /// Why.
        why: Unused,
        /// Where it is now, if it was set aside.
        aside: Option<PathBuf>,
    },
    /// The generation before is used instead.
    Previous {
        /// Its file.
        path: PathBuf,
        /// Addresses in it.
        peers: usize,
    },
    /// It could not be written.
    Unwritten(io::Error),
}

/// Why a generation of the store is not used.
#[derive(Debug)]
pub enum Unused {
    /// It cannot be read.
    Io(io::Error),
    /// It is no store, or a damaged one.
    Content(SnapshotError),
}

/// Writes snapshots one after the other, so that an older one never replaces a newer. While a write
/// is under way the newest waits, and no other: a slow disk makes nothing pile up.
#[derive(Debug)]
pub struct Writer {
    newest: watch::Sender<Arc<[u8]>>,
    task: Task<()>,
}

/// Where snapshots of peers survive. A cache: whatever is wrong with it, the node starts.
pub trait Snapshots: Send + Sync + fmt::Debug + 'static {
    /// What was stored, and what is to be said of it.
    fn load(&self, now: Now) -> (Stored, Vec<Remark>);

    /// Replaces what is stored, wholly or not at all; durable when it returns.
    ///
    /// # Errors
    ///
    /// The storage's.
    fn save(&self, snapshot: &[u8]) -> io::Result<()>;
}

impl Snapshots for PeerStore {
    fn load(&self, now: Now) -> (Stored, Vec<Remark>) {
        Self::load(self, now)
    }

    fn save(&self, snapshot: &[u8]) -> io::Result<()> {
        Self::save(self, snapshot)
    }
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

    /// What was stored, and what is to be said of it. A bad file is set aside, and the previous
    /// generation used.
    #[must_use]
    pub fn load(&self, now: Now) -> (Stored, Vec<Remark>) {
        let mut remarks = Vec::new();
        if let Some(stored) = read(&self.current, now, &mut remarks) {
            let (peers, format) = (stored.records.len(), stored.format);
            remarks.push(Remark::Read { peers, format });
            return (stored, remarks);
        }
        if let Some(Remark::Unused { why: Unused::Content(_), aside, .. }) = remarks.first_mut() {
            let bad = self.current.with_extension("bin.bad");
            *aside = fs::rename(&self.current, &bad).is_ok().then_some(bad);
        }
        let Some(stored) = read(&self.previous, now, &mut remarks) else {
            return (Stored::default(), remarks);
        };
        let (path, peers) = (self.previous.clone(), stored.records.len());
        remarks.push(Remark::Previous { path, peers });
        (stored, remarks)
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

    /// Gives the current generation its second name, under which it stays when it is replaced. On a
    /// file system without hard links there is no previous generation.
    fn keep_previous(&self) -> io::Result<()> {
        let temporary = self.current.with_extension("bin.prev.new");
        remove_if_there(&temporary)?;
        if fs::hard_link(&self.current, &temporary).is_err() {
            return Ok(());
        }
        fs::rename(&temporary, &self.previous)?;
        // A crash between the two renames left both names with the same file; renaming one of its
        // names to another does nothing.
        remove_if_there(&temporary)
    }
}

impl Writer {
    /// A task that writes to `store`, and says what it could not write.
    ///
    /// # Panics
    ///
    /// Without a tokio runtime.
    pub fn spawn(
        store: Arc<dyn Snapshots>,
        tasks: Tasks,
        say: impl Fn(Remark) + Send + 'static,
    ) -> Self {
        let (newest, mut snapshots) = watch::channel(Arc::<[u8]>::from([]));
        let owner = tasks.clone();
        let task = owner.spawn(async move {
            while snapshots.changed().await.is_ok() {
                let (store, snapshot) = (store.clone(), snapshots.borrow_and_update().clone());
                let saved = tasks.spawn_long(async move { store.save(&snapshot) }).await;
                if let Ok(Err(error)) = saved {
                    say(Remark::Unwritten(error));
                }
            }
        });
        Self { newest, task }
    }

    /// Writes a snapshot soon; one that still waits is left out.
    pub fn save(&self, snapshot: Vec<u8>) {
        self.newest.send_replace(snapshot.into());
    }

    /// Waits until the last one is written.
    pub async fn finish(self) {
        drop(self.newest);
        let _ = self.task.await;
    }
}

impl Remark {
    /// Whether something is amiss.
    #[must_use]
    pub fn is_warning(&self) -> bool {
        !matches!(self, Self::Read { .. })
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { peers, format } => {
                let origin = match format {
                    Format::Current => "",
                    Format::Earlier => " of an earlier version",
                    Format::Legacy => " of an older node",
                };
                write!(f, "read the peer store{origin}: {peers} addresses")
            }
            Self::Unused { path, why, aside } => {
                write!(f, "the peer store {} {why}; going on without it", path.display())?;
                match aside {
                    Some(aside) => write!(f, ", it is kept as {}", aside.display()),
                    None => Ok(()),
                }
            }
            Self::Previous { path, peers } => {
                let path = path.display();
                write!(
                    f,
                    "using the previous generation of the peer store, {path}: {peers} addresses"
                )
            }
            Self::Unwritten(error) => {
                write!(f, "cannot write the peer store: {error}; it is a cache, the node goes on")
            }
        }
    }
}

impl fmt::Display for Unused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "cannot be read: {error}"),
            Self::Content(error) => error.fmt(f),
        }
    }
}

/// One generation, or a remark why not; none of one that is not there.
fn read(path: &Path, now: Now, remarks: &mut Vec<Remark>) -> Option<Stored> {
    let why = match bytes_of(path) {
        Ok(bytes) => match snapshot::decode(&bytes, now) {
            Ok(stored) => return Some(stored),
            Err(error) => Unused::Content(error),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => Unused::Io(error),
    };
    remarks.push(Remark::Unused { path: path.to_owned(), why, aside: None });
    None
}

/// One byte more than a store can have is enough to tell that it is too large.
fn bytes_of(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
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
        assert!(store.load(NOW).0.records.is_empty(), "no file is no error");
        store.save(&snapshot_of(&["198.18.0.2:30333"])).unwrap();
        store.save(&snapshot_of(&["198.18.0.2:30333", "198.18.0.3:30333"])).unwrap();
        assert_eq!(addresses(&store.load(NOW).0), ["198.18.0.2:30333", "198.18.0.3:30333"]);
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
            assert!(store.load(NOW).0.records.is_empty(), "{bytes:02x?}");
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
        assert_eq!(addresses(&store.load(NOW).0), ["198.18.0.3:30333"]);
        fs::write(directory.path().join("pq-peers.bin"), b"HEGPEERS and then nothing of use")
            .unwrap();
        assert_eq!(addresses(&store.load(NOW).0), ["198.18.0.2:30333"], "bad");
        assert_eq!(names(directory.path()), ["pq-peers.bin.bad", "pq-peers.bin.prev"]);
        assert_eq!(addresses(&store.load(NOW).0), ["198.18.0.2:30333"], "missing");
        store.save(&snapshot_of(&["198.18.0.4:30333"])).unwrap();
        assert_eq!(addresses(&store.load(NOW).0), ["198.18.0.4:30333"]);
        fs::write(directory.path().join("pq-peers.bin"), b"").unwrap();
        assert_eq!(
            addresses(&store.load(NOW).0),
            ["198.18.0.2:30333"],
            "the last generation that was not bad is still there"
        );
        fs::write(directory.path().join("pq-peers.bin.prev"), b"").unwrap();
        assert!(store.load(NOW).0.records.is_empty(), "both");
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
        assert_eq!(addresses(&store.load(NOW).0), ["198.18.0.2:30333"]);
        store.save(&snapshot_of(&["198.18.0.3:30333"])).unwrap();
        assert_eq!(names(directory.path()), ["pq-peers.bin", "pq-peers.bin.prev"]);
        assert_eq!(addresses(&store.load(NOW).0), ["198.18.0.3:30333"]);
        fs::remove_file(path("pq-peers.bin")).unwrap();
        assert_eq!(addresses(&store.load(NOW).0), ["198.18.0.2:30333"]);
    }
}
