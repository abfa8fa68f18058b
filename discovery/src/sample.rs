//! What answers are drawn from: the book itself while it is small; from [`SAMPLED_FROM`] entries up
//! a sample that is kept for a while, so that many questions, under however many identities, show
//! no more of the book than one.

use std::{collections::BTreeMap, net::SocketAddr};

use rand::{Rng, seq::IteratorRandom};

use crate::{
    book::Book,
    key::Key,
    limits::{SAMPLE, SAMPLE_TIME, SAMPLED_FROM},
    policy::Scope,
    types::Mono,
};

/// One sample for each reach that an asker may have.
#[derive(Debug, Default)]
pub(crate) struct Samples(BTreeMap<Option<Scope>, Sample>);

#[derive(Debug)]
struct Sample {
    drawn: Mono,
    addrs: Vec<SocketAddr>,
}

impl Samples {
    /// So many addresses, at random, for somebody of that reach whose own are `own`: no narrower
    /// than it, and vouched for now.
    pub(crate) fn draw(
        &mut self,
        book: &Book,
        (reach, own): (Option<Scope>, &[SocketAddr]),
        count: usize,
        now: Mono,
        rng: &mut impl Rng,
    ) -> Vec<SocketAddr> {
        let all = || book.vouched_for(reach, now);
        if book.len() < SAMPLED_FROM {
            let own: Vec<Key> = own.iter().copied().map(Key::from).collect();
            let theirs = |key: &Key| !own.contains(key);
            return addrs(all().filter(theirs).sample(rng, count));
        }
        let stale = self.0.get(&reach).is_none_or(|sample| now.since(sample.drawn) >= SAMPLE_TIME);
        if stale {
            let drawn = addrs(all().sample(rng, SAMPLE));
            self.0.insert(reach, Sample { drawn: now, addrs: drawn });
        }
        let sample = self.0.get(&reach).map(|sample| sample.addrs.as_slice()).unwrap_or_default();
        sample
            .iter()
            .copied()
            .filter(|addr| book.get(*addr).is_some_and(|record| record.is_vouched_for(now)))
            .filter(|addr| !own.contains(addr))
            .sample(rng, count)
    }
}

fn addrs(keys: Vec<Key>) -> Vec<SocketAddr> {
    keys.into_iter().map(Key::addr).collect()
}
