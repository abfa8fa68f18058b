//! Announced blocks whose parent is not here yet. A convenience, not a promise: what falls out of
//! the pool comes again with its ancestors.

use std::{collections::VecDeque, time::Duration};

use hegemon_discovery::Mono;

use crate::{
    chain::{Block, Body, Hash},
    net::handle::SessionId,
};

/// Blocks in the pool. A node that is not catching up misses a handful; one that is fetches them in
/// order anyway.
const MAX_BLOCKS: usize = 256;

/// Encoded bytes in the pool.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// One session's share of the blocks: it takes eight sessions to fill the pool.
const MAX_BLOCKS_PER_SESSION: usize = MAX_BLOCKS / 8;

/// One session's share of the bytes.
const MAX_BYTES_PER_SESSION: usize = MAX_BYTES / 8;

/// A parent that has not come in this time will come with the next catch-up, if at all.
const MAX_AGE: Duration = Duration::from_secs(120);

const _: () = assert!(
    MAX_BYTES_PER_SESSION >= crate::chain::MAX_BLOCK_BYTES,
    "the largest block must fit one share"
);

struct Orphan {
    block: Block,
    session: SessionId,
    since: Mono,
}

/// The pool, oldest first.
#[derive(Default)]
pub(super) struct Orphans {
    blocks: VecDeque<Orphan>,
}

impl Orphans {
    /// Holds `block` back. What exceeds the session's share pushes out that session's oldest, what
    /// exceeds the pool the oldest of all.
    pub(super) fn hold(&mut self, block: Block, session: SessionId, now: Mono) {
        if self.contains(&block.hash()) {
            return;
        }
        self.blocks.push_back(Orphan { block, session, since: now });
        while self.exceeds(MAX_BLOCKS_PER_SESSION, MAX_BYTES_PER_SESSION, |orphan| {
            orphan.session == session
        }) {
            let oldest = self.blocks.iter().position(|orphan| orphan.session == session);
            self.blocks.remove(oldest.expect("the session exceeds its share, so it has a block"));
        }
        while self.exceeds(MAX_BLOCKS, MAX_BYTES, |_| true) {
            self.blocks.pop_front();
        }
    }

    fn exceeds(&self, blocks: usize, bytes: usize, which: impl Fn(&Orphan) -> bool) -> bool {
        let (count, sum) = size(self.blocks.iter().filter(|orphan| which(orphan)));
        count > blocks || sum > bytes
    }

    /// Blocks in the pool, and their bytes.
    pub(super) fn size(&self) -> (usize, usize) {
        size(self.blocks.iter())
    }

    /// Whether a block is held back.
    pub(super) fn contains(&self, hash: &Hash) -> bool {
        self.blocks.iter().any(|orphan| orphan.block.hash() == *hash)
    }

    /// The body of a block that is held back.
    pub(super) fn body_of(&self, hash: &Hash) -> Option<Body> {
        let orphan = self.blocks.iter().find(|orphan| orphan.block.hash() == *hash)?;
        Some(orphan.block.body().clone())
    }

    /// Since when the one that waits longest does.
    pub(super) fn waiting_since(&self) -> Option<Mono> {
        self.blocks.front().map(|oldest| oldest.since)
    }

    /// Takes out the children of a block that has arrived, with the sessions that they came from.
    pub(super) fn children_of(&mut self, parent: &Hash) -> Vec<(SessionId, Block)> {
        let (children, others) = self
            .blocks
            .drain(..)
            .partition::<Vec<_>, _>(|orphan| orphan.block.parent_hash() == *parent);
        self.blocks = others.into();
        children.into_iter().map(|orphan| (orphan.session, orphan.block)).collect()
    }

    /// Drops what came from a session.
    pub(super) fn drop_of(&mut self, session: SessionId) {
        self.blocks.retain(|orphan| orphan.session != session);
    }

    /// Drops what is too old.
    pub(super) fn expire(&mut self, now: Mono) {
        while self.blocks.front().is_some_and(|oldest| oldest.since.after(MAX_AGE) <= now) {
            self.blocks.pop_front();
        }
    }

    /// When the oldest block is too old.
    pub(super) fn next_expiry(&self) -> Option<Mono> {
        self.blocks.front().map(|oldest| oldest.since.after(MAX_AGE))
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.blocks.len()
    }
}

fn size<'a>(orphans: impl Iterator<Item = &'a Orphan>) -> (usize, usize) {
    orphans.fold((0, 0), |(count, bytes), orphan| (count + 1, bytes + orphan.block.size()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::Header;

    fn block(parent: u32, number: u32, bytes: usize) -> Block {
        let mut parent_hash = [0; 32];
        parent_hash[..4].copy_from_slice(&parent.to_le_bytes());
        let header = Header {
            parent_hash: Hash(parent_hash),
            number,
            state_root: Hash::default(),
            extrinsics_root: Hash::default(),
            digest: Vec::new(),
        };
        Block::new(header, vec![vec![0; bytes]])
    }

    #[test]
    fn one_session_keeps_to_its_share() {
        let mut pool = Orphans::default();
        pool.hold(block(0, 0, 0), SessionId(1), Mono(0));
        for number in 0..1_000 {
            pool.hold(block(1, number, 0), SessionId(2), Mono(0));
        }
        assert_eq!(pool.len(), 1 + MAX_BLOCKS_PER_SESSION);
        assert!(pool.contains(&block(0, 0, 0).hash()));
        assert!(pool.contains(&block(1, 999, 0).hash()));

        for number in 0..10 {
            pool.hold(block(2, number, 200_000), SessionId(3), Mono(0));
        }
        assert_eq!(pool.len(), 1 + MAX_BLOCKS_PER_SESSION + MAX_BYTES_PER_SESSION / 200_000);
    }

    #[test]
    fn many_sessions_keep_to_the_pool() {
        let mut pool = Orphans::default();
        for number in 0..10_000 {
            pool.hold(block(1, number, 0), SessionId(u64::from(number) % 100), Mono(0));
        }
        assert_eq!(pool.len(), MAX_BLOCKS);
    }

    #[test]
    fn children_leave_with_their_parent_and_the_old_leave_anyway() {
        let mut pool = Orphans::default();
        pool.hold(block(1, 5, 0), SessionId(1), Mono(0));
        pool.hold(block(1, 6, 0), SessionId(2), Mono(1_000));
        pool.hold(block(2, 7, 0), SessionId(2), Mono(1_000));
        pool.hold(block(2, 7, 0), SessionId(3), Mono(1_000));
        let children = pool.children_of(&block(1, 5, 0).parent_hash());
        assert_eq!(children, [(SessionId(1), block(1, 5, 0)), (SessionId(2), block(1, 6, 0))]);
        assert_eq!(pool.len(), 1);
        assert_eq!(pool.next_expiry(), Some(Mono(1_000).after(MAX_AGE)));
        pool.expire(Mono(0).after(MAX_AGE));
        assert_eq!(pool.len(), 1);
        pool.expire(Mono(1_000).after(MAX_AGE));
        assert_eq!(pool.next_expiry(), None);
    }
}
