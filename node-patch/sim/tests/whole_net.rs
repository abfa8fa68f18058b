//! The box's network does what a kernel and a wire do.

#![expect(clippy::unwrap_used, reason = "a failure here is the test's")]

use std::{
    io::ErrorKind,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use hegemon_node::host::net::{Listener, Net, Stream};
use hegemon_sim::whole::net::{HostId, HostNet, SimNet, Weather};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, sleep, timeout},
};

const PORT: u16 = 30_333;
const LONG: Duration = Duration::from_secs(300);

fn ip(host: usize) -> IpAddr {
    [10, 0, 0, u8::try_from(host).unwrap() + 1].into()
}

fn at(host: usize) -> SocketAddr {
    SocketAddr::new(ip(host), PORT)
}

/// A network of two hosts that runs, in paused time.
struct Pair {
    net: SimNet,
    hosts: [HostNet; 2],
    listener: Box<dyn Listener>,
}

const HERE: HostId = HostId(0);
const THERE: HostId = HostId(1);

fn pair(weather: Weather) -> Pair {
    let net = SimNet::new(7, weather);
    let hosts = [HostNet::new(&net, HERE, ip(0)), HostNet::new(&net, THERE, ip(1))];
    tokio::spawn(net.clone().run());
    let listener = hosts[1].bind(at(1)).unwrap();
    Pair { net, hosts, listener }
}

impl Pair {
    async fn connect(&mut self) -> (Box<dyn Stream>, Box<dyn Stream>) {
        let dialled = self.hosts[0].dial(at(1)).await.unwrap();
        let (accepted, remote) = self.listener.accept().await.unwrap();
        assert_eq!(remote.ip(), ip(0));
        (dialled, accepted)
    }
}

fn kind(result: std::io::Result<usize>) -> Result<usize, ErrorKind> {
    result.map_err(|error| error.kind())
}

/// What one read gives.
async fn read(stream: &mut Box<dyn Stream>) -> Result<usize, ErrorKind> {
    kind(timeout(LONG, stream.read(&mut [0; 64])).await.expect("something is to be read"))
}

#[tokio::test(start_paused = true)]
async fn connecting_takes_a_round_trip_and_bytes_arrive_in_order_and_whole() {
    let weather = Weather { latency: (20, 20), jitter: 30, loss: 100, window: 4_096 };
    let mut pair = pair(weather);
    let began = Instant::now();
    let (mut here, mut there) = pair.connect().await;
    assert!(began.elapsed() >= Duration::from_millis(40), "{:?}", began.elapsed());
    let sent: Vec<u8> = (0..100_000_u32).map(|number| (number % 251) as u8).collect();
    let copy = sent.clone();
    tokio::spawn(async move {
        here.write_all(&copy).await.unwrap();
        here.shutdown().await.unwrap();
        assert_eq!(here.read(&mut [0; 8]).await.unwrap(), 4, "the other direction is open");
    });
    let mut received = Vec::new();
    timeout(LONG, there.read_to_end(&mut received)).await.unwrap().unwrap();
    assert_eq!(received, sent);
    there.write_all(b"done").await.unwrap();
    assert!(pair.net.counts().full > 10, "the window was full: {:?}", pair.net.counts());
}

