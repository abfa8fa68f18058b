//! Where a target is attacked from, and what is counted of it: shared by all its peers.

use std::net::{IpAddr, SocketAddr};

use crate::report::Tally;

/// See the module.
#[derive(Debug)]
pub(crate) struct Front {
    pub(crate) target: SocketAddr,
    /// Source address, if it is chosen.
    pub(crate) from: Option<IpAddr>,
    /// The port at which this target meets itself.
    pub(crate) mirror: Option<u16>,
    /// Of the target's dev chain.
    pub(crate) block_time_ms: u64,
    pub(crate) tally: Tally,
}
