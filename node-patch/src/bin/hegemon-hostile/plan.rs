//! Which attacks there are, and whom they may hit.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use clap::ValueEnum;
use serde::Serialize;

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
    /// Ask for much and read nothing
    NeverReads,
}

impl Attack {
    /// Peers, unless it is said how many.
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
            | Self::AddressFlood => 10,
        }
    }
}

/// One run of the program.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) attack: Attack,
    pub(crate) target: SocketAddr,
    pub(crate) from: Option<IpAddr>,
    pub(crate) time: Duration,
    pub(crate) count: u32,
}

/// Reads a target; only what cannot leave a testbed is accepted.
pub(crate) fn target(text: &str) -> Result<SocketAddr, String> {
    let target: SocketAddr = text.parse().map_err(|_| "must be an IP and a port".to_owned())?;
    let allowed = match target.ip().to_canonical() {
        IpAddr::V4(ip) => {
            ip.is_loopback()
                || ip.is_private()
                || (ip.octets()[0] == 198 && ip.octets()[1] & 0xfe == 18)
        }
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local(),
    };
    if allowed {
        Ok(target)
    } else {
        Err("must be on loopback, in a private network or in 198.18.0.0/15: this program is for one's own nodes".to_owned())
    }
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
        }
    }
}
