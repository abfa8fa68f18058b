//! What is true of the book after every change, whatever changes came before. The tables are small,
//! so that they are full most of the time.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use hegemon_discovery::{
    Groups, Mono, Now, PeerId,
    book::{Book, Bucket, Change, Grid, Layout, Noted, Record, Table},
    limits::{HORIZON, PORTS_PER_HOST},
    policy::{Group, Host},
    snapshot,
};
use proptest::prelude::*;

const SMALL: Layout = Layout {
    new: Grid { buckets: 8, size: 4, reach: 2 },
    tried: Grid { buckets: 4, size: 2, reach: 2 },
    new_per_group: 6,
};
const FLAT: Layout = Layout {
    new: Grid { buckets: 1, size: 40, reach: 1 },
    tried: Grid { buckets: 0, size: 0, reach: 1 },
    new_per_group: 40,
};

#[derive(Debug, Clone)]
enum Step {
    Note(SocketAddr, Change),
    Forget(SocketAddr),
    OwnerLeft(PeerId, SocketAddr),
    /// A dial to what the book wants tested.
    Test(Change),
    Wait(Duration),
    Thaw(Duration),
}

/// Few enough that they meet: six networks of IPv4, two of IPv6, and this machine.
fn address() -> impl Strategy<Value = SocketAddr> {
    let port = 30_000..30_006_u16;
    prop_oneof![
        6 => (20..26_u8, 0..3_u8, 1..4_u8, port.clone()).prop_map(|(net, c, d, port)| SocketAddr::from(([net, 18, c, d], port))),
        2 => (0..2_u16, 1..5_u16, port.clone()).prop_map(|(net, host, port)| SocketAddr::from(([0x2606, net, 0, 0, 0, 0, 0, host], port))),
        1 => port.prop_map(|port| SocketAddr::from(([127, 0, 0, 1], port))),
    ]
}

fn source() -> impl Strategy<Value = IpAddr> {
    (20..30_u8, 1..4_u8).prop_map(|(net, host)| IpAddr::from([net, 18, 7, host]))
}

fn peer() -> impl Strategy<Value = PeerId> {
    (1..5_u8).prop_map(|byte| PeerId([byte; 32]))
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        6 => source().prop_map(|source| Change::Heard { source }),
        2 => source().prop_map(|source| Change::HeardAsNews { source, not_before: Mono(5) }),
        2 => peer().prop_map(|by| Change::Announced { by }),
        5 => peer().prop_map(|peer| Change::Succeeded { peer }),
        6 => Just(Change::Failed),
        1 => Just(Change::Dialled),
        1 => Just(Change::Unjudged { not_before: Mono(7) }),
        1 => Just(Change::Lasted { not_before: Mono(9) }),
        1 => Just(Change::TurnedAway),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let time = prop_oneof![1..100_u64, 3_600..100_000_u64, 600_000..900_000_u64]
        .prop_map(Duration::from_secs);
    prop_oneof![
        30 => (address(), change()).prop_map(|(addr, change)| Step::Note(addr, change)),
        1 => address().prop_map(Step::Forget),
        2 => (peer(), address()).prop_map(|(peer, addr)| Step::OwnerLeft(peer, addr)),
        4 => prop_oneof![Just(Change::Failed), peer().prop_map(|peer| Change::Succeeded { peer })].prop_map(Step::Test),
        2 => time.clone().prop_map(Step::Wait),
        1 => time.prop_map(Step::Thaw),
    ]
}

fn run(book: &mut Book, step: &Step, now: &mut Mono) {
    match step {
        Step::Note(addr, change) => drop(book.note(*addr, *change, *now)),
        Step::Forget(addr) => book.forget(*addr),
        Step::OwnerLeft(peer, addr) => book.owner_left(*peer, [*addr], *now),
        Step::Test(outcome) => {
            let wanted = book.tests_wanted().next();
            if let Some(addr) = wanted {
                let _ = book.note(addr, *outcome, *now);
            }
        }
        Step::Wait(time) => *now = now.after(*time),
        Step::Thaw(time) => book.thaw(now.before(*time), *now),
    }
}

fn table(book: &Book, addr: SocketAddr) -> Table {
    if book.is_tried(addr) { Table::Tried } else { Table::New }
}

fn tried(book: &Book) -> BTreeSet<SocketAddr> {
    book.records().map(|record| record.addr).filter(|addr| book.is_tried(*addr)).collect()
}

