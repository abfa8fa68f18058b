//! What a node that we did not write sent and stored: every discovery message and its peer store.

#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

use std::time::Duration;

use hegemon_discovery::{
    Config, DecodeError, Engine, Loopback, Message, Mono, Now, PeerId,
    book::Table,
    snapshot::{self, Format},
};
use serde_json::Value;

const NOW: Now = Now { mono: Mono(0), wall: Duration::from_secs(1_795_000_000) };

fn recorded() -> Value {
    serde_json::from_str(include_str!("../../node-patch/vectors/pq-handshake.json")).unwrap()
}

fn messages() -> Vec<Message> {
    let addrs = vec!["203.0.113.10:30333".parse().unwrap(), "[2001:db8::7]:30334".parse().unwrap()];
    vec![
        Message::Hello { listen_port: 30333 },
        Message::GetAddrs { limit: 64 },
        Message::Addrs { addrs },
        Message::Addrs { addrs: vec![] },
    ]
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
    assert!(
        matches!(Message::decode(&list(1_000, 1_000)), Ok(Message::Addrs { addrs }) if addrs.len() == 1_000)
    );
    assert_eq!(Message::decode(&list(1_001, 1_001)), Err(DecodeError::TooManyAddresses));
    assert_eq!(Message::decode(&list(u64::MAX, 0)), Err(DecodeError::TooManyAddresses));
    assert_eq!(Message::decode(&list(1_000, 999)), Err(DecodeError::Malformed));
    assert_eq!(Message::decode(&[9, 0, 0, 0]), Err(DecodeError::Malformed));
    assert_eq!(Message::decode(&[]), Err(DecodeError::Malformed));
}

#[test]
fn the_recorded_peer_store_is_imported() {
    let stored = snapshot::decode(include_bytes!("../vectors/legacy-pq-peers.bin"), NOW).unwrap();
    assert_eq!((stored.format, stored.key, stored.anchors.len()), (Format::Legacy, None, 0));
    let addrs: Vec<String> =
        stored.records.iter().map(|(record, _)| record.addr.to_string()).collect();
    assert_eq!(addrs, ["127.0.0.1:31001", "127.0.0.1:31002", "203.0.113.5:30333"]);
    let tried: Vec<bool> = stored.records.iter().map(|(_, table)| *table == Table::Tried).collect();
    assert_eq!(tried.iter().filter(|tried| **tried).count(), 1);
    assert_eq!(
        stored.records.iter().map(|(record, _)| record.last_success.is_some()).collect::<Vec<_>>(),
        tried
    );

    let known = |loopback| {
        let config = Config { loopback, ..Config::new("0.0.0.0:30333".parse().unwrap(), 0) };
        Engine::new(config, [0; 32], stored.clone(), NOW).status(NOW).known
    };
    assert_eq!(known(Loopback::Refused), 0, "two loopback, one documentation range");
    assert_eq!(known(Loopback::Allowed), 2);
}

/// Written by the node of 23 November 2026, before the book had tables: one address reached an hour
/// before, one that failed once, one announced by its owner.
#[test]
fn a_store_of_version_1_is_read() {
    let stored = snapshot::decode(include_bytes!("../vectors/peers-v1.bin"), NOW).unwrap();
    assert_eq!((stored.format, stored.key, stored.anchors.len()), (Format::Earlier, None, 0));
    let seen: Vec<_> = stored
        .records
        .iter()
        .map(|(record, table)| {
            (record.addr.to_string(), record.last_success, record.failures, record.proven, *table)
        })
        .collect();
    assert_eq!(
        seen,
        [
            (
                "198.18.0.2:30333".to_owned(),
                Some(Mono(-3_600_000)),
                0,
                Some(PeerId([7; 32])),
                Table::Tried
            ),
            ("198.18.0.3:30334".to_owned(), None, 1, None, Table::New),
            ("[2606:4700::7]:30335".to_owned(), None, 0, None, Table::New),
        ]
    );
    assert!(stored.records.iter().all(|(record, _)| record.source == record.addr.ip()));
}
