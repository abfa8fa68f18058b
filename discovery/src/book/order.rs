//! What is kept of addresses, in their order, side by side in blocks: a look at all of it reads memory
//! from front to back.
//!
//! A list of short sorted lists: one long one would move half of itself for every newcomer, and a
//! tree of single items would scatter them.

use std::ops::RangeInclusive;

use crate::key::Key;

/// Items in a block at most. A newcomer moves half of them.
const BLOCK: usize = 32;

/// What has its place by an address's key, which never changes.
pub(crate) trait Keyed {
    fn key(&self) -> Key;
}

/// See the module. Two neighbours have more than half a block between them, so that there are
/// never more than four times as many places as items, but for the first block.
#[derive(Debug)]
pub(crate) struct Order<T> {
    /// Where each block begins: no key in it is less, but for the first block. Apart from the blocks,
    /// so that a search for one reads a few lines of cache.
    firsts: Vec<Key>,
    blocks: Vec<Vec<T>>,
    len: usize,
}

impl<T> Default for Order<T> {
    fn default() -> Self {
        Self { firsts: Vec::new(), blocks: Vec::new(), len: 0 }
    }
}

impl<T: Keyed> Order<T> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// All of them, by address.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.blocks.iter().flatten()
    }

    /// Those of a range, by address.
    pub(crate) fn range(&self, keys: RangeInclusive<Key>) -> impl Iterator<Item = &T> {
        let (first, last) = keys.into_inner();
        let at = self.block(first);
        let (here, behind) = match self.blocks.get(at..) {
            Some([here, behind @ ..]) => (&here[position(here, first)..], behind),
            Some([]) | None => (&[][..], &[][..]),
        };
        here.iter().chain(behind.iter().flatten()).take_while(move |item| item.key() <= last)
    }

    /// Changes those of a range.
    pub(crate) fn update(&mut self, keys: RangeInclusive<Key>, mut change: impl FnMut(&mut T)) {
        let first = self.block(*keys.start());
        for block in self.blocks.iter_mut().skip(first) {
            let begin = position(block, *keys.start());
            for item in &mut block[begin..] {
                if item.key() > *keys.end() {
                    return;
                }
                change(item);
            }
        }
    }

    /// An address's item.
    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        let block = self.blocks.get(self.block(key))?;
        block.get(position(block, key)).filter(|item| item.key() == key)
    }

    /// The same, to change it; not its key.
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let at = self.block(key);
        let block = self.blocks.get_mut(at)?;
        let place = position(block, key);
        block.get_mut(place).filter(|item| item.key() == key)
    }

    /// Takes an item for an address that has none.
    pub(crate) fn insert(&mut self, item: T) {
        if self.blocks.is_empty() {
            self.firsts.push(item.key());
            self.blocks.push(Vec::with_capacity(BLOCK));
        }
        let mut at = self.block(item.key());
        if self.blocks[at].len() == BLOCK {
            let mut behind = Vec::with_capacity(BLOCK);
            behind.extend(self.blocks[at].drain(BLOCK / 2..));
            let first = behind[0].key();
            self.firsts.insert(at + 1, first);
            self.blocks.insert(at + 1, behind);
            at += usize::from(item.key() >= first);
        }
        let block = &mut self.blocks[at];
        let place = position(block, item.key());
        debug_assert!(block.get(place).is_none_or(|there| there.key() != item.key()));
        block.insert(place, item);
        self.len += 1;
    }

    /// Takes an address's item out.
    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let at = self.block(key);
        let block = self.blocks.get_mut(at)?;
        let place = position(block, key);
        block.get(place).filter(|item| item.key() == key)?;
        let item = block.remove(place);
        self.len -= 1;
        self.merge(at);
        if let Some(before) = at.checked_sub(1) {
            self.merge(before);
        }
        Some(item)
    }

    /// Joins a block with the one behind it if both are all but empty.
    fn merge(&mut self, at: usize) {
        let count = |at: usize| self.blocks.get(at).map(Vec::len);
        if let (Some(here), Some(next)) = (count(at), count(at + 1))
            && here + next <= BLOCK / 2
        {
            self.firsts.remove(at + 1);
            let next = self.blocks.remove(at + 1);
            self.blocks[at].extend(next);
        }
    }

    /// The block in which an address's item is, or belongs.
    fn block(&self, key: Key) -> usize {
        self.firsts.partition_point(|first| *first <= key).saturating_sub(1)
    }
}

/// Where a block's first item is that is not less.
fn position<T: Keyed>(block: &[T], key: Key) -> usize {
    block.partition_point(|item| item.key() < key)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, net::SocketAddr};

    use super::*;
    use crate::{
        book::{Bucket, Record, Table, record::Change, row::Row},
        types::Mono,
    };

    fn key(number: u16) -> Key {
        Key::from(SocketAddr::from(([20, 0, 0, 1], number)))
    }

    /// A row that is told from others by when it was made.
    fn row(number: u16, made: u32) -> Row {
        let change = Change::Heard { source: [20, 0, 0, 2].into() };
        let made = Mono(i64::from(made));
        let record = Record::next(None, key(number).addr(), change, made).unwrap();
        Row::new(&record, Bucket { table: Table::New, index: 0 }, None)
    }

    /// Every number below 2^16 once, in disorder.
    fn scattered(n: u32) -> u16 {
        let [low, high, ..] = n.wrapping_mul(40_503).to_le_bytes();
        u16::from_le_bytes([low, high])
    }

    #[test]
    fn it_is_a_sorted_map_and_its_blocks_stay_filled() {
        let (mut order, mut map) = (Order::default(), BTreeMap::new());
        let range = key(9_000)..=key(30_000);
        for n in 0..6_000_u32 {
            order.insert(row(scattered(n), n));
            map.insert(key(scattered(n)), Mono(i64::from(n)));
            if n % 3 == 0 || n > 4_000 {
                let gone = key(scattered(n.wrapping_mul(7) % (n + 1)));
                assert_eq!(order.remove(gone).is_some(), map.remove(&gone).is_some());
            }
            assert_eq!(order.len(), map.len());
            if n % 100 == 0 {
                let made = |row: &Row| (row.key, row.last_seen);
                assert!(order.iter().map(made).eq(map.iter().map(|(key, made)| (*key, *made))));
                let expected = map.range(range.clone()).map(|(key, made)| (*key, *made));
                assert!(order.range(range.clone()).map(made).eq(expected));
                assert!(order.blocks.len() <= 2 * order.len() / (BLOCK / 2) + 1);
            }
        }
        order.update(range.clone(), |row| row.hold(Some(Mono(9_999))));
        for (key, made) in map {
            let ready_at = if range.contains(&key) { Mono(9_999) } else { made };
            assert_eq!(order.get(key).map(|row| row.ready_at), Some(ready_at));
            assert!(order.get_mut(key).is_some() && order.remove(key).is_some());
        }
        assert_eq!((order.len(), order.iter().count(), order.blocks.len()), (0, 0, 1));
    }
}
