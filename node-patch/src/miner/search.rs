//! One searcher of nonces, without threads, clock or randomness: told the time, it does one burst of
//! work and says how long it may rest.

use std::time::Duration;

use hegemon_discovery::{Mono, Now};

use super::pace::Pace;
use crate::chain::{Block, Chain, Hash, StoreError, Template};

/// A template's timestamp is no older than this, so that difficulty falls while a block is overdue.
pub(super) const TEMPLATE_AGE: Duration = Duration::from_millis(500);

/// Time between a paced searcher's bursts: short beside any block time, and few enough wake-ups for
/// an idle laptop.
pub(super) const BURST_INTERVAL: Duration = Duration::from_millis(25);

/// Nonces between two looks at the clock and the best block, unpaced: a few milliseconds.
const UNPACED_BURST: u32 = 16_384;

/// Between two looks for a delivered block.
const DELIVERY_LOOK: Duration = Duration::from_millis(1);

/// See the module.
#[derive(Debug)]
pub(super) struct Search {
    author: [u8; 32],
    pace: Pace,
    nonce: u64,
    work: Work,
}

#[derive(Debug)]
enum Work {
    /// Nothing begun.
    Idle,
    /// On a template, until it is done, too old, or no longer on the best block.
    On { template: Template, since: Mono },
    /// A block was handed over. Until it is imported a second one would be its rival.
    Delivered { parent: Hash, at: Mono },
}

/// What one step came to.
#[derive(Debug)]
pub(super) struct Step {
    /// Nonces tried.
    pub(super) hashes: u32,
    /// A block, to be handed over now.
    pub(super) found: Option<Block>,
    /// From the step's beginning to the next one's.
    pub(super) pause: Duration,
}

impl Search {
    /// Begins at a nonce that should be at random, so that no two searchers of one author search the
    /// same.
    pub(super) fn new(author: [u8; 32], pace: Pace, nonce: u64) -> Self {
        Self { author, pace, nonce, work: Work::Idle }
    }

    /// One burst on the best block, or nothing while a block of ours is on its way there.
    ///
    /// # Errors
    ///
    /// The database failed: there is no block to mine on.
    pub(super) fn step(&mut self, chain: &Chain, now: Now) -> Result<Step, StoreError> {
        let is_best = |hash: &Hash| chain.best().hash == *hash;
        let fresh = |since: Mono| now.mono.since(since) < TEMPLATE_AGE;
        let template = match std::mem::replace(&mut self.work, Work::Idle) {
            Work::Delivered { parent, at } if fresh(at) && is_best(&parent) => {
                self.work = Work::Delivered { parent, at };
                return Ok(Step { hashes: 0, found: None, pause: DELIVERY_LOOK });
            }
            Work::On { template, since } if fresh(since) && is_best(&template.parent_hash()) => {
                (template, since)
            }
            Work::Idle | Work::On { .. } | Work::Delivered { .. } => {
                let unix_ms = u64::try_from(now.wall.as_millis()).unwrap_or(u64::MAX);
                (chain.template(self.author, unix_ms)?, now.mono)
            }
        };
        Ok(self.burst(template, now.mono))
    }

    fn burst(&mut self, (template, since): (Template, Mono), now: Mono) -> Step {
        let hashes = self.pace.hashes_per_second().map_or(UNPACED_BURST, |rate| {
            let burst = u128::from(rate) * BURST_INTERVAL.as_millis() / 1_000;
            u32::try_from(burst).unwrap_or(u32::MAX).max(1)
        });
        if let Some(nonce) = template.search(self.nonce, hashes) {
            self.nonce = nonce.wrapping_add(1);
            self.work = Work::Delivered { parent: template.parent_hash(), at: now };
            let found = Some(template.seal(nonce));
            return Step { hashes, found, pause: Duration::ZERO };
        }
        self.nonce = self.nonce.wrapping_add(u64::from(hashes));
        self.work = Work::On { template, since };
        let pause = match self.pace {
            Pace::Unlimited => Duration::ZERO,
            Pace::Dev | Pace::Steady(_) => BURST_INTERVAL,
        };
        Step { hashes, found: None, pause }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::ChainParams;

    const WALL: Duration = Duration::from_secs(1_795_000_000);

    fn chain(params: ChainParams) -> Chain {
        Chain::on(redb::backends::InMemoryBackend::new(), params).unwrap()
    }

    fn at(ms: i64) -> Now {
        Now { mono: Mono(ms), wall: WALL + Duration::from_millis(ms.unsigned_abs()) }
    }

    #[test]
    fn after_a_block_it_rests_until_that_is_imported_or_its_time_is_up() {
        let chain = chain(ChainParams::trivial("search"));
        let mut search = Search::new([7; 32], Pace::Unlimited, 0);
        let block = search.step(&chain, at(0)).unwrap().found.unwrap();
        let resting = search.step(&chain, at(1)).unwrap();
        assert!(resting.hashes == 0 && resting.found.is_none() && !resting.pause.is_zero());
        chain.import(&block, at(1).wall.as_millis().try_into().unwrap()).unwrap().unwrap();
        let next = search.step(&chain, at(2)).unwrap().found.unwrap();
        assert_eq!(next.parent_hash(), block.hash());
        assert_eq!(search.step(&chain, at(501)).unwrap().hashes, 0);
        let again = search.step(&chain, at(502)).unwrap().found.unwrap();
        assert_eq!(again.parent_hash(), block.hash(), "the other one was lost");
    }

    #[test]
    fn a_paced_search_works_in_bursts_and_renews_an_old_template() {
        let chain = chain(ChainParams::dev(24 * 60 * 60 * 1000).unwrap());
        let mut search = Search::new([7; 32], Pace::Steady(400), 0);
        let stamp = |search: &Search| {
            let Work::On { since, .. } = &search.work else { panic!("{:?}", search.work) };
            *since
        };
        for ms in [0, 25, 499] {
            let step = search.step(&chain, at(ms)).unwrap();
            assert_eq!((step.hashes, step.pause), (10, BURST_INTERVAL));
            assert_eq!(stamp(&search), Mono(0));
        }
        search.step(&chain, at(500)).unwrap();
        assert_eq!(stamp(&search), Mono(500));
        assert_eq!(search.nonce, 40);
    }
}
