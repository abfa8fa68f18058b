//! Headers first: from the last block that we share with a peer, found by asking for what follows
//! ours further and further down, up to its tip.
//!
//! Whoever is asked for headers has to show a branch with more work than ours before anything is
//! fetched. A walk ends after some log₂(height) questions down and height / 1,024 up, whatever the
//! peer answers: down the distance doubles, up each answer must bring new headers. A peer with a rate
//! of its own is asked at that, and its walk goes on from where it was.

use std::{cmp::Reverse, time::Duration};

use hegemon_discovery::Mono;
use parity_scale_codec::Encode;

use super::{
    super::{
        branch::{Branch, MAX_HEADERS},
        download::Download,
        event::{Action, Offence},
        message::{MAX_RESPONSE_HEADERS, SyncMessage, SyncRequest},
        peer::{Asked, Peer, Stage, Standing, Turn, Walk},
        view::ChainView,
    },
    SyncEngine,
};
use crate::{
    chain::{Hash, Header, StoreError},
    net::handle::{ChainProtocol, SessionId},
};

/// Walks at a time. Two, so that one slow or hostile peer cannot hold up the rest; more would fetch
/// the same headers again.
const MAX_WALKS: usize = 2;

/// A peer that has said nothing of its chain for so long is asked what follows our best block: its
/// announcement may have been lost, or it never announces.
const ASK_SILENT_AFTER: Duration = Duration::from_secs(60);

/// An orphan's announcer is asked for the parent at once; who has not brought it in this time is
/// not the only one who is asked.
const ASK_OTHERS_AFTER: Duration = Duration::from_secs(2);

/// How often one peer is asked at most because orphans of others wait. Orphans cost an attacker
/// little: they must not make us ask everybody all the time.
const ASK_FOR_ORPHANS_EVERY: Duration = Duration::from_secs(10);

/// How far below our best block a peer that claims nothing is asked from: its tip may be a heavier
/// one at our height, or a little below.
const OVERLAP: u32 = 8;

/// What an answer to a request for headers means.
enum Heard {
    /// More may follow.
    Further(Branch),
    /// The peer has nothing above.
    End(Branch),
    /// It does not have the block that was asked from on its best chain.
    NotShared,
    /// It is at the branch that is fetched already.
    Shared,
    /// Nothing that fits the question.
    Nonsense,
    /// The branch that it goes on with was fetched meanwhile, and came to nothing.
    Forgotten,
    /// It broke a rule, and was dealt with.
    Dealt,
}

impl SyncEngine {
    pub(super) fn start_walks(
        &mut self,
        chain: &impl ChainView,
        now: Mono,
    ) -> Result<(), StoreError> {
        while self.free_at().is_some_and(|at| at <= now) {
            let Some((session, peer)) = self.candidate(now) else {
                break;
            };
            let missing = peer.claim.filter(|_| peer.claim_missing);
            if let Some(claim) = missing
                && chain.contains(&claim.hash)?
            {
                // It came another way.
                self.peers.entry(session).and_modify(|peer| {
                    peer.claim_missing = false;
                    peer.end_walk();
                });
                continue;
            }
            let below = if missing.is_some() { 0 } else { OVERLAP };
            let stage = peer.step.unwrap_or(Stage::Locating { below });
            self.peers.entry(session).and_modify(|peer| {
                peer.heard_at = now;
                peer.walked_at = now;
            });
            self.turn = self.turn.other();
            self.go(chain, session, stage, now)?;
        }
        Ok(())
    }

