//! Which addresses may be admitted to the book and dialled, who shares what, and what of that an
//! operator may turn. Pure functions of addresses.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    ops::RangeInclusive,
};

use crate::{limits::FIRST_LEARNED_PORT, listed::listed};

/// Whether loopback addresses may be shared and dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loopback {
    /// As on the internet.
    Refused,
    /// Several nodes on one host: every loopback `ip:port` then counts as a host of its own.
    Allowed,
}

/// Whether network groups (/16 of IPv4, /32 of IPv6) matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Groups {
    /// Outbound peers of distinct groups are preferred, and a group's share of the book is bounded.
    Weighed,
    /// As if every address were a group of its own: for networks that live in one subnet.
    Ignored,
}

/// How far an address reaches. Ordered: what a peer tells us must reach at least as far as the peer
/// itself, or private addresses would leak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// 127/8, ::1.
    Loopback,
    /// 169.254/16, fe80::/10. Never dialled.
    Link,
    /// 10/8, 172.16/12, 192.168/16, 100.64/10, fc00::/7.
    Private,
    /// The rest, 198.18.0.0/15 included: testbeds live there.
    Global,
}

listed! {
    /// Why an address was not admitted.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    pub enum Refusal {
        /// Unspecified, multicast, broadcast, reserved, documentation, link-local, or loopback where
        /// that is not allowed.
        NotDialable,
        /// Narrower than the peer that sent it.
        Scope,
        /// Port 0, or a service's port.
        Port,
        /// Our own.
        Own,
        /// The host has its share of ports in the book.
        PortsPerHost,
        /// The session has used up what it may tell us.
        RateLimit,
        /// The book has no place for it: the bucket that its source reaches is full of better ones.
        BookFull,
        /// Its network group has its share of the book.
        GroupShare,
        /// A peer at this IP misbehaved a short while ago.
        Discouraged,
    }
}

/// Who shares a backoff and a share of the book: an IP, or with loopback allowed one loopback
/// address and port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Host {
    /// All ports of one IP.
    Ip(IpAddr),
    /// One of several nodes on this machine.
    LoopbackPort(SocketAddr),
}

impl Host {
    /// The host that an address belongs to.
    #[must_use]
    pub fn of(addr: SocketAddr) -> Self {
        if addr.ip().is_loopback() { Self::LoopbackPort(addr) } else { Self::Ip(addr.ip()) }
    }
}

/// Who is likely to belong to one operator, and therefore gets one share of the book: a network of
/// the size that is handed out as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// A /16 of IPv4.
    V4([u8; 2]),
    /// A /32 of IPv6.
    V6([u8; 4]),
    /// One address that is a group of its own: a node on this machine, or any where groups are
    /// ignored.
    Single(SocketAddr),
}

impl Group {
    /// The group that an address belongs to.
    #[must_use]
    pub fn of(addr: SocketAddr) -> Self {
        match addr.ip() {
            ip if ip.is_loopback() => Self::Single(addr),
            IpAddr::V4(ip) => {
                let [a, b, ..] = ip.octets();
                Self::V4([a, b])
            }
            IpAddr::V6(ip) => {
                let [a, b, c, d, ..] = ip.octets();
                Self::V6([a, b, c, d])
            }
        }
    }

    /// The group that an address counts for where groups matter as much as `groups` says.
    #[must_use]
    pub fn counted(addr: SocketAddr, groups: Groups) -> Self {
        match groups {
            Groups::Weighed => Self::of(addr),
            Groups::Ignored => Self::Single(addr),
        }
    }

    /// The canonical addresses that belong to it, from the first to the last.
    #[must_use]
    pub(crate) fn range(self) -> RangeInclusive<SocketAddr> {
        match self {
            Self::V4([a, b]) => {
                SocketAddr::from(([a, b, 0, 0], 0))..=SocketAddr::from(([a, b, 255, 255], u16::MAX))
            }
            Self::V6(prefix) => {
                let ip = |rest: u8| {
                    let mut octets = [rest; 16];
                    octets[..4].copy_from_slice(&prefix);
                    octets
                };
                SocketAddr::from((ip(0), 0))..=SocketAddr::from((ip(0xff), u16::MAX))
            }
            Self::Single(addr) => addr..=addr,
        }
    }
}

