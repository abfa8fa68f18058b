//! What others may make us take in: token buckets per source, and IPs that are left alone for a
//! while.

use std::{collections::BTreeMap, net::IpAddr};

use crate::{
    bucket::Bucket,
    limits::{
        DISCOURAGED, DISCOURAGED_MAX, GROUP_TOKENS_PER_SECOND, SOURCES_REMEMBERED,
        TOKENS_PER_GROUP, TOKENS_PER_SECOND, TOKENS_PER_SOURCE,
    },
    policy::Group,
    types::Mono,
};

/// Buckets that outlive sessions, so that reconnecting refills nothing. Bounded.
#[derive(Debug)]
struct Buckets<K> {
    by_key: BTreeMap<K, Bucket>,
    most: f64,
    per_second: f64,
}

impl<K: Ord + Copy> Buckets<K> {
    fn new(most: f64, per_second: f64) -> Self {
        Self { by_key: BTreeMap::new(), most, per_second }
    }

    fn bucket(&mut self, key: K, now: Mono) -> &mut Bucket {
        if self.by_key.len() >= SOURCES_REMEMBERED && !self.by_key.contains_key(&key) {
            self.forget_fullest(now);
        }
        let (most, per_second) = (self.most, self.per_second);
        self.by_key.entry(key).or_insert_with(|| Bucket::full(most, per_second, now))
    }

    fn forget_fullest(&mut self, now: Mono) {
        let known = self.by_key.len();
        self.by_key.retain(|_, bucket| !bucket.is_full(now));
        if self.by_key.len() < known {
            return;
        }
        let fullest = self
            .by_key
            .iter_mut()
            .map(|(key, bucket)| (bucket.left(now), *key))
            .max_by_key(|(left, _)| *left);
        if let Some((_, key)) = fullest {
            self.by_key.remove(&key);
        }
    }
}

/// What each source of addresses has left.
#[derive(Debug)]
pub(crate) struct Allowances {
    ips: Buckets<IpAddr>,
    groups: Buckets<Group>,
}

impl Allowances {
    pub(crate) fn new() -> Self {
        Self {
            ips: Buckets::new(TOKENS_PER_SOURCE, TOKENS_PER_SECOND),
            groups: Buckets::new(TOKENS_PER_GROUP, GROUP_TOKENS_PER_SECOND),
        }
    }

    /// What an IP has left and, if groups matter, its group: for a list of addresses, after which
    /// it is given back.
    pub(crate) fn lend(&mut self, ip: IpAddr, group: Option<Group>, now: Mono) -> Allowance {
        Allowance {
            group: group.map(|group| (group, *self.groups.bucket(group, now))),
            ip: (ip, *self.ips.bucket(ip, now)),
        }
    }

    /// Remembers what is left of it.
    pub(crate) fn give_back(&mut self, Allowance { ip, group }: Allowance) {
        self.ips.by_key.insert(ip.0, ip.1);
        group.into_iter().for_each(|(group, left)| _ = self.groups.by_key.insert(group, left));
    }
}

/// See [`Allowances::lend`].
pub(crate) struct Allowance {
    ip: (IpAddr, Bucket),
    group: Option<(Group, Bucket)>,
}

impl Allowance {
    /// Takes a token of the IP and, if groups matter, one of its group; neither unless both have
    /// one.
    pub(crate) fn take(&mut self, now: Mono) -> bool {
        let (_, ip) = &mut self.ip;
        match &mut self.group {
            Some((_, group)) => group.has(now) && ip.take(now) && group.take(now),
            None => ip.take(now),
        }
    }
}

/// IPs of peers that misbehaved, for a while.
#[derive(Debug, Default)]
pub(crate) struct Discouraged(BTreeMap<IpAddr, Mono>);

impl Discouraged {
    /// From now on, for [`DISCOURAGED`].
    pub(crate) fn add(&mut self, ip: IpAddr, now: Mono) {
        self.0.retain(|_, until| *until > now);
        if self.0.len() >= DISCOURAGED_MAX {
            let first = self.0.iter().min_by_key(|(_, until)| **until).map(|(ip, _)| *ip);
            if let Some(first) = first {
                self.0.remove(&first);
            }
        }
        self.0.insert(ip, now.after(DISCOURAGED));
    }

    pub(crate) fn has(&self, ip: IpAddr, now: Mono) -> bool {
        self.0.get(&ip).is_some_and(|until| *until > now)
    }

    pub(crate) fn ips(&self, now: Mono) -> impl Iterator<Item = IpAddr> {
        self.0.iter().filter(move |(_, until)| **until > now).map(|(ip, _)| *ip)
    }

    pub(crate) fn len(&self, now: Mono) -> usize {
        self.ips(now).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    fn take(allowances: &mut Allowances, ip: IpAddr, group: Option<Group>, now: Mono) -> bool {
        let mut allowance = allowances.lend(ip, group, now);
        let taken = allowance.take(now);
        allowances.give_back(allowance);
        taken
    }

    #[test]
    fn a_source_has_its_share_and_reconnecting_refills_nothing() {
        let mut allowances = Allowances::new();
        let taken = (0..5_000).filter(|_| take(&mut allowances, ip(1), None, Mono(0))).count();
        assert_eq!(taken, 1_000);
        let later = (0..5_000).filter(|_| take(&mut allowances, ip(1), None, Mono(60_000))).count();
        assert_eq!(later, 6, "a tenth per second");
    }

    #[test]
    fn a_group_has_its_share_however_many_sources_it_has() {
        let mut allowances = Allowances::new();
        let group = Group::V4([198, 18]);
        let taken = (0..200)
            .flat_map(|source| (0..100).map(move |_| source))
            .filter(|source| take(&mut allowances, ip(*source), Some(group), Mono(0)))
            .count();
        assert_eq!(taken, 4_096);
        assert!(
            take(&mut allowances, ip(1), Some(Group::V4([198, 19])), Mono(0)),
            "what the group refused cost the source nothing"
        );
    }

    #[test]
    fn what_is_remembered_is_bounded_and_forgetting_favours_who_took_nothing() {
        let mut allowances = Allowances::new();
        assert!((0..1_000).all(|_| take(&mut allowances, ip(0), None, Mono(0))));
        for number in 1..=u32::try_from(SOURCES_REMEMBERED).unwrap() {
            take(&mut allowances, ip(number), None, Mono(0));
        }
        assert!(allowances.ips.by_key.len() <= SOURCES_REMEMBERED);
        assert!(
            !take(&mut allowances, ip(0), None, Mono(0)),
            "who used up his share is not the one that is forgotten"
        );
    }

    #[test]
    fn discouraging_ends_and_is_bounded() {
        let mut discouraged = Discouraged::default();
        (0..2_000).for_each(|number| discouraged.add(ip(number), Mono(i64::from(number))));
        assert_eq!(discouraged.len(Mono(2_000)), DISCOURAGED_MAX);
        assert!(discouraged.has(ip(1_999), Mono(2_000)) && !discouraged.has(ip(0), Mono(2_000)));
        assert!(!discouraged.has(ip(1_999), Mono(1_999).after(DISCOURAGED)));
    }
}
