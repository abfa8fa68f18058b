//! What the chain side is told, and what waits while it is behind. The hub never waits for it.

use std::{collections::VecDeque, sync::Arc};

use hegemon_discovery::SessionId;
use tokio::sync::mpsc;

use crate::net::{handle::ChainEvent, tally::Tally};

/// Chain frames are dropped while the chain is this many events behind; openings and closings wait
/// instead.
const BACKLOG: usize = 1_024;

/// See the module.
#[derive(Debug)]
pub(super) struct ChainFeed {
    chain: mpsc::Sender<ChainEvent>,
    /// What the chain side had no room for: [`BACKLOG`] frames, an opening for each living session,
    /// a closing for each that it knows of.
    waiting: VecDeque<ChainEvent>,
    tally: Arc<Tally>,
}

/// There is no chain side any more.
pub(super) struct ChainIsGone;

impl ChainFeed {
    pub(super) fn new(chain: mpsc::Sender<ChainEvent>, tally: Arc<Tally>) -> Self {
        Self { chain, waiting: VecDeque::new(), tally }
    }

    /// Frames may be lost when the chain is far behind, like on any network; that a session opened
    /// or closed may not.
    pub(super) fn tell(&mut self, event: ChainEvent) {
        let rejected = if !self.waiting.is_empty() {
            Some(event)
        } else {
            self.chain.try_send(event).err().map(mpsc::error::TrySendError::into_inner)
        };
        match rejected {
            Some(frame @ ChainEvent::Frame { .. }) if self.waiting.len() < BACKLOG => {
                self.waiting.push_back(frame)
            }
            Some(ChainEvent::Frame { session, .. }) => {
                self.tally.drops.chain.add();
                tracing::debug!(?session, "the chain is behind: a frame is dropped")
            }
            Some(ChainEvent::Closed { session }) => self.forget(session),
            Some(opened @ ChainEvent::Opened { .. }) => self.waiting.push_back(opened),
            None => {}
        }
    }

    /// A session that ended before the chain heard that it opened is not told at all: what waits is
    /// bounded by the living sessions, however often peers come and go.
    fn forget(&mut self, ended: SessionId) {
        let of = |event: &ChainEvent| match event {
            ChainEvent::Opened { session, .. }
            | ChainEvent::Closed { session }
            | ChainEvent::Frame { session, .. } => *session,
        };
        let untold = self
            .waiting
            .iter()
            .any(|event| matches!(event, ChainEvent::Opened { session, .. } if *session == ended));
        self.waiting.retain(|event| of(event) != ended);
        if !untold {
            self.waiting.push_back(ChainEvent::Closed { session: ended });
        }
    }

    /// Passes on what waits, as soon as there is room; does not end while nothing waits.
    pub(super) async fn pass_on(&mut self) -> Result<(), ChainIsGone> {
        if self.waiting.is_empty() {
            return std::future::pending().await;
        }
        let permit = self.chain.reserve().await.map_err(|_| ChainIsGone)?;
        if let Some(event) = self.waiting.pop_front() {
            permit.send(event);
        }
        Ok(())
    }
}
