//! Which addresses a run may have. Pure: the engine's networks and the host's routes come in as
//! values.

use std::{fmt, net::Ipv4Addr, str::FromStr};

/// An IPv4 network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ipv4Subnet {
    base: Ipv4Addr,
    prefix: u8,
}

/// Why a text names no network that nodes could live in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubnetError {
    /// Not `a.b.c.d/len`.
    #[error("`{0}` is not a subnet; write it as 198.18.7.0/24")]
    Form(String),
    /// Bits outside the prefix are set.
    #[error("`{given}` has host bits set; the network is {meant}")]
    HostBits {
        /// As written.
        given: String,
        /// What it would be without them.
        meant: Ipv4Subnet,
    },
    /// Too large to be meant, or too small for a network, a gateway, a broadcast address and a
    /// node.
    #[error("`{0}`: a run's subnet has a prefix length of 16 to 29")]
    Size(String),
}

impl Ipv4Subnet {
    /// The network's own address.
    pub fn base(self) -> Ipv4Addr {
        self.base
    }

    /// How many bits of an address are the network's.
    pub fn prefix(self) -> u8 {
        self.prefix
    }

    /// The address of the bridge on the host.
    pub fn gateway(self) -> Ipv4Addr {
        self.address(1)
    }

    /// The address of the `index`-th node, from 0; `None` when the network is full.
    pub fn node(self, index: usize) -> Option<Ipv4Addr> {
        let host = u32::try_from(index).ok()?.checked_add(2)?;
        (host < self.size() - 1).then(|| self.address(host))
    }

    /// How many nodes can have addresses: not the network's own, the bridge's and the broadcast
    /// one.
    pub fn capacity(self) -> usize {
        self.size() as usize - 3
    }

    /// Whether so many nodes can have addresses.
    pub fn has_room_for(self, nodes: usize) -> bool {
        nodes == 0 || self.node(nodes - 1).is_some()
    }

    /// Whether the networks share an address.
    pub fn overlaps(self, other: Self) -> bool {
        let mask = mask(self.prefix.min(other.prefix));
        self.base.to_bits() & mask == other.base.to_bits() & mask
    }

    /// Whether the network holds this address.
    pub fn contains(self, address: Ipv4Addr) -> bool {
        address.to_bits() & mask(self.prefix) == self.base.to_bits()
    }

    /// A range of addresses, of any size: `198.18.0.0/15`.
    ///
    /// # Errors
    /// It is none, or has bits set outside its prefix.
    pub fn range(text: &str) -> Result<Self, SubnetError> {
        let range = Self::lenient(text).ok_or_else(|| SubnetError::Form(text.to_owned()))?;
        if range.to_string() == text {
            Ok(range)
        } else {
            Err(SubnetError::HostBits { given: text.to_owned(), meant: range })
        }
    }

    fn address(self, host: u32) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.base.to_bits() + host)
    }

    fn size(self) -> u32 {
        1 << (32 - u32::from(self.prefix))
    }

    /// Any prefix length, host bits dropped: other people's networks.
    fn lenient(text: &str) -> Option<Self> {
        let (base, prefix) = text.split_once('/')?;
        let (base, prefix): (Ipv4Addr, u8) =
            (base.parse().ok()?, prefix.parse().ok().filter(|prefix| *prefix <= 32)?);
        Some(Self { base: Ipv4Addr::from_bits(base.to_bits() & mask(prefix)), prefix })
    }
}

impl FromStr for Ipv4Subnet {
    type Err = SubnetError;

    fn from_str(text: &str) -> Result<Self, SubnetError> {
        let subnet = Self::lenient(text).ok_or_else(|| SubnetError::Form(text.to_owned()))?;
        if !(16..=29).contains(&subnet.prefix) {
            return Err(SubnetError::Size(text.to_owned()));
        }
        if subnet.to_string() != text {
            return Err(SubnetError::HostBits { given: text.to_owned(), meant: subnet });
        }
        Ok(subnet)
    }
}

impl fmt::Display for Ipv4Subnet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.base, self.prefix)
    }
}

/// A network that somebody has, and who.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The addresses.
    pub subnet: Ipv4Subnet,
    /// `the engine's network x`, `the host's route over eth0`.
    pub by: String,
}

impl Taken {
    /// `the host's route over tun0 (198.18.0.0/15)`.
    fn describe(&self) -> String {
        format!("{} ({})", self.by, self.subnet)
    }

    /// A network of the engine, if its subnet is an IPv4 one.
    pub fn by_engine(subnet: &str, name: &str) -> Option<Self> {
        Some(Self {
            subnet: Ipv4Subnet::lenient(subnet)?,
            by: format!("the engine's network `{name}`"),
        })
    }
}

