//! SIGKILL at any moment of a write of the peer store: the next start has the last generation that
//! was acknowledged, or a later one.
#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

use std::{
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use hegemon_adapter::PeerStore;
use hegemon_discovery::{
    Groups, Mono, Now,
    book::{Book, Change, Layout},
    snapshot,
};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngSeed, TestRunner},
};

/// In the child: the base path.
const CHILD: &str = "HEGEMON_TEST_KILL_STORE";

/// In all, each at another moment.
const KILLS: usize = 1_000;

/// Each with its child, since most of the time goes by waiting for the disk.
const STORES: usize = 4;

/// The kill comes so long after the child's first write, at most: a few writes later.
const LONGEST_LIFE_US: u64 = 10_000;

const NOW: Now = Now { mono: Mono(0), wall: Duration::from_secs(1_795_000_000) };

/// A generation's number is the address of its first record; the others give it a length, so that a
/// torn one has many places to be torn at.
struct Generations {
    book: Book,
    last: SocketAddr,
}

impl Generations {
    fn new() -> Self {
        let mut book = Book::new([7; 16], Layout::TABLES, Groups::Ignored);
        for n in 0..200_u128 {
            let addr = SocketAddr::from(((n + (0x2606_4700 << 96)).to_be_bytes(), 30_333));
            book.note(addr, Change::Heard { source: addr.ip() }, NOW.mono).unwrap();
        }
        Self { book, last: Self::address(0) }
    }

    fn address(number: u32) -> SocketAddr {
        let [a, b, c, d] = number.to_be_bytes();
        SocketAddr::from(([1, a, b, c], 2_000 + u16::from(d)))
    }

    fn encode(&mut self, number: u32) -> Vec<u8> {
        self.book.forget(self.last);
        self.last = Self::address(number);
        self.book.note(self.last, Change::Heard { source: self.last.ip() }, NOW.mono).unwrap();
        snapshot::encode(&self.book, &[], NOW)
    }
}

/// Which generation a base path has; 0 if none.
fn loaded(base: &Path) -> u32 {
    let stored = PeerStore::under(base).load(NOW).0;
    stored.records.first().map_or(0, |(record, _)| match record.addr {
        SocketAddr::V4(addr) => {
            let [_, a, b, c] = addr.ip().octets();
            u32::from_be_bytes([a, b, c, u8::try_from(addr.port() - 2_000).unwrap()])
        }
        SocketAddr::V6(addr) => panic!("{addr} is not a generation's number"),
    })
}

/// The process that gets killed. It writes one generation after the other, and says which one is
/// durable.
#[test]
#[ignore = "not a test by itself: the other one starts and kills it"]
fn child() {
    let base = std::env::var_os(CHILD).expect("started by the test that kills it");
    let store = PeerStore::under(base.as_ref());
    let (mut generations, mut out) = (Generations::new(), std::io::stdout());
    for number in loaded(base.as_ref()) + 1.. {
        store.save(&generations.encode(number)).unwrap();
        writeln!(out, "durable {number}").unwrap();
        out.flush().unwrap();
    }
}

#[test]
fn killed_stores_load_with_the_last_generation_that_was_acknowledged() {
    let unacknowledged: usize = thread::scope(|scope| {
        let stores: Vec<_> = (0..STORES).map(|_| scope.spawn(kill_and_load)).collect();
        stores.into_iter().map(|store| store.join().unwrap()).sum()
    });
    assert!(
        unacknowledged > 0,
        "no kill came between a write and its acknowledgement: they all missed"
    );
}

/// One store's kills; how many of them came between a write and its acknowledgement.
fn kill_and_load() -> usize {
    let directory = tempfile::tempdir().unwrap();
    let base = directory.path();
    let mut runner = TestRunner::new(Config { rng_seed: RngSeed::Random, ..Config::default() });
    let mut unacknowledged = 0;
    for kill in 0..KILLS / STORES {
        let life =
            Duration::from_micros((0..LONGEST_LIFE_US).new_tree(&mut runner).unwrap().current());
        let last = killed_after(life, base);
        assert!(
            base.join("pq-peers.bin").exists(),
            "kill {kill} after {life:?}: there was one, and it is gone"
        );
        let found = loaded(base);
        assert!(
            found >= last && found <= last + 1,
            "kill {kill} after {life:?}: generation {found}, but {last} was acknowledged"
        );
        assert!(
            !base.join("pq-peers.bin.bad").exists(),
            "kill {kill} after {life:?}: the current generation was torn"
        );
        unacknowledged += usize::from(found > last);
    }
    unacknowledged
}

/// Kills a child so long after its first write; the last generation that it acknowledged.
fn killed_after(life: Duration, base: &Path) -> u32 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["child", "--exact", "--ignored", "--nocapture"])
        .env(CHILD, base)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acknowledged = lines
        .map_while(Result::ok)
        .filter_map(|line| line.split("durable ").nth(1)?.parse::<u32>().ok());
    let first = acknowledged
        .next()
        .expect("the child writes one generation after the other until it is killed");
    thread::sleep(life);
    child.kill().unwrap();
    let last = acknowledged.last().unwrap_or(first);
    child.wait().unwrap();
    last
}
