//! The one queue of everything that will happen, in the order of time and, within a millisecond, of
//! its making.

use std::{cmp::Ordering, collections::BinaryHeap};

use hegemon_discovery::Mono;

#[derive(Debug)]
pub(crate) struct Queue<T> {
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
        Self { heap: BinaryHeap::new(), sequence: 0 }
    }

    pub(crate) fn push(&mut self, due: Mono, item: T) {
        self.sequence += 1;
        self.heap.push(Entry { due, sequence: self.sequence, item });
    }

    /// The next item, if it is due by `end`.
    pub(crate) fn pop_until(&mut self, end: Mono) -> Option<(Mono, T)> {
        if self.heap.peek()?.due > end {
            return None;
        }
        self.heap.pop().map(|entry| (entry.due, entry.item))
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
}
