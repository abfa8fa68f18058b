//! Makes this host known on the links where somebody may wait for it already.
//!
//! Who dials a seed of its own link before that is up asks for its hardware address in vain, and its
//! kernel asks again only a second later; whatever else it sends to the same address waits with the
//! rest, so no attempt of the dialler's is any faster. But every host on a link takes note of who asks
//! there, whatever for. So a node that starts has its kernel ask once, when the first seed's name is
//! found, on the links of that name's addresses; seeds that are found later are not asked for. It is
//! an empty datagram to the last address of the link, where nearly always nobody is, and then none is
//! sent. IPv6 asks in private, and is left to itself.

use std::{
    collections::BTreeSet,
    fs,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
};

/// Where the kernel lists its IPv4 routes.
const ROUTES: &str = "/proc/net/route";
/// Of a route: it is up, and leads to somebody else who passes on.
const UP: u32 = 1;
/// See [`UP`].
const GATEWAY: u32 = 2;
/// Discards what it gets, if anybody listens at all.
const DISCARD: u16 = 9;
/// Links that are spoken on: a seed's name has a handful of addresses.
const LINKS: usize = 8;

/// Speaks once on every link that has one of these addresses. Best effort: without it somebody waits
/// for a second.
pub(super) fn announce(seeds: &[SocketAddr]) {
    let Ok(routes) = fs::read_to_string(ROUTES) else { return };
    for target in targets(&routes, seeds) {
        let sent = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).and_then(|socket| {
            socket.set_nonblocking(true)?;
            socket.send_to(&[], (target, DISCARD))
        });
        tracing::debug!(%target, ?sent, "asked on the link of a seed");
    }
}

/// One address for each link that has one of the seeds: the last of the link that is no seed's.
fn targets(routes: &str, seeds: &[SocketAddr]) -> BTreeSet<Ipv4Addr> {
    let seeds: BTreeSet<u32> = seeds
        .iter()
        .filter_map(|seed| match seed.ip().to_canonical() {
            std::net::IpAddr::V4(ip) => Some(ip.to_bits()),
            std::net::IpAddr::V6(_) => None,
        })
        .collect();
    let on_link = |(network, mask): (u32, u32)| {
        let (first, last) = (network + 1, network | (!mask - 1));
        let has_seed = seeds.iter().any(|seed| seed & mask == network);
        has_seed.then(|| (first..=last).rev().find(|ip| !seeds.contains(ip))).flatten()
    };
    routes
        .lines()
        .filter_map(link)
        .filter_map(on_link)
        .map(Ipv4Addr::from_bits)
        .take(LINKS)
        .collect()
}

/// Network and mask of a route to a link with room for more than two hosts.
fn link(line: &str) -> Option<(u32, u32)> {
    let mut columns = line.split_ascii_whitespace().skip(1);
    let mut number = || u32::from_str_radix(columns.next()?, 16).ok();
    let (network, _gateway, flags) = (number()?, number()?, number()?);
    let mask = u32::from_be(u32::from_str_radix(columns.nth(3)?, 16).ok()?);
    let roomy = mask != 0 && mask.count_zeros() >= 2 && mask.leading_ones() == mask.count_ones();
    (flags & (UP | GATEWAY) == UP && roomy).then_some((u32::from_be(network), mask))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the kernel of a little-endian machine writes it.
    const TABLE: &str = "\
Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT
eth0 00000000 010200C0 0003 0 0 0 00000000 0 0 0
docker0 000011AC 00000000 0001 0 0 0 0000FFFF 0 0 0
eth1 00D612C6 00000000 0001 0 0 0 00FFFFFF 0 0 0
eth2 01D612C6 00000000 0005 0 0 0 FFFFFFFF 0 0 0
eth3 00D712C6 00000000 0000 0 0 0 00FFFFFF 0 0 0
nonsense
eth4 zz
";

    fn asked(seeds: &[&str]) -> Vec<String> {
        let seeds: Vec<SocketAddr> = seeds.iter().map(|seed| seed.parse().unwrap()).collect();
        targets(TABLE, &seeds).into_iter().map(|ip| ip.to_string()).collect()
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn one_address_is_asked_for_on_each_link_that_has_a_seed_and_on_no_other() {
        assert_eq!(asked(&["198.18.214.2:30333"]), ["198.18.214.254"]);
        assert_eq!(asked(&["198.18.214.254:1", "198.18.214.253:1"]), ["198.18.214.252"]);
        assert_eq!(asked(&["172.17.3.4:1", "[::ffff:198.18.214.2]:1"]).len(), 2);
        let none = ["8.8.8.8:1", "127.0.0.1:1", "198.18.215.2:1", "[fd00::1]:30333"];
        assert_eq!(asked(&none), Vec::<String>::new(), "a gateway, no link, down, IPv6");
    }
}
