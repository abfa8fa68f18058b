//! Known addresses that answers mentioned of late. Hearsay renews no record; but of old
//! acquaintances it tells whom to try first.

use std::collections::VecDeque;

use crate::{
    hashes::{Hash, Hashes},
    limits::MENTIONED,
};

/// The last [`MENTIONED`] of them, by what the book looks them up by.
#[derive(Debug, Default)]
pub(crate) struct Mentioned {
    order: VecDeque<Hash>,
    all: Hashes,
}

impl Mentioned {
    pub(crate) fn note(&mut self, hash: Hash) {
        if self.all.has(hash) {
            return;
        }
        self.all.insert(hash);
        self.order.push_back(hash);
        if self.order.len() > MENTIONED
            && let Some(oldest) = self.order.pop_front()
        {
            self.all.remove(oldest);
        }
    }

    pub(crate) fn has(&self, hash: Hash) -> bool {
        self.all.has(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_forgotten() {
        let mut mentioned = Mentioned::default();
        let nth = |n: usize| Hash::new((n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        (0..=MENTIONED).for_each(|n| mentioned.note(nth(n)));
        assert!(!mentioned.has(nth(0)));
        assert!((1..=MENTIONED).all(|n| mentioned.has(nth(n))));
        assert!(!mentioned.has(nth(MENTIONED + 1)));
        assert_eq!((mentioned.order.len(), mentioned.all.len()), (MENTIONED, MENTIONED));
    }
}
