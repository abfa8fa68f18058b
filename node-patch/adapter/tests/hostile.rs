//! Peers that flood, and networks that never answer: whatever they do is bounded, and nobody else
//! notices.
#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

use std::{
    collections::{BTreeMap, BTreeSet},
    future::pending,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use hegemon_adapter::{
    Discovery, Limits, Network, NetworkEvent, PeerStore, Remark, Settings, Unsent,
    limits::{
        CONNECT_TIMEOUT, DISCONNECTING, FAREWELL, FAREWELLS, MESSAGES_SAVED, OUTBOX,
        OVERFLOW_SLOTS, OVERFLOW_TIME,
    },
};
use hegemon_discovery::{
    Config, DialError, Message, PeerId, limits::DIALS_IN_FLIGHT_LONELY, message::PROTOCOL,
};
use tokio::time::{Instant, sleep};

const LIMITS: Limits = Limits { inbound: 10, outbound: 10 };

#[derive(Clone, Copy, PartialEq)]
enum Answers {
    Always,
    Never,
    /// Panics.
    Badly,
}

/// A network of which the test plays the other side: it notes what it is asked.
struct Script {
    answers: Answers,
    sent: Mutex<BTreeMap<PeerId, usize>>,
    disconnected: Mutex<BTreeSet<PeerId>>,
    dialled: AtomicUsize,
    /// Dials that nobody has given up.
    dialling: AtomicUsize,
    disconnecting: AtomicUsize,
    remarks: Mutex<Vec<String>>,
}

impl Script {
    fn sent_to(&self, peer: PeerId) -> usize {
        self.sent.lock().unwrap().get(&peer).copied().unwrap_or_default()
    }

    fn has_disconnected(&self, peer: PeerId) -> bool {
        self.disconnected.lock().unwrap().contains(&peer)
    }
}

/// A dial under way.
struct Dialling<'a>(&'a AtomicUsize);

impl<'a> Dialling<'a> {
    fn begin(dialling: &'a AtomicUsize) -> Self {
        dialling.fetch_add(1, Ordering::Relaxed);
        Self(dialling)
    }
}

impl Drop for Dialling<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Network for Script {
    async fn connect(&self, _: SocketAddr) -> Result<PeerId, DialError> {
        self.dialled.fetch_add(1, Ordering::Relaxed);
        let _until_given_up = Dialling::begin(&self.dialling);
        match self.answers {
            Answers::Always => Err(DialError::Refused),
            Answers::Never => pending().await,
            Answers::Badly => panic!("a bug of the network"),
        }
    }

    async fn send_message(
        &self,
        peer_id: PeerId,
        _: &'static str,
        _: Vec<u8>,
    ) -> Result<(), Unsent> {
        *self.sent.lock().unwrap().entry(peer_id).or_default() += 1;
        match self.answers {
            Answers::Always => Ok(()),
            Answers::Never => pending().await,
            Answers::Badly => panic!("a bug of the network"),
        }
    }

    async fn disconnect(&self, peer_id: PeerId) {
        self.disconnected.lock().unwrap().insert(peer_id);
        self.disconnecting.fetch_add(1, Ordering::Relaxed);
        match self.answers {
            Answers::Always => {}
            Answers::Never => pending().await,
            Answers::Badly => panic!("a bug of the network"),
        }
    }

    fn remark(&self, remark: &Remark) {
        self.remarks.lock().unwrap().push(remark.to_string());
    }
}

fn start(answers: Answers) -> (Arc<Script>, Discovery) {
    let script = Arc::new(Script {
        answers,
        sent: Mutex::default(),
        disconnected: Mutex::default(),
        dialled: AtomicUsize::new(0),
        dialling: AtomicUsize::new(0),
        disconnecting: AtomicUsize::new(0),
        remarks: Mutex::default(),
    });
    let settings = Settings {
        own: PeerId([0; 32]),
        discovery: Config::new(SocketAddr::from(([198, 18, 0, 1], 30_333)), 0),
        limits: LIMITS,
        seeds: Vec::new(),
        store: PeerStore::under(Path::new("/nonexistent")),
        entropy: [7; 32],
    };
    (script.clone(), Discovery::start(script, settings))
}

/// A stranger by number, in a network of its own.
fn stranger(number: u16) -> (PeerId, SocketAddr) {
    let [a, b] = number.to_be_bytes();
    let mut id = [9; 32];
    id[..2].copy_from_slice(&[a, b]);
    (PeerId(id), SocketAddr::from(([a.wrapping_add(20), b, 1, 1], 40_000)))
}

async fn connect(discovery: &Discovery, number: u16) -> PeerId {
    let (peer_id, addr) = stranger(number);
    discovery.tell(NetworkEvent::PeerConnected { peer_id, addr, is_outbound: false }).await;
    peer_id
}

async fn say(discovery: &Discovery, peer_id: PeerId, data: &[u8]) {
    discovery.tell(NetworkEvent::MessageReceived { peer_id, protocol: PROTOCOL, data }).await;
}

