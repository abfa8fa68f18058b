//! What long frames may hold of memory, over all sessions of a node: those that are coming in and
//! those that nobody has dealt with yet.
//!
//! A share is taken for the whole of a frame's declared length. When there is no room the frame
//! that holds the largest share and is still coming in makes room, if it is longer than the
//! newcomer: whoever declares 16 MiB and then dribbles would otherwise keep everybody else's frames
//! out.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio_util::sync::CancellationToken;

/// Longest frame of a session, tag included, in bytes.
pub const MAX_SESSION_FRAME: usize = 16 * 1024 * 1024;
/// Frames up to this length need no share: forty-five sessions of them are 3 MiB. One answer of a
/// young chain fits.
pub const POOLED_FRAME: usize = 64 * 1024;
/// Bytes of longer frames, over all sessions: two of the longest.
pub const POOL_BYTES: usize = 2 * MAX_SESSION_FRAME;

/// The pool of a node, as one of its sessions sees it.
#[derive(Debug, Clone, Default)]
pub struct FramePool {
    shares: Arc<Mutex<Shares>>,
    /// Ends the session.
    owner: CancellationToken,
}

#[derive(Debug, Default)]
struct Shares {
    taken: usize,
    next: u64,
    /// Those that can still be made to go.
    arriving: BTreeMap<u64, Arriving>,
}

#[derive(Debug)]
struct Arriving {
    bytes: usize,
    owner: CancellationToken,
}

/// One frame's part of the pool, until it is dropped.
#[derive(Debug)]
pub struct Share {
    shares: Arc<Mutex<Shares>>,
    id: u64,
    bytes: usize,
    arrived: bool,
}

impl FramePool {
    /// The same pool for the session that `owner` ends.
    #[must_use]
    pub fn of(&self, owner: CancellationToken) -> Self {
        Self { shares: self.shares.clone(), owner }
    }

    /// Bytes that are taken.
    #[must_use]
    pub fn taken(&self) -> usize {
        lock(&self.shares).taken
    }

    /// A share for a frame that begins to arrive; `None` if it finds no room.
    pub(super) fn take(&self, bytes: usize) -> Option<Share> {
        let mut shares = lock(&self.shares);
        if !shares.make_room(bytes) {
            return None;
        }
        let id = shares.next;
        shares.next += 1;
        shares.taken += bytes;
        shares.arriving.insert(id, Arriving { bytes, owner: self.owner.clone() });
        Some(Share { shares: self.shares.clone(), id, bytes, arrived: false })
    }
}

impl Shares {
    /// Ends sessions that receive longer frames, the longest first, but none in vain.
    fn make_room(&mut self, bytes: usize) -> bool {
        let movable: usize =
            self.arriving.values().map(|frame| frame.bytes).filter(|longer| *longer > bytes).sum();
        if self.taken - movable + bytes > POOL_BYTES {
            return false;
        }
        while self.taken + bytes > POOL_BYTES {
            let longest = self
                .arriving
                .iter()
                .max_by_key(|(id, frame)| (frame.bytes, Reverse(**id)))
                .map(|(id, _)| *id);
            let Some(frame) = longest.and_then(|id| self.arriving.remove(&id)) else {
                return false;
            };
            self.taken -= frame.bytes;
            frame.owner.cancel();
        }
        true
    }
}

impl Share {
    /// The frame is here: its session can end, it stays until somebody has dealt with it.
    pub(super) fn arrived(&mut self) {
        self.arrived = lock(&self.shares).arriving.remove(&self.id).is_some();
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut shares = lock(&self.shares);
        // One that had to make room was written off then.
        if self.arrived || shares.arriving.remove(&self.id).is_some() {
            shares.taken -= self.bytes;
        }
    }
}

fn lock(shares: &Mutex<Shares>) -> MutexGuard<'_, Shares> {
    shares.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1024 * 1024;

    fn session(pool: &FramePool) -> (FramePool, CancellationToken) {
        let token = CancellationToken::new();
        (pool.of(token.clone()), token)
    }

    #[test]
    fn the_longest_that_is_still_coming_makes_room_and_no_other() {
        let node = FramePool::default();
        let ((long, long_ends), (longer, longer_ends), (short, short_ends)) =
            (session(&node), session(&node), session(&node));
        let _long = long.take(14 * MIB).unwrap();
        let _longer = longer.take(16 * MIB).unwrap();
        let _short = short.take(4 * MIB).unwrap();
        assert!(
            longer_ends.is_cancelled() && !long_ends.is_cancelled() && !short_ends.is_cancelled()
        );
        assert_eq!(node.taken(), 18 * MIB);
    }

    #[test]
    fn a_newcomer_that_is_the_longest_itself_finds_no_room_and_ends_nobody() {
        let node = FramePool::default();
        let (pool, ends) = session(&node);
        let _held: Vec<Share> = (0..16).map(|_| pool.take(2 * MIB).unwrap()).collect();
        assert!(node.take(2 * MIB).is_none() && node.take(16 * MIB).is_none());
        assert!(!ends.is_cancelled());
    }

    #[test]
    fn what_has_arrived_is_held_until_it_is_dropped_and_what_was_written_off_is_not_counted_twice()
    {
        let node = FramePool::default();
        let (pool, ends) = session(&node);
        let mut arrived = pool.take(16 * MIB).unwrap();
        arrived.arrived();
        let written_off = pool.take(16 * MIB).unwrap();
        let newcomer = node.take(MIB).unwrap();
        assert!(ends.is_cancelled());
        drop(written_off);
        assert_eq!(node.taken(), 17 * MIB);
        drop((arrived, newcomer));
        assert_eq!(node.taken(), 0);
    }
}
