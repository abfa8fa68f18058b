//! Which attacks there are, whom they may hit, and running many peers at once.

use std::{
    io::ErrorKind,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use clap::ValueEnum;
use serde::Serialize;
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, timeout_at},
};

use crate::{
    handshakes,
    peer::Peer,
    report::{Report, Tally},
    sessions,
};

/// Peers at once: more would need another limit of descriptors than most systems give.
const AT_ONCE: usize = 512;

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

    /// One peer, to its end: `Ok` if we ended it, an error if the target did.
    async fn perform(self, peer: Peer) -> std::io::Result<()> {
        match self {
            Self::Silence => handshakes::silence(peer).await,
            Self::SlowHandshake => handshakes::slow(peer).await,
            Self::HalfHandshake => handshakes::half(peer).await,
            Self::OversizedHandshake => handshakes::oversized(peer).await,
            Self::TamperedHandshake => handshakes::tampered(peer).await,
            Self::ConnectFlood => handshakes::connect_only(peer).await,
            Self::FinishWithFrames => sessions::finish_with_frames(peer).await,
            Self::OversizedFrame => sessions::oversized(peer).await,
            Self::StalledFrame => sessions::stalled(peer).await,
            Self::LargeFrames => sessions::large(peer).await,
            Self::ReplayedFrame => sessions::replayed(peer).await,
            Self::ReorderedFrames => sessions::reordered(peer).await,
            Self::TamperedFrame => sessions::tampered(peer).await,
            Self::FrameFlood => sessions::flood(peer).await,
            Self::AddressFlood => sessions::addresses(peer).await,
            Self::NeverReads => sessions::never_reads(peer).await,
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

/// Runs every peer, or as many as there is time for.
pub(crate) async fn run(plan: Plan) -> Report {
    let (begin, tally, places) =
        (Instant::now(), Arc::new(Tally::default()), Arc::new(Semaphore::new(AT_ONCE)));
    let deadline = begin + plan.time;
    let mut peers = JoinSet::new();
    for _ in 0..plan.count {
        let Ok(Ok(place)) = timeout_at(deadline, places.clone().acquire_owned()).await else {
            break;
        };
        // Those that have ended are forgotten as we go.
        while peers.try_join_next().is_some() {}
        let tally = tally.clone();
        peers.spawn(async move {
            one(plan, deadline, tally).await;
            drop(place);
        });
    }
    while peers.join_next().await.is_some() {}
    tally.report(plan, begin.elapsed())
}

async fn one(plan: Plan, deadline: Instant, tally: Arc<Tally>) {
    let connecting = Peer::connect(plan.target, plan.from, tally.clone());
    let peer = match timeout_at(deadline, connecting).await {
        Ok(Ok(peer)) => peer,
        // Turned away faster than we could see the connection.
        Ok(Err(error)) if error.kind() == ErrorKind::ConnectionReset => {
            return tally.count(|counts| counts.refused += 1);
        }
        Ok(Err(_)) | Err(_) => return tally.count(|counts| counts.not_connected += 1),
    };
    let begin = Instant::now();
    let ended = timeout_at(deadline, plan.attack.perform(peer)).await;
    tally.count(|counts| match ended {
        Ok(Err(_)) => counts.closed_after.push(begin.elapsed()),
        Ok(Ok(())) => counts.ended_by_us += 1,
        Err(_) => counts.open_at_the_end += 1,
    });
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