/// Everything that was told is done with.
async fn settled(discovery: &Discovery) -> Vec<PeerId> {
    sleep(Duration::from_millis(100)).await;
    discovery.peers().await.iter().map(|peer| peer.peer_id).collect()
}

/// With enough addresses to dial.
async fn tell_addresses(discovery: &Discovery, peer: PeerId) {
    let addr = |n: u8| SocketAddr::from(([60 + n, 1, 1, 1], 30_333));
    let addrs = (0..64).map(addr).collect();
    say(discovery, peer, &Message::Addrs { addrs }.encode()).await;
}

#[tokio::test(start_paused = true)]
async fn garbage_ends_a_session_and_no_other() {
    let (script, discovery) = start(Answers::Always);
    let (good, garbled, boundless) =
        (connect(&discovery, 1).await, connect(&discovery, 2).await, connect(&discovery, 3).await);
    for _ in 0..4 {
        say(&discovery, garbled, b"no message").await;
    }
    assert_eq!(settled(&discovery).await, [good, garbled, boundless], "anybody may err");
    say(&discovery, garbled, &[]).await;
    let mut list = 2_u32.to_le_bytes().to_vec();
    list.extend(u64::MAX.to_le_bytes());
    say(&discovery, boundless, &list).await;
    assert_eq!(settled(&discovery).await, [good]);
    assert!(script.has_disconnected(garbled) && script.has_disconnected(boundless));
    let again = connect(&discovery, 2).await;
    assert_eq!(settled(&discovery).await, [good], "its IP is left alone");
    assert!(script.has_disconnected(again));
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_questions_is_answered_within_bounds_and_ends_its_session() {
    let (script, discovery) = start(Answers::Always);
    let (good, flooder) = (connect(&discovery, 1).await, connect(&discovery, 2).await);
    settled(&discovery).await;
    let question = Message::GetAddrs { limit: 64 }.encode();
    for _ in 0..50_000 {
        say(&discovery, flooder, &question).await;
    }
    let before = script.sent_to(good);
    say(&discovery, good, &question).await;
    assert_eq!(settled(&discovery).await, [good]);
    assert_eq!(script.sent_to(good), before + 1, "the other one has its answer");
    let most = MESSAGES_SAVED as usize + OUTBOX;
    assert!(script.sent_to(flooder) <= most, "{} messages to it", script.sent_to(flooder));
}

#[tokio::test(start_paused = true)]
async fn a_flood_that_wants_no_answer_is_misbehaviour_too() {
    let (_, discovery) = start(Answers::Always);
    let (good, flooder) = (connect(&discovery, 1).await, connect(&discovery, 2).await);
    let hello = Message::Hello { listen_port: 30_333 }.encode();
    for _ in 0..MESSAGES_SAVED as usize {
        say(&discovery, flooder, &hello).await;
    }
    assert_eq!(settled(&discovery).await, [good, flooder], "so many may come at once");
    for _ in 0..10 {
        say(&discovery, flooder, &hello).await;
    }
    assert_eq!(settled(&discovery).await, [good]);
    connect(&discovery, 2).await;
    assert_eq!(settled(&discovery).await, [good], "its IP is left alone");
    sleep(Duration::from_secs(11 * 60)).await;
    connect(&discovery, 2).await;
    assert!(settled(&discovery).await.contains(&flooder), "for a while");
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_other_protocols_is_signs_of_life_and_nothing_more() {
    let (script, discovery) = start(Answers::Always);
    let peer_id = connect(&discovery, 1).await;
    settled(&discovery).await;
    let before = script.sent_to(peer_id);
    let (data, protocol) = (&[0; 1_000_000][..], "/hegemon/sync/pq/1");
    for _ in 0..10_000 {
        discovery.tell(NetworkEvent::MessageReceived { peer_id, protocol, data }).await;
    }
    assert_eq!(settled(&discovery).await, [peer_id]);
    assert_eq!(script.sent_to(peer_id), before);
}

#[tokio::test(start_paused = true)]
async fn a_crowd_takes_the_slots_that_there_are() {
    let (script, discovery) = start(Answers::Always);
    for number in 0..5_000 {
        connect(&discovery, number).await;
        // As fast as a network may disconnect.
        tokio::task::yield_now().await;
    }
    let peers = settled(&discovery).await;
    assert_eq!(peers.len(), LIMITS.inbound + OVERFLOW_SLOTS);
    let turned_away = script.disconnected.lock().unwrap().len();
    assert_eq!(turned_away, 5_000 - peers.len(), "{:?}", script.remarks.lock().unwrap().last());
    sleep(OVERFLOW_TIME).await;
    assert_eq!(settled(&discovery).await.len(), LIMITS.inbound, "the moment is over");
}

#[tokio::test(start_paused = true)]
async fn every_visitor_of_a_crowd_has_its_answer_before_it_goes() {
    let (script, discovery) = start(Answers::Always);
    let crowd = u16::try_from(LIMITS.inbound + 3 * OVERFLOW_SLOTS).unwrap();
    for number in 0..crowd {
        connect(&discovery, number).await;
    }
    settled(&discovery).await;
    for number in 0..crowd {
        let (peer, _) = stranger(number);
        assert_eq!(script.sent_to(peer), 2, "{number}: greeting, and a list or a question");
    }
    assert_eq!(script.disconnected.lock().unwrap().len(), 2 * OVERFLOW_SLOTS);
}

#[tokio::test(start_paused = true)]
async fn visitors_that_do_not_read_hold_up_no_disconnection() {
    let (script, discovery) = start(Answers::Never);
    for number in 0..u16::try_from(LIMITS.inbound + FAREWELLS).unwrap() {
        connect(&discovery, number).await;
    }
    sleep(OVERFLOW_TIME + FAREWELL + Duration::from_millis(100)).await;
    let turned_away = script.disconnected.lock().unwrap().len();
    assert_eq!(turned_away, FAREWELLS, "nothing was taken, and nobody waited for longer");
}

#[tokio::test(start_paused = true)]
async fn strangers_that_are_not_connected_are_not_answered() {
    let (script, discovery) = start(Answers::Always);
    for number in 0..20_000 {
        let (peer, _) = stranger(number);
        say(&discovery, peer, &Message::GetAddrs { limit: 64 }.encode()).await;
        say(&discovery, peer, b"no message").await;
    }
    assert_eq!(settled(&discovery).await, []);
    assert_eq!(script.sent.lock().unwrap().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_a_peer_says_before_it_is_connected_is_not_lost() {
    let (script, discovery) = start(Answers::Always);
    let (peer, _) = stranger(1);
    say(&discovery, peer, &Message::Hello { listen_port: 30_333 }.encode()).await;
    say(&discovery, peer, &Message::GetAddrs { limit: 64 }.encode()).await;
    connect(&discovery, 1).await;
    settled(&discovery).await;
    assert_eq!(discovery.status().await.unwrap().announced, 1);
    assert_eq!(script.sent_to(peer), 3, "greeting, question, and the answer");
}

#[tokio::test(start_paused = true)]
async fn dials_that_are_never_answered_have_a_deadline_and_do_not_pile_up() {
    let (script, discovery) = start(Answers::Never);
    let peer = connect(&discovery, 1).await;
    tell_addresses(&discovery, peer).await;
    settled(&discovery).await;
    let under_way = || script.dialling.load(Ordering::Relaxed);
    let at_first = under_way();
    assert!((1..=DIALS_IN_FLIGHT_LONELY).contains(&at_first), "{at_first}");
    let began = Instant::now();
    while discovery.status().await.unwrap().counters.dials.unreachable == 0 {
        sleep(Duration::from_secs(1)).await;
    }
    let took = began.elapsed();
    assert!(took < CONNECT_TIMEOUT + Duration::from_secs(5), "{took:?}");
    sleep(3 * CONNECT_TIMEOUT).await;
    let dialled = script.dialled.load(Ordering::Relaxed);
    assert!(dialled > at_first, "others have their turn: {dialled}");
    assert!(under_way() <= DIALS_IN_FLIGHT_LONELY, "{} of {dialled} under way", under_way());
}

#[tokio::test(start_paused = true)]
async fn a_network_that_takes_no_message_loses_the_peer_and_no_other() {
    let (script, discovery) = start(Answers::Never);
    let peer = connect(&discovery, 1).await;
    assert_eq!(settled(&discovery).await, [peer]);
    sleep(Duration::from_secs(11)).await;
    assert_eq!(settled(&discovery).await, [], "it had ten seconds for the greeting");
    assert!(script.has_disconnected(peer));
}

#[tokio::test(start_paused = true)]
async fn disconnections_that_are_never_done_do_not_pile_up() {
    let (script, discovery) = start(Answers::Never);
    for number in 0..5_000 {
        connect(&discovery, number).await;
        tokio::task::yield_now().await;
    }
    settled(&discovery).await;
    let under_way = script.disconnecting.load(Ordering::Relaxed);
    assert!(under_way <= DISCONNECTING, "{under_way}");
    let remarks = script.remarks.lock().unwrap();
    assert!(remarks.iter().any(|remark| remark.contains("does not keep up")), "it is said");
}

#[tokio::test(start_paused = true)]
async fn a_network_that_panics_costs_the_dial_or_the_peer_and_no_more() {
    let (_, discovery) = start(Answers::Badly);
    let peer = connect(&discovery, 1).await;
    tell_addresses(&discovery, peer).await;
    sleep(Duration::from_secs(5)).await;
    assert!(discovery.status().await.unwrap().counters.dials.local_network > 0);
    discovery.shut_down().await;
    discovery.ended().await;
    assert_eq!(discovery.status().await, None);
    connect(&discovery, 2).await;
}