/// A book's records counted one by one.
#[derive(Default)]
struct Found {
    buckets: BTreeMap<Bucket, usize>,
    /// Buckets of new ones by the group of their source.
    sources: BTreeMap<Group, BTreeSet<Bucket>>,
    /// Buckets of tried ones by their own group.
    owners: BTreeMap<Group, BTreeSet<Bucket>>,
    /// New and tried ones.
    per_group: BTreeMap<Group, (usize, usize)>,
    ports: BTreeMap<Host, usize>,
}

/// Counts them; each is found in every way, in a bucket that there is.
fn count(book: &Book, layout: Layout, groups: Groups) -> Found {
    let mut found = Found::default();
    for record in book.records() {
        let bucket = book.bucket_of(record.addr).expect("in the index");
        assert!(book.contains(record.addr) && book.get(record.addr) == Some(record));
        assert!(book.ready_at(record.addr) >= Some(record.not_before));
        assert!(bucket.index < layout.grid(bucket.table).buckets);
        *found.buckets.entry(bucket).or_default() += 1;
        *found.ports.entry(Host::of(record.addr)).or_default() += 1;
        let group = Group::counted(record.addr, groups);
        let count = found.per_group.entry(group).or_default();
        match bucket.table {
            Table::New => {
                count.0 += 1;
                found
                    .sources
                    .entry(Group::of(SocketAddr::new(record.source, 0)))
                    .or_default()
                    .insert(bucket);
            }
            Table::Tried => {
                count.1 += 1;
                found.owners.entry(group).or_default().insert(bucket);
                assert!(record.last_success.is_some(), "{record:?} is tried");
            }
        }
    }
    found
}

/// Index, buckets and counts say the same, and no bound is exceeded.
fn check(book: &Book, layout: Layout, groups: Groups) {
    let Found { buckets, sources, owners, per_group, ports } = count(book, layout, groups);
    let placed: Vec<(Bucket, SocketAddr)> = book.places().collect();
    assert_eq!(placed.len(), book.len(), "one place each");
    assert!(
        placed.iter().all(|(bucket, addr)| book.bucket_of(*addr) == Some(*bucket)),
        "places and index agree"
    );
    assert!(
        buckets.iter().all(|(bucket, filled)| *filled <= layout.grid(bucket.table).size),
        "{buckets:?}"
    );
    assert!(per_group.values().all(|(new, _)| *new <= layout.new_per_group), "{per_group:?}");
    assert!(
        owners.values().all(|reached| reached.len() <= usize::from(layout.tried.reach)),
        "{owners:?}"
    );
    if groups == Groups::Weighed {
        assert!(
            sources.values().all(|reached| reached.len() <= usize::from(layout.new.reach)),
            "{sources:?}"
        );
    }
    assert!(ports.values().all(|ports| *ports <= PORTS_PER_HOST), "{ports:?}");
    assert_eq!(
        book.groups()
            .map(|(group, count)| (group, (count.new, count.tried)))
            .collect::<BTreeMap<_, _>>(),
        per_group
    );
    assert_eq!((book.new_entries() + book.tried(), book.tried()), (book.len(), tried(book).len()));
    let tests: BTreeSet<Bucket> =
        book.tests_wanted().filter_map(|addr| book.bucket_of(addr)).collect();
    assert_eq!(
        tests.len(),
        book.tests_wanted().count(),
        "at most one test per bucket, and of nobody who left"
    );
    assert!(
        tests
            .iter()
            .all(|bucket| bucket.table == Table::Tried && buckets[bucket] == layout.tried.size),
        "only a full bucket of tried ones wants a test"
    );
}

/// Who may have left the tried table: who was forgotten, and whoever failed the test that was
/// wanted of him.
fn may_leave(before: &Book, step: &Step) -> Option<SocketAddr> {
    match step {
        Step::Forget(addr) => Some(*addr),
        Step::Note(addr, Change::Failed) => before.tests_wanted().find(|wanted| wanted == addr),
        Step::Test(Change::Failed) => before.tests_wanted().next(),
        Step::Note(..) | Step::Test(_) | Step::OwnerLeft(..) | Step::Wait(_) | Step::Thaw(_) => {
            None
        }
    }
}

/// What hearsay must not touch.
fn is_hearsay(change: Change) -> bool {
    matches!(change, Change::Heard { .. } | Change::HeardAsNews { .. })
}

fn layouts() -> impl Strategy<Value = (Layout, Groups)> {
    prop_oneof![3 => Just((SMALL, Groups::Weighed)), 1 => Just((SMALL, Groups::Ignored)), 1 => Just((FLAT, Groups::Weighed)), 1 => Just((Layout::TABLES, Groups::Weighed))]
}

