//! What a node that we did not write sent and stored: every discovery message and its peer store.

#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

use std::time::Duration;

use hegemon_discovery::{
    Config, DecodeError, Engine, Loopback, Message, Mono, Now,
    snapshot::{self, Format},
};
use serde_json::Value;

const NOW: Now = Now { mono: Mono(0), wall: Duration::from_secs(1_795_000_000) };

fn recorded() -> Value {
    serde_json::from_str(include_str!("../../node-patch/vectors/pq-handshake.json")).unwrap()
}

fn messages() -> Vec<Message> {
    let addrs = vec!["203.0.113.10:30333".parse().unwrap(), "[2001:db8::7]:30334".parse().unwrap()];
    vec![Message::Hello { listen_port: 30333 }, Message::GetAddrs { limit: 64 }, Message::Addrs { addrs }, Message::Addrs { addrs: vec![] }]
}

#[test]
fn every_recorded_message_both_ways() {
    let recorded = recorded();
    let items = recorded["discovery"].as_array().unwrap();
    assert_eq!(items.len(), messages().len());
    for (item, message) in items.iter().zip(messages()) {
        let bytes = hex::decode(item["encoded"].as_str().unwrap()).unwrap();
        assert_eq!(hex::encode(message.encode()), hex::encode(&bytes), "{message:?}");
        assert_eq!(Message::decode(&bytes), Ok(message.clone()));
        let trailing = [bytes.as_slice(), b"more"].concat();
        assert_eq!(Message::decode(&trailing), Ok(message), "bytes after a message are ignored");
        for cut in 0..bytes.len() {
            assert_eq!(Message::decode(&bytes[..cut]), Err(DecodeError::Malformed), "cut at {cut}");
        }
    }
}

#[test]
fn a_long_list_is_told_from_garbage_and_from_a_list_that_fits() {
    let list = |declared: u64, entries: usize| {
        let mut bytes = vec![2, 0, 0, 0];
        bytes.extend(declared.to_le_bytes());
        for _ in 0..entries {
            bytes.extend([0, 0, 0, 0, 198, 18, 0, 1, 0x7d, 0x76]);
        }
        bytes
    };
    assert!(matches!(Message::decode(&list(1_000, 1_000)), Ok(Message::Addrs { addrs }) if addrs.len() == 1_000));
    assert_eq!(Message::decode(&list(1_001, 1_001)), Err(DecodeError::TooManyAddresses));
    assert_eq!(Message::decode(&list(u64::MAX, 0)), Err(DecodeError::TooManyAddresses));
    assert_eq!(Message::decode(&list(1_000, 999)), Err(DecodeError::Malformed));
    assert_eq!(Message::decode(&[9, 0, 0, 0]), Err(DecodeError::Malformed));
    assert_eq!(Message::decode(&[]), Err(DecodeError::Malformed));
}

#[test]
fn the_recorded_peer_store_is_imported() {
    let bytes = include_bytes!("../vectors/legacy-pq-peers.bin");
    let (records, format) = snapshot::decode(bytes, NOW).unwrap();
    assert_eq!(format, Format::Legacy);
    let addrs: Vec<String> = records.iter().map(|record| record.addr.to_string()).collect();
    assert_eq!(addrs, ["127.0.0.1:31001", "127.0.0.1:31002", "203.0.113.5:30333"]);
    assert_eq!(records.iter().filter(|record| record.last_success.is_some()).count(), 1);

    let known = |loopback| {
        let config = Config { loopback, ..Config::new("0.0.0.0:30333".parse().unwrap(), 0) };
        Engine::new(config, [0; 32], records.clone(), NOW).status(NOW).known
    };
    assert_eq!(known(Loopback::Refused), 0, "two loopback, one documentation range");
    assert_eq!(known(Loopback::Allowed), 2);
}
