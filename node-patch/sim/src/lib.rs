//! A network in a box: many nodes, each the `Peering` of a real one (discovery engine and session
//! table), in virtual time. No socket, no clock, no packet: addresses exist in engines only.
//!
//! | module | is about |
//! | --- | --- |
//! | [`world`], `queue` | hosts, connections, faults, and the loop that takes one thing after another out of the queue |
//! | `actor`, `output` | who runs on a host and what it is told; what it wants |
//! | [`node`] | an honest node: the `Peering` of a real one, without sockets |
//! | [`hostile`] | a peer that follows a script |
//! | [`addresses`], `chance` | who has which address, and in which network group; every draw, by what it is for |
//! | [`frame`], [`store`] | what travels over a session; what a node finds when it starts |
//! | [`town`] | networks to begin a scenario with |
//! | [`scenarios`] | the table: what discovery has to show, one scenario a file |
//! | [`run`] | one network, one run, its figures |
//! | [`bench`](mod@bench), [`figures`], [`meter`] | many runs on all cores, percentiles, bytes |
//! | [`whole`] | whole nodes instead, with faults: a room of its own |
//! | [`cli`] | the command `hegemon-sim` |
//!
//! # What is the same and what is not
//!
//! **Real**: every decision of discovery and every one about sessions: which of two with one peer
//! stays, overflow slots, probes. The wire's codec for sizes and for hostile bytes. **Modelled**:
//! TCP and the handshake by their round trips, latency once for each pair of hosts, keepalives by
//! arithmetic instead of an event for each, names of seeds by a list. **Left out**: bandwidth,
//! loss, jitter, limits on pending handshakes, descriptors, the chain.
//!
//! # One seed
//!
//! Everything that is drawn follows from [`Setting::seed`](world::Setting): a pair's latency, an
//! engine's entropy, an outage's kind. Two runs of one setting are identical, whichever thread they
//! run on; [`World::digest`] tells whether two were.

mod actor;
pub mod addresses;
pub mod bench;
pub mod cli;
pub mod figures;
pub mod frame;
pub mod hostile;
pub mod meter;
pub mod node;
pub mod run;
pub mod scenarios;
pub mod store;
pub mod town;
pub mod whole;
pub mod world;

mod chance;
mod output;
mod queue;

pub use hostile::{Pool, Script};
pub use world::{Exit, Host, HostIndex, Outage, Reach, Setting, Tally, World};
