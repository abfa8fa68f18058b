//! A peer's headers above a block that we have, each valid on the one before it: what shows, before
//! a body is asked for, that a branch has more work than ours.

use std::collections::VecDeque;

use super::view::ChainView;
use crate::chain::{self, Best, Hash, Header, Invalid, StoreError};

/// Headers of one branch from which on no more are asked for until blocks of it are imported. The
/// answer that reaches it may exceed it, by less than one answer's headers. Some 600 KiB, and several
/// seconds of import.
pub(super) const MAX_HEADERS: usize = 2_048;

/// See the module.
pub(super) struct Branch {
    pub(super) headers: VecDeque<(Hash, Header)>,
    /// Its last block, with the work of all up to it.
    pub(super) end: Best,
    last: Header,
}

impl Branch {
    /// An empty one on a stored block; `None` if that is not stored.
    pub(super) fn on(chain: &impl ChainView, hash: Hash) -> Result<Option<Self>, StoreError> {
        let (Some(last), Some(total_work)) = (chain.header(&hash)?, chain.total_work(&hash)?)
        else {
            return Ok(None);
        };
        let end = Best { hash, number: last.number, total_work };
        Ok(Some(Self { headers: VecDeque::new(), end, last }))
    }

    /// An empty one that goes on where this one ends.
    pub(super) fn next(&self) -> Self {
        Self { headers: VecDeque::new(), end: self.end, last: self.last.clone() }
    }

    /// Appends a child of the end.
    pub(super) fn push(&mut self, chain: &impl ChainView, header: Header) -> Result<(), Invalid> {
        let claim = chain::header_standalone(chain.params(), &header)?;
        chain::header_on_parent(chain.params(), &self.last, &header, &claim)?;
        let hash = header.hash();
        self.end = Best {
            hash,
            number: header.number,
            total_work: self.end.total_work + claim.difficulty,
        };
        self.headers.push_back((hash, header.clone()));
        self.last = header;
        Ok(())
    }

    /// Whether it is long enough that no more headers are asked for now.
    pub(super) fn is_full(&self) -> bool {
        self.headers.len() >= MAX_HEADERS
    }
}
