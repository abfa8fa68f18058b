//! Bodies, in windows, from everybody who has the branch: who is fast gives more, and what a slow
//! one does not give in time is asked of another.

use hegemon_discovery::Mono;
use parity_scale_codec::Encode;

use super::{
    super::{
        download::Worth,
        event::{Action, Offence, Source},
        message::{SyncMessage, SyncRequest},
        peer::{Asked, BodiesAsked, Peer},
    },
    SyncEngine,
};
use crate::{
    chain::{Body, Hash, ImportError, Imported},
    net::handle::{ChainProtocol, SessionId},
};

impl SyncEngine {
    /// Asks whoever is free.
    pub(super) fn ask_bodies(&mut self, now: Mono) {
        let Some(download) = &mut self.download else {
            return;
        };
        for (session, peer) in &mut self.peers {
            if !is_free(peer) || peer.pace.next() > now {
                continue;
            }
            let hashes = download.take_window(*session);
            if hashes.is_empty() {
                return;
            }
            peer.pace.asked(now);
            let request = SyncRequest::BlockBodies { hashes: hashes.clone() };
            peer.bodies = Some(BodiesAsked { hashes, asked: Asked::new(now), is_slow: false });
            self.actions.push(Action::Send {
                session: *session,
                protocol: ChainProtocol::Sync,
                data: SyncMessage::Request(request).encode(),
            });
        }
    }

    /// An answer to [`Self::ask_bodies`], or what looks like one.
    pub(super) fn bodies(&mut self, session: SessionId, bodies: Vec<Option<Body>>, now: Mono) {
        let Some(peer) = self.peers.get_mut(&session) else {
            return;
        };
        let Some(asked) = peer.bodies.take() else {
            return;
        };
        peer.heard_at = now;
        peer.pace.answered(now);
        let Some(download) = &mut self.download else {
            return;
        };
        match download.put(session, &asked.hashes, bodies) {
            // The leader answers for what is in them as well: its turn comes with the import.
            Worth::Something if session == download.leader => {}
            Worth::Something => peer.failures = 0,
            // Others were faster.
            Worth::Nothing if asked.is_slow => {}
            Worth::Nothing => peer.fail(now),
            // Perhaps the answer to an earlier question.
            Worth::Wrong if peer.was_late => peer.fail(now),
            Worth::Wrong => self.dismiss(session, Offence::Misdescribed, now),
        }
        self.import_next();
    }

    /// Imports what is complete.
    pub(super) fn import_next(&mut self) {
        if let Some(download) = &mut self.download
            && let Some(blocks) = download.take_ready()
        {
            let source = Source::CaughtUp(download.leader);
            self.actions.push(Action::Import { source, blocks });
        }
    }

    /// The import of fetched blocks is over.
    pub(super) fn fetched(
        &mut self,
        leader: SessionId,
        results: &[(Hash, u64, Result<Imported, ImportError>)],
    ) {
        let are_taken = results.iter().all(|(_, _, result)| result.is_ok());
        if are_taken && let Some(leader) = self.peers.get_mut(&leader) {
            leader.failures = 0;
        }
        let Some(download) = &mut self.download else {
            return;
        };
        download.imported(results.iter().map(|(hash, _, _)| hash));
        // Whatever follows a block that is not taken is not taken either.
        if !are_taken {
            self.end_download();
        }
    }

    pub(super) fn end_download(&mut self) {
        self.download = None;
        for peer in self.peers.values_mut() {
            peer.provides = false;
            // What it gives now is of no use, and that is not its fault.
            if let Some(bodies) = &mut peer.bodies {
                bodies.is_slow = true;
            }
        }
    }

    /// Gives up what takes too long.
    pub(super) fn time_out(&mut self, now: Mono) {
        self.orphans.expire(now);
        let others_wait = self.has_ready_branch();
        for (session, peer) in &mut self.peers {
            if let Some(walk) = peer.walk.filter(|walk| walk.asked.deadline <= now) {
                peer.heard_at = now;
                peer.time_out(walk.asked, now);
            }
            let Some(bodies) = &mut peer.bodies else {
                continue;
            };
            if bodies.asked.slow_at <= now && !bodies.is_slow {
                bodies.is_slow = true;
                if let Some(download) = &mut self.download {
                    download.give_up(*session);
                }
                if others_wait {
                    // Another branch may be faster, and this peer's turn comes again.
                    peer.fail(now);
                    continue;
                }
            }
            if bodies.asked.deadline <= now {
                let asked = bodies.asked;
                peer.bodies = None;
                peer.time_out(asked, now);
            }
        }
    }

    /// When a request for bodies takes too long, or the next one may go out.
    pub(super) fn next_fetch(&self) -> Option<Mono> {
        let has_window = self.download.as_ref().is_some_and(|download| download.has_window());
        let due = self.peers.values().filter_map(|peer| match &peer.bodies {
            Some(bodies) if bodies.is_slow => Some(bodies.asked.deadline),
            Some(bodies) => Some(bodies.asked.slow_at),
            None => (is_free(peer) && has_window).then(|| peer.pace.next()),
        });
        due.min()
    }

    /// The peer lied: it is out of what it is asked for, and its score tells discovery.
    pub(super) fn dismiss(&mut self, session: SessionId, offence: Offence, now: Mono) {
        if let Some(peer) = self.peers.get_mut(&session) {
            peer.fail(now);
            // As one that never showed anything.
            peer.proven = false;
        }
        self.punish(session, offence);
    }
}

/// Whether a peer can be asked for bodies.
fn is_free(peer: &Peer) -> bool {
    peer.provides && peer.bodies.is_none()
}
