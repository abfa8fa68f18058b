//! Which attacks there are, how many peers they take, and whom they may hit.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use clap::ValueEnum;
use hegemon_node::config::DEFAULT_PORT;
use serde::Serialize;

/// Peers at once: more would need another limit of descriptors than most systems give.
pub(crate) const AT_ONCE: u32 = 512;

/// Peers at once that hold a longest frame each: 16 MiB, and three times that while it is made.
const AT_ONCE_LARGE: u32 = 8;

/// Targets of one standing attack, as many as a node may have seeds.
const MAX_TARGETS: usize = 64;

/// What one peer does, over and over or once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Attack {
    /// Connect and say nothing
    Silence,
    /// InitHello, a byte at a time
    SlowHandshake,
    /// InitHello, and nothing after the answer
    HalfHandshake,
    /// Declare a handshake frame over the limit
    OversizedHandshake,
    /// InitHello with one bit changed
    TamperedHandshake,
    /// Connect and hang up, as often as possible
    ConnectFlood,
    /// Finish, Hello and GetAddrs in one write: legitimate, and must be answered
    FinishWithFrames,
    /// Declare a session frame over the limit
    OversizedFrame,
    /// Declare the longest frame, send half of it, and wait
    StalledFrame,
    /// Frames just under the limit, one after the other
    LargeFrames,
    /// The same frame twice
    ReplayedFrame,
    /// The second frame before the first
    ReorderedFrames,
    /// A frame with one bit changed
    TamperedFrame,
    /// Empty frames without end
    FrameFlood,
    /// Lists of addresses: garbage, 65, 1000, and 1001 declared
    AddressFlood,
    /// Break no rule, and know only addresses where nobody is
    DeadAddresses,
    /// Ask for much and read nothing
    NeverReads,
    /// Claim and spread the target's own address, and one where it meets itself
    SelfId,
    /// Announce and serve blocks of another genesis
    WrongGenesis,
    /// Announce and serve blocks that were mined beyond the time that is allowed
    FutureBlocks,
    /// Announce a heavier chain, give its headers and never its bodies
    HeadersWithoutBodies,
    /// Claim a great height and give nothing for it, or always an old tip
    StaleTip,
}

impl Attack {
    /// Peers in one run, unless it is said how many.
    pub(crate) fn default_count(self) -> u32 {
        match self {
            Self::ConnectFlood => 10_000,
            Self::Silence | Self::SlowHandshake | Self::HalfHandshake => 200,
            Self::OversizedHandshake | Self::TamperedHandshake => 50,
            Self::StalledFrame | Self::LargeFrames | Self::NeverReads => 20,
            Self::FinishWithFrames
            | Self::OversizedFrame
            | Self::ReplayedFrame
            | Self::ReorderedFrames
            | Self::TamperedFrame
            | Self::FrameFlood
            | Self::AddressFlood
            | Self::DeadAddresses => 10,
            Self::SelfId
            | Self::WrongGenesis
            | Self::FutureBlocks
            | Self::HeadersWithoutBodies
            | Self::StaleTip => 4,
        }
    }

    /// Peers at once at the most, where they come again and again.
    pub(crate) fn most_at_once(self) -> u32 {
        if matches!(self, Self::StalledFrame | Self::LargeFrames) { AT_ONCE_LARGE } else { AT_ONCE }
    }

    /// Peers at once where they come again and again, unless it is said how many.
    pub(crate) fn default_at_once(self) -> u32 {
        self.default_count().min(32).min(self.most_at_once())
    }

    /// New peers in a second, unless it is said how many.
    pub(crate) fn default_rate(self) -> u32 {
        if self == Self::ConnectFlood { 500 } else { 20 }
    }
}

/// One attack, once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) attack: Attack,
    pub(crate) target: SocketAddr,
    pub(crate) from: Option<IpAddr>,
    pub(crate) time: Duration,
    pub(crate) count: u32,
    pub(crate) block_time_ms: u64,
}

