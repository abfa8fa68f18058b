//! Ranges of addresses, for a walk over all addresses in their order: one step along with the walk
//! instead of a search for each address.

use std::ops::RangeInclusive;

use crate::key::Key;

/// How far the walk is.
#[derive(Debug)]
pub(crate) struct Ranges {
    /// Begin and end of each, by their beginning, the next one last.
    ahead: Vec<(Key, Key)>,
    /// The furthest end of those that began.
    until: Option<Key>,
}

impl Ranges {
    pub(crate) fn new(ranges: impl Iterator<Item = RangeInclusive<Key>>) -> Self {
        let mut ahead: Vec<(Key, Key)> = ranges.map(RangeInclusive::into_inner).collect();
        ahead.sort_unstable();
        ahead.reverse();
        Self { ahead, until: None }
    }

    /// Whether an address is in one of them. Asked of one address after the other, in their order.
    pub(crate) fn covers(&mut self, key: Key) -> bool {
        while let Some((_, end)) = self.ahead.pop_if(|(begin, _)| *begin <= key) {
            self.until = self.until.max(Some(end));
        }
        self.until.is_some_and(|until| key <= until)
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    #[test]
    fn a_walk_meets_every_range_wherever_they_overlap() {
        let key = |number: u16| Key::from(SocketAddr::from(([20, 0, 0, 1], number)));
        let ranges = [(5, 9), (2, 2), (6, 7), (9, 12), (20, 20), (2, 3)];
        let mut walk = Ranges::new(ranges.iter().map(|(first, last)| key(*first)..=key(*last)));
        for number in 0..30 {
            let expected = ranges.iter().any(|(first, last)| (*first..=*last).contains(&number));
            assert_eq!(walk.covers(key(number)), expected, "{number}");
        }
    }
}
