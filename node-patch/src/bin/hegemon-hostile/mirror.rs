//! A target that is shown its own identity.
//!
//! Nobody but the target has its key, so nobody can present its identity. What an adversary can do
//! is to lead it to itself: each peer claims by `Hello` either the target's own port or one where a
//! mirror listens, and spreads the target's addresses and the mirror's as news. Who dials the mirror
//! is connected with the target: the target's `InitHello` is answered by the target, and both ends
//! of the handshake are its own. Every peer has another identity, so that the same address is
//! claimed by many.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use hegemon_discovery::Message;
use hegemon_node::host::tcp;
use tokio::{
    io::copy_bidirectional,
    net::TcpListener,
    sync::Semaphore,
    time::{sleep, timeout},
};

use crate::{
    front::Front,
    peer::{self, Peer, Session, discovery},
    plan,
};

/// Connections that one mirror carries at once.
const AT_ONCE: usize = 16;
/// How long it carries one: a handshake, and enough of a session to see what comes of it.
const CARRIED: Duration = Duration::from_secs(10);
/// Between two lists of addresses: a session earns a token for one address in ten seconds, so this
/// wears out what it has saved up.
const TELL_EVERY: Duration = Duration::from_millis(200);
/// After a failed accept.
const PAUSE: Duration = Duration::from_millis(100);

/// A mirror's listener for `target`, bound to `from` or to every address.
pub(crate) fn listen(
    target: SocketAddr,
    from: Option<IpAddr>,
    port: u16,
) -> io::Result<TcpListener> {
    let any = if target.is_ipv4() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED)
    } else {
        IpAddr::V6(Ipv6Addr::UNSPECIFIED)
    };
    let addr = SocketAddr::new(from.unwrap_or(any), port);
    let bound = tcp::listen(addr);
    bound.map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {addr}: {error}")))
}

/// Carries connections for as long as it is not aborted.
pub(crate) async fn run(listener: TcpListener, front: Arc<Front>) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let Ok((mut stream, remote)) = listener.accept().await else {
            sleep(PAUSE).await;
            continue;
        };
        let Some(place) =
            places.clone().try_acquire_owned().ok().filter(|_| plan::is_ours(remote.ip()))
        else {
            continue;
        };
        front.tally.count(|counts| counts.mirrored += 1);
        let front = front.clone();
        tokio::spawn(async move {
            let carried = async {
                let mut onward = peer::connect(&front).await?;
                copy_bidirectional(&mut stream, &mut onward).await
            };
            // How it ends is for its two ends to say.
            let _ = timeout(CARRIED, carried).await;
            drop(place);
        });
    }
}

/// One peer that tells the target where it is to be found.
pub(crate) async fn self_id(peer: Peer) -> io::Result<()> {
    let (front, own) = (peer.front(), peer.stream().local_addr()?.ip());
    let target = front.target;
    let mirror = SocketAddr::new(own, front.mirror.unwrap_or(target.port()));
    let claimed = if peer.number().is_multiple_of(2) { mirror.port() } else { target.port() };
    let mapped = match target.ip() {
        IpAddr::V4(ip) => SocketAddr::new(ip.to_ipv6_mapped().into(), target.port()),
        IpAddr::V6(_) => target,
    };
    let mut session = Session::open(peer).await?;
    session.send(discovery(&Message::Hello { listen_port: claimed })).await?;
    loop {
        session.send(discovery(&Message::Addrs { addrs: vec![target, mapped, mirror] })).await?;
        if let Ok(ended) = timeout(TELL_EVERY, session.peer.until_closed()).await {
            return ended;
        }
    }
}
