//! Many runs over as many threads as there are cores. A run knows its seed and nothing of the
//! others.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
};

use crate::meter;

/// How scenarios are run.
#[derive(Debug, Clone, Copy)]
pub struct Bench {
    /// Runs of each scenario, with the seeds 0, 1, 2 and so on.
    pub seeds: u64,
    /// Runs at a time.
    pub threads: usize,
    /// If the program counts them.
    pub memory: Option<Memory>,
}

/// The calling thread's bytes.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// Allocated so far.
    pub allocated: fn() -> u64,
    /// Allocated and not freed.
    pub held: fn() -> u64,
}

impl Bench {
    /// As many threads as there are cores; nobody counts bytes.
    #[must_use]
    pub fn new(seeds: u64) -> Self {
        Self {
            seeds,
            threads: thread::available_parallelism().map_or(1, usize::from),
            memory: None,
        }
    }

    /// The same in a program whose allocator is [`crate::meter::Metered`].
    #[must_use]
    pub fn metered(self) -> Self {
        Self { memory: Some(Memory { allocated: meter::allocated, held: meter::held }), ..self }
    }

    /// The same with so many seeds, whatever was asked for.
    #[must_use]
    pub fn exactly(self, seeds: u64) -> Self {
        Self { seeds, ..self }
    }

    /// One run for every seed; the results are in the order of the seeds.
    ///
    /// # Panics
    ///
    /// When a run does.
    pub fn over_seeds<T: Send>(&self, run: impl Fn(u64) -> T + Sync) -> Vec<T> {
        let next = AtomicU64::new(0);
        let results = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for _ in 0..self.threads.max(1) {
                scope.spawn(|| {
                    loop {
                        let seed = next.fetch_add(1, Relaxed);
                        if seed >= self.seeds {
                            break;
                        }
                        let result = run(seed);
                        results.lock().unwrap_or_else(PoisonError::into_inner).push((seed, result));
                    }
                });
            }
        });
        let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        results.sort_by_key(|(seed, _)| *seed);
        results.into_iter().map(|(_, result)| result).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_their_seeds() {
        let bench = Bench { threads: 4, ..Bench::new(50) };
        assert_eq!(
            bench.over_seeds(|seed| seed * 2),
            (0..50).map(|seed| seed * 2).collect::<Vec<_>>()
        );
    }
}
