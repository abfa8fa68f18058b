//! The two decoders that read what others wrote: no bytes make them panic, and what was written is read.

use std::{net::SocketAddr, time::Duration};

use hegemon_discovery::{
    Message, Mono, Now, PeerId,
    book::{Book, Change},
    snapshot::{self, Format},
};
use proptest::prelude::*;

const NOW: Now = Now { mono: Mono(0), wall: Duration::from_secs(1_795_000_000) };

fn address() -> impl Strategy<Value = SocketAddr> {
    prop_oneof![
        any::<([u8; 4], u16)>().prop_map(SocketAddr::from),
        // An IPv4-mapped address is kept in its IPv4 form, so it would not come back as it was.
        any::<([u8; 16], u16)>().prop_filter("canonical", |(ip, _)| ip[..10] != [0; 10]).prop_map(SocketAddr::from),
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
        prop_assert_eq!(Message::decode(&message.encode()), Ok(message));
    }

    #[test]
    fn no_bytes_panic(tag in 0..4_u8, bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = Message::decode(&[&[tag, 0, 0, 0], bytes.as_slice()].concat());
        let _ = snapshot::decode(&bytes, NOW);
        let _ = snapshot::decode(&[b"HEGPEERS", bytes.as_slice()].concat(), NOW);
    }

    #[test]
    fn a_book_comes_back_and_a_changed_one_does_not(addrs in prop::collection::btree_set(address(), 1..40), at: prop::sample::Index, bit in 0..8_u32) {
        let mut book = Book::default();
        for addr in &addrs {
            let _ = book.note(*addr, Change::Succeeded { peer: PeerId([7; 32]) }, NOW.mono);
        }
        let mut bytes = snapshot::encode(&book, NOW);
        let (records, format) = snapshot::decode(&bytes, NOW).unwrap();
        prop_assert_eq!(format, Format::Current);
        prop_assert_eq!(records.iter().map(|record| (record.addr, record.proven)).collect::<Vec<_>>(), book.records().map(|record| (record.addr, record.proven)).collect::<Vec<_>>());
        let at = at.index(bytes.len());
        bytes[at] ^= 1_u8 << bit;
        prop_assert!(snapshot::decode(&bytes, NOW).is_err(), "byte {}", at);
    }
}
