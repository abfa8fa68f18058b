//! What RPC shows of the network: a copy that the hub renews, so that nobody who asks can hold it
//! up.

use std::sync::{Arc, Mutex, PoisonError};

use hegemon_discovery::{SessionId, Status};

use crate::net::{peering::Session, registry::Outlet};

/// One session as RPC shows it.
#[derive(Debug, Clone)]
pub struct SessionView {
    /// Its number.
    pub session: SessionId,
    /// What is known of it.
    pub known: Session,
    /// Whether it counts: it has delivered a frame, or had no rival for a while.
    pub settled: bool,
    /// Its handshake's transcript, and bytes in both directions.
    pub outlet: Arc<Outlet>,
}

/// The hub's state as of its last change.
#[derive(Debug, Clone, Default)]
pub struct NetworkView {
    /// Distinct peers with a settled session.
    pub settled_peers: usize,
    /// How often two sessions with one peer stood against each other.
    pub rivalries: u64,
    /// Every session, by number.
    pub sessions: Vec<SessionView>,
    /// The discovery engine in numbers.
    pub discovery: Status,
}

/// Shared between the hub, which writes, and RPC, which reads.
#[derive(Debug, Clone, Default)]
pub struct SharedView(Arc<Mutex<NetworkView>>);

impl SharedView {
    /// The view as it is now.
    #[must_use]
    pub fn read(&self) -> NetworkView {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Distinct peers with a settled session.
    #[must_use]
    pub fn settled_peers(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).settled_peers
    }

    /// Replaces the view.
    pub fn publish(&self, view: NetworkView) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = view;
    }
}
