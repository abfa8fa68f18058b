//! The rules of keeping up, without IO: [`SyncEngine::handle`] takes an event and the time, and
//! returns actions.
//!
//! What the caller owes: `now` never goes back (any origin); actions are done in order; after an
//! [`Action::Import`] comes its [`Event::Imported`]; the engine is woken at
//! [`SyncEngine::next_wakeup`]. Spurious wake-ups are harmless.
//!
//! A peer that claims a block that we do not have is asked for headers (`walk`). When they show more
//! work than our chain has, the bodies are fetched from all who have that branch (`fetch`), one
//! branch at a time.
//!
//! What keeps it alive: such a peer is asked until it delivers, takes the claim back or goes away, at
//! growing intervals; a peer that says nothing is asked now and then. So nothing hangs on one
//! message.

mod fetch;
mod walk;

use std::collections::BTreeMap;

use hegemon_discovery::Mono;
use parity_scale_codec::Encode;

use super::{
    download::Download,
    event::{Action, Event, Offence, Source, SyncStatus},
    message::{self, BlockAnnounce, BlockState, SyncMessage, SyncResponse},
    orphans::Orphans,
    peer::{Claim, Peer, Standing, Turn},
    serve,
    view::ChainView,
};
use crate::{
    chain::{self, Block, Hash, ImportError, Imported, Invalid, StoreError},
    net::handle::{ChainProtocol, PeerId, SessionId},
};

/// An announced block so far below our best one is not imported by itself: it costs little to make
/// at the difficulty of long ago, and helps nobody unless its branch is the better one, which its
/// headers have to show.
const ANNOUNCED_DEPTH: u64 = 1_024;

/// The engine. One for a node.
#[derive(Default)]
pub struct SyncEngine {
    peers: BTreeMap<SessionId, Peer>,
    orphans: Orphans,
    /// The branch that is fetched.
    download: Option<Download>,
    turn: Turn,
    /// The best block that was last announced.
    announced: Option<Hash>,
    /// The counter that responses carry.
    responses: u64,
    actions: Vec<Action>,
}

impl SyncEngine {
    /// Takes in an event and returns what to do, in order.
    ///
    /// # Errors
    /// If the database fails.
    pub fn handle(
        &mut self,
        chain: &impl ChainView,
        event: Event,
        now: Mono,
    ) -> Result<Vec<Action>, StoreError> {
        match event {
            Event::Opened { session, peer } => self.opened(chain, session, peer, now)?,
            Event::Closed { session } => {
                self.peers.remove(&session);
                if let Some(download) = &mut self.download {
                    download.give_up(session);
                }
            }
            Event::Frame { session, protocol, data } => {
                self.frame(chain, session, protocol, &data, now)?
            }
            Event::Imported { source, results } => self.imported(chain, source, &results, now)?,
            Event::Wakeup => {}
        }
        self.time_out(now);
        self.serve(chain, now)?;
        self.lead(chain, now);
        self.import_next();
        self.ask_bodies(now);
        self.start_walks(chain, now)?;
        Ok(std::mem::take(&mut self.actions))
    }

    /// When the engine has something to do without an event.
    #[must_use]
    pub fn next_wakeup(&self) -> Option<Mono> {
        let turns = self.peers.values().filter_map(|peer| peer.requests.next_turn());
        turns
            .chain(self.next_walk())
            .chain(self.next_fetch())
            .chain(self.orphans.next_expiry())
            .min()
    }

    /// How far along we are.
    #[must_use]
    pub fn status(&self, chain: &impl ChainView) -> SyncStatus {
        let best = u64::from(chain.best().number);
        // A claim costs its peer nothing: it counts once the peer has shown the headers of a better
        // branch, and no more when it could not be backed up.
        let believed = self
            .peers
            .values()
            .filter(|peer| peer.proven && peer.failures == 0)
            .filter_map(|peer| Some((peer, peer.claim?)));
        let (mut highest, mut is_syncing) = (best, self.download.is_some());
        for (peer, claim) in believed {
            highest = highest.max(claim.number);
            is_syncing |= peer.claim_missing && claim.number >= best;
        }
        let claims = self.peers.values().filter_map(|peer| Some((peer.id, peer.claim?))).collect();
        let (orphans, orphan_bytes) = self.orphans.size();
        let due = self.next_wakeup();
        SyncStatus { is_syncing, highest, orphans, orphan_bytes, claims, due }
    }

