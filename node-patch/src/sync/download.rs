//! The blocks of one branch whose headers have shown that it is better than ours: which bodies are
//! here, which were asked of whom, and what can be imported next.

use std::collections::{HashSet, VecDeque};

use super::{branch::Branch, orphans::Orphans};
use crate::{
    chain::{Block, Body, Hash, Header, extrinsics_root},
    net::handle::SessionId,
};

/// Bodies that one peer is asked for at once: small enough that several peers share the work, large
/// enough that the answer's way does not count.
const WINDOW: usize = 256;

/// How far ahead of the next block to import bodies are asked for: what a slow peer at the front
/// holds up.
const AHEAD: usize = 4 * WINDOW;

/// Bytes of bodies that wait for one before them. Beyond that only the front is asked for.
const MAX_WAITING_BYTES: usize = 16 * 1024 * 1024;

/// Blocks and bytes of one import, that is, of one transaction: some tens of milliseconds.
const MAX_IMPORT_BLOCKS: usize = 512;
const MAX_IMPORT_BYTES: usize = 4 * 1024 * 1024;

struct Wanted {
    hash: Hash,
    header: Header,
    state: State,
}

enum State {
    Missing,
    Asked(SessionId),
    Here(Body),
}

/// See the module.
pub(super) struct Download {
    /// Whose headers these are: it answers for them.
    pub(super) leader: SessionId,
    /// Whether the leader may have headers beyond.
    pub(super) has_more: bool,
    pub(super) importing: bool,
    blocks: VecDeque<Wanted>,
    /// Of `blocks`, and of those being imported.
    hashes: HashSet<Hash>,
    waiting_bytes: usize,
    /// Without headers: where they end.
    tail: Branch,
}

/// What a peer's answer was worth.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Worth {
    /// Bodies that were wanted.
    Something,
    /// Nothing that helps: it has none of them, or others gave them.
    Nothing,
    /// A body that is not the one asked for.
    Wrong,
}

impl Download {
    pub(super) fn new(
        leader: SessionId,
        branch: Branch,
        has_more: bool,
        orphans: &Orphans,
    ) -> Self {
        let mut download = Self {
            leader,
            has_more,
            importing: false,
            blocks: VecDeque::new(),
            hashes: HashSet::new(),
            waiting_bytes: 0,
            tail: branch.next(),
        };
        download.extend(branch, orphans);
        download
    }

    /// Goes on with headers that follow; bodies that were announced before are here already.
    pub(super) fn extend(&mut self, branch: Branch, orphans: &Orphans) {
        self.tail = branch.next();
        for (hash, header) in branch.headers {
            let state = match orphans.body_of(&hash) {
                Some(body) => {
                    self.waiting_bytes += size(&body);
                    State::Here(body)
                }
                None => State::Missing,
            };
            self.hashes.insert(hash);
            self.blocks.push_back(Wanted { hash, header, state });
        }
    }

    /// An empty branch at the end of these headers.
    pub(super) fn tail(&self) -> Branch {
        self.tail.next()
    }

    pub(super) fn end(&self) -> Hash {
        self.tail.end.hash
    }

    pub(super) fn contains(&self, hash: &Hash) -> bool {
        self.hashes.contains(hash)
    }

    /// Headers whose blocks are not being imported yet.
    pub(super) fn len(&self) -> usize {
        self.blocks.len()
    }

    /// Whether all blocks went into the import and none can follow.
    pub(super) fn is_done(&self) -> bool {
        self.blocks.is_empty() && !self.importing && !self.has_more
    }

    fn wanted(&self) -> impl Iterator<Item = &Wanted> {
        let reach = if self.waiting_bytes < MAX_WAITING_BYTES { AHEAD } else { WINDOW };
        self.blocks.iter().take(reach).filter(|block| matches!(block.state, State::Missing))
    }

    /// Whether there is something to ask for.
    pub(super) fn has_window(&self) -> bool {
        self.wanted().next().is_some()
    }

