//! A hostile peer opens a session to a node of a settled network of ten and sends 16 MiB: an
//! `Addrs` that declares 500,000 addresses, all of them the attacker's, and padding. The same bytes
//! are decoded once more with the thread's allocations counted.
//!
//! Measured: bytes allocated by decoding, whether the session is closed, dials to the attacker's
//! addresses.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use hegemon_discovery::{DecodeError, Message};

use super::{Outcome, Scenario};
use crate::{
    addresses::PORT,
    bench::Bench,
    hostile::{Pool, Script},
    town::Town,
    world::Setting,
};

pub(super) const SCENARIO: Scenario = Scenario {
    name: "oversize",
    what: "16 MiB Addrs of 500,000 addresses",
    goal: "refused before allocation (≤ 4 KiB), session closed, no dial",
    run,
};

const DECLARED: u32 = 500_000;
const BYTES: usize = 16 << 20;
const ALLOWED: u64 = 4 << 10;

fn run(bench: Bench) -> Outcome {
    let bytes = oversized();
    let before = bench.memory.map(|memory| (memory.allocated)());
    let refused = Message::decode(&bytes) == Err(DecodeError::TooManyAddresses);
    let allocated = bench
        .memory
        .map(|memory| (memory.allocated)())
        .zip(before)
        .map(|(after, before)| after - before);
    let (closed, dials) = against_a_node(bytes.into());
    let counted = allocated
        .map_or("allocations not counted".to_owned(), |bytes| format!("{bytes} B allocated"));
    let session = if closed { "session closed" } else { "session lives" };
    let met = refused && allocated.is_some_and(|bytes| bytes <= ALLOWED) && closed && dials == 0;
    Outcome::new(format!("{counted}, {session}, {dials} dials"), met)
}

/// As the codec writes it, by hand: the codec would refuse to.
fn oversized() -> Vec<u8> {
    let mut bytes = Vec::with_capacity(BYTES);
    bytes.extend(2_u32.to_le_bytes());
    bytes.extend(u64::from(DECLARED).to_le_bytes());
    for number in 0..DECLARED {
        bytes.extend(0_u32.to_le_bytes());
        bytes.extend(Ipv4Addr::from_bits((60 << 24) + number).octets());
        bytes.extend(PORT.to_le_bytes());
    }
    bytes.resize(BYTES, 0);
    bytes
}

/// Whether a node closed the session over which it got the bytes, and how often it dialled the
/// attacker's network.
fn against_a_node(bytes: Arc<[u8]>) -> (bool, usize) {
    let mut town = Town::settled(Setting::new(0), 10, Duration::from_secs(60));
    let victim = town.nodes[5];
    let script = Script {
        pool: Arc::new(Pool::default()),
        victims: vec![town.world.host(victim).addr],
        opening: Some(bytes),
        news_every: None,
        news_length: 0,
    };
    let addr = town.world.draw_hostile(200);
    let hostile = town.world.add_hostile(addr, script);
    town.world.start(hostile);
    // One latency and a handshake: then the bytes are there, and the attacker's next attempt is not
    // yet.
    town.world.run_for(Duration::from_secs(5));
    let is_attacker = |addr: &std::net::SocketAddr| matches!(addr.ip(), std::net::IpAddr::V4(ip) if ip.octets()[0] == 60);
    let dials = town
        .world
        .host(victim)
        .tally
        .started
        .iter()
        .filter(|(_, to)| is_attacker(to) && *to != addr)
        .count();
    let delivered = town.world.host(hostile).tally.handshakes > 0;
    (delivered && !town.world.peers(victim).contains(&hostile), dials)
}
