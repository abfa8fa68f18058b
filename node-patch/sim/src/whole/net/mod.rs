//! The network of the box: what a kernel and a wire do for a node, in virtual time.
//!
//! | module | is about |
//! | --- | --- |
//! | `paths` | latency, jitter, loss, cuts, held packets; what a fault was seen to do |
//! | `connection` | one connection as two kernels have it |
//! | `fabric` | all of them, and the queue of what is under way |
//! | `packets` | what happens when something is due |
//! | `network` | all of it, driven by virtual time; its faults |
//! | `ends` | what a process holds: streams, listeners, dials |
//!
//! Modelled after Linux as far as a node can tell: three packets to connect, a refusal where nobody
//! listens and silence where nobody is, order within a connection, a bounded window, a loss as the
//! time that repeating takes, a reset where data was left unread or nobody knows the connection,
//! half-open ends, thirty seconds without an acknowledgement. Left out: bandwidth, congestion,
//! fragments, duplicates (which a kernel hides), descriptors, ARP.

mod connection;
mod ends;
mod fabric;
mod network;
mod packets;
mod paths;

pub use self::{
    ends::HostNet,
    fabric::{Counts, Ends},
    network::SimNet,
    paths::{HostId, Toll, Weather},
};
