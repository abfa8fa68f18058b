//! What the log says of peers at `info`: those that stay. Feelers, duplicates and visits are over
//! in a moment, and are told below it.

use std::{collections::BTreeSet, fmt::Display, net::SocketAddr, time::Duration};

use hegemon_discovery::{Mono, PeerId, SessionId};

use crate::net::view::SessionView;

/// A session that lasted so long is one that an operator may look for.
const STAYS: Duration = Duration::from_secs(5);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct PeerLog {
    /// Sessions that were told: of the living ones.
    told: BTreeSet<SessionId>,
}

impl PeerLog {
    /// Tells those that have stayed.
    pub(super) fn look(&mut self, sessions: &[SessionView], now: Mono) {
        for SessionView { session, known, settled, .. } in sessions {
            if *settled && now.since(known.opened) >= STAYS && self.told.insert(*session) {
                tracing::info!(?session, peer = ?known.peer, remote = %known.remote, direction = ?known.direction, "peer connected");
            }
        }
    }

    /// A session ended.
    pub(super) fn ended(
        &mut self,
        session: SessionId,
        peer: PeerId,
        remote: SocketAddr,
        why: &dyn Display,
    ) {
        if self.told.remove(&session) {
            tracing::info!(?session, ?peer, %remote, %why, "peer disconnected");
        } else {
            tracing::debug!(?session, ?peer, %remote, %why, "session ended");
        }
    }
}
