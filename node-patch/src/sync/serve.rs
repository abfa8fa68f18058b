//! Answers to peers' requests, and how fast they are given.

use std::collections::VecDeque;

use hegemon_discovery::{Bucket, Mono};
use parity_scale_codec::Encode;

use super::{
    message::{
        MAX_RESPONSE_BLOCKS, MAX_RESPONSE_BYTES, MAX_RESPONSE_HEADERS, SyncRequest, SyncResponse,
        WireBlock,
    },
    view::ChainView,
};
use crate::chain::{Block, BlockNumber, Hash, StoreError};

/// Answers per second and session, and at once: at [`MAX_RESPONSE_BLOCKS`] each, 8,000 blocks a
/// second for a node that catches up, and a bound on what a peer can make us read.
const ANSWERS_PER_SECOND: f64 = 32.0;

/// Requests of one session that may wait. Whoever keeps one of a kind in flight has at most four.
/// Waiting instead of dropping: to an honest peer a dropped request is a timeout of several seconds.
const MAX_WAITING: usize = 4;

/// One session's requests that wait for their turn.
pub(super) struct Queue {
    waiting: VecDeque<SyncRequest>,
    rate: Bucket,
}

/// The queue was full: the peer does not wait for answers.
pub(super) struct Flooded;

impl Queue {
    /// An empty one, with all that may be answered at once.
    pub(super) fn new(now: Mono) -> Self {
        let rate = Bucket::full(ANSWERS_PER_SECOND, ANSWERS_PER_SECOND, now);
        Self { waiting: VecDeque::new(), rate }
    }

    /// Puts a request into the queue, cut to the size that is answered.
    pub(super) fn push(&mut self, mut request: SyncRequest) -> Result<(), Flooded> {
        if self.waiting.len() >= MAX_WAITING {
            return Err(Flooded);
        }
        match &mut request {
            SyncRequest::BlockBodies { hashes } => {
                hashes.truncate(MAX_RESPONSE_BLOCKS as usize);
                hashes.shrink_to_fit();
            }
            SyncRequest::StateRequest { keys, .. } => *keys = Vec::new(),
            SyncRequest::BlockHeaders { .. } | SyncRequest::GetBlocks { .. } => {}
        }
        self.waiting.push_back(request);
        Ok(())
    }

    /// The next request whose turn has come.
    pub(super) fn pop(&mut self, now: Mono) -> Option<SyncRequest> {
        if self.waiting.is_empty() || !self.rate.take(now) {
            return None;
        }
        self.waiting.pop_front()
    }

    /// When the next request's turn is, if one waits.
    pub(super) fn next_turn(&self) -> Option<Mono> {
        (!self.waiting.is_empty()).then(|| self.rate.next())
    }
}

/// Answers `request` within [`MAX_RESPONSE_BLOCKS`] or [`MAX_RESPONSE_HEADERS`], and
/// [`MAX_RESPONSE_BYTES`].
pub(super) fn answer(
    chain: &impl ChainView,
    request: SyncRequest,
    request_id: u64,
) -> Result<SyncResponse, StoreError> {
    Ok(match request {
        SyncRequest::BlockHeaders { start_hash, max_headers, ascending } => {
            SyncResponse::BlockHeaders {
                request_id,
                headers: headers(chain, start_hash, max_headers, ascending)?,
            }
        }
        SyncRequest::BlockBodies { hashes } => {
            let mut budget = Budget::new(MAX_RESPONSE_BLOCKS);
            let mut bodies = Vec::new();
            for hash in hashes {
                let body = chain.block(&hash)?.map(Block::into_parts).map(|(_, body)| body);
                if !budget.take(body.encoded_size()) {
                    break;
                }
                bodies.push(body);
            }
            SyncResponse::BlockBodies { request_id, bodies }
        }
        SyncRequest::StateRequest { .. } => {
            SyncResponse::StateResponse { request_id, entries: Vec::new() }
        }
        SyncRequest::GetBlocks { start_height, max_blocks } => {
            SyncResponse::Blocks { request_id, blocks: blocks(chain, start_height, max_blocks)? }
        }
    })
}

fn headers(
    chain: &impl ChainView,
    start: Hash,
    max: u32,
    ascending: bool,
) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut budget = Budget::new(max.min(MAX_RESPONSE_HEADERS));
    let mut headers = Vec::new();
    let mut next = Some(start);
    while let Some(hash) = next {
        let Some(header) = chain.header(&hash)? else {
            break;
        };
        let bytes = header.encode();
        if !budget.take(bytes.len()) {
            break;
        }
        headers.push(bytes);
        next = if !ascending {
            Some(header.parent_hash)
        } else if chain.hash_at(header.number)? == Some(hash) {
            // Only the best chain has one way up.
            header.number.checked_add(1).map(|number| chain.hash_at(number)).transpose()?.flatten()
        } else {
            None
        };
    }
    Ok(headers)
}

fn blocks(chain: &impl ChainView, start: u64, max: u32) -> Result<Vec<WireBlock>, StoreError> {
    let Ok(start) = BlockNumber::try_from(start) else {
        return Ok(Vec::new());
    };
    let mut budget = Budget::new(max.min(MAX_RESPONSE_BLOCKS));
    let mut blocks = Vec::new();
    for number in start..=BlockNumber::MAX {
        let Some(hash) = chain.hash_at(number)? else {
            break;
        };
        let Some(block) = chain.block(&hash)? else {
            break;
        };
        if !budget.take(block.size()) {
            break;
        }
        blocks.push(WireBlock::from(&block));
    }
    Ok(blocks)
}

/// What is left of one response.
struct Budget {
    items: u32,
    bytes: usize,
}

impl Budget {
    fn new(items: u32) -> Self {
        Self { items, bytes: MAX_RESPONSE_BYTES }
    }

    fn take(&mut self, bytes: usize) -> bool {
        match (self.items.checked_sub(1), self.bytes.checked_sub(bytes)) {
            (Some(items), Some(bytes)) => {
                *self = Self { items, bytes };
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_is_served_at_once_and_then_at_the_rate() {
        let mut now = Mono(100_000);
        let mut queue = Queue::new(now);
        let mut served = 0;
        let request = || SyncRequest::GetBlocks { start_height: 1, max_blocks: 1 };
        while queue.push(request()).is_ok() && queue.pop(now).is_some() {
            served += 1;
        }
        assert!((32..=34).contains(&served), "{served}");
        for _ in 0..10 {
            let turn = queue.next_turn().unwrap();
            assert!(turn > now && turn.since(now) <= Duration::from_millis(32));
            now = turn;
            assert!(queue.pop(now).is_some());
            assert!(queue.push(request()).is_ok());
        }
    }

    #[test]
    fn no_more_than_a_few_wait() {
        let mut queue = Queue::new(Mono(0));
        for _ in 0..MAX_WAITING {
            assert!(
                queue
                    .push(SyncRequest::BlockBodies { hashes: vec![Hash::default(); 100_000] })
                    .is_ok()
            );
        }
        assert!(queue.push(SyncRequest::GetBlocks { start_height: 0, max_blocks: 0 }).is_err());
        assert!(
            matches!(queue.pop(Mono(0)), Some(SyncRequest::BlockBodies { hashes }) if hashes.len() == MAX_RESPONSE_BLOCKS as usize)
        );
    }
}
