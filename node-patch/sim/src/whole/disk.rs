//! A disk in memory: what was synced survives a power loss, what was only written survives a kill.
//! After a power loss any sectors of what was not synced may be there, as on real disks.

use std::{
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use hegemon_discovery::{
    Now,
    snapshot::{self, Stored},
};
use hegemon_node::host::{Remark, Snapshots, Unused};
use rand::Rng;
use redb::StorageBackend;

use crate::chance::{Chance, Purpose};

/// What a disk writes as a whole or not at all.
const SECTOR: usize = 512;

/// How a process loses its disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loss {
    /// Killed: the kernel still has what was written.
    Process,
    /// No power: what was not synced may be lost, sector by sector.
    Power,
}

/// A disk as one process has it; clones are the same one. What it holds is handed on to the next
/// process by [`Disk::after`].
#[derive(Clone, Default)]
pub struct Disk(Arc<Mutex<Platters>>);

#[derive(Default)]
struct Platters {
    /// The chain's database as the process sees it.
    written: Vec<u8>,
    synced: Vec<u8>,
    /// Writes since the last sync; a change of length has no data.
    unsynced: Vec<(usize, Vec<u8>)>,
    /// The peer store: each of its writes is synced and renamed, so there is nothing between.
    peers: Option<Vec<u8>>,
    /// Writes and syncs until the process loses it.
    lasts_for: Option<(u64, Box<dyn FnOnce() + Send>)>,
    is_lost: bool,
    operations: u64,
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let platters = self.platters();
        let (written, unsynced) = (platters.written.len(), platters.unsynced.len());
        f.debug_struct("Disk").field("written", &written).field("unsynced", &unsynced).finish()
    }
}

impl Disk {
    fn platters(&self) -> MutexGuard<'_, Platters> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The process loses it in the middle of its work, after so many more writes or syncs; then
    /// `also` happens.
    pub fn lose_after(&self, operations: u64, also: impl FnOnce() + Send + 'static) {
        self.platters().lasts_for = Some((operations, Box::new(also)));
    }

    /// The process has lost it.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.platters().is_lost
    }

    /// The process is going to lose it.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.platters().lasts_for.is_some()
    }

    /// Writes and syncs so far.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.platters().operations
    }

    /// What the next process finds. This one can change nothing any more.
    #[must_use]
    pub fn after(&self, loss: Loss, seed: u64, (host, life): (u64, u64)) -> Self {
        let chance = Chance(seed);
        let mut platters = self.platters();
        platters.is_lost = true;
        let left = match loss {
            Loss::Process => platters.written.clone(),
            Loss::Power => platters.without_power(chance, host, life),
        };
        Self(Arc::new(Mutex::new(Platters {
            synced: match loss {
                Loss::Process => platters.synced.clone(),
                Loss::Power => left.clone(),
            },
            unsynced: match loss {
                Loss::Process => platters.unsynced.clone(),
                Loss::Power => Vec::new(),
            },
            written: left,
            peers: platters.peers.clone(),
            operations: platters.operations,
            lasts_for: None,
            is_lost: false,
        })))
    }
}

impl Platters {
    /// Counts an operation; an error if this process has no disk any more.
    fn work(&mut self) -> io::Result<()> {
        match self.lasts_for.take() {
            Some((0, also)) => {
                self.is_lost = true;
                also();
            }
            Some((left, also)) => self.lasts_for = Some((left - 1, also)),
            None => {}
        }
        if self.is_lost {
            return Err(io::Error::other("the process is gone"));
        }
        self.operations += 1;
        Ok(())
    }

    /// Of the unsynced writes all, or any sectors.
    fn without_power(&self, chance: Chance, host: u64, life: u64) -> Vec<u8> {
        let mut random = chance.generator(Purpose::Disk, host, life);
        let mut left = self.synced.clone();
        for (at, data) in &self.unsynced {
            if data.is_empty() {
                // Lengths are the file system's journal's: in order, and the last one counts.
                left.resize((*at).max(left.len()), 0);
            }
        }
        let all = random.next_u32().is_multiple_of(3);
        for (at, data) in &self.unsynced {
            for (index, sector) in data.chunks(SECTOR).enumerate() {
                let at = at + index * SECTOR;
                let stays = all || random.next_u32().is_multiple_of(2);
                if let Some(place) = left.get_mut(at..at + sector.len()).filter(|_| stays) {
                    place.copy_from_slice(sector);
                }
            }
        }
        left
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.platters().written.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let (platters, at) = (self.platters(), offset as usize);
        let data = platters.written.get(at..at + out.len());
        out.copy_from_slice(data.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut platters = self.platters();
        platters.work()?;
        platters.written.resize(len as usize, 0);
        platters.unsynced.push((len as usize, Vec::new()));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut platters = self.platters();
        platters.work()?;
        let Platters { written, synced, unsynced, .. } = &mut *platters;
        synced.resize(written.len(), 0);
        for (at, data) in unsynced.drain(..) {
            if let (Some(to), Some(from)) =
                (synced.get_mut(at..at + data.len()), written.get(at..at + data.len()))
            {
                to.copy_from_slice(from);
            }
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut platters = self.platters();
        platters.work()?;
        let at = offset as usize;
        let place = platters.written.get_mut(at..at + data.len());
        place.ok_or(io::ErrorKind::UnexpectedEof)?.copy_from_slice(data);
        platters.unsynced.push((at, data.to_vec()));
        Ok(())
    }
}

impl Snapshots for Disk {
    fn load(&self, now: Now) -> (Stored, Vec<Remark>) {
        let Some(bytes) = self.platters().peers.clone() else {
            return (Stored::default(), Vec::new());
        };
        match snapshot::decode(&bytes, now) {
            Ok(stored) => {
                let (peers, format) = (stored.records.len(), stored.format);
                (stored, vec![Remark::Read { peers, format }])
            }
            Err(error) => {
                let (path, why) = ("the box's disk".into(), Unused::Content(error));
                (Stored::default(), vec![Remark::Unused { path, why, aside: None }])
            }
        }
    }

    fn save(&self, snapshot: &[u8]) -> io::Result<()> {
        let mut platters = self.platters();
        platters.work()?;
        platters.peers = Some(snapshot.to_vec());
        Ok(())
    }
}
