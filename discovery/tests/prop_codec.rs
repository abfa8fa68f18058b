//! The two decoders that read what others wrote: no bytes make them panic, and what was written is
//! read.

use std::{net::SocketAddr, time::Duration};

use hegemon_discovery::{
    Groups, Message, Mono, Now, PeerId,
    book::{Book, Change, Layout, Table},
    limits::ANCHORS,
    snapshot::{self, Format},
};
use proptest::prelude::*;

const NOW: Now = Now { mono: Mono(0), wall: Duration::from_secs(1_795_000_000) };

fn address() -> impl Strategy<Value = SocketAddr> {
    prop_oneof![
        any::<([u8; 4], u16)>().prop_map(SocketAddr::from),
        // An IPv4-mapped address is kept in its IPv4 form, so it would not come back as it was.
        any::<([u8; 16], u16)>()
            .prop_filter("canonical", |(ip, _)| ip[..10] != [0; 10])
            .prop_map(SocketAddr::from),
    ]
}

fn message() -> impl Strategy<Value = Message> {
    prop_oneof![
        any::<u16>().prop_map(|listen_port| Message::Hello { listen_port }),
        any::<u16>().prop_map(|limit| Message::GetAddrs { limit }),
        prop::collection::vec(address(), 0..100).prop_map(|addrs| Message::Addrs { addrs }),
    ]
}

proptest! {
    #[test]
    fn a_message_comes_back_as_it_was(message in message()) {
        let bytes = message.encode();
        prop_assert_eq!(bytes.len(), message.encoded_len());
        prop_assert_eq!(Message::decode(&bytes), Ok(message));
    }

    #[test]
    fn no_bytes_panic(tag in 0..4_u8, bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = Message::decode(&[&[tag, 0, 0, 0], bytes.as_slice()].concat());
        let _ = snapshot::decode(&bytes, NOW);
        let _ = snapshot::decode(&[b"HEGPEERS", bytes.as_slice()].concat(), NOW);
    }

    #[test]
    fn a_book_comes_back_and_a_changed_one_does_not(addrs in prop::collection::btree_set(address(), 1..40), at: prop::sample::Index, bit in 0..8_u32) {
        let mut book = Book::new([3; 16], Layout::TABLES, Groups::Weighed);
        for (index, addr) in addrs.iter().enumerate() {
            let change = if index % 2 == 0 { Change::Succeeded { peer: PeerId([7; 32]) } } else { Change::Heard { source: [198, 18, 0, 9].into() } };
            let _ = book.note(*addr, change, NOW.mono);
        }
        let anchors: Vec<SocketAddr> = addrs.into_iter().take(ANCHORS + 1).collect();
        let mut bytes = snapshot::encode(&book, &anchors, NOW);
        prop_assert_eq!(&bytes, &snapshot::encode(&book, &anchors[..anchors.len().min(ANCHORS)], NOW), "no more than eight are written");
        let stored = snapshot::decode(&bytes, NOW).unwrap();
        prop_assert_eq!((stored.format, stored.key), (Format::Current, Some([3; 16])));
        prop_assert_eq!(&stored.anchors, &anchors[..anchors.len().min(ANCHORS)]);
        let table = |addr| if book.is_tried(addr) { Table::Tried } else { Table::New };
        prop_assert_eq!(stored.records, book.records().map(|record| (record, table(record.addr))).collect::<Vec<_>>());
        let at = at.index(bytes.len());
        bytes[at] ^= 1_u8 << bit;
        prop_assert!(snapshot::decode(&bytes, NOW).is_err(), "byte {}", at);
    }
    /// A store that rotted before its checksum was made, or that somebody wrote on purpose.
    #[test]
    fn no_body_behind_a_good_checksum_panics(addrs in prop::collection::btree_set(address(), 1..10), version in 0..4_u16, changes in prop::collection::vec(any::<(prop::sample::Index, u8)>(), 0..4)) {
        let mut book = Book::new([3; 16], Layout::TABLES, Groups::Weighed);
        for addr in &addrs {
            let _ = book.note(*addr, Change::Succeeded { peer: PeerId([7; 32]) }, NOW.mono);
        }
        let mut bytes = snapshot::encode(&book, &[], NOW);
        bytes.truncate(bytes.len() - 4);
        bytes[8..10].copy_from_slice(&version.to_le_bytes());
        for (at, byte) in changes {
            let body = &mut bytes[10..];
            let at = at.index(body.len());
            body[at] = byte;
        }
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        if let Ok(stored) = snapshot::decode(&bytes, NOW) {
            let mut again = Book::new([4; 16], Layout::TABLES, Groups::Weighed);
            stored.records.iter().for_each(|(record, table)| again.restore(*record, *table, NOW.mono));
            prop_assert!(version == 2 || version == 1);
        }
    }
}
