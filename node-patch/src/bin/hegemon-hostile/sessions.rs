//! What a peer can do inside a session.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use hegemon_discovery::Message;
use hegemon_node::{
    sync::message::{MAX_RESPONSE_BLOCKS, SyncMessage, SyncRequest},
    transport::{
        envelope::{self, Protocol},
        frame::{MAX_SESSION_FRAME, PREFIX},
        record::TAG_LEN,
    },
};
use parity_scale_codec::Encode;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::peer::{Peer, Session, discovery};

/// Between two questions of a peer that never reads: as fast as a node answers.
const ASK_EVERY: Duration = Duration::from_millis(35);
/// What a peer that never reads lets its kernel hold for it, in bytes.
const SMALL_WINDOW: usize = 4 * 1024;
/// A session earns what it takes to pass on one address in so long.
const NEWS_EVERY: Duration = Duration::from_secs(10);
/// Between two lists of addresses.
const LIST_EVERY: Duration = Duration::from_millis(50);
/// Between two frames of a flood that does not want to fill its own side's buffers without hearing
/// of its end.
const LISTEN_EVERY: u32 = 64;

pub(crate) async fn finish_with_frames(peer: Peer) -> io::Result<()> {
    let (mut session, mut bytes) = Session::all_but_finish(peer).await?;
    for message in [Message::Hello { listen_port: 0 }, ask()] {
        bytes.extend(session.seal(discovery(&message))?);
    }
    session.peer.write(&bytes).await?;
    session.answer().await
}

pub(crate) async fn oversized(peer: Peer) -> io::Result<()> {
    let mut session = Session::open(peer).await?;
    let declared = u32::try_from(MAX_SESSION_FRAME + 1).map_err(io::Error::other)?;
    session.peer.write(&declared.to_be_bytes()).await?;
    session.peer.until_closed().await
}

pub(crate) async fn stalled(peer: Peer) -> io::Result<()> {
    let mut session = Session::open(peer).await?;
    let frame = session.seal(vec![0; MAX_SESSION_FRAME - TAG_LEN])?;
    session.peer.write(&frame[..frame.len() / 2]).await?;
    drop(frame);
    session.peer.until_closed().await
}

pub(crate) async fn large(peer: Peer) -> io::Result<()> {
    let mut session = Session::open(peer).await?;
    let room = MAX_SESSION_FRAME - TAG_LEN - envelope::encode(Protocol::BlockAnnounces, &[]).len();
    for protocol in
        [Protocol::Sync, Protocol::BlockAnnounces, Protocol::Discovery].into_iter().cycle()
    {
        let plaintext = envelope::encode(protocol, &vec![0; room]);
        session.send(plaintext).await?;
        // Whoever hears nothing may have been cut off long ago.
        if let Ok(ended) = timeout(Duration::from_millis(1), session.peer.until_closed()).await {
            return ended;
        }
    }
    Ok(())
}

pub(crate) async fn replayed(peer: Peer) -> io::Result<()> {
    let mut session = Session::open(peer).await?;
    let frame = session.seal(discovery(&ask()))?;
    session.peer.write(&frame).await?;
    session.answer().await?;
    session.peer.write(&frame).await?;
    session.peer.until_closed().await
}

pub(crate) async fn reordered(peer: Peer) -> io::Result<()> {
    let mut session = Session::open(peer).await?;
    let (first, second) = (session.seal(Vec::new())?, session.seal(Vec::new())?);
    session.peer.write(&second).await?;
    session.peer.write(&first).await?;
    session.peer.until_closed().await
}

pub(crate) async fn tampered(peer: Peer) -> io::Result<()> {
    let mut session = Session::open(peer).await?;
    let mut frame = session.seal(discovery(&ask()))?;
    frame[PREFIX] ^= 1;
    session.peer.write(&frame).await?;
    session.peer.until_closed().await
}