/// Reads `/proc/net/route`. The default route is no claim to any address, and neither are the halves
/// and smaller parts of it that a VPN sets beside it: nobody's own network is larger than a /8.
pub fn host_routes(table: &str) -> Vec<Taken> {
    const OWN: u8 = 8;
    let hex = |text: &str| u32::from_str_radix(text, 16).ok().map(u32::from_be);
    let parse = |line: &str| {
        let fields: Vec<_> = line.split_ascii_whitespace().collect();
        let [interface, destination, _, _, _, _, _, mask, ..] = fields.as_slice() else {
            return None;
        };
        let prefix = u8::try_from(hex(mask)?.leading_ones()).ok()?;
        let subnet = Ipv4Subnet { base: Ipv4Addr::from_bits(hex(destination)?), prefix };
        (prefix >= OWN).then(|| Taken { subnet, by: format!("the host's route over {interface}") })
    };
    table.lines().skip(1).filter_map(parse).collect()
}

/// Who has an address of `wanted`.
pub fn taken_by(wanted: Ipv4Subnet, taken: &[Taken]) -> Option<&Taken> {
    taken.iter().find(|taken| taken.subnet.overlaps(wanted))
}

/// Where a run's network may be, one /24 of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    /// 198.18.0.0/15: reserved for benchmarks (RFC 2544), so no site uses it, and public enough for
    /// released nodes, which refuse private ranges.
    Benchmark,
    /// 10.128.0.0/9: for nodes that dial private ranges, when somebody has the other.
    Private,
}

impl Range {
    /// All of it.
    pub fn whole(self) -> Ipv4Subnet {
        let (base, prefix) = match self {
            Self::Benchmark => (Ipv4Addr::new(198, 18, 0, 0), 15),
            Self::Private => (Ipv4Addr::new(10, 128, 0, 0), 9),
        };
        Ipv4Subnet { base, prefix }
    }

    /// Its /24s from the `start`-th on.
    fn candidates(self, start: u64) -> impl Iterator<Item = Ipv4Subnet> {
        let (base, count) = (self.whole().base.to_bits(), self.whole().size() / 256);
        let start = u32::try_from(start % u64::from(count)).expect("less than a range has");
        (0..count).map(move |offset| Ipv4Subnet {
            base: Ipv4Addr::from_bits(base + (start + offset) % count * 256),
            prefix: 24,
        })
    }

    /// How many of its /24s nobody has, of how many.
    pub fn free(self, taken: &[Taken]) -> (usize, usize) {
        let free = |subnet: &Ipv4Subnet| taken_by(*subnet, taken).is_none();
        (self.candidates(0).filter(free).count(), self.candidates(0).count())
    }

    /// Who has any of it, with what.
    pub fn holders(self, taken: &[Taken]) -> Vec<String> {
        let has = |taken: &&Taken| taken.subnet.overlaps(self.whole());
        taken.iter().filter(has).map(Taken::describe).collect()
    }
}

impl fmt::Display for Range {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.whole().fmt(formatter)
    }
}

/// A free network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Its addresses.
    pub subnet: Ipv4Subnet,
    /// The range that would have been better, and who has it.
    pub instead_of: Option<String>,
}

/// No network is free.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoneFree {
    /// All /24s are taken, by whom.
    #[error("no /24 is free: {0}; a scenario may name another subnet (`[network]`)")]
    Held(String),
    /// None is large enough.
    #[error("a run's network has at most {most} nodes, unless the scenario has a subnet of its own", most = Range::Benchmark.candidates(0).next().map_or(0, Ipv4Subnet::capacity))]
    Small,
}

/// The first free network of these ranges, looked for from a place that follows from `start`.
///
/// # Errors
///
/// There is none for so many nodes.
pub fn choose(
    start: u64,
    nodes: usize,
    ranges: &[Range],
    taken: &[Taken],
) -> Result<Choice, NoneFree> {
    let mut held: Vec<String> = Vec::new();
    for range in ranges {
        let roomy = |subnet: &Ipv4Subnet| subnet.has_room_for(nodes);
        let mut subnets = range.candidates(start).filter(roomy).peekable();
        if subnets.peek().is_none() {
            return Err(NoneFree::Small);
        }
        if let Some(subnet) = subnets.find(|subnet| taken_by(*subnet, taken).is_none()) {
            let instead_of = (!held.is_empty()).then(|| held.join("; "));
            return Ok(Choice { subnet, instead_of });
        }
        held.push(format!("{range} is held ({})", some(&range.holders(taken))));
    }
    Err(NoneFree::Held(held.join("; ")))
}

/// A few of many.
fn some(all: &[String]) -> String {
    const SHOWN: usize = 3;
    match all.len().checked_sub(SHOWN) {
        None | Some(0) => all.join(", "),
        Some(more) => format!("{}, and {more} more", all[..SHOWN].join(", ")),
    }
}

