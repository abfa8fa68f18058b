//! Catching up with a peer: fetching its blocks in ascending order, from the last one that we
//! share.
//!
//! The cursor only moves up when blocks are there, and its steps back double until new ones come,
//! so a catch-up ends after some log₂(height) steps and height / 128 requests, whatever the peer
//! answers.

use std::{cmp::Reverse, time::Duration};

use hegemon_discovery::Mono;
use parity_scale_codec::Encode;

use super::{
    super::{
        event::{Action, Offence, Source},
        message::{MAX_RESPONSE_BLOCKS, SyncMessage, SyncRequest, WireBlock},
        peer::{CatchUp, Claim, Peer, Phase, Standing, Turn},
        view::ChainView,
    },
    SyncEngine,
};
use crate::{
    chain::{self, Block, Hash, ImportError, Imported, StoreError},
    net::handle::{ChainProtocol, SessionId},
};

/// How long a request may take: a full response takes well under a second on a line of 1 MiB/s and
/// its queue in front of it; after this another peer gets its turn.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Catch-ups at a time. Two, so that one slow or hostile peer cannot hold up the rest; more would
/// fetch the same blocks again.
const MAX_CATCH_UPS: usize = 2;

/// A request that is unanswered for so long counts no more among [`MAX_CATCH_UPS`]: its peer may
/// still deliver, but another one gets its turn. Otherwise forty peers that claim much and say
/// nothing would keep a node from its chain for forty times half of [`REQUEST_TIMEOUT`].
const PROMPT: Duration = Duration::from_secs(1);

const _: () = assert!(
    REQUEST_TIMEOUT.as_secs() / PROMPT.as_secs() * MAX_CATCH_UPS as u64 <= 20,
    "slow answers that may come at once, of 1 MiB each, fit the pool of long frames"
);

/// A peer that has said nothing of its chain for so long is asked what follows our best block: its
/// announcement may have been lost, or it never announces.
const ASK_SILENT_AFTER: Duration = Duration::from_secs(60);

/// How far below our best block a silent peer is asked from: its tip may be a heavier one at our
/// height, or a little below.
const OVERLAP: u64 = 8;

impl SyncEngine {
    pub(super) fn start_catch_ups(
        &mut self,
        chain: &impl ChainView,
        now: Mono,
    ) -> Result<(), StoreError> {
        while self.free_at().is_some_and(|at| at <= now) {
            let Some((session, peer)) = self.candidate(now) else {
                break;
            };
            let best = u64::from(chain.best().number);
            let start = match peer.claim.filter(|_| peer.claim_missing) {
                Some(claim) if chain.contains(&claim.hash)? => {
                    // It came another way.
                    self.peers.entry(session).and_modify(|peer| peer.claim_missing = false);
                    continue;
                }
                // Held back, so it is the parent that is missing.
                Some(claim) if self.orphans.contains(&claim.hash) => claim.number.saturating_sub(1),
                Some(claim) => claim.number,
                None => best.saturating_sub(OVERLAP),
            };
            let start = start.min(best + 1).max(1);
            self.peers.entry(session).and_modify(|peer| peer.heard_at = now);
            self.turn = self.turn.other();
            self.ask(session, start, 1, now);
        }
        Ok(())
    }

    /// Whose turn it is.
    fn candidate(&self, now: Mono) -> Option<(SessionId, &Peer)> {
        let wanted = self.peers.iter().filter_map(|(session, peer)| {
            let since = wanted_at(peer).filter(|at| *at <= now && peer.catch_up.is_none())?;
            Some((since, *session, peer))
        });
        let first = match self.turn {
            Turn::Promising => wanted.min_by_key(|(_, _, peer)| {
                (peer.failures, Reverse(peer.claim.map(|claim| claim.number)))
            }),
            Turn::Waiting => wanted.min_by_key(|(since, _, _)| *since),
        };
        first.map(|(_, session, peer)| (session, peer))
    }

    pub(super) fn blocks(
        &mut self,
        chain: &impl ChainView,
        session: SessionId,
        blocks: Vec<WireBlock>,
        now: Mono,
    ) -> Result<(), StoreError> {
        let Some(peer) = self.peers.get_mut(&session) else {
            return Ok(());
        };
        // Nothing was asked, or it was given up: not an offence, perhaps only late.
        let Some(CatchUp { next, step, phase: Phase::Asked { .. } }) = peer.catch_up else {
            return Ok(());
        };
        peer.heard_at = now;
        let blocks = match unpack(blocks) {
            Ok(blocks) => blocks,
            Err(Unpack::OtherChain) => {
                peer.set_other_chain();
                return Ok(());
            }
            Err(Unpack::Misdescribed) => {
                peer.fail(now);
                self.punish(session, Offence::Misdescribed);
                return Ok(());
            }
        };
        let Some(first) = blocks.first() else {
            self.nothing_more(session, now);
            return Ok(());
        };
        if u64::from(first.number()) != next {
            // The cursor must not be led around in circles.
            peer.fail(now);
            return Ok(());
        }
        if chain.contains(&first.parent_hash())? {
            peer.catch_up = Some(CatchUp { next, step, phase: Phase::Importing });
            self.actions.push(Action::Import { source: Source::CaughtUp(session), blocks });
        } else if let Err(invalid) = chain::standalone(chain.params(), first) {
            peer.fail(now);
            self.blame(session, invalid);
        } else {
            self.step_back(session, blocks.last().unwrap_or(first), now);
        }
        Ok(())
    }

