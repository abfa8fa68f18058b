//! Which inbound peer makes room for a newcomer. Protected are those that an attacker can hardly
//! be: long-lived, useful lately, alone in their network group.

use std::{cmp::Reverse, collections::BTreeMap};

use crate::{
    limits::EVICTION_PROTECTED,
    policy::Group,
    types::{Mono, PeerId},
};

/// An inbound peer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inbound {
    pub(crate) peer: PeerId,
    pub(crate) opened: Mono,
    pub(crate) group: Group,
    /// When it last told us an address that we did not know.
    pub(crate) useful: Option<Mono>,
}

/// The youngest of the largest group among those that are not protected.
pub(crate) fn victim(mut inbound: Vec<Inbound>) -> Option<PeerId> {
    let [lasting, useful, alone] = EVICTION_PROTECTED;
    inbound.sort_by_key(|peer| (peer.opened, peer.peer));
    inbound.drain(..lasting.min(inbound.len()));
    inbound.sort_by_key(|peer| (Reverse(peer.useful), peer.peer));
    let thanked = inbound.iter().take(useful).filter(|peer| peer.useful.is_some()).count();
    inbound.drain(..thanked);
    let mut groups: BTreeMap<Group, Vec<Inbound>> = BTreeMap::new();
    for peer in inbound {
        groups.entry(peer.group).or_default().push(peer);
    }
    let single: Vec<Group> = groups
        .iter()
        .filter(|(_, members)| members.len() == 1)
        .map(|(group, _)| *group)
        .take(alone)
        .collect();
    single.iter().for_each(|group| drop(groups.remove(group)));
    let youngest =
        |members: &[Inbound]| members.iter().max_by_key(|peer| (peer.opened, peer.peer)).copied();
    groups
        .values()
        .filter_map(|members| Some((members.len(), youngest(members)?)))
        .max_by_key(|(count, peer)| (*count, peer.opened, peer.peer))
        .map(|(_, peer)| peer.peer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(number: u8, opened: i64, network: u8, useful: Option<i64>) -> Inbound {
        Inbound {
            peer: PeerId([number; 32]),
            opened: Mono(opened),
            group: Group::V4([50, network]),
            useful: useful.map(Mono),
        }
    }

    #[test]
    fn an_attacker_s_crowd_is_thinned_and_nobody_else() {
        let mut inbound: Vec<Inbound> =
            (0..8).map(|number| peer(number, number.into(), 1, None)).collect();
        inbound.extend((8..12).map(|number| peer(number, 1_000, 1, Some(number.into()))));
        inbound.extend((12..16).map(|number| peer(number, 2_000, number, None)));
        inbound.extend((100..120).map(|number| peer(number, 3_000 + i64::from(number), 99, None)));
        let mut evicted = Vec::new();
        while let Some(victim) = victim(inbound.clone()) {
            inbound.retain(|peer| peer.peer != victim);
            evicted.push(victim.0[0]);
        }
        assert_eq!(evicted[..3], [119, 118, 117], "the youngest of the largest group");
        assert!(evicted.iter().all(|number| *number >= 100), "{evicted:?}");
    }

    #[test]
    fn a_handful_of_peers_is_safe() {
        assert_eq!(victim((0..8).map(|number| peer(number, 0, 1, None)).collect()), None);
        assert_eq!(victim(vec![]), None);
    }
}
