//! What is kept of addresses, in their order, in blocks: a look at all of it reads one block after the
//! other.
//!
//! A list of short lists: one long one would move half of itself for every newcomer, and a tree of
//! single items would scatter them. What decides an item's place is apart from the item, which stays
//! where it was put: a search, or a newcomer, waits for a few lines of memory that are read at once.

mod block;

use std::ops::RangeInclusive;

pub(crate) use self::block::Keyed;
use self::block::{BLOCK, Block, before};
use crate::key::Key;

/// See the module. Two neighbours have more than half a block between them, so that there are
/// never more than four times as many places as items, but for the first block.
#[derive(Debug)]
pub(crate) struct Order<T> {
    /// Where each block begins: no key in it is less. Apart from the blocks,
    /// so that a search for one reads a few lines of cache.
    firsts: Vec<Key>,
    /// Their marks.
    marks: Vec<u64>,
    #[expect(clippy::vec_box, reason = "a newcomer moves pointers, and not half of all blocks")]
    blocks: Vec<Box<Block<T>>>,
    len: usize,
}

impl<T> Default for Order<T> {
    fn default() -> Self {
        Self { firsts: Vec::new(), marks: Vec::new(), blocks: Vec::new(), len: 0 }
    }
}

impl<T: Keyed> Order<T> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// All of them, by address.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.blocks.iter().flat_map(|block| block.all())
    }

    /// Those of a range, by address.
    pub(crate) fn range(&self, keys: RangeInclusive<Key>) -> impl Iterator<Item = &T> {
        let (first, last) = keys.into_inner();
        let at = self.block(first);
        let begin = self.blocks.get(at).map_or(0, |block| block.position(first));
        self.blocks
            .iter()
            .enumerate()
            .skip(at)
            .map_while(move |(number, block)| {
                let begin = if number == at { begin } else { 0 };
                let end = block.end(last);
                // The first block may end before the range begins.
                (number == at || begin < end).then(|| block.between(begin, end))
            })
            .flatten()
    }

    /// How many a range has, for ranges of a few.
    pub(crate) fn count(&self, keys: RangeInclusive<Key>) -> usize {
        let (first, last) = keys.into_inner();
        let at = self.block(first);
        let mut count = 0;
        for (number, block) in self.blocks.iter().enumerate().skip(at) {
            let begin = if number == at { block.position(first) } else { 0 };
            let end = block.end(last);
            count += end.saturating_sub(begin);
            if end < block.len() {
                break;
            }
        }
        count
    }

    /// Changes those of a range.
    pub(crate) fn update(&mut self, keys: RangeInclusive<Key>, mut change: impl FnMut(&mut T)) {
        let (first, last) = keys.into_inner();
        let at = self.block(first);
        for (number, block) in self.blocks.iter_mut().enumerate().skip(at) {
            let begin = if number == at { block.position(first) } else { 0 };
            let end = block.end(last);
            (begin..end).for_each(|place| change(block.item_mut(place)));
            if end < block.len() {
                return;
            }
        }
    }

    /// An address's item.
    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        let block = self.blocks.get(self.block(key))?;
        block.find(key).ok().map(|place| block.item(place))
    }

    /// The same, to change it; not its key.
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let at = self.block(key);
        let block = self.blocks.get_mut(at)?;
        block.find(key).ok().map(|place| block.item_mut(place))
    }

    /// Takes an item for an address that has none.
    pub(crate) fn insert(&mut self, item: T) {
        let key = item.key();
        if self.blocks.is_empty() {
            self.begin_block(0, key, Block::default());
        }
        let mut at = self.block(key);
        if at == 0 && key < self.firsts[0] {
            self.begins(0, key);
        }
        if self.blocks[at].len() == BLOCK {
            let behind = self.blocks[at].split();
            let first = behind.item(0).key();
            self.begin_block(at + 1, first, behind);
            at += usize::from(key >= first);
        }
        self.blocks[at].insert(item);
        self.len += 1;
    }

    /// Takes an address's item out.
    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let at = self.block(key);
        let block = self.blocks.get_mut(at)?;
        let item = block.find(key).ok().map(|place| block.remove(place))?;
        self.len -= 1;
        self.merge(at);
        if let Some(before) = at.checked_sub(1) {
            self.merge(before);
        }
        Some(item)
    }

    /// A key is less than any that a block, the first one, had before. Left alone, its beginning would
    /// come to lie behind that of the block that is split off it, and nothing between them be found.
    fn begins(&mut self, at: usize, first: Key) {
        self.firsts[at] = first;
        self.marks[at] = first.mark();
    }

    fn begin_block(&mut self, at: usize, first: Key, block: Block<T>) {
        self.firsts.insert(at, first);
        self.marks.insert(at, first.mark());
        self.blocks.insert(at, Box::new(block));
    }

    /// Joins a block with the one behind it if both are all but empty.
    fn merge(&mut self, at: usize) {
        let count = |at: usize| self.blocks.get(at).map(|block| block.len());
        if let (Some(here), Some(next)) = (count(at), count(at + 1))
            && here + next <= BLOCK / 2
        {
            self.firsts.remove(at + 1);
            self.marks.remove(at + 1);
            let next = self.blocks.remove(at + 1);
            self.blocks[at].append(*next);
        }
    }

    /// The block in which an address's item is, or belongs.
    fn block(&self, key: Key) -> usize {
        let mark = key.mark();
        let at = before(&self.marks, mark);
        // One at the most, but for a crowd of one IPv6 network.
        let equal = match self.marks.get(at) {
            Some(first) if *first == mark => {
                self.firsts[at..].partition_point(|first| *first <= key)
            }
            Some(_) | None => 0,
        };
        (at + equal).saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        net::{Ipv6Addr, SocketAddr},
    };

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

    /// An address whose key is in the order of numbers, in a crowd of IPv6 addresses of which sixty
    /// have one mark.
    fn crowded(number: u16) -> Key {
        let bits = 0x2606_4700 << 96 | u128::from(number / 60) << 65 | u128::from(number % 60);
        Key::from(SocketAddr::new(Ipv6Addr::from_bits(bits).into(), 30_333))
    }

    struct Item(Key);

    impl Keyed for Item {
        fn key(&self) -> Key {
            self.0
        }
    }

    #[test]
    fn whoever_comes_first_and_whoever_shares_a_mark_everybody_is_found() {
        for key in [key, crowded] {
            for numbers in [(0..600).collect::<Vec<u16>>(), (0..600).rev().collect()] {
                let mut order = Order::default();
                let (begin, end) = (key(100), key(333));
                for (count, number) in (1..).zip(&numbers) {
                    order.insert(Item(key(*number)));
                    let in_range = numbers[..count].iter().filter(|n| (100..=333).contains(*n));
                    assert_eq!(order.count(begin..=end), in_range.count());
                }
                assert!(order.iter().map(Keyed::key).eq((0..600).map(key)));
                assert!(order.range(begin..=end).map(Keyed::key).eq((100..=333).map(key)));
                for (left, number) in (0..600).rev().zip(numbers) {
                    assert!(
                        order.get(key(number)).is_some() && order.remove(key(number)).is_some()
                    );
                    assert!(
                        order.get(key(number)).is_none() && order.remove(key(number)).is_none()
                    );
                    assert_eq!(order.iter().count(), left);
                }
            }
        }
    }
}