    fn opened(
        &mut self,
        chain: &impl ChainView,
        session: SessionId,
        id: PeerId,
        now: Mono,
    ) -> Result<(), StoreError> {
        let best = chain.best().hash;
        let mut peer = Peer::new(id, now);
        peer.note_known(best);
        self.peers.insert(session, peer);
        self.announced.get_or_insert(best);
        self.announce_to(chain, best, &[session])
    }

    fn announce_to(
        &mut self,
        chain: &impl ChainView,
        hash: Hash,
        sessions: &[SessionId],
    ) -> Result<(), StoreError> {
        if sessions.is_empty() {
            return Ok(());
        }
        let block = chain.block(&hash)?.expect("the best block is stored");
        let data = BlockAnnounce::best(&block).encode();
        for session in sessions {
            self.actions.push(Action::Send {
                session: *session,
                protocol: ChainProtocol::BlockAnnounces,
                data: data.clone(),
            });
        }
        Ok(())
    }

    fn frame(
        &mut self,
        chain: &impl ChainView,
        session: SessionId,
        protocol: ChainProtocol,
        data: &[u8],
        now: Mono,
    ) -> Result<(), StoreError> {
        // A session that we were told nothing of, or no more: nobody to answer.
        let Some(peer) = self.peers.get_mut(&session) else {
            return Ok(());
        };
        match protocol {
            ChainProtocol::BlockAnnounces if !peer.announcements.take(now) => {
                self.punish(session, Offence::Flood);
            }
            ChainProtocol::BlockAnnounces => match message::decode(data) {
                Ok(announce) => self.announce(chain, session, announce, now)?,
                Err(_) => self.punish(session, Offence::Undecodable),
            },
            // Nothing was asked, or it was given up: late perhaps, so no offence; but not worth
            // decoding.
            ChainProtocol::Sync if !peer.is_asked() && message::is_response(data) => {
                peer.answered_late(now);
            }
            ChainProtocol::Sync => match message::decode(data) {
                Ok(SyncMessage::Request(request)) => {
                    if peer.requests.push(request).is_err() {
                        self.punish(session, Offence::Flood);
                    }
                }
                Ok(SyncMessage::Response(SyncResponse::BlockHeaders { headers, .. })) => {
                    self.headers(chain, session, headers, now)?
                }
                Ok(SyncMessage::Response(SyncResponse::BlockBodies { bodies, .. })) => {
                    self.bodies(session, bodies, now)
                }
                // We ask for nothing else.
                Ok(SyncMessage::Response(
                    SyncResponse::Blocks { .. } | SyncResponse::StateResponse { .. },
                )) => {}
                Err(_) => self.punish(session, Offence::Undecodable),
            },
        }
        Ok(())
    }

    fn announce(
        &mut self,
        chain: &impl ChainView,
        session: SessionId,
        announce: BlockAnnounce,
        now: Mono,
    ) -> Result<(), StoreError> {
        let Some(peer) = self.peers.get_mut(&session) else {
            return Ok(());
        };
        let BlockAnnounce { header, state, number, hash, body } = announce;
        let has_body = body.is_some();
        let Ok(block) = Block::from_wire(&header, body.unwrap_or_default()) else {
            // Not a header of ours: the peer may be a fine node of another chain.
            peer.set_other_chain();
            return Ok(());
        };
        if (block.hash(), u64::from(block.number())) != (hash, number) {
            self.punish(session, Offence::Misdescribed);
            return Ok(());
        }
        let known = chain.contains(&hash)?;
        if !known && let Err(invalid) = check(chain, &block, has_body) {
            self.blame(session, invalid);
            return Ok(());
        }
        peer.note_known(hash);
        peer.heard_at = now;
        if state == BlockState::Best {
            peer.claim = Some(Claim { hash, number });
            peer.claim_missing = !known;
        }
        if known || !has_body {
            return Ok(());
        }
        if chain.contains(&block.parent_hash())? {
            if number + ANNOUNCED_DEPTH < u64::from(chain.best().number) {
                return Ok(());
            }
            peer.claim_missing = false;
            self.actions
                .push(Action::Import { source: Source::Announced(session), blocks: vec![block] });
        } else {
            self.orphans.hold(block, session, now);
        }
        Ok(())
    }

