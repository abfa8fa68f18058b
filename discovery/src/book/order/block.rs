//! A few items with neighbouring keys. Marks are in the order of keys, and beside each is where its
//! item lies; items stay where they were put.

use crate::key::Key;

/// What has its place by an address's key, which never changes.
pub(crate) trait Keyed {
    fn key(&self) -> Key;
}

/// Items in a block at most.
pub(super) const BLOCK: usize = 32;

/// Items that a block grows by: a seventh of all places is empty, where it would be a third if each
/// block had all its places from the beginning.
const STEP: usize = 8;

/// Marks that are compared all at once, since none of these comparisons waits for another's memory.
const AT_ONCE: usize = 32;

const _: () = assert!(BLOCK <= AT_ONCE && BLOCK <= u8::MAX as usize);

/// See the module.
#[derive(Debug)]
pub(super) struct Block<T> {
    /// Of the items, in order; behind the last one anything.
    marks: [u64; BLOCK],
    /// Where in the list each one's item is.
    slots: [u8; BLOCK],
    items: Vec<T>,
}

impl<T> Default for Block<T> {
    fn default() -> Self {
        Self { marks: [0; BLOCK], slots: [0; BLOCK], items: Vec::new() }
    }
}

/// How many of these numbers, which are in order, are less than one.
pub(super) fn before(marks: &[u64], mark: u64) -> usize {
    let (mut base, mut rest) = (0, marks);
    while rest.len() > AT_ONCE {
        let (low, high) = rest.split_at(rest.len() / 2);
        (base, rest) = if high[0] < mark { (base + low.len(), high) } else { (base, low) };
    }
    base + rest.iter().map(|other| usize::from(*other < mark)).sum::<usize>()
}

impl<T: Keyed> Block<T> {
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// Where the first item is that is not less.
    pub(super) fn position(&self, key: Key) -> usize {
        let mark = key.mark();
        let mut place = before(self.marks(), mark);
        if key.is_v6() {
            while self.marks().get(place) == Some(&mark) && self.item(place).key() < key {
                place += 1;
            }
        }
        place
    }

    /// Where the first item is that is greater.
    pub(super) fn end(&self, key: Key) -> usize {
        self.find(key).map_or_else(|place| place, |place| place + 1)
    }

    /// Where an address's item is, or belongs.
    pub(super) fn find(&self, key: Key) -> Result<usize, usize> {
        let place = self.position(key);
        let found = self.marks().get(place) == Some(&key.mark())
            && (!key.is_v6() || self.item(place).key() == key);
        if found { Ok(place) } else { Err(place) }
    }

    pub(super) fn item(&self, place: usize) -> &T {
        &self.items[usize::from(self.slots[place])]
    }

    pub(super) fn item_mut(&mut self, place: usize) -> &mut T {
        &mut self.items[usize::from(self.slots[place])]
    }

    /// All, in order. That is not the order in which they lie: before the first one is used memory is
    /// asked for all of them, so that it is waited for once and not for each.
    pub(super) fn all(&self) -> impl Iterator<Item = &T> {
        std::hint::black_box(self.items.iter().map(|item| item.key().mark()).max());
        self.between(0, self.len())
    }

    /// From one place to before another; none if that is not ahead.
    pub(super) fn between(&self, begin: usize, end: usize) -> impl Iterator<Item = &T> {
        let slots = self.slots.get(begin..end).unwrap_or_default();
        slots.iter().map(|slot| &self.items[usize::from(*slot)])
    }

    /// Takes an item for an address that has none, while there is room.
    pub(super) fn insert(&mut self, item: T) {
        let (key, len) = (item.key(), self.len());
        let place = self.find(key);
        debug_assert!(place.is_err(), "{key:?} is there already");
        let place = place.unwrap_or_else(|place| place);
        self.marks.copy_within(place..len, place + 1);
        self.slots.copy_within(place..len, place + 1);
        self.marks[place] = key.mark();
        self.slots[place] = slot(len);
        if len == self.items.capacity() {
            self.items.reserve_exact(STEP);
        }
        self.items.push(item);
    }

    /// Takes out the item at a place.
    pub(super) fn remove(&mut self, place: usize) -> T {
        let (free, len) = (self.slots[place], self.len());
        self.marks.copy_within(place + 1..len, place);
        self.slots.copy_within(place + 1..len, place);
        let last = slot(len - 1);
        self.slots[..len - 1]
            .iter_mut()
            .filter(|slot| **slot == last)
            .for_each(|slot| *slot = free);
        self.items.swap_remove(usize::from(free))
    }

    /// Half of its items, those behind the others, as a block of their own.
    pub(super) fn split(&mut self) -> Self {
        let (slots, half) = (self.slots, self.len() / 2);
        let mut items: Vec<Option<T>> = std::mem::take(self).items.into_iter().map(Some).collect();
        let mut behind = Self::default();
        for (place, at) in slots[..items.len()].iter().enumerate() {
            let block = if place < half { &mut *self } else { &mut behind };
            if let Some(item) = items[usize::from(*at)].take() {
                block.push(item);
            }
        }
        behind
    }

    /// Takes over those of the block behind it.
    pub(super) fn append(&mut self, next: Self) {
        let (slots, begin) = (next.slots, self.len());
        let len = next.len();
        self.items.reserve_exact(len);
        self.marks[begin..begin + len].copy_from_slice(next.marks());
        for (place, at) in slots[..len].iter().enumerate() {
            self.slots[begin + place] = slot(begin) + at;
        }
        self.items.extend(next.items);
    }

    fn marks(&self) -> &[u64] {
        &self.marks[..self.len()]
    }

    /// Takes an item that is behind all others.
    fn push(&mut self, item: T) {
        let len = self.len();
        self.marks[len] = item.key().mark();
        self.slots[len] = slot(len);
        if len == self.items.capacity() {
            self.items.reserve_exact(if len == 0 { BLOCK / 2 + STEP } else { STEP });
        }
        self.items.push(item);
    }
}

fn slot(number: usize) -> u8 {
    u8::try_from(number).expect("a block has 32 places")
}
