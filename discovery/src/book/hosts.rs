//! When a host may be dialled again: a backoff that all its ports share. Only hosts that failed are
//! remembered here, and only for as long as the book has an address of theirs.

use std::{collections::BTreeMap, time::Duration};

use super::record::Change;
use crate::{
    key::Key,
    limits::{HOST_BACKOFF, TURNED_AWAY_BACKOFF},
    policy::Host,
    types::Mono,
};

#[derive(Debug, Default)]
pub(crate) struct Hosts {
    /// By the host's first address.
    by_key: BTreeMap<Key, Backoff>,
    /// When the present row of dials in vain began: of those of whom the last thing that we know is
    /// no answer. Apart from the rest, since it is asked of every address that is told as news, and
    /// mostly nobody is silent.
    silent: BTreeMap<Key, Mono>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Backoff {
    /// In a row, but for successes that did not last.
    failures: u32,
    retry_at: Option<Mono>,
}

impl Hosts {
    /// Whether that changes when it may be dialled.
    pub(crate) fn note(&mut self, host: Host, change: Change, now: Mono) -> bool {
        let key = first(host);
        match change {
            // Who lets us in only to turn us away has not earned a new start.
            Change::Succeeded { .. } => {
                self.silent.remove(&key);
                let known = self.by_key.get_mut(&key);
                known.map(|backoff| backoff.retry_at = None).is_some()
            }
            Change::Lasted { .. } => self.forget(host),
            Change::Failed => {
                self.by_key.entry(key).or_default().lengthen(HOST_BACKOFF.0, now);
                self.silent.entry(key).or_insert(now);
                true
            }
            Change::TurnedAway => {
                self.by_key.entry(key).or_default().lengthen(TURNED_AWAY_BACKOFF, now);
                self.silent.remove(&key);
                true
            }
            Change::Heard { .. }
            | Change::HeardAsNews { .. }
            | Change::Dialled
            | Change::Unjudged { .. }
            | Change::Announced { .. }
            | Change::OwnerLeft => false,
        }
    }

    /// Whether there was anything to forget.
    pub(crate) fn forget(&mut self, host: Host) -> bool {
        self.silent.remove(&first(host));
        self.by_key.remove(&first(host)).is_some()
    }

    pub(crate) fn retry_at(&self, host: Host) -> Option<Mono> {
        self.by_key.get(&first(host))?.retry_at
    }

    pub(crate) fn failing_since(&self, host: Host) -> Option<Mono> {
        self.silent.get(&first(host)).copied()
    }

    /// Lets a silent host be dialled at `at` already. Its row of failures goes on.
    pub(crate) fn hasten(&mut self, host: Host, at: Mono) {
        if let Some(backoff) = self.by_key.get_mut(&first(host))
            && self.silent.contains_key(&first(host))
        {
            backoff.retry_at = backoff.retry_at.map(|retry| retry.min(at));
        }
    }

    /// Forgets the hosts that fell silent at `since` or later and are still waited for; says which.
    pub(crate) fn thaw(&mut self, since: Mono, now: Mono) -> Vec<Host> {
        let waits = |key: &Key| {
            self.by_key.get(key).and_then(|backoff| backoff.retry_at).is_some_and(|at| at > now)
        };
        let thawed = self.silent.extract_if(.., |key, first| *first >= since && waits(key));
        let thawed: Vec<Key> = thawed.map(|(key, _)| key).collect();
        thawed.iter().for_each(|key| _ = self.by_key.remove(key));
        thawed.into_iter().map(|key| Host::of(key.addr())).collect()
    }
}

impl Backoff {
    fn lengthen(&mut self, first: Duration, now: Mono) {
        let wait = doubled(first, self.failures, HOST_BACKOFF.1);
        self.failures = self.failures.saturating_add(1);
        self.retry_at = Some(now.after(wait));
    }
}

fn first(host: Host) -> Key {
    *Key::of_host(host).start()
}

/// `first × 2^times`, at most `longest`.
pub(crate) fn doubled(first: Duration, times: u32, longest: Duration) -> Duration {
    first.saturating_mul(1_u32.checked_shl(times).unwrap_or(u32::MAX)).min(longest)
}
