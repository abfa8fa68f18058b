//! What the book costs. `cargo bench -p hegemon-discovery` prints the time of one change in a full
//! book, of a flood of a million, of a look at every record, of a snapshot; and the memory of a
//! full book, "max alloc" of `full_book`: divide it by its 20,480 records; and that of a book in a
//! network of a thousand, "max alloc" of `book_of_a_thousand`.

use std::{
    hint::black_box,
    net::{IpAddr, SocketAddr},
    sync::LazyLock,
    time::Duration,
};

use divan::{AllocProfiler, Bencher};
use hegemon_discovery::{
    Groups, Mono, Now, PeerId,
    book::{Book, Change, Layout},
    limits::{BOOK_CAPACITY, NEW_PER_GROUP},
    snapshot,
};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

const NOW: Now = Now { mono: Mono(1_000), wall: Duration::from_secs(1_795_000_000) };

fn main() {
    divan::main();
}

/// A bijection of 32 bits: every number another address, all over the networks.
fn scattered(n: u32) -> SocketAddr {
    let [a, b, c, d] = n.wrapping_mul(2_654_435_761).to_be_bytes();
    SocketAddr::from(([a, b, c, d], 30_333))
}

fn heard(n: u32) -> Change {
    let [a, b, c, d] = n.wrapping_mul(2_246_822_519).to_be_bytes();
    Change::Heard { source: IpAddr::from([a, b, c, d]) }
}

/// Every place taken, a fifth of them by tried addresses, each of another host.
fn filled() -> Book {
    let mut book = Book::new([9; 16], Layout::TABLES, Groups::Weighed);
    for n in 0.. {
        let addr = scattered(n);
        let _ = book.note(addr, heard(n), Mono(0));
        if book.len() == BOOK_CAPACITY {
            break;
        }
        if n % 2 == 0 && book.contains(addr) {
            let _ = book.note(addr, Change::Succeeded { peer: PeerId([1; 32]) }, Mono(1));
        }
    }
    assert_eq!(book.len(), BOOK_CAPACITY);
    book
}

static FULL: LazyLock<Book> = LazyLock::new(filled);

/// Its memory is what this is about.
#[divan::bench(sample_count = 1, sample_size = 1)]
fn full_book() -> Book {
    filled()
}

/// What a node of a network of a thousand knows after a few minutes: most by hearsay, twenty peers.
#[divan::bench(sample_count = 1, sample_size = 1)]
fn book_of_a_thousand() -> Book {
    let mut book = Book::new([9; 16], Layout::TABLES, Groups::Weighed);
    for n in 0..1_000 {
        let _ = book.note(scattered(n), heard(n % 20), Mono(0));
        if n % 50 == 0 {
            let _ = book.note(scattered(n), Change::Succeeded { peer: PeerId([1; 32]) }, Mono(1));
        }
    }
    assert_eq!(book.len(), 1_000);
    book
}

/// Hearsay of which there is no record, and no place: sixty-four others are looked at in vain.
#[divan::bench]
fn note_refused(bencher: Bencher<'_, '_>) {
    let (mut book, mut n) = (filled(), 1 << 31);
    bencher.bench_local(|| {
        n += 1;
        book.note(scattered(n), heard(n), NOW.mono)
    });
}

/// A sign of life of a record that there is.
#[divan::bench]
fn note_known(bencher: Bencher<'_, '_>) {
    let mut book = filled();
    let known: Vec<SocketAddr> = book.records().map(|record| record.addr).collect();
    let mut turn = known.iter().cycle();
    bencher.bench_local(|| {
        turn.next()
            .map(|addr| book.note(*addr, Change::Succeeded { peer: PeerId([1; 32]) }, NOW.mono))
    });
}

/// A million addresses of one /16 through one source.
#[divan::bench(sample_count = 3, sample_size = 1)]
fn flood_of_a_million() -> Book {
    let mut book = Book::new([9; 16], Layout::TABLES, Groups::Weighed);
    for n in 0..1_000_000_u32 {
        let [_, ports, c, d] = n.to_be_bytes();
        let _ = book.note(
            SocketAddr::from(([45, 66, c, d], 30_000 + u16::from(ports))),
            Change::Heard { source: [45, 66, 1, 1].into() },
            NOW.mono,
        );
    }
    assert!(book.len() > NEW_PER_GROUP / 2 && book.len() <= NEW_PER_GROUP, "{}", book.len());
    book
}

/// What choosing whom to dial costs at least.
#[divan::bench]
fn look_at_every_record() -> usize {
    FULL.records()
        .filter(|record| FULL.ready_at(record.addr).is_some_and(|at| at <= NOW.mono))
        .count()
}

#[divan::bench]
fn encode() -> Vec<u8> {
    snapshot::encode(&FULL, &[], NOW)
}

#[divan::bench]
fn decode(bencher: Bencher<'_, '_>) {
    let bytes = snapshot::encode(&FULL, &[], NOW);
    bencher.bench(|| black_box(snapshot::decode(&bytes, NOW)));
}
