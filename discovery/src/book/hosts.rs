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
}

#[derive(Debug, Default, Clone, Copy)]
struct Backoff {
    /// In a row, but for successes that did not last.
    failures: u32,
    retry_at: Option<Mono>,
    /// When the present row of dials in vain began; `None` while the last thing that we know is an
    /// answer.
    silent_since: Option<Mono>,
}

impl Hosts {
    /// Whether that changes when it may be dialled.
    pub(crate) fn note(&mut self, host: Host, change: Change, now: Mono) -> bool {
        match change {
            // Who lets us in only to turn us away has not earned a new start.
            Change::Succeeded { .. } => match self.by_key.get_mut(&first(host)) {
                Some(backoff) => {
                    *backoff = Backoff { failures: backoff.failures, ..Backoff::default() };
                    true
                }
                None => false,
            },
            Change::Lasted { .. } => self.forget(host),
            Change::Failed => {
                let backoff = self.by_key.entry(first(host)).or_default();
                backoff.lengthen(HOST_BACKOFF.0, now);
                backoff.silent_since.get_or_insert(now);
                true
            }
            Change::TurnedAway => {
                let backoff = self.by_key.entry(first(host)).or_default();
                backoff.lengthen(TURNED_AWAY_BACKOFF, now);
                backoff.silent_since = None;
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
        self.by_key.remove(&first(host)).is_some()
    }

    pub(crate) fn retry_at(&self, host: Host) -> Option<Mono> {
        self.by_key.get(&first(host))?.retry_at
    }

    pub(crate) fn failing_since(&self, host: Host) -> Option<Mono> {
        self.by_key.get(&first(host))?.silent_since
    }

    /// Lets a silent host be dialled at `at` already. Its row of failures goes on.
    pub(crate) fn hasten(&mut self, host: Host, at: Mono) {
        if let Some(backoff) =
            self.by_key.get_mut(&first(host)).filter(|backoff| backoff.silent_since.is_some())
        {
            backoff.retry_at = backoff.retry_at.map(|retry| retry.min(at));
        }
    }

    /// Forgets the hosts that fell silent at `since` or later and are still waited for; says which.
    pub(crate) fn thaw(&mut self, since: Mono, now: Mono) -> Vec<Host> {
        let fell_silent = |backoff: &Backoff| {
            backoff.silent_since.is_some_and(|first| first >= since)
                && backoff.retry_at.is_some_and(|at| at > now)
        };
        let thawed = self.by_key.extract_if(.., |_, backoff| fell_silent(backoff));
        thawed.map(|(key, _)| Host::of(key.addr())).collect()
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
