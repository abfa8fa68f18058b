//! What waits in the queue: something that will happen.

use std::net::SocketAddr;

use hegemon_discovery::{DialError, DialId, Mono, SeedIndex};

use crate::world::{
    HostIndex,
    connection::{Carried, ConnectionIndex, Side},
};

/// See the module.
#[derive(Debug)]
pub(crate) enum Packet {
    /// A host wants to be woken; void if it has another wish by now.
    Wake { host: HostIndex, due: Mono },
    /// The dialler has shaken hands, if the listener is still there.
    DiallerReady(ConnectionIndex),
    /// The listener has.
    ListenerReady(ConnectionIndex),
    /// A dial led nowhere.
    DialFailed { host: HostIndex, life: u32, dial: DialId, error: DialError },
    /// Something arrives at an end.
    Arrival { connection: ConnectionIndex, to: Side, carried: Carried },
    /// An end notices that nothing arrives any more, in a certain cut.
    Silence { connection: ConnectionIndex, at: Side, cut: u32 },
    /// A name was looked up.
    Resolved { host: HostIndex, life: u32, seed: SeedIndex, addrs: Vec<SocketAddr> },
}
