//! The sync engine between two peers that send anything: frames of both chain protocols, openings
//! and closings, and time that passes. Each piece of input begins with what it is and its length.
#![no_main]

use std::time::Duration;

use hegemon_discovery::Mono;
use hegemon_node::{
    chain::{Chain, ChainParams},
    net::handle::{ChainProtocol, PeerId, SessionId},
    sync::{Action, Event, SyncEngine},
};
use libfuzzer_sys::fuzz_target;

const NOW_MS: u64 = 2_000_000_000_000;

fuzz_target!(|input: &[u8]| {
    let storage = redb::backends::InMemoryBackend::new();
    let chain = Chain::on(storage, ChainParams::trivial("fuzz")).expect("memory does not fail");
    let (mut engine, mut now, mut input) = (SyncEngine::default(), Mono(0), input);
    while let [kind, length, rest @ ..] = input {
        let (data, rest) = rest.split_at(rest.len().min(usize::from(*length) * 16));
        input = rest;
        let session = SessionId(u64::from(kind & 1));
        let event = match kind >> 1 & 7 {
            0 => Event::Opened { session, peer: PeerId([*kind; 32]) },
            1 => Event::Closed { session },
            2 => {
                now = now.after(Duration::from_millis(u64::from(*length) * 100));
                Event::Wakeup
            }
            3 | 4 => frame(session, ChainProtocol::BlockAnnounces, data),
            _ => frame(session, ChainProtocol::Sync, data),
        };
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            for action in engine.handle(&chain, event, now).expect("memory does not fail") {
                if let Action::Import { source, blocks } = action {
                    let outcomes =
                        chain.import_batch(&blocks, NOW_MS).expect("memory does not fail");
                    let results = blocks.iter().zip(outcomes).map(|(block, outcome)| {
                        (block.hash(), u64::from(block.number()), outcome)
                    });
                    events.push(Event::Imported { source, results: results.collect() });
                }
            }
        }
        let status = engine.status(&chain);
        assert!(status.claims.len() <= 2);
        assert!(engine.next_wakeup().is_none_or(|at| at >= Mono(0)));
    }
});

fn frame(session: SessionId, protocol: ChainProtocol, data: &[u8]) -> Event {
    Event::Frame { session, protocol, data: bytes::Bytes::copy_from_slice(data) }
}
