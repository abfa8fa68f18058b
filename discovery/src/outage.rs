//! Whether it is they or we. Dials that nobody answered are held against their addresses only if
//! something says that the network was up all the while; when nothing answers any more, we are cut
//! off, and look only now and then whether we still are.
//!
//! An attacker who owns all our peers can silence them; he cannot make our seeds fail. Hence a seed
//! must have failed too.

use std::{collections::BTreeSet, net::SocketAddr};

use crate::{
    limits::{DOUBTS, HEARD_AFTER, HEARD_BEFORE, HEARD_DURING, OUTAGE_HOSTS, OUTAGE_PROBE},
    policy::Host,
    types::Mono,
};

#[derive(Debug, Default)]
pub(crate) struct Outage {
    /// When anybody last gave a sign of life, if only by refusing us.
    heard: Option<Mono>,
    /// Failed dials that began after that.
    doubts: Vec<Doubt>,
    /// A seed's attempt failed since then.
    seed_failed: bool,
    /// When a peer was first asked for a sign of life since then, and when last.
    asked: Option<(Mono, Mono)>,
    /// Since when we take ourselves to be cut off.
    cut_off: Option<Mono>,
    probed: Option<Mono>,
}

#[derive(Debug)]
struct Doubt {
    addr: SocketAddr,
    began: Mono,
    failed: Mono,
}

/// What a dial that nobody answered says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// Somebody else was heard meanwhile: it is the address.
    TheirFault,
    /// Not known yet.
    Open,
}

/// What a sign of life settles.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Settled {
    /// These failed although the network was up.
    pub(crate) their_fault: Vec<SocketAddr>,
    /// We had been cut off.
    pub(crate) back: bool,
}

/// What else we have to go by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Company {
    /// Living sessions with distinct peers.
    pub(crate) peers: usize,
    /// Configured seeds.
    pub(crate) seeds: usize,
    /// Known addresses.
    pub(crate) known: usize,
}

impl Outage {
    /// Somebody gave a sign of life.
    pub(crate) fn heard(&mut self, now: Mono) -> Settled {
        let previous = self.heard.replace(now);
        let back = self.cut_off.take().is_some();
        (self.seed_failed, self.asked, self.probed) = (false, None, None);
        let up_all_the_while = |doubt: &Doubt| {
            previous.is_some_and(|heard| doubt.began.since(heard) <= HEARD_BEFORE)
                && now.since(doubt.failed) <= HEARD_AFTER
        };
        let their_fault = self
            .doubts
            .drain(..)
            .filter(|doubt| !back && up_all_the_while(doubt))
            .map(|doubt| doubt.addr)
            .collect();
        Settled { their_fault, back }
    }

    /// Nobody answered a dial that began at `began`.
    pub(crate) fn unanswered(&mut self, addr: SocketAddr, began: Mono, now: Mono) -> Judgement {
        if self.heard.is_some_and(|heard| heard >= began.after(HEARD_DURING)) {
            return Judgement::TheirFault;
        }
        if self.doubts.len() == DOUBTS {
            self.doubts.remove(0);
        }
        self.doubts.push(Doubt { addr, began, failed: now });
        Judgement::Open
    }

    /// A seed could not be reached or looked up.
    pub(crate) fn seed_failed(&mut self) {
        self.seed_failed = true;
    }

    /// Whether to ask a peer for a sign of life, to settle what is open.
    pub(crate) fn may_ask(&mut self, now: Mono) -> bool {
        let may = !self.doubts.is_empty()
            && self.asked.is_none_or(|(_, last)| now.since(last) >= OUTAGE_PROBE);
        if may {
            self.asked = Some((self.asked.map_or(now, |(first, _)| first), now));
        }
        may
    }

    /// Whether we are cut off: several hosts out of reach, a seed among them if there are any, and
    /// nobody who says otherwise.
    pub(crate) fn is_cut_off(&mut self, company: Company, now: Mono) -> bool {
        if self.cut_off.is_some() {
            return true;
        }
        let hosts =
            self.doubts.iter().map(|doubt| Host::of(doubt.addr)).collect::<BTreeSet<_>>().len();
        let silent = company.peers == 0
            || self.asked.is_some_and(|(first, _)| now.since(first) >= HEARD_AFTER);
        let seeds_too = company.seeds == 0 || self.seed_failed;
        if hosts >= OUTAGE_HOSTS.min(company.known.max(1)) && silent && seeds_too {
            self.cut_off = Some(now);
        }
        self.cut_off.is_some()
    }

