//! Known addresses that answers mentioned of late. Hearsay renews no record; but of old
//! acquaintances it tells whom to try first.

use std::{
    collections::{BTreeSet, VecDeque},
    net::SocketAddr,
};

use crate::{key::Key, limits::MENTIONED};

/// The last [`MENTIONED`] of them.
#[derive(Debug, Default)]
pub(crate) struct Mentioned {
    order: VecDeque<Key>,
    all: BTreeSet<Key>,
}

impl Mentioned {
    pub(crate) fn note(&mut self, addr: SocketAddr) {
        let key = Key::from(addr);
        if !self.all.insert(key) {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > MENTIONED
            && let Some(oldest) = self.order.pop_front()
        {
            self.all.remove(&oldest);
        }
    }

    /// Whether each is among them, for a walk over addresses in their order.
    pub(crate) fn walk(&self) -> impl FnMut(Key) -> bool {
        let mut ahead = self.all.iter().peekable();
        move |key| {
            while ahead.next_if(|next| **next < key).is_some() {}
            ahead.peek() == Some(&&key)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_forgotten() {
        let mut mentioned = Mentioned::default();
        let nth = |n: usize| SocketAddr::from(([50, 1, 1, 1], u16::try_from(n).unwrap()));
        (0..=MENTIONED).for_each(|n| mentioned.note(nth(n)));
        let mut has = mentioned.walk();
        assert!(!has(Key::from(nth(0))));
        assert!((1..=MENTIONED).all(|n| has(Key::from(nth(n)))));
        assert!(!has(Key::from(nth(MENTIONED + 1))));
        assert_eq!((mentioned.order.len(), mentioned.all.len()), (MENTIONED, MENTIONED));
    }
}