/// The same address in the only form that the engine keeps: IPv4-mapped IPv6 as IPv4, without flow
/// label and zone.
#[must_use]
pub fn canonical(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}

/// An IP's scope; `None` for what no host has, and for documentation ranges.
#[must_use]
pub fn scope(ip: IpAddr) -> Option<Scope> {
    match ip.to_canonical() {
        IpAddr::V4(ip) => scope_v4(ip),
        IpAddr::V6(ip) => scope_v6(ip),
    }
}

fn scope_v4(ip: Ipv4Addr) -> Option<Scope> {
    let [a, b, ..] = ip.octets();
    if a == 0 || a >= 224 || ip.is_documentation() || ip.octets() == [127, 255, 255, 255] {
        None
    } else if ip.is_loopback() {
        Some(Scope::Loopback)
    } else if ip.is_link_local() {
        Some(Scope::Link)
    } else if ip.is_private() || (a == 100 && b & 0xc0 == 64) {
        Some(Scope::Private)
    } else {
        Some(Scope::Global)
    }
}

fn scope_v6(ip: Ipv6Addr) -> Option<Scope> {
    let [a, b, ..] = ip.segments();
    if ip.is_unspecified() || ip.is_multicast() || (a == 0x2001 && b == 0xdb8) {
        None
    } else if ip.is_loopback() {
        Some(Scope::Loopback)
    } else if ip.is_unicast_link_local() {
        Some(Scope::Link)
    } else if ip.is_unique_local() {
        Some(Scope::Private)
    } else {
        Some(Scope::Global)
    }
}

/// Whether anybody may be dialled there at all.
///
/// # Errors
///
/// [`Refusal::NotDialable`] or [`Refusal::Port`] (zero).
pub fn dialable(addr: SocketAddr, loopback: Loopback) -> Result<Scope, Refusal> {
    if addr.port() == 0 {
        return Err(Refusal::Port);
    }
    match (scope(addr.ip()), loopback) {
        (Some(scope @ (Scope::Private | Scope::Global)), _)
        | (Some(scope @ Scope::Loopback), Loopback::Allowed) => Ok(scope),
        (Some(Scope::Loopback), Loopback::Refused) | (Some(Scope::Link) | None, _) => {
            Err(Refusal::NotDialable)
        }
    }
}

