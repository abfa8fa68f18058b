//! One attack by many peers at once, each to its end.

use std::{
    io::{self, ErrorKind},
    sync::Arc,
};

use tokio::{
    net::TcpListener,
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, timeout_at},
};

use crate::{
    chains,
    front::Front,
    handshakes, mirror,
    peer::Peer,
    plan::{AT_ONCE, Attack, Plan},
    report::{Report, Tally},
    sessions,
};

impl Attack {
    /// One peer, to its end: `Ok` if we ended it, an error if the target did, or if we cannot go on
    /// ([`ErrorKind::Other`]).
    async fn perform(self, peer: Peer) -> io::Result<()> {
        match self {
            Self::Silence => handshakes::silence(peer).await,
            Self::SlowHandshake => handshakes::slow(peer).await,
            Self::HalfHandshake => handshakes::half(peer).await,
            Self::OversizedHandshake => handshakes::oversized(peer).await,
            Self::TamperedHandshake => handshakes::tampered(peer).await,
            Self::ConnectFlood => handshakes::connect_only(peer).await,
            Self::FinishWithFrames => sessions::finish_with_frames(peer).await,
            Self::OversizedFrame => sessions::oversized(peer).await,
            Self::StalledFrame => sessions::stalled(peer).await,
            Self::LargeFrames => sessions::large(peer).await,
            Self::ReplayedFrame => sessions::replayed(peer).await,
            Self::ReorderedFrames => sessions::reordered(peer).await,
            Self::TamperedFrame => sessions::tampered(peer).await,
            Self::FrameFlood => sessions::flood(peer).await,
            Self::AddressFlood => sessions::addresses(peer).await,
            Self::DeadAddresses => sessions::dead_addresses(peer).await,
            Self::NeverReads => sessions::never_reads(peer).await,
            Self::SelfId => mirror::self_id(peer).await,
            Self::WrongGenesis => chains::wrong_genesis(peer).await,
            Self::FutureBlocks => chains::future_blocks(peer).await,
            Self::HeadersWithoutBodies => chains::headers_without_bodies(peer).await,
            Self::StaleTip => chains::stale_tip(peer).await,
        }
    }

    /// The listener of a target's mirror, if the attack has one; `front` is told of it.
    ///
    /// # Errors
    ///
    /// If it cannot listen.
    pub(crate) fn mirror(self, front: &mut Front, port: u16) -> io::Result<Option<TcpListener>> {
        if self != Self::SelfId {
            return Ok(None);
        }
        let listener = mirror::listen(front.target, front.from, port)?;
        front.mirror = Some(listener.local_addr()?.port());
        Ok(Some(listener))
    }
}

/// Runs every peer, or as many as there is time for.
///
/// # Errors
///
/// If a mirror cannot listen.
pub(crate) async fn run(plan: Plan) -> io::Result<Report> {
    let (begin, places) = (Instant::now(), Arc::new(Semaphore::new(AT_ONCE as usize)));
    let deadline = begin + plan.time;
    let mut peers = JoinSet::new();
    let mut front = Front {
        target: plan.target,
        from: plan.from,
        mirror: None,
        block_time_ms: plan.block_time_ms,
        tally: Tally::default(),
    };
    let mirrors = plan.attack.mirror(&mut front, 0)?;
    let front = Arc::new(front);
    let mirror = mirrors.map(|listener| tokio::spawn(mirror::run(listener, front.clone())));
    for _ in 0..plan.count {
        let Ok(Ok(place)) = timeout_at(deadline, places.clone().acquire_owned()).await else {
            break;
        };
        // Those that have ended are forgotten as we go.
        while peers.try_join_next().is_some() {}
        let front = front.clone();
        peers.spawn(async move {
            one(plan.attack, deadline, front).await;
            drop(place);
        });
    }
    while peers.join_next().await.is_some() {}
    mirror.inspect(|mirror| mirror.abort());
    Ok(Report::of(&front.tally, plan, begin.elapsed()))
}

/// One peer, until it or the time ends.
pub(crate) async fn one(attack: Attack, deadline: Instant, front: Arc<Front>) {
    let peer = match timeout_at(deadline, Peer::connect(front.clone())).await {
        Ok(Ok(peer)) => peer,
        // Turned away faster than we could see the connection.
        Ok(Err(error)) if error.kind() == ErrorKind::ConnectionReset => {
            return front.tally.count(|counts| counts.refused += 1);
        }
        Ok(Err(_)) | Err(_) => return front.tally.count(|counts| counts.not_connected += 1),
    };
    let begin = Instant::now();
    let ended = timeout_at(deadline, attack.perform(peer)).await;
    front.tally.count(|counts| match ended {
        // The system has no such kind: it is what this program says of itself.
        Ok(Err(error)) if error.kind() == ErrorKind::Other => {
            counts.failed += 1;
            counts.failure = Some(error.to_string());
        }
        Ok(Err(_)) => counts.closed(begin.elapsed()),
        Ok(Ok(())) => counts.ended_by_us += 1,
        Err(_) => {}
    });
}
