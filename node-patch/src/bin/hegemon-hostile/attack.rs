//! Carries a plan out: many peers at once, each to its end.

use std::{io::ErrorKind, sync::Arc};

use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, timeout_at},
};

use crate::{
    handshakes,
    peer::Peer,
    plan::{Attack, Plan},
    report::{Report, Tally},
    sessions,
};

/// Peers at once: more would need another limit of descriptors than most systems give.
const AT_ONCE: usize = 512;

impl Attack {
    /// One peer, to its end: `Ok` if we ended it, an error if the target did.
    async fn perform(self, peer: Peer) -> std::io::Result<()> {
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
            Self::NeverReads => sessions::never_reads(peer).await,
        }
    }
}

/// Runs every peer, or as many as there is time for.
pub(crate) async fn run(plan: Plan) -> Report {
    let (begin, tally, places) =
        (Instant::now(), Arc::new(Tally::default()), Arc::new(Semaphore::new(AT_ONCE)));
    let deadline = begin + plan.time;
    let mut peers = JoinSet::new();
    for _ in 0..plan.count {
        let Ok(Ok(place)) = timeout_at(deadline, places.clone().acquire_owned()).await else {
            break;
        };
        // Those that have ended are forgotten as we go.
        while peers.try_join_next().is_some() {}
        let tally = tally.clone();
        peers.spawn(async move {
            one(plan, deadline, tally).await;
            drop(place);
        });
    }
    while peers.join_next().await.is_some() {}
    tally.report(plan, begin.elapsed())
}

async fn one(plan: Plan, deadline: Instant, tally: Arc<Tally>) {
    let connecting = Peer::connect(plan.target, plan.from, tally.clone());
    let peer = match timeout_at(deadline, connecting).await {
        Ok(Ok(peer)) => peer,
        // Turned away faster than we could see the connection.
        Ok(Err(error)) if error.kind() == ErrorKind::ConnectionReset => {
            return tally.count(|counts| counts.refused += 1);
        }
        Ok(Err(_)) | Err(_) => return tally.count(|counts| counts.not_connected += 1),
    };
    let begin = Instant::now();
    let ended = timeout_at(deadline, plan.attack.perform(peer)).await;
    tally.count(|counts| match ended {
        Ok(Err(_)) => counts.closed_after.push(begin.elapsed()),
        Ok(Ok(())) => counts.ended_by_us += 1,
        Err(_) => counts.open_at_the_end += 1,
    });
}
