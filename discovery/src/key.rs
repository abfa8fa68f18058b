//! An address as three numbers: compared in a few instructions, where a [`SocketAddr`] is taken
//! apart byte by byte, and smaller. In the same order.

use std::{
    cmp::Ordering,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    ops::RangeInclusive,
};

use crate::policy::{Group, Host};

/// A canonical address as one number in three parts, from the top: 4 or 6, sixteen bytes of IP
/// (those of IPv4 last), port.
///
/// Twenty bytes and no more: there are many of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C, packed(4))]
pub(crate) struct Key {
    /// The family and seven bytes of the IP.
    high: u64,
    /// Eight more.
    middle: u64,
    /// The last one, and the port.
    low: u32,
}

const _: () = assert!(size_of::<Key>() == 20);

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        let parts = |key: &Self| (u128::from(key.high) << 64 | u128::from(key.middle), key.low);
        parts(self).cmp(&parts(other))
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }

    /// Without a branch: searches ask, and nobody can guess the answers.
    fn lt(&self, other: &Self) -> bool {
        let parts = |key: &Self| (u128::from(key.high) << 64 | u128::from(key.middle), key.low);
        let ((ip, low), (other_ip, other_low)) = (parts(self), parts(other));
        (ip < other_ip) | ((ip == other_ip) & (low < other_low))
    }

    fn le(&self, other: &Self) -> bool {
        let greater = other.lt(self);
        !greater
    }
}

const V4: u64 = 4 << 56;
const V6: u64 = 6 << 56;

impl Key {
    /// Of an IP and a port.
    pub(crate) fn new(ip: IpAddr, port: u16) -> Self {
        let (family, bits) = match ip {
            IpAddr::V4(ip) => (V4, u128::from(ip.to_bits())),
            IpAddr::V6(ip) => (V6, ip.to_bits()),
        };
        let [.., last] = bits.to_be_bytes();
        Self {
            high: family | (bits >> 72) as u64,
            middle: (bits >> 8) as u64,
            low: u32::from(last) << 16 | u32::from(port),
        }
    }

    /// The keys of all addresses of a host.
    pub(crate) fn of_host(host: Host) -> RangeInclusive<Self> {
        match host {
            Host::Ip(ip) => Self::new(ip, 0)..=Self::new(ip, u16::MAX),
            Host::LoopbackPort(addr) => Self::from(addr)..=Self::from(addr),
        }
    }

    /// The address.
    pub(crate) fn addr(self) -> SocketAddr {
        let Self { high, middle, low } = self;
        let [_, last, port @ ..] = low.to_be_bytes();
        let ip = if self.is_v6() {
            let bits = u128::from(high) << 72 | u128::from(middle) << 8;
            IpAddr::V6(Ipv6Addr::from_bits(bits | u128::from(last)))
        } else {
            let [.., a, b, c] = middle.to_be_bytes();
            IpAddr::V4(Ipv4Addr::new(a, b, c, last))
        };
        SocketAddr::new(ip, u16::from_be_bytes(port))
    }

    /// The keys of all addresses of a network group.
    pub(crate) fn of_group(group: Group) -> RangeInclusive<Self> {
        let (first, last) = group.range().into_inner();
        Self::from(first)..=Self::from(last)
    }

    /// The IP.
    pub(crate) fn ip(self) -> IpAddr {
        self.addr().ip()
    }

    /// A number in the order of keys, to search by: one comparison, and a search for a place among
    /// many reads little memory. An IPv4 address has one of its own; the IPv6 addresses of a /63 share
    /// theirs.
    pub(crate) fn mark(self) -> u64 {
        let Self { high, middle, low } = self;
        if self.is_v6() {
            1 << 63 | (high & !(0xff << 56)) << 7 | middle >> 57
        } else {
            middle << 24 | u64::from(low)
        }
    }

    /// Whether others may have its mark.
    pub(crate) fn is_v6(self) -> bool {
        let Self { high, .. } = self;
        high & V6 == V6
    }

    /// Twenty bytes that no other key has.
    pub(crate) fn bytes(self) -> [u8; 20] {
        let mut bytes = [0; 20];
        let Self { high, middle, low } = self;
        bytes[..8].copy_from_slice(&high.to_le_bytes());
        bytes[8..16].copy_from_slice(&middle.to_le_bytes());
        bytes[16..].copy_from_slice(&low.to_le_bytes());
        bytes
    }
}

impl From<SocketAddr> for Key {
    fn from(addr: SocketAddr) -> Self {
        Self::new(addr.ip(), addr.port())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_its_address_and_keys_have_the_order_of_addresses() {
        let mut addrs: Vec<SocketAddr> = [
            "0.0.0.0:0",
            "20.1.2.3:1",
            "20.1.2.3:65535",
            "20.1.2.4:0",
            "255.255.255.255:65535",
            "[::]:0",
            "[::1]:30333",
            "[2606:4700::1:0]:5",
            "[2606:4700::ff]:7",
            "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535",
        ]
        .iter()
        .map(|addr| addr.parse().unwrap())
        .collect();
        addrs.sort_unstable();
        let keys: Vec<Key> = addrs.iter().copied().map(Key::from).collect();
        assert!(keys.is_sorted_by(|one, other| one < other));
        assert_eq!(keys.iter().map(|key| key.addr()).collect::<Vec<_>>(), addrs);
        assert!(keys.is_sorted_by(|one, other| {
            one.mark() < other.mark() || (one.mark() == other.mark() && one.is_v6())
        }));
    }

    #[test]
    fn a_host_has_its_ports_and_no_others() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        let ports = |text: &str| Key::of_host(Host::of(at(text)));
        assert!(ports("20.1.2.3:1").contains(&Key::from(at("20.1.2.3:65535"))));
        assert!(!ports("20.1.2.3:1").contains(&Key::from(at("20.1.2.4:0"))));
        assert!(!ports("127.0.0.1:1").contains(&Key::from(at("127.0.0.1:2"))));
    }
}
