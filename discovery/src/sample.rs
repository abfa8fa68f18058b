//! What answers are drawn from: the book itself while it is small; from [`SAMPLED_FROM`] entries up
//! a sample that is kept for a while, so that many questions, under however many identities, show
//! no more of the book than one.

use std::{collections::BTreeMap, net::SocketAddr};

use rand::{Rng, seq::IteratorRandom};

use crate::{
    book::Book,
    limits::{SAMPLE, SAMPLE_TIME, SAMPLED_FROM},
    policy::{self, Scope},
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
    /// Addresses that may be told to somebody of that reach: no narrower than it, and vouched for
    /// now.
    pub(crate) fn of<'a>(
        &'a mut self,
        book: &'a Book,
        reach: Option<Scope>,
        now: Mono,
        rng: &mut impl Rng,
    ) -> Box<dyn Iterator<Item = SocketAddr> + 'a> {
        let vouched = move |addr: &SocketAddr| {
            book.get(*addr).is_some_and(|record| record.is_vouched_for(now))
        };
        let all = book
            .records()
            .map(|record| record.addr)
            .filter(move |addr| policy::scope(addr.ip()) >= reach && vouched(addr));
        if book.len() < SAMPLED_FROM {
            return Box::new(all);
        }
        let stale = self.0.get(&reach).is_none_or(|sample| now.since(sample.drawn) >= SAMPLE_TIME);
        if stale {
            self.0.insert(reach, Sample { drawn: now, addrs: all.sample(rng, SAMPLE) });
        }
        let sample = self.0.get(&reach).map(|sample| sample.addrs.as_slice()).unwrap_or_default();
        Box::new(sample.iter().copied().filter(vouched))
    }
}