/// Whether an address that a peer at `source` told us may enter the book.
///
/// # Errors
///
/// What [`dialable`] says, [`Refusal::Port`] for a service's port, [`Refusal::Scope`] if it is
/// narrower than its source.
pub fn learnable(addr: SocketAddr, source: IpAddr, loopback: Loopback) -> Result<(), Refusal> {
    let reach = dialable(addr, loopback)?;
    if addr.port() < FIRST_LEARNED_PORT {
        return Err(Refusal::Port);
    }
    match scope(source) {
        Some(source) if reach >= source => Ok(()),
        Some(_) | None => Err(Refusal::Scope),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_scope_table() {
        let rows: [(&str, Option<Scope>); 31] = [
            ("0.0.0.0", None),
            ("0.1.2.3", None),
            ("10.0.0.1", Some(Scope::Private)),
            ("100.63.255.255", Some(Scope::Global)),
            ("100.64.0.1", Some(Scope::Private)),
            ("100.127.255.255", Some(Scope::Private)),
            ("100.128.0.0", Some(Scope::Global)),
            ("127.0.0.1", Some(Scope::Loopback)),
            ("127.255.255.254", Some(Scope::Loopback)),
            ("127.255.255.255", None),
            ("169.254.1.1", Some(Scope::Link)),
            ("172.15.255.255", Some(Scope::Global)),
            ("172.16.0.1", Some(Scope::Private)),
            ("172.32.0.1", Some(Scope::Global)),
            ("192.0.2.1", None),
            ("192.168.1.1", Some(Scope::Private)),
            ("198.18.0.1", Some(Scope::Global)),
            ("198.19.255.255", Some(Scope::Global)),
            ("198.51.100.1", None),
            ("203.0.113.9", None),
            ("224.0.0.1", None),
            ("240.0.0.1", None),
            ("255.255.255.255", None),
            ("::", None),
            ("::1", Some(Scope::Loopback)),
            ("::ffff:127.0.0.1", Some(Scope::Loopback)),
            ("fe80::1", Some(Scope::Link)),
            ("fd00::1", Some(Scope::Private)),
            ("ff02::1", None),
            ("2001:db8::7", None),
            ("2606:4700::1", Some(Scope::Global)),
        ];
        for (ip, expected) in rows {
            assert_eq!(scope(ip.parse().unwrap()), expected, "{ip}");
        }
    }

    #[test]
    fn the_list_of_reasons_has_each_once_and_in_order() {
        assert!(Refusal::ALL.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", Refusal::ALL);
    }

    #[test]
    fn groups_are_networks_of_the_size_that_is_handed_out() {
        let group = |addr| Group::of(at(addr));
        assert_eq!(group("198.18.0.1:1"), group("198.18.255.9:2"));
        assert_ne!(group("198.18.0.1:1"), group("198.19.0.1:1"));
        assert_eq!(group("[2606:4700::1]:1"), group("[2606:4700:ffff::2]:2"));
        assert_ne!(group("[2606:4700::1]:1"), group("[2606:4701::1]:1"));
        assert_ne!(
            group("127.0.0.1:30333"),
            group("127.0.0.1:30334"),
            "nodes of one machine in a testbed"
        );
        assert_ne!(
            Group::counted(at("198.18.0.1:1"), Groups::Ignored),
            Group::counted(at("198.18.0.2:1"), Groups::Ignored)
        );
        for addr in [
            "198.18.0.0:0",
            "198.18.255.255:65535",
            "[2606:4700::]:0",
            "[2606:4700:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
            "127.0.0.1:1",
        ] {
            assert!(group(addr).range().contains(&at(addr)), "{addr}");
        }
        assert!(!group("198.18.0.1:1").range().contains(&at("198.19.0.0:0")));
        assert!(!group("198.18.0.1:1").range().contains(&at("198.17.255.255:65535")));
        assert!(!group("[2606:4700::1]:1").range().contains(&at("[2606:4701::]:0")));
    }

    #[test]
    fn a_peer_may_tell_of_what_reaches_as_far_as_itself() {
        let learn =
            |addr, source: &str, loopback| learnable(at(addr), source.parse().unwrap(), loopback);
        assert_eq!(learn("10.0.0.2:30333", "198.18.0.1", Loopback::Refused), Err(Refusal::Scope));
        assert_eq!(learn("10.0.0.2:30333", "192.168.0.1", Loopback::Refused), Ok(()));
        assert_eq!(learn("10.0.0.2:30333", "127.0.0.1", Loopback::Refused), Ok(()));
        assert_eq!(learn("198.18.0.2:30333", "10.0.0.1", Loopback::Refused), Ok(()));
        assert_eq!(
            learn("127.0.0.1:30333", "127.0.0.1", Loopback::Refused),
            Err(Refusal::NotDialable)
        );
        assert_eq!(learn("127.0.0.1:30333", "127.0.0.1", Loopback::Allowed), Ok(()));
        assert_eq!(learn("127.0.0.1:30333", "10.0.0.1", Loopback::Allowed), Err(Refusal::Scope));
        assert_eq!(
            learn("[::ffff:127.0.0.1]:30333", "10.0.0.1", Loopback::Refused),
            Err(Refusal::NotDialable)
        );
        assert_eq!(learn("198.18.0.2:0", "198.18.0.1", Loopback::Refused), Err(Refusal::Port));
        assert_eq!(learn("198.18.0.2:22", "198.18.0.1", Loopback::Refused), Err(Refusal::Port));
        assert_eq!(
            learn("169.254.0.2:30333", "169.254.0.1", Loopback::Refused),
            Err(Refusal::NotDialable)
        );
    }
}
