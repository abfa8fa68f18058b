//! What is remembered of peers for a while: few entries, the oldest forgotten first.

use std::{collections::VecDeque, time::Duration};

use hegemon_discovery::{Mono, PeerId};

/// See the module. Whatever a stranger does, there are no more than `most`.
#[derive(Debug)]
pub(super) struct Recent<V> {
    /// The oldest first.
    entries: VecDeque<(PeerId, Mono, V)>,
    most: usize,
    age: Duration,
}

impl<V: Default> Recent<V> {
    pub(super) fn new(most: usize, age: Duration) -> Self {
        Self { entries: VecDeque::new(), most, age }
    }

    /// A peer's entry, made or made young again.
    pub(super) fn note(&mut self, peer: PeerId, now: Mono) -> &mut V {
        let value = self.take(peer, now).unwrap_or_default();
        if self.entries.len() >= self.most {
            self.entries.pop_front();
        }
        self.entries.push_back((peer, now, value));
        let (_, _, value) = self.entries.back_mut().expect("one was put in");
        value
    }

    pub(super) fn has(&mut self, peer: PeerId, now: Mono) -> bool {
        self.expire(now);
        self.entries.iter().any(|(known, _, _)| *known == peer)
    }

    pub(super) fn take(&mut self, peer: PeerId, now: Mono) -> Option<V> {
        self.expire(now);
        let place = self.entries.iter().position(|(known, _, _)| *known == peer)?;
        self.entries.remove(place).map(|(_, _, value)| value)
    }

    fn expire(&mut self, now: Mono) {
        while self.entries.front().is_some_and(|(_, at, _)| now.since(*at) > self.age) {
            self.entries.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_first_and_all_go_in_time() {
        let peer = |number| PeerId([number; 32]);
        let mut recent = Recent::<u32>::new(2, Duration::from_secs(10));
        for number in [1, 2, 1, 3] {
            *recent.note(peer(number), Mono(0)) += 1;
        }
        assert!(!recent.has(peer(2), Mono(0)), "two have room, and this one was the oldest");
        assert_eq!(recent.take(peer(1), Mono(10_000)), Some(2));
        assert_eq!(recent.take(peer(3), Mono(10_001)), None, "too old");
    }
}