    /// While something is open or we are cut off, the end of a session says nothing about its peer.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.cut_off.is_some() || !self.doubts.is_empty()
    }

    /// Since when we are cut off.
    pub(crate) fn since(&self) -> Option<Mono> {
        self.cut_off
    }

    /// While cut off: takes the turn for one dial, or says when the next turn is.
    pub(crate) fn probe(&mut self, now: Mono) -> Result<(), Mono> {
        let due = self.probed.map_or(now, |probed| probed.after(OUTAGE_PROBE));
        if due > now {
            return Err(due);
        }
        self.probed = Some(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALONE: Company = Company { peers: 0, seeds: 1, known: 100 };

    fn at(host: u8) -> SocketAddr {
        SocketAddr::from(([198, 18, 0, host], 30_333))
    }

    #[test]
    fn a_dial_during_which_somebody_was_heard_long_enough_after_its_start_is_judged_at_once() {
        let mut outage = Outage::default();
        outage.heard(Mono(1_000));
        assert_eq!(outage.unanswered(at(1), Mono(0), Mono(5_000)), Judgement::TheirFault);
        assert_eq!(
            outage.unanswered(at(1), Mono(1), Mono(5_001)),
            Judgement::Open,
            "too soon: the network may have gone away right after"
        );
    }

    #[test]
    fn an_open_one_is_judged_by_signs_before_and_after() {
        let settle = |heard: i64, began: i64, again: i64| {
            let mut outage = Outage::default();
            outage.heard(Mono(heard));
            assert_eq!(outage.unanswered(at(1), Mono(began), Mono(began + 5_000)), Judgement::Open);
            outage.heard(Mono(again)).their_fault.len()
        };
        assert_eq!(settle(0, 20_000, 26_000), 1);
        assert_eq!(settle(0, 26_000, 32_000), 0, "too long silent before");
        assert_eq!(settle(0, 20_000, 30_001), 0, "too long silent after");
    }

    #[test]
    fn several_hosts_and_a_seed_must_fail_and_nobody_be_heard() {
        let mut outage = Outage::default();
        outage.heard(Mono(0));
        for host in 1..=3 {
            outage.unanswered(at(host), Mono(1), Mono(5_000));
        }
        assert!(
            !outage.is_cut_off(ALONE, Mono(5_000)),
            "an attacker can stop our peers, not our seed"
        );
        outage.seed_failed();
        assert!(
            !outage.is_cut_off(Company { peers: 1, ..ALONE }, Mono(5_000)),
            "a peer lives, and was not asked"
        );
        assert!(outage.may_ask(Mono(5_000)));
        assert!(!outage.may_ask(Mono(6_000)));
        assert!(!outage.is_cut_off(Company { peers: 1, ..ALONE }, Mono(9_999)));
        assert!(
            outage.is_cut_off(Company { peers: 1, ..ALONE }, Mono(10_000)),
            "it did not answer"
        );
        assert_eq!(outage.heard(Mono(20_000)), Settled { their_fault: vec![], back: true });
        assert!(!outage.is_cut_off(ALONE, Mono(20_000)));
    }

    #[test]
    fn who_knows_two_addresses_needs_no_third_to_fail() {
        let mut outage = Outage::default();
        for host in 1..=2 {
            outage.unanswered(at(host), Mono(1), Mono(5_000));
        }
        outage.seed_failed();
        assert!(!outage.is_cut_off(Company { known: 3, ..ALONE }, Mono(5_000)));
        assert!(outage.is_cut_off(Company { known: 2, ..ALONE }, Mono(5_000)));
    }

    #[test]
    fn one_probe_in_two_seconds() {
        let mut outage = Outage::default();
        assert_eq!(outage.probe(Mono(0)), Ok(()));
        assert_eq!(outage.probe(Mono(1_999)), Err(Mono(2_000)));
        assert_eq!(outage.probe(Mono(2_000)), Ok(()));
    }
}