/// One attack, kept up.
#[derive(Debug, Clone)]
pub(crate) struct StandingPlan {
    pub(crate) attack: Attack,
    pub(crate) targets: Vec<SocketAddr>,
    pub(crate) from: Option<IpAddr>,
    /// Where the first target's mirror listens, if the attack has mirrors.
    pub(crate) listen_port: u16,
    pub(crate) time: Duration,
    /// Peers at once, over all targets.
    pub(crate) count: u32,
    /// New peers in a second, over all targets.
    pub(crate) rate: u32,
    pub(crate) block_time_ms: u64,
    /// Where what is printed goes as well.
    pub(crate) report: Option<PathBuf>,
}

/// Whether an address is on this machine or in a private or testbed network.
pub(crate) fn is_ours(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            ip.is_loopback()
                || ip.is_private()
                || (ip.octets()[0] == 198 && ip.octets()[1] & 0xfe == 18)
        }
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local(),
    }
}

/// Reads a target; only what cannot leave a testbed is accepted.
pub(crate) fn target(text: &str) -> Result<SocketAddr, String> {
    let target: SocketAddr = text.parse().map_err(|_| "must be an IP and a port".to_owned())?;
    if is_ours(target.ip()) {
        Ok(target)
    } else {
        Err("must be on loopback, in a private network or in 198.18.0.0/15: this program is for one's own nodes".to_owned())
    }
}

/// Reads a list of targets as `HEGEMON_SEEDS` has them. No name is looked up: who knows where it
/// leads.
pub(crate) fn targets(text: &str) -> Result<Vec<SocketAddr>, String> {
    let mut targets: Vec<SocketAddr> = Vec::new();
    for entry in text.split(',').map(str::trim) {
        let with_port = entry.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, DEFAULT_PORT));
        let read = with_port.map_or_else(|_| target(entry), |addr| target(&addr.to_string()));
        let found = read.map_err(|error| format!("{entry:?} {error}"))?;
        if !targets.contains(&found) {
            targets.push(found);
        }
    }
    if targets.len() > MAX_TARGETS {
        return Err(format!("must be at most {MAX_TARGETS} targets"));
    }
    Ok(targets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_targets_that_cannot_be_anybody_else_s_are_accepted() {
        for good in [
            "127.0.0.1:1",
            "[::1]:1",
            "10.1.2.3:1",
            "192.168.0.1:1",
            "172.31.0.1:1",
            "198.18.0.1:1",
            "198.19.255.1:1",
            "[fd00::1]:1",
            "[::ffff:127.0.0.1]:1",
        ] {
            assert!(target(good).is_ok(), "{good}");
        }
        for bad in [
            "8.8.8.8:1",
            "198.20.0.1:1",
            "198.17.0.1:1",
            "172.32.0.1:1",
            "169.254.1.1:1",
            "0.0.0.0:1",
            "[2001:db8::1]:1",
            "[::ffff:8.8.8.8]:1",
            "localhost:1",
            "127.0.0.1",
        ] {
            assert!(target(bad).is_err(), "{bad}");
            // In a list a port may be left out.
            let is_good_there = bad == "127.0.0.1";
            assert_eq!(targets(&format!("127.0.0.1:1,{bad}")).is_ok(), is_good_there, "{bad}");
        }
    }

    #[test]
    fn a_list_of_targets_is_read_as_seeds_are() {
        let read = targets("198.18.0.2:1, 198.18.0.3,[fd00::1]:2,fd00::1,198.18.0.2:1").unwrap();
        let expected = ["198.18.0.2:1", "198.18.0.3:30333", "[fd00::1]:2", "[fd00::1]:30333"];
        assert_eq!(read, expected.map(|addr| addr.parse().unwrap()));
        for bad in ["", ",", "127.0.0.1:1,", "seed:1", "127.0.0.1:1,8.8.8.8"] {
            assert!(targets(bad).is_err(), "{bad}");
        }
        let many: Vec<String> = (1..=65).map(|port| format!("127.0.0.1:{port}")).collect();
        assert!(targets(&many.join(",")).is_err());
    }
}
