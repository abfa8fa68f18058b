//! The one queue of everything that will happen, in the order of time and, within a millisecond, of
//! its making.
//!
//! Most of it is a frame that arrives in less than [`NEAR`]: that waits in a ring with a place for
//! each millisecond, where it is put and taken without a comparison. The rest is in a heap. Of what is
//! due in one millisecond everything in the heap is older than everything in the ring, which was near
//! already when it was made.

use std::{
    cmp::Ordering,
    collections::{BinaryHeap, VecDeque},
};

use hegemon_discovery::Mono;

/// Milliseconds that the ring reaches ahead.
const NEAR: usize = 256;

#[derive(Debug)]
pub(crate) struct Queue<T> {
    /// What is due at `now` and in each millisecond behind it.
    ring: VecDeque<VecDeque<T>>,
    now: Mono,
    in_ring: usize,
    heap: BinaryHeap<Entry<T>>,
    sequence: u64,
}

#[derive(Debug)]
struct Entry<T> {
    due: Mono,
    sequence: u64,
    item: T,
}

impl<T> Queue<T> {
    pub(crate) fn new() -> Self {
        Self {
            ring: (0..NEAR).map(|_| VecDeque::new()).collect(),
            now: Mono(0),
            in_ring: 0,
            heap: BinaryHeap::new(),
            sequence: 0,
        }
    }

    /// What is due before the last item that was taken is due with it.
    pub(crate) fn push(&mut self, due: Mono, item: T) {
        let due = due.max(self.now);
        let ahead = usize::try_from(due.0 - self.now.0).unwrap_or(usize::MAX);
        if let Some(place) = self.ring.get_mut(ahead) {
            place.push_back(item);
            self.in_ring += 1;
        } else {
            self.sequence += 1;
            self.heap.push(Entry { due, sequence: self.sequence, item });
        }
    }

    /// The next item, if it is due by `end`.
    pub(crate) fn pop_until(&mut self, end: Mono) -> Option<(Mono, T)> {
        let next = match self.heap.peek() {
            Some(entry) => entry.due,
            None if self.in_ring > 0 => Mono(i64::MAX),
            None => return None,
        };
        self.advance(next.min(end));
        if next == self.now {
            return self.heap.pop().map(|entry| (entry.due, entry.item));
        }
        let item = self.ring.front_mut()?.pop_front()?;
        self.in_ring -= 1;
        Some((self.now, item))
    }

    /// Goes on to the next millisecond of the ring in which something is due, or to `end`.
    fn advance(&mut self, end: Mono) {
        while self.now < end && self.ring.front().is_none_or(VecDeque::is_empty) {
            if self.in_ring == 0 {
                self.now = end;
                return;
            }
            self.ring.rotate_left(1);
            self.now = Mono(self.now.0 + 1);
        }
    }
}

impl<T> Entry<T> {
    fn key(&self) -> (Mono, u64) {
        (self.due, self.sequence)
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    /// The heap gives its greatest first: the earliest has to be that.
    fn cmp(&self, other: &Self) -> Ordering {
        other.key().cmp(&self.key())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn in_the_order_of_time_and_then_of_their_making() {
        let mut queue = Queue::new();
        for (due, name) in [(5, "c"), (3, "a"), (5, "d"), (3, "b"), (9, "late")] {
            queue.push(Mono(due), name);
        }
        let order: Vec<&str> =
            std::iter::from_fn(|| queue.pop_until(Mono(8))).map(|(_, name)| name).collect();
        assert_eq!(order, ["a", "b", "c", "d"]);
        assert_eq!(queue.pop_until(Mono(9)), Some((Mono(9), "late")));
    }

    #[test]
    fn near_and_far_are_one_queue() {
        let (mut queue, mut expected) = (Queue::new(), BTreeMap::new());
        let (mut now, mut draw) = (0, 1_u64);
        for number in 0..20_000 {
            draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let ahead =
                i64::try_from((draw >> 33) % if draw >> 63 == 0 { 5 } else { 600 }).unwrap();
            queue.push(Mono(now + ahead), number);
            expected.insert((now + ahead, number), ());
            if draw >> 62 & 1 == 0 {
                let end = now + 3;
                loop {
                    let Some((due, item)) = queue.pop_until(Mono(end)) else {
                        now = end;
                        break;
                    };
                    now = due.0;
                    assert_eq!(expected.pop_first(), Some(((now, item), ())));
                    if item % 3 == 0 {
                        break;
                    }
                }
            }
        }
        let rest = std::iter::from_fn(|| queue.pop_until(Mono(i64::MAX - 1)));
        assert!(rest.map(|(due, item)| (due.0, item)).eq(expected.into_keys()));
    }
}