    fn imported(
        &mut self,
        chain: &impl ChainView,
        source: Source,
        results: &[(Hash, u64, Result<Imported, ImportError>)],
        now: Mono,
    ) -> Result<(), StoreError> {
        let mut refused = None;
        for (hash, _, result) in results {
            match result {
                Ok(_) => self.arrived(*hash),
                // Those after it are refused because of it: one fault, however many they are.
                Err(error) => _ = refused.get_or_insert((*hash, error)),
            }
        }
        if let Some((hash, error)) = refused {
            self.refused(source, hash, error, now);
        }
        if let Source::CaughtUp(leader) = source {
            self.fetched(leader, results);
        }
        self.announce_best(chain)
    }

    /// A block is here: what waited for it moves on.
    fn arrived(&mut self, hash: Hash) {
        for peer in self
            .peers
            .values_mut()
            .filter(|peer| peer.claim.is_some_and(|claim| claim.hash == hash))
        {
            peer.claim_missing = false;
            peer.end_walk();
        }
        for (session, block) in self.orphans.children_of(&hash) {
            self.actions
                .push(Action::Import { source: Source::Announced(session), blocks: vec![block] });
        }
    }

    fn refused(&mut self, source: Source, hash: Hash, error: &ImportError, now: Mono) {
        let (Source::Announced(session) | Source::CaughtUp(session)) = source else {
            return;
        };
        match error {
            ImportError::Invalid(invalid) => self.blame(session, *invalid),
            ImportError::UnknownParent(_) | ImportError::FromTheFuture => {
                // Perhaps later; by asking again, since we keep nothing that may never become
                // valid.
                let Some(peer) = self.peers.get_mut(&session) else {
                    return;
                };
                peer.claim_missing |= peer.claim.is_some_and(|claim| claim.hash == hash);
                peer.fail(now);
            }
        }
    }

    /// Tells everybody at once, with the body, but those that sent or were sent the block: they have
    /// it, and an echo would say nothing that they can use. Who announced it as a side block has it
    /// too, and gets whatever is built on it.
    fn announce_best(&mut self, chain: &impl ChainView) -> Result<(), StoreError> {
        let best = chain.best().hash;
        if self.announced.replace(best) == Some(best) {
            return Ok(());
        }
        let sessions: Vec<_> = self
            .peers
            .iter_mut()
            .filter(|(_, peer)| peer.standing == Standing::SameChain)
            .filter_map(|(session, peer)| peer.note_known(best).then_some(*session))
            .collect();
        self.announce_to(chain, best, &sessions)
    }

    fn serve(&mut self, chain: &impl ChainView, now: Mono) -> Result<(), StoreError> {
        for (session, peer) in &mut self.peers {
            while let Some(request) = peer.requests.pop(now) {
                self.responses = self.responses.wrapping_add(1);
                let response = serve::answer(chain, request, self.responses)?;
                let data = SyncMessage::Response(response).encode();
                self.actions.push(Action::Send {
                    session: *session,
                    protocol: ChainProtocol::Sync,
                    data,
                });
            }
        }
        Ok(())
    }

    fn punish(&mut self, session: SessionId, offence: Offence) {
        self.actions.push(Action::Punish { session, offence });
    }

    fn blame(&mut self, session: SessionId, invalid: Invalid) {
        match invalid {
            Invalid::OtherChain | Invalid::OtherGenesis => {
                if let Some(peer) = self.peers.get_mut(&session) {
                    peer.set_other_chain();
                }
            }
            Invalid::TooLarge
            | Invalid::Digest
            | Invalid::ExtrinsicsRoot
            | Invalid::Work
            | Invalid::Number
            | Invalid::Timestamp
            | Invalid::Difficulty => self.punish(session, Offence::InvalidBlock),
        }
    }
}

fn check(chain: &impl ChainView, block: &Block, has_body: bool) -> Result<(), Invalid> {
    if has_body {
        chain::standalone(chain.params(), block)?;
    } else {
        chain::header_standalone(chain.params(), block.header())?;
    }
    Ok(())
}
