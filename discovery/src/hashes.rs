//! A set of 64-bit hashes, side by side in one list, each at its place or right behind it: a look-up
//! reads one line of memory, and several that are independent wait for theirs together.
//!
//! Quick as long as nobody can choose the hashes: their maker has a key. Nothing is decided by their
//! order.

/// What something is looked up by. Never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Hash(u64);

/// An empty place.
const NONE: Hash = Hash(0);

/// Places at first; a power of two.
const SMALLEST: usize = 16;

/// See the module.
#[derive(Debug)]
pub(crate) struct Hashes {
    /// A power of two of them, at most three quarters taken.
    places: Vec<Hash>,
    taken: usize,
}

impl Hash {
    pub(crate) fn new(hash: u64) -> Self {
        Self(hash.max(1))
    }
}

impl Default for Hashes {
    fn default() -> Self {
        Self { places: vec![NONE; SMALLEST], taken: 0 }
    }
}

impl Hashes {
    pub(crate) fn len(&self) -> usize {
        self.taken
    }

    pub(crate) fn has(&self, hash: Hash) -> bool {
        self.places[self.find(hash)] == hash
    }

    /// What is where a hash would be. Asked of many hashes one after the other it has their lines of
    /// memory read at once.
    pub(crate) fn peek(&self, hash: Hash) -> Hash {
        self.places[self.home(hash)]
    }

    /// Takes a hash in; one that is there already is there twice.
    pub(crate) fn insert(&mut self, hash: Hash) {
        if 4 * (self.taken + 1) > 3 * self.places.len() {
            let more = vec![NONE; 2 * self.places.len()];
            let before = std::mem::replace(&mut self.places, more);
            before.into_iter().filter(|hash| *hash != NONE).for_each(|hash| self.put(hash));
        }
        self.taken += 1;
        self.put(hash);
    }

    pub(crate) fn remove(&mut self, hash: Hash) {
        let mut hole = self.find(hash);
        if self.places[hole] == NONE {
            return;
        }
        self.taken -= 1;
        let mut place = self.next(hole);
        while self.places[place] != NONE {
            // Who stands behind the hole, and began to look for a place before it, moves into it, or
            // would not be found any more.
            let there = self.places[place];
            if self.steps(self.home(there), place) >= self.steps(hole, place) {
                self.places[hole] = there;
                hole = place;
            }
            place = self.next(place);
        }
        self.places[hole] = NONE;
    }

    /// Into the first free place.
    fn put(&mut self, hash: Hash) {
        let mut place = self.home(hash);
        while self.places[place] != NONE {
            place = self.next(place);
        }
        self.places[place] = hash;
    }

    /// Where a hash is, or the free place at which looking for it ends.
    fn find(&self, hash: Hash) -> usize {
        let mut place = self.home(hash);
        while self.places[place] != hash && self.places[place] != NONE {
            place = self.next(place);
        }
        place
    }

    fn home(&self, Hash(hash): Hash) -> usize {
        hash as usize & (self.places.len() - 1)
    }

    fn next(&self, place: usize) -> usize {
        (place + 1) & (self.places.len() - 1)
    }

    /// From one place on to another, coming round.
    fn steps(&self, from: usize, to: usize) -> usize {
        to.wrapping_sub(from) & (self.places.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn it_is_a_set_whoever_meets_in_a_place() {
        let (mut hashes, mut set) = (Hashes::default(), BTreeSet::new());
        for n in 1..20_000_u64 {
            // Few homes, at the end and at the beginning of the list: long runs that come round.
            let scattered = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let hash =
                Hash::new((scattered >> 56 << 32) | (scattered % 7).wrapping_sub(3) & 0xffff);
            assert_eq!(hashes.has(hash), set.contains(&hash));
            if set.insert(hash) {
                hashes.insert(hash);
            } else if n % 3 != 0 {
                set.remove(&hash);
                hashes.remove(hash);
                hashes.remove(hash);
            }
            assert_eq!(hashes.len(), set.len());
        }
        assert!(set.len() > 500 && set.iter().all(|hash| hashes.has(*hash)));
        set.iter().for_each(|hash| hashes.remove(*hash));
        assert!(hashes.len() == 0 && hashes.places.iter().all(|place| *place == NONE));
    }
}