#[tokio::test(start_paused = true)]
async fn nobody_listens_is_a_refusal_and_nobody_there_is_silence() {
    let pair = pair(Weather::CALM);
    let refused = pair.hosts[0].dial(SocketAddr::new(ip(1), 1)).await.err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    assert!(timeout(LONG, pair.hosts[0].dial(at(9))).await.is_err());
    pair.net.power_off(THERE);
    assert!(timeout(LONG, pair.hosts[0].dial(at(1))).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_stands_still_holds_its_writer_up() {
    let mut pair = pair(Weather { window: 10_000, ..Weather::CALM });
    let (mut here, mut there) = pair.connect().await;
    let writing = timeout(LONG, here.write_all(&[0; 10_001]));
    assert!(writing.await.is_err());
    assert_eq!(read(&mut there).await, Ok(64));
    timeout(LONG, here.write_all(&[0; 60])).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn dropped_with_nothing_unread_is_an_end_and_with_something_a_reset() {
    let mut pair = pair(Weather::CALM);
    let (here, mut there) = pair.connect().await;
    drop(here);
    assert_eq!(read(&mut there).await, Ok(0));
    let (here, mut there) = pair.connect().await;
    there.write_all(b"unread").await.unwrap();
    sleep(Duration::from_secs(1)).await;
    drop(here);
    assert_eq!(read(&mut there).await, Err(ErrorKind::ConnectionReset));
    assert!(there.write_all(b"more").await.is_err());
    let (here, mut there) = pair.connect().await;
    here.reset();
    assert_eq!(read(&mut there).await, Err(ErrorKind::ConnectionReset));
}

#[tokio::test(start_paused = true)]
async fn halves_end_one_by_one() {
    let mut pair = pair(Weather::CALM);
    let (here, mut there) = pair.connect().await;
    let (mut reading, writing) = here.split();
    drop(writing);
    assert_eq!(read(&mut there).await, Ok(0));
    there.write_all(b"still").await.unwrap();
    assert_eq!(reading.read(&mut [0; 8]).await.unwrap(), 5);
    drop(reading);
    sleep(Duration::from_secs(1)).await;
    there.write_all(b"to nobody").await.unwrap();
    sleep(Duration::from_secs(1)).await;
    assert!(there.write_all(b"reset").await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_short_cut_delays_and_a_long_one_ends_the_connection_after_thirty_seconds() {
    let mut pair = pair(Weather::CALM);
    let (mut here, mut there) = pair.connect().await;
    pair.net.cut(HERE, THERE);
    here.write_all(b"late").await.unwrap();
    sleep(Duration::from_secs(10)).await;
    pair.net.heal(HERE, THERE);
    assert_eq!(read(&mut there).await, Ok(4));
    assert!(pair.net.toll(HERE, THERE).lost >= 3, "it was repeated");

    pair.net.cut(HERE, THERE);
    let began = Instant::now();
    here.write_all(b"never").await.unwrap();
    assert_eq!(read(&mut here).await, Err(ErrorKind::TimedOut));
    assert!((29..32).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    assert!(timeout(LONG, there.read(&mut [0; 8])).await.is_err(), "the other end is half open");
    pair.net.heal(HERE, THERE);
    there.write_all(b"hello?").await.unwrap();
    assert_eq!(read(&mut there).await, Err(ErrorKind::ConnectionReset));
    assert_eq!((pair.net.counts().timeouts, pair.net.counts().half_open), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn of_a_one_way_cut_data_arrives_and_its_sender_gives_up_all_the_same() {
    let mut pair = pair(Weather::CALM);
    let (mut here, mut there) = pair.connect().await;
    pair.net.cut(THERE, HERE);
    here.write_all(b"heard").await.unwrap();
    assert_eq!(read(&mut there).await, Ok(5));
    assert_eq!(read(&mut here).await, Err(ErrorKind::TimedOut));
    assert_eq!(pair.net.toll(HERE, THERE).lost, 0);
}

#[tokio::test(start_paused = true)]
async fn held_packets_arrive_when_they_are_released_in_order() {
    let mut pair = pair(Weather::CALM);
    let (mut here, mut there) = pair.connect().await;
    pair.net.hold(HERE, THERE);
    here.write_all(b"one").await.unwrap();
    here.write_all(b"two").await.unwrap();
    assert!(timeout(Duration::from_secs(20), there.read(&mut [0; 8])).await.is_err());
    pair.net.release(HERE, THERE);
    let mut word = [0; 6];
    timeout(LONG, there.read_exact(&mut word)).await.unwrap().unwrap();
    assert_eq!((&word, pair.net.toll(HERE, THERE).held > 0), (b"onetwo", true));
}

#[tokio::test(start_paused = true)]
async fn a_kill_is_heard_and_a_power_loss_is_not() {
    let mut pair = pair(Weather::CALM);
    let (mut here, there) = pair.connect().await;
    pair.net.kill(THERE);
    assert_eq!(read(&mut here).await, Ok(0));
    let refused = pair.hosts[0].dial(at(1)).await.err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    drop(there);

    pair.listener = pair.hosts[1].bind(at(1)).unwrap();
    let (mut here, there) = pair.connect().await;
    pair.net.power_off(THERE);
    drop(there);
    assert!(timeout(LONG, here.read(&mut [0; 8])).await.is_err(), "nothing was sent");
    pair.net.power_on(THERE);
    here.write_all(b"who?").await.unwrap();
    assert_eq!(read(&mut here).await, Err(ErrorKind::ConnectionReset));
}

#[tokio::test(start_paused = true)]
async fn a_severed_connection_is_reset_at_both_ends_and_a_port_is_free_again() {
    let mut pair = pair(Weather::CALM);
    let (mut here, mut there) = pair.connect().await;
    pair.net.sever(HERE, THERE);
    assert_eq!(read(&mut here).await, Err(ErrorKind::ConnectionReset));
    assert_eq!(read(&mut there).await, Err(ErrorKind::ConnectionReset));
    assert_eq!(pair.hosts[1].bind(at(1)).err().unwrap().kind(), ErrorKind::AddrInUse);
    drop(pair.listener);
    pair.listener = pair.hosts[1].bind(at(1)).unwrap();
    pair.connect().await;
}

#[tokio::test(start_paused = true)]
async fn a_dial_that_nobody_waits_for_leaves_nothing_to_accept() {
    let mut pair = pair(Weather { latency: (50, 50), ..Weather::CALM });
    assert!(timeout(Duration::from_millis(60), pair.hosts[0].dial(at(1))).await.is_err());
    assert!(timeout(LONG, pair.listener.accept()).await.is_err());
}