pub(crate) async fn flood(peer: Peer) -> io::Result<()> {
    let mut session = Session::open(peer).await?;
    for sent in 1_u32.. {
        session.send(Vec::new()).await?;
        if sent.is_multiple_of(LISTEN_EVERY)
            && let Ok(ended) = timeout(Duration::from_millis(1), session.peer.until_closed()).await
        {
            return ended;
        }
    }
    Ok(())
}

pub(crate) async fn addresses(peer: Peer) -> io::Result<()> {
    let mut session = Session::open(peer).await?;
    let garbage = vec![0xff; 500];
    let undeclared = [2_u32.to_le_bytes().as_slice(), &1_001_u64.to_le_bytes()].concat();
    for data in [garbage, list(65), list(1_000), undeclared] {
        session.send(envelope::encode(Protocol::Discovery, &data)).await?;
        sleep(LIST_EVERY).await;
    }
    session.peer.until_closed().await
}

pub(crate) async fn never_reads(peer: Peer) -> io::Result<()> {
    socket2::SockRef::from(peer.stream()).set_recv_buffer_size(SMALL_WINDOW)?;
    let mut session = Session::open(peer).await?;
    let blocks = SyncMessage::Request(SyncRequest::GetBlocks {
        start_height: 1,
        max_blocks: MAX_RESPONSE_BLOCKS,
    })
    .encode();
    loop {
        session.send(envelope::encode(Protocol::Sync, &blocks)).await?;
        session.send(discovery(&ask())).await?;
        sleep(ASK_EVERY).await;
    }
}

fn ask() -> Message {
    Message::GetAddrs { limit: 64 }
}

/// Breaks no rule: answers what it is asked, passes on an address as often as a session may, and
/// knows only addresses where nobody is. They are the target's neighbours, so that whoever dials
/// them sends nothing any farther.
pub(crate) async fn dead_addresses(peer: Peer) -> io::Result<()> {
    let (front, number) = (peer.front(), peer.number());
    let mut session = Session::open(peer).await?;
    session.send(discovery(&Message::Hello { listen_port: 30_333 })).await?;
    let mut told = number.wrapping_mul(1_000);
    // Not all peers at once.
    let mut news = Instant::now() + NEWS_EVERY * (number % 10) / 10;
    loop {
        let Ok(frame) = timeout_at(news, session.receive()).await else {
            news += NEWS_EVERY;
            told = told.wrapping_add(1);
            let addrs = vec![nobody(front.target, told)];
            session.send(discovery(&Message::Addrs { addrs })).await?;
            continue;
        };
        let frame = frame?;
        let Some((Protocol::Discovery, data)) = envelope::decode(&frame) else { continue };
        if let Ok(Message::GetAddrs { limit }) = Message::decode(data) {
            let addrs = (0..u32::from(limit.min(64)))
                .map(|i| nobody(front.target, told.wrapping_add(i)))
                .collect();
            told = told.wrapping_add(u32::from(limit));
            session.send(discovery(&Message::Addrs { addrs })).await?;
        }
    }
}

/// An address beside `target`'s where nobody is.
fn nobody(target: SocketAddr, number: u32) -> SocketAddr {
    let host = 129 + (number % 120) as u8;
    let port = 20_000 + (number / 120 % 10_000) as u16;
    match target.ip() {
        IpAddr::V4(ip) if !ip.is_loopback() => {
            let [a, b, c, _] = ip.octets();
            SocketAddr::from((Ipv4Addr::new(a, b, c, host), port))
        }
        IpAddr::V4(_) | IpAddr::V6(_) => SocketAddr::from((Ipv4Addr::new(127, 9, 9, host), port)),
    }
}

/// Addresses where nobody listens, all on loopback: a node that believes them dials nothing beyond
/// this machine.
fn list(len: u16) -> Vec<u8> {
    let addrs = (0..len)
        .map(|number| SocketAddr::from((Ipv4Addr::new(127, 9, 9, 9), 2_000 + number)))
        .collect();
    Message::Addrs { addrs }.encode()
}
