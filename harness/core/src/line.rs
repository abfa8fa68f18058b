//! Lines between nodes: how packets of one reach another, and what was seen of that from inside their
//! networks. A line has a direction; what is not said of a pair is as it was.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::seconds;

/// What becomes of the packets from one node to another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Line {
    /// Nothing is done to them.
    Open,
    /// All are lost, and nobody is told.
    Cut,
    /// Some are lost, and others late.
    Bad(BadLine),
}

/// A bad line.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct BadLine {
    /// Added to every packet's way.
    #[serde(with = "seconds")]
    pub delay: Duration,
    /// Added to it, or taken from it, at most.
    #[serde(with = "seconds")]
    pub jitter: Duration,
    /// The share of packets that is lost, in per cent.
    pub loss: f64,
    /// At most so many bytes a second, where it is limited.
    pub rate: Option<u64>,
}

/// What a line from one node to another is to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LineChange {
    /// Whose packets.
    pub from: String,
    /// To whom.
    pub to: String,
    /// What becomes of them.
    pub line: Line,
}

/// Datagrams that a probe sends on each path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Datagrams {
    /// Enough to see whether any comes through.
    Few,
    /// Enough to count losses: 200.
    Many,
}

impl Datagrams {
    /// How many.
    pub fn count(self) -> u32 {
        match self {
            Self::Few => 5,
            Self::Many => 200,
        }
    }
}

/// A way from one node to another, tried from inside the network of the first: what the probe cannot
/// reach, the node cannot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathSeen {
    /// From whose network.
    pub from: String,
    /// To whose transport address.
    pub to: String,
    /// What became of a TCP connect to that.
    pub connect: Connect,
    /// Datagrams that were sent from the one to the other.
    pub sent: u32,
    /// Those that were seen to arrive, at the other.
    pub arrived: u32,
    /// Those whose echo came back to the one.
    pub echoed: u32,
    /// The median of their round trips, in microseconds.
    pub round_trip_us: Option<u64>,
}

/// What became of a TCP connect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Connect {
    /// It was accepted.
    Accepted,
    /// It was refused: packets pass in both directions, and nobody listens.
    Refused,
    /// Nothing came back within the limit (1 s): packets are lost in one direction at least.
    Silent,
    /// The sender's own network had an error for it at once. A cut line does not.
    Failed(String),
}

impl Connect {
    /// Packets pass in both directions.
    pub fn passes(&self) -> bool {
        match self {
            Self::Accepted | Self::Refused => true,
            Self::Silent | Self::Failed(_) => false,
        }
    }
}