fn mask(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn net(text: &str) -> Ipv4Subnet {
        Ipv4Subnet::lenient(text).unwrap()
    }

    #[test]
    fn a_subnet_has_room_for_all_but_three_of_its_addresses() {
        let room: Vec<usize> =
            (0..8).filter(|nodes| net("198.18.7.0/29").has_room_for(*nodes)).collect();
        assert_eq!(
            room,
            [0, 1, 2, 3, 4, 5],
            "not the network's own, the gateway's and the broadcast one"
        );
    }

    #[test]
    fn a_subnet_is_what_it_says() {
        let subnet: Ipv4Subnet = "198.18.7.0/24".parse().unwrap();
        assert_eq!(subnet.gateway(), Ipv4Addr::new(198, 18, 7, 1));
        assert_eq!(subnet.node(0), Some(Ipv4Addr::new(198, 18, 7, 2)));
        assert_eq!(subnet.node(252), Some(Ipv4Addr::new(198, 18, 7, 254)));
        assert_eq!(subnet.node(253), None, "that is the broadcast address");
        assert_eq!(
            "198.18.7.1/24".parse::<Ipv4Subnet>().unwrap_err().to_string(),
            "`198.18.7.1/24` has host bits set; the network is 198.18.7.0/24"
        );
        for bad in ["", "198.18.7.0", "198.18.7.0/33", "198.18.7/24", "::/64", "198.18.07.0/24"] {
            assert!(matches!(bad.parse::<Ipv4Subnet>(), Err(SubnetError::Form(_))), "{bad}");
        }
        assert!(matches!("10.0.0.0/8".parse::<Ipv4Subnet>(), Err(SubnetError::Size(_))));
        assert!(matches!("10.0.0.0/30".parse::<Ipv4Subnet>(), Err(SubnetError::Size(_))));
    }

    #[test]
    fn overlap_is_symmetric_and_reaches_across_sizes() {
        for (left, right, overlap) in [
            ("198.18.7.0/24", "198.18.7.128/25", true),
            ("198.18.7.0/24", "198.18.0.0/15", true),
            ("198.18.7.0/24", "0.0.0.0/0", true),
            ("198.18.7.0/24", "198.18.8.0/24", false),
            ("198.18.7.0/24", "172.17.0.0/16", false),
        ] {
            assert_eq!(net(left).overlaps(net(right)), overlap, "{left} {right}");
            assert_eq!(net(right).overlaps(net(left)), overlap, "{right} {left}");
        }
    }

    #[test]
    fn routes_of_the_host_without_the_default_one() {
        let table = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n\
                     eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
                     docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n";
        assert_eq!(
            host_routes(table),
            [Taken {
                subnet: net("172.17.0.0/16"),
                by: "the host's route over docker0".to_owned()
            }]
        );
        assert!(host_routes("").is_empty());
    }

    #[test]
    fn what_a_vpn_sets_beside_the_default_route_is_no_claim() {
        let row = |destination: &str, mask: &str| {
            format!("tun0\t{destination}\t00000000\t0001\t0\t0\t0\t{mask}\t0\t0\t0\n")
        };
        let halves = row("00000000", "00000080") + &row("00000080", "00000080");
        let parts = row("000000C0", "000000C0") + &row("00000001", "000000FF");
        let taken = host_routes(&format!("Iface\n{halves}{parts}"));
        assert_eq!(
            taken,
            [Taken { subnet: net("1.0.0.0/8"), by: "the host's route over tun0".to_owned() }]
        );
    }

    #[test]
    fn candidates_are_all_of_the_range_once() {
        for (range, count) in [(Range::Benchmark, 512), (Range::Private, 32_768)] {
            let all: HashSet<_> = range.candidates(u64::MAX).collect();
            assert_eq!(all.len(), count);
            assert!(all.iter().all(|subnet| subnet.overlaps(range.whole())));
        }
        assert_eq!(Range::Benchmark.candidates(0).next(), Some(net("198.18.0.0/24")));
    }

    #[test]
    fn a_range_that_somebody_has_is_named_and_another_taken_where_nodes_allow() {
        let tunnel =
            Taken { subnet: net("198.18.0.0/15"), by: "the host's route over tun0".to_owned() };
        let taken = [tunnel, Taken::by_engine("172.17.0.0/16", "bridge").unwrap()];
        let both = [Range::Benchmark, Range::Private];
        let choice = choose(7, 3, &both, &taken).unwrap();
        assert!(choice.subnet.overlaps(net("10.128.0.0/9")), "{choice:?}");
        let held = "198.18.0.0/15 is held (the host's route over tun0 (198.18.0.0/15))";
        assert_eq!(choice.instead_of.as_deref(), Some(held));
        let refused = choose(7, 3, &both[..1], &taken).unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!("no /24 is free: {held}; a scenario may name another subnet (`[network]`)")
        );
        assert_eq!(Range::Benchmark.free(&taken), (0, 512));

        let usual = choose(7, 3, &both, &taken[1..]).unwrap();
        assert_eq!((usual.subnet, usual.instead_of), (net("198.18.7.0/24"), None));
        let crowd = choose(7, 254, &both, &[]).unwrap_err().to_string();
        assert!(crowd.contains("at most 253 nodes"), "{crowd}");
    }

    #[test]
    fn the_owner_of_a_taken_subnet_is_named() {
        let taken = [Taken::by_engine("198.18.0.0/16", "other").unwrap()];
        assert_eq!(
            taken_by(net("198.18.7.0/24"), &taken).unwrap().by,
            "the engine's network `other`"
        );
        assert_eq!(taken_by(net("198.19.7.0/24"), &taken), None);
        assert_eq!(Taken::by_engine("fd00::/64", "six"), None);
    }
}