fn replay(key: [u8; 16], layout: Layout, groups: Groups, steps: &[Step]) -> (Book, Mono) {
    let (mut book, mut now) = (Book::new(key, layout, groups), Mono(0));
    steps.iter().for_each(|step| run(&mut book, step, &mut now));
    (book, now)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn index_buckets_and_bounds_hold_after_every_change((layout, groups) in layouts(), steps in prop::collection::vec(step(), 1..400)) {
        let (mut book, mut now) = (Book::new([5; 16], layout, groups), Mono(0));
        for step in &steps {
            run(&mut book, step, &mut now);
            check(&book, layout, groups);
        }
        let hosts: BTreeSet<Host> = book.records().map(|record| Host::of(record.addr)).collect();
        let named = steps.iter().filter_map(|step| if let Step::Note(addr, _) = step { Some(*addr) } else { None });
        for addr in named.filter(|addr| !hosts.contains(&Host::of(*addr))) {
            prop_assert_eq!(book.failing_since(addr), None, "a backoff outlived the last record of its host");
        }
    }

    #[test]
    fn nobody_leaves_the_tried_table_but_by_a_failed_test((layout, groups) in layouts(), steps in prop::collection::vec(step(), 1..400)) {
        let (mut book, mut now) = (Book::new([5; 16], layout, groups), Mono(0));
        for step in &steps {
            let (before, may_leave) = (tried(&book), may_leave(&book, step));
            run(&mut book, step, &mut now);
            let after = tried(&book);
            let left: Vec<&SocketAddr> = before.difference(&after).collect();
            prop_assert!(left.iter().all(|addr| may_leave == Some(**addr)), "{:?} left by {:?}", left, step);
        }
    }

    #[test]
    fn hearsay_changes_nothing_of_what_is_known((layout, groups) in layouts(), steps in prop::collection::vec(step(), 1..200)) {
        let (mut book, mut now) = (Book::new([5; 16], layout, groups), Mono(0));
        for step in &steps {
            if let Step::Note(addr, change) = step && is_hearsay(*change) && let Some(before) = book.get(*addr) {
                let (records, bucket, ready) = (book.len(), book.bucket_of(*addr), book.ready_at(*addr));
                prop_assert_eq!(book.note(*addr, *change, now), Ok(Noted::Known));
                prop_assert_eq!(book.get(*addr), Some(before));
                prop_assert_eq!((book.len(), book.bucket_of(*addr), book.ready_at(*addr)), (records, bucket, ready));
            }
            run(&mut book, step, &mut now);
        }
    }

    #[test]
    fn a_stored_book_comes_back((layout, groups) in layouts(), steps in prop::collection::vec(step(), 1..400)) {
        let (book, now) = replay([5; 16], layout, groups, &steps);
        let now = Now { mono: now, wall: Duration::from_secs(1_795_000_000) };
        let stored = snapshot::decode(&snapshot::encode(&book, &[], now), now).unwrap();
        let mut again = Book::new(stored.key.unwrap(), layout, groups);
        stored.records.iter().for_each(|(record, table)| again.restore(*record, *table, now.mono));
        let persistent = |record: &Record, table| {
            // Who is connected, who was dialled when, and short waits belong to a process.
            (Record { announced_by: None, last_tried: None, not_before: now.mono, ..*record }, table)
        };
        let kept = |record: &Record| book.is_tried(record.addr) || now.mono.since(record.last_seen) <= HORIZON;
        let expected: Vec<_> = book.records().filter(kept).map(|record| persistent(&record, table(&book, record.addr))).collect();
        prop_assert_eq!(again.records().map(|record| (record, table(&again, record.addr))).collect::<Vec<_>>(), expected);
        check(&again, layout, groups);
    }

    #[test]
    fn the_same_key_gives_the_same_book_and_another_one_other_places(steps in prop::collection::vec(step(), 1..200)) {
        let places = |key, steps: &[Step]| replay(key, SMALL, Groups::Weighed, steps).0.places().collect::<Vec<_>>();
        prop_assert_eq!(places([5; 16], &steps), places([5; 16], &steps));
        let spread: Vec<Step> = (0..30).map(|net| Step::Note(SocketAddr::from(([60 + net, 1, 1, 1], 30_333)), Change::Succeeded { peer: PeerId([1; 32]) })).collect();
        prop_assert_ne!(places([5; 16], &spread), places([6; 16], &spread));
    }
}