    /// Whose turn it is.
    fn candidate(&self, now: Mono) -> Option<(SessionId, &Peer)> {
        let wanted = self.peers.iter().filter_map(|(session, peer)| {
            let since = self.wanted_at(peer).filter(|at| *at <= now)?;
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

    /// When an idle peer is to be asked for headers, if ever.
    fn wanted_at(&self, peer: &Peer) -> Option<Mono> {
        let fetched = |claim: Option<super::Claim>| {
            claim.is_some_and(|claim| {
                self.download.as_ref().is_some_and(|download| download.contains(&claim.hash))
            })
        };
        if peer.standing == Standing::OtherChain
            || peer.walk.is_some()
            || (peer.branch.is_some() && peer.step.is_none())
            || peer.provides
            || fetched(peer.claim)
        {
            return None;
        }
        let earliest = peer.retry_at.max(peer.pace.next());
        if peer.claim_missing || peer.step.is_some() {
            return Some(earliest);
        }
        let silent = peer.heard_at.after(ASK_SILENT_AFTER);
        let orphans = self.orphans.waiting_since().map(|since| {
            since.after(ASK_OTHERS_AFTER).max(peer.walked_at.after(ASK_FOR_ORPHANS_EVERY))
        });
        Some(earliest.max(orphans.map_or(silent, |orphans| orphans.min(silent))))
    }

    /// Goes on now, or when the peer's pace allows.
    fn go_on(
        &mut self,
        chain: &impl ChainView,
        session: SessionId,
        stage: Stage,
        now: Mono,
    ) -> Result<(), StoreError> {
        match self.peers.get_mut(&session) {
            Some(peer) if peer.pace.next() > now => {
                peer.step = Some(stage);
                Ok(())
            }
            _ => self.go(chain, session, stage, now),
        }
    }

    /// Asks for what follows our block so far below the best one, or the peer's branch.
    fn go(
        &mut self,
        chain: &impl ChainView,
        session: SessionId,
        stage: Stage,
        now: Mono,
    ) -> Result<(), StoreError> {
        let branch = self.peers.get(&session).and_then(|peer| peer.branch.as_ref());
        let (from, stage) = match (stage, branch) {
            (Stage::Following, Some(branch)) => (branch.end.hash, stage),
            (Stage::Following, None) => (chain.best().hash, Stage::Locating { below: 0 }),
            (Stage::Locating { below }, _) => {
                let number = chain.best().number.saturating_sub(below);
                let hash = chain.hash_at(number)?;
                (hash.unwrap_or_else(|| chain.params().genesis().hash()), stage)
            }
        };
        self.ask_headers(session, from, stage, now);
        Ok(())
    }

    fn ask_headers(&mut self, session: SessionId, from: Hash, stage: Stage, now: Mono) {
        let Some(peer) = self.peers.get_mut(&session) else {
            return;
        };
        peer.walk = Some(Walk { from, claim: peer.claim, stage, asked: Asked::new(now) });
        peer.step = None;
        peer.pace.asked(now);
        let request = SyncRequest::BlockHeaders {
            start_hash: from,
            max_headers: MAX_RESPONSE_HEADERS,
            ascending: true,
        };
        let data = SyncMessage::Request(request).encode();
        self.actions.push(Action::Send { session, protocol: ChainProtocol::Sync, data });
    }

    /// An answer to [`Self::ask_headers`], or what looks like one.
    pub(super) fn headers(
        &mut self,
        chain: &impl ChainView,
        session: SessionId,
        headers: Vec<Vec<u8>>,
        now: Mono,
    ) -> Result<(), StoreError> {
        let Some(peer) = self.peers.get_mut(&session) else {
            return Ok(());
        };
        // Nothing was asked, or it was given up: not an offence, perhaps only late.
        let Some(walk) = peer.walk.take() else {
            return Ok(());
        };
        peer.heard_at = now;
        peer.pace.answered(now);
        let headers = headers.iter().take(MAX_RESPONSE_HEADERS as usize);
        let Ok(headers) =
            headers.map(|bytes| Header::from_bytes(bytes)).collect::<Result<Vec<_>, _>>()
        else {
            peer.set_other_chain();
            return Ok(());
        };
        match self.read(chain, session, &walk, headers, now)? {
            Heard::Further(branch) => self.walk_on(chain, session, &walk, branch, true, now)?,
            Heard::End(branch) => self.walk_on(chain, session, &walk, branch, false, now)?,
            Heard::NotShared => self.step_down(chain, session, &walk, now)?,
            Heard::Shared => {
                self.peers.entry(session).and_modify(|peer| {
                    peer.provides = true;
                    peer.branch = None;
                });
            }
            Heard::Nonsense => {
                self.peers.entry(session).and_modify(|peer| peer.fail(now));
            }
            Heard::Forgotten | Heard::Dealt => {}
        }
        Ok(())
    }

    fn read(
        &mut self,
        chain: &impl ChainView,
        session: SessionId,
        walk: &Walk,
        headers: Vec<Header>,
        now: Mono,
    ) -> Result<Heard, StoreError> {
        let mut headers = headers.into_iter();
        match headers.next() {
            None => return Ok(Heard::NotShared),
            Some(first) if first.hash() != walk.from => return Ok(Heard::Nonsense),
            Some(_) => {}
        }
        let Some(mut branch) = self.branch_at(chain, session, walk.from)? else {
            // Ours to answer for: it was taken when the download began, and what it ends with is
            // not here yet.
            return Ok(if self.is_fetched(&walk.from) { Heard::Shared } else { Heard::Forgotten });
        };
        let mut news = 0;
        for header in headers {
            news += 1;
            if header.parent_hash != branch.end.hash {
                self.dismiss(session, Offence::Misdescribed, now);
                return Ok(Heard::Dealt);
            }
            let hash = header.hash();
            if branch.headers.is_empty()
                && let Some(shared) = Branch::on(chain, hash)?
            {
                branch = shared;
            } else if self.is_fetched(&hash) {
                return Ok(Heard::Shared);
            } else if let Err(invalid) = branch.push(chain, header) {
                self.peers.entry(session).and_modify(|peer| peer.fail(now));
                self.blame(session, invalid);
                return Ok(Heard::Dealt);
            }
        }
        let claim = self.peers.get(&session).and_then(|peer| peer.claim);
        let is_end = claim.is_some_and(|claim| claim.hash == branch.end.hash)
            || branch.end.hash == chain.best().hash;
        Ok(match (news, walk.stage) {
            (0, Stage::Locating { below }) if below > 0 || claim.is_some() => {
                let agrees = claim.is_some_and(|claim| claim.hash == branch.end.hash);
                if agrees { Heard::End(branch) } else { Heard::NotShared }
            }
            (0, _) => Heard::End(branch),
            _ if is_end => Heard::End(branch),
            _ => Heard::Further(branch),
        })
    }

    /// The branch that headers after `from` belong to.
    fn branch_at(
        &mut self,
        chain: &impl ChainView,
        session: SessionId,
        from: Hash,
    ) -> Result<Option<Branch>, StoreError> {
        if let Some(download) = &self.download
            && download.leader == session
            && download.end() == from
        {
            return Ok(Some(download.tail()));
        }
        let held = self.peers.get_mut(&session).and_then(|peer| peer.branch.take());
        match held.filter(|branch| branch.end.hash == from) {
            Some(branch) => Ok(Some(branch)),
            None => Branch::on(chain, from),
        }
    }

    /// Whether a block is being fetched. What follows the end of that is not, whoever shows it.
    fn is_fetched(&self, hash: &Hash) -> bool {
        self.download.as_ref().is_some_and(|download| download.contains(hash))
    }

    /// Deals with headers that are in order.
    fn walk_on(
        &mut self,
        chain: &impl ChainView,
        session: SessionId,
        walk: &Walk,
        branch: Branch,
        has_more: bool,
        now: Mono,
    ) -> Result<(), StoreError> {
        let Some(peer) = self.peers.get_mut(&session) else {
            return Ok(());
        };
        let end = branch.end;
        // A leader that failed is located anew, and may be at another branch then.
        let goes_on =
            |download: &&mut Download| download.leader == session && download.end() == walk.from;
        if let Some(download) = self.download.as_mut().filter(goes_on) {
            download.extend(branch, &self.orphans);
            download.has_more = has_more;
            return Ok(());
        }
        // A full one that is not heavier yet is fetched as well: the limit of side branches is what
        // it costs.
        if end.beats(&chain.best()) || branch.is_full() {
            peer.proven = true;
            peer.branch = Some(branch);
            peer.branch_has_more = has_more;
        } else if has_more {
            peer.branch = Some(branch);
            return self.go_on(chain, session, Stage::Following, now);
        } else {
            // Its chain is ours, or has less work: what it claimed is not worth more questions, nor
            // is what it announced.
            peer.failures = 0;
            if peer.claim == walk.claim {
                peer.claim_missing = false;
                self.orphans.drop_of(session);
            }
        }
        Ok(())
    }

    /// The peer does not have that block of ours: their last common one is further down.
    fn step_down(
        &mut self,
        chain: &impl ChainView,
        session: SessionId,
        walk: &Walk,
        now: Mono,
    ) -> Result<(), StoreError> {
        let Some(peer) = self.peers.get_mut(&session) else {
            return Ok(());
        };
        match walk.stage {
            Stage::Locating { below } if below < chain.best().number => {
                let below = below.max(1).saturating_mul(2).min(chain.best().number);
                self.go_on(chain, session, Stage::Locating { below }, now)
            }
            Stage::Locating { .. } if walk.from == chain.params().genesis().hash() => {
                // An empty answer from genesis on, or nothing above it.
                if peer.claim_missing {
                    peer.fail(now);
                }
                Ok(())
            }
            // It went to another branch meanwhile.
            Stage::Locating { .. } | Stage::Following => {
                peer.fail(now);
                Ok(())
            }
        }
    }

    /// Begins with another branch when one is done, and asks its leader for more headers while there
    /// is room.
    pub(super) fn lead(&mut self, chain: &impl ChainView, now: Mono) {
        // An endless branch does not keep others from their turn.
        let others_wait = self.has_ready_branch();
        if let Some(download) = &mut self.download {
            download.has_more &= !others_wait
                && self.peers.get(&download.leader).is_some_and(|leader| leader.provides);
            if download.is_done() || !self.peers.values().any(|peer| peer.provides) {
                self.end_download();
            }
        }
        if self.download.is_none() {
            self.begin_download(chain);
        }
        if let Some((session, at)) = self.more_headers()
            && at <= now
            && let Some(download) = &self.download
        {
            self.ask_headers(session, download.end(), Stage::Following, now);
        }
    }

    /// Who is to be asked for the next headers of the branch that is fetched, and when.
    fn more_headers(&self) -> Option<(SessionId, Mono)> {
        let download = self.download.as_ref()?;
        let leader = self.peers.get(&download.leader)?;
        let is_wanted = download.has_more && download.len() < MAX_HEADERS && leader.walk.is_none();
        is_wanted.then(|| (download.leader, leader.pace.next()))
    }

    /// Whether a branch waits for the one that is fetched.
    pub(super) fn has_ready_branch(&self) -> bool {
        self.peers.values().any(|peer| peer.branch.is_some() && !peer.is_walking())
    }

    fn begin_download(&mut self, chain: &impl ChainView) {
        let best = chain.best();
        for peer in self.peers.values_mut() {
            if peer.branch.as_ref().is_some_and(|branch| {
                !peer.is_walking() && !branch.end.beats(&best) && !branch.is_full()
            }) {
                peer.branch = None;
            }
        }
        let ready = self.peers.iter_mut().filter(|(_, peer)| !peer.is_walking());
        let ready = ready.filter_map(|(session, peer)| {
            let end = peer.branch.as_ref()?.end;
            Some(((end.total_work, Reverse(end.hash)), *session, peer))
        });
        let Some((_, session, peer)) = ready.max_by_key(|(rank, _, _)| *rank) else {
            return;
        };
        let Some(branch) = peer.branch.take() else {
            return;
        };
        peer.provides = true;
        let download = Download::new(session, branch, peer.branch_has_more, &self.orphans);
        for peer in self.peers.values_mut() {
            let has = |hash: Option<Hash>| hash.is_some_and(|hash| download.contains(&hash));
            let first = peer.branch.as_ref().and_then(|branch| Some(branch.headers.front()?.0));
            if has(first) {
                peer.branch = None;
            }
            peer.provides |= peer.standing == Standing::SameChain
                && (has(first) || has(peer.claim.map(|claim| claim.hash)));
            if peer.provides {
                peer.end_walk();
            }
        }
        self.download = Some(download);
    }

    /// When a walk has taken too long, or a peer is to be asked and there is room for that.
    pub(super) fn next_walk(&self) -> Option<Mono> {
        let free_at = self.free_at();
        let due = self.peers.values().filter_map(|peer| match peer.walk {
            Some(walk) => Some(walk.asked.deadline),
            None => Some(self.wanted_at(peer)?.max(free_at?)),
        });
        let more = self.more_headers().map(|(_, at)| at);
        due.chain(more).min()
    }

    /// From when on one more peer may be asked for headers.
    fn free_at(&self) -> Option<Mono> {
        let walks = self.peers.values().filter_map(|peer| peer.walk);
        let mut slow: Vec<Mono> = walks.map(|walk| walk.asked.slow_at).collect();
        // When this one is slow as well, fewer than the limit are not.
        slow.sort_unstable_by_key(|slow_at| Reverse(*slow_at));
        Some(slow.get(MAX_WALKS - 1).copied().unwrap_or(Mono(i64::MIN)))
    }
}
