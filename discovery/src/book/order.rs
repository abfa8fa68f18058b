//! The addresses in their order, with what is asked of all of them at once: who may be dialled when,
//! and who may be passed on. One line each, side by side in blocks, so that a walk over the whole
//! book reads memory from front to back and touches no record.
//!
//! A list of short sorted lists: one long one would move half of itself for every newcomer, and a
//! tree of single lines would scatter them.

use std::ops::RangeInclusive;

use crate::{key::Key, policy::Scope, types::Mono};

/// Lines in a block at most. A newcomer moves half of them: 1.5 kB.
const BLOCK: usize = 64;

/// What is asked of an address while all are walked over. Follows its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) key: Key,
    /// Where its record is.
    pub(crate) slot: u32,
    pub(crate) scope: Option<Scope>,
    /// Not dialled before.
    pub(crate) ready_at: Mono,
    /// Passed on until then; not at all since the beginning of time.
    pub(crate) vouched_until: Mono,
}

// Three quarters of a cache line.
const _: () = assert!(size_of::<Line>() <= 48);

/// See the module. Two neighbours have more than half a block between them, so that there are
/// never more than four times as many places as lines, but for the first block.
#[derive(Debug, Default)]
pub(crate) struct Order {
    blocks: Vec<Block>,
    len: usize,
}

#[derive(Debug)]
struct Block {
    /// No key in it is less, unless it is the first block.
    from: Key,
    lines: Vec<Line>,
}

impl Order {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// All lines, by address.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Line> {
        self.blocks.iter().flat_map(|block| &block.lines)
    }

    /// The lines of a range, by address.
    pub(crate) fn range(&self, keys: RangeInclusive<Key>) -> impl Iterator<Item = &Line> {
        let (first, last) = keys.into_inner();
        let at = self.block(first);
        let (here, behind) = match self.blocks.get(at..) {
            Some([here, behind @ ..]) => (here.from_key(first), behind),
            Some([]) | None => (&[][..], &[][..]),
        };
        here.iter()
            .chain(behind.iter().flat_map(|block| &block.lines))
            .take_while(move |line| line.key <= last)
    }

    /// Changes the lines of a range.
    pub(crate) fn update(&mut self, keys: RangeInclusive<Key>, mut change: impl FnMut(&mut Line)) {
        let first = self.block(*keys.start());
        for block in self.blocks.iter_mut().skip(first) {
            let begin = block.position(*keys.start());
            for line in &mut block.lines[begin..] {
                if line.key > *keys.end() {
                    return;
                }
                change(line);
            }
        }
    }

    /// Takes a line for an address that has none.
    pub(crate) fn insert(&mut self, line: Line) {
        if self.blocks.is_empty() {
            self.blocks.push(Block { from: line.key, lines: Vec::new() });
        }
        let mut at = self.block(line.key);
        if self.blocks[at].lines.len() == BLOCK {
            let lines = self.blocks[at].lines.split_off(BLOCK / 2);
            let from = lines[0].key;
            self.blocks.insert(at + 1, Block { from, lines });
            at += usize::from(line.key >= from);
        }
        let block = &mut self.blocks[at];
        let place = block.position(line.key);
        debug_assert!(block.lines.get(place).is_none_or(|there| there.key != line.key));
        block.lines.insert(place, line);
        self.len += 1;
    }

    /// Forgets an address's line.
    pub(crate) fn remove(&mut self, key: Key) {
        let at = self.block(key);
        let Some(block) = self.blocks.get_mut(at) else { return };
        let place = block.position(key);
        if block.lines.get(place).is_some_and(|line| line.key == key) {
            block.lines.remove(place);
            self.len -= 1;
            self.merge(at);
            if let Some(before) = at.checked_sub(1) {
                self.merge(before);
            }
        }
    }

    /// Joins a block with the one behind it if both are all but empty.
    fn merge(&mut self, at: usize) {
        let count = |at: usize| self.blocks.get(at).map(|block| block.lines.len());
        if let (Some(here), Some(next)) = (count(at), count(at + 1))
            && here + next <= BLOCK / 2
        {
            let next = self.blocks.remove(at + 1);
            self.blocks[at].lines.extend(next.lines);
        }
    }

    /// The block in which an address's line is, or belongs.
    fn block(&self, key: Key) -> usize {
        self.blocks.partition_point(|block| block.from <= key).saturating_sub(1)
    }
}

impl Block {
    /// Where the first line is that is not less.
    fn position(&self, key: Key) -> usize {
        self.lines.partition_point(|line| line.key < key)
    }

    fn from_key(&self, key: Key) -> &[Line] {
        &self.lines[self.position(key)..]
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, net::SocketAddr};

    use super::*;

    fn line(number: u16, slot: u32) -> Line {
        Line {
            key: Key::from(SocketAddr::from(([20, 0, 0, 1], number))),
            slot,
            scope: Some(Scope::Global),
            ready_at: Mono(0),
            vouched_until: Mono(0),
        }
    }

    /// A generator that needs no seed: every number below 2^16 once, in disorder.
    fn scattered(n: u32) -> u16 {
        n.wrapping_mul(40_503).to_le_bytes()[..2].try_into().map(u16::from_le_bytes).unwrap()
    }

    #[test]
    fn it_is_a_sorted_map_and_its_blocks_stay_filled() {
        let (mut order, mut map) = (Order::default(), BTreeMap::new());
        for n in 0..6_000_u32 {
            let new = line(scattered(n), n);
            order.insert(new);
            map.insert(new.key, new);
            if n % 3 == 0 || n > 4_000 {
                let gone = line(scattered(n.wrapping_mul(7) % (n + 1)), 0).key;
                order.remove(gone);
                map.remove(&gone);
            }
            assert_eq!(order.len(), map.len());
            if n % 100 == 0 {
                assert!(order.iter().eq(map.values()));
                let (first, last) = (line(9_000, 0).key, line(30_000, 0).key);
                assert!(
                    order.range(first..=last).eq(map.range(first..=last).map(|(_, line)| line))
                );
                assert!(order.blocks.len() <= 2 * order.len() / (BLOCK / 2) + 1);
            }
        }
        order.update(line(9_000, 0).key..=line(30_000, 0).key, |line| line.ready_at = Mono(7));
        let changed = order.iter().filter(|line| line.ready_at == Mono(7)).count();
        assert_eq!(changed, map.range(line(9_000, 0).key..=line(30_000, 0).key).count());
        for key in map.keys() {
            order.remove(*key);
        }
        assert_eq!((order.len(), order.iter().count(), order.blocks.len()), (0, 0, 1));
    }
}