    /// The peer's blocks from the cursor up to `last` hang in the air: their common ancestor with
    /// ours is further down.
    fn step_back(&mut self, session: SessionId, last: &Block, now: Mono) {
        let Some(peer) = self.peers.get_mut(&session) else {
            return;
        };
        let Some(CatchUp { next, step, .. }) = peer.catch_up else {
            return;
        };
        if next <= 1 {
            // A first block of our chain has our genesis as its parent.
            peer.set_other_chain();
            return;
        }
        // Whatever it announced, it has this one: worth asking again if an answer is lost.
        if !peer.claim_missing {
            peer.claim = Some(Claim { hash: last.hash(), number: last.number().into() });
            peer.claim_missing = true;
        }
        let (next, step) = (next.saturating_sub(step).max(1), step.saturating_mul(2));
        self.ask(session, next, step, now);
    }

    /// The peer has no block at the height that we asked for.
    fn nothing_more(&mut self, session: SessionId, now: Mono) {
        let Some(peer) = self.peers.get_mut(&session) else {
            return;
        };
        let walked_past_claim = match (peer.claim, peer.catch_up) {
            (Some(claim), Some(catch_up)) => catch_up.next > claim.number,
            _ => true,
        };
        if peer.claim_missing && !walked_past_claim {
            // It claims a block and does not give it.
            peer.fail(now);
        } else {
            // All that it has is here; its tip may have changed meanwhile.
            peer.catch_up = None;
            peer.claim_missing = false;
        }
    }

    pub(super) fn catch_up_further(
        &mut self,
        session: SessionId,
        results: &[(Hash, u64, Result<Imported, ImportError>)],
        now: Mono,
    ) {
        let Some(peer) = self.peers.get_mut(&session) else {
            return;
        };
        let Some(CatchUp { step, phase: Phase::Importing, .. }) = peer.catch_up else {
            return;
        };
        let last = match results.last() {
            Some((_, number, Ok(_))) => *number,
            Some((_, _, Err(_))) | None => return peer.fail(now),
        };
        let news = results
            .iter()
            .any(|(_, _, result)| matches!(result, Ok(Imported::Side | Imported::NewBest { .. })));
        let step = if news { 1 } else { step };
        if news {
            peer.failures = 0;
            peer.delivered = true;
        }
        let reached = peer.claim.is_some_and(|claim| last >= claim.number) && !peer.claim_missing;
        // Its claim may be an old one: while news come there may be more.
        if reached && !news {
            peer.catch_up = None;
        } else {
            self.ask(session, last + 1, step, now);
        }
    }

    /// When a request has taken too long, or a peer is to be asked and there is room for that.
    pub(super) fn next_catch_up(&self) -> Option<Mono> {
        let free_at = self.free_at();
        let due = self.peers.values().filter_map(|peer| {
            match peer.catch_up.map(|catch_up| catch_up.phase) {
                Some(Phase::Asked { deadline, .. }) => Some(deadline),
                Some(Phase::Importing) => None,
                None => Some(wanted_at(peer)?.max(free_at?)),
            }
        });
        due.min()
    }

    /// From when on one more peer may be asked; `None` if something else has to happen first.
    fn free_at(&self) -> Option<Mono> {
        const NEVER: Mono = Mono(i64::MAX);
        let catch_ups = self.peers.values().filter_map(|peer| peer.catch_up);
        let mut held: Vec<Mono> = catch_ups
            .map(|catch_up| match catch_up.phase {
                Phase::Asked { slow_at, .. } => slow_at,
                Phase::Importing => NEVER,
            })
            .collect();
        // When this one is slow as well, fewer than the limit are not.
        held.sort_unstable_by_key(|slow_at| Reverse(*slow_at));
        let last = held.get(MAX_CATCH_UPS - 1).copied();
        Some(last.unwrap_or(Mono(i64::MIN))).filter(|at| *at != NEVER)
    }

    fn ask(&mut self, session: SessionId, next: u64, step: u64, now: Mono) {
        let Some(peer) = self.peers.get_mut(&session) else {
            return;
        };
        peer.catch_up = Some(CatchUp {
            next,
            step,
            phase: Phase::Asked {
                slow_at: now.after(PROMPT),
                deadline: now.after(REQUEST_TIMEOUT),
            },
        });
        let request =
            SyncRequest::GetBlocks { start_height: next, max_blocks: MAX_RESPONSE_BLOCKS };
        let data = SyncMessage::Request(request).encode();
        self.actions.push(Action::Send { session, protocol: ChainProtocol::Sync, data });
    }
}

/// When an idle peer is to be asked, if ever.
fn wanted_at(peer: &Peer) -> Option<Mono> {
    match peer.standing {
        Standing::OtherChain => None,
        Standing::SameChain if peer.claim_missing => Some(peer.retry_at),
        Standing::SameChain => Some(peer.retry_at.max(peer.heard_at.after(ASK_SILENT_AFTER))),
    }
}

enum Unpack {
    /// Something that is no header of ours.
    OtherChain,
    Misdescribed,
}

/// The first run of blocks of which each is the child of the one before it.
fn unpack(wire: Vec<WireBlock>) -> Result<Vec<Block>, Unpack> {
    let mut blocks: Vec<Block> = Vec::new();
    for WireBlock { number, hash, header, body } in
        wire.into_iter().take(MAX_RESPONSE_BLOCKS as usize)
    {
        let block = Block::from_wire(&header, body).map_err(|_| Unpack::OtherChain)?;
        if (block.hash(), u64::from(block.number())) != (hash, number) {
            return Err(Unpack::Misdescribed);
        }
        if blocks.last().is_some_and(|last| last.hash() != block.parent_hash()) {
            break;
        }
        blocks.push(block);
    }
    Ok(blocks)
}