    /// The next bodies to ask `session` for.
    pub(super) fn take_window(&mut self, session: SessionId) -> Vec<Hash> {
        let window: Vec<_> =
            self.wanted().take(WINDOW).map(|block| (block.header.number, block.hash)).collect();
        for (number, hash) in &window {
            if let Some(block) = self.find(*number, hash) {
                block.state = State::Asked(session);
            }
        }
        window.into_iter().map(|(_, hash)| hash).collect()
    }

    fn find(&mut self, number: u32, hash: &Hash) -> Option<&mut Wanted> {
        let front = self.blocks.front()?.header.number;
        let block = self.blocks.get_mut(number.checked_sub(front)? as usize)?;
        (block.hash == *hash).then_some(block)
    }

    /// What was asked of `session` may be asked of others.
    pub(super) fn give_up(&mut self, session: SessionId) {
        for block in &mut self.blocks {
            if matches!(block.state, State::Asked(asked) if asked == session) {
                block.state = State::Missing;
            }
        }
    }

    /// Takes in an answer to a question for `asked`.
    pub(super) fn put(
        &mut self,
        session: SessionId,
        asked: &[Hash],
        bodies: Vec<Option<Body>>,
    ) -> Worth {
        let mut worth = Worth::Nothing;
        let answers: std::collections::HashMap<_, _> = asked.iter().zip(bodies).collect();
        for block in &mut self.blocks {
            let Some(Some(body)) = answers.get(&block.hash) else {
                continue;
            };
            if matches!(block.state, State::Here(_)) {
                continue;
            }
            if extrinsics_root(body) != block.header.extrinsics_root {
                worth = Worth::Wrong;
                break;
            }
            self.waiting_bytes += size(body);
            block.state = State::Here(body.clone());
            worth = Worth::Something;
        }
        self.give_up(session);
        worth
    }

    /// The next blocks to import, if none are under way.
    pub(super) fn take_ready(&mut self) -> Option<Vec<Block>> {
        if self.importing {
            return None;
        }
        let (mut blocks, mut bytes) = (Vec::new(), 0);
        while blocks.len() < MAX_IMPORT_BLOCKS
            && bytes < MAX_IMPORT_BYTES
            && matches!(self.blocks.front(), Some(Wanted { state: State::Here(_), .. }))
            && let Some(Wanted { header, state: State::Here(body), .. }) = self.blocks.pop_front()
        {
            self.waiting_bytes = self.waiting_bytes.saturating_sub(size(&body));
            bytes += size(&body);
            blocks.push(Block::new(header, body));
        }
        self.importing = !blocks.is_empty();
        self.importing.then_some(blocks)
    }

    /// The import of these is over.
    pub(super) fn imported<'a>(&mut self, hashes: impl Iterator<Item = &'a Hash>) {
        self.importing = false;
        for hash in hashes {
            self.hashes.remove(hash);
        }
    }
}

fn size(body: &Body) -> usize {
    body.iter().map(Vec::len).sum()
}

#[cfg(test)]
mod tests {
    use hegemon_discovery::Mono;

    use super::*;
    use crate::chain::{Chain, ChainParams, Template};

    /// What waits is bounded, wherever it came from.
    #[test]
    fn bodies_that_were_announced_before_wait_like_all_others() {
        let storage = redb::backends::InMemoryBackend::new();
        let chain = Chain::on(storage, ChainParams::trivial("download")).unwrap();
        let genesis = chain.params().genesis();
        let mut branch = Branch::on(&chain, genesis.hash()).unwrap().unwrap();
        let (mut orphans, mut parent) = (Orphans::default(), genesis.header().clone());
        for _ in 0..3 {
            let body = vec![vec![7; 1_000]];
            let block = Template::on(chain.params(), &parent, [1; 32], 0, body).mine(0);
            parent = block.header().clone();
            branch.push(&chain, parent.clone()).unwrap();
            orphans.hold(block, SessionId(1), Mono(0));
        }
        let mut download = Download::new(SessionId(2), branch, false, &orphans);
        assert_eq!(download.waiting_bytes, 3_000);
        assert_eq!(download.take_ready().map(|blocks| blocks.len()), Some(3));
        assert_eq!(download.waiting_bytes, 0);
    }
}
