//! Asks a node of a network that nobody judges what an onlooker wants to know: peers, height, with whom it talks. The
//! same questions as in a run, as the same events.

use std::{net::SocketAddr, sync::Arc};

use harness_core::event::{EventKind, Moment, Reading, Sample, SessionList};

use super::{
    clock::RunClock,
    http::Http,
    poll::rpc::{Also, Batching, Rpc},
};
use crate::provider::Direct;

/// One who looks at a node.
pub struct Onlooker {
    node: String,
    address: SocketAddr,
    rpc: Rpc,
    clock: Arc<RunClock>,
    own: Option<String>,
    batching: Batching,
    sessions: bool,
}

impl Onlooker {
    /// Connects to nothing yet.
    pub fn new(node: &str, address: SocketAddr, clock: Arc<RunClock>) -> Self {
        Self {
            node: node.to_owned(),
            address,
            rpc: Rpc::new(Arc::new(Http::through(Arc::new(Direct))), address, 1.0),
            clock,
            own: None,
            batching: Batching::default(),
            sessions: true,
        }
    }

    /// Where it asks.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// One round; takes no longer than a node may take to answer.
    pub async fn ask(&mut self) -> Vec<EventKind> {
        let mut seen = Vec::new();
        if self.own.is_none() {
            self.own = self.rpc.peer_id().await.value().cloned();
            seen.extend(self.own.clone().map(|id| EventKind::Methods {
                node: self.node.clone(),
                start: 0,
                system_peers: false,
                peer_id: Some(id),
            }));
        }
        let sent = self.clock.now();
        let also = Also { system_peers: false, sessions: self.sessions, syncing: false };
        let answers = self.rpc.round(also, self.own.as_deref(), &mut self.batching).await;
        let answered = self.clock.now();
        // A foreign node need not offer them; it is not asked again and again.
        if let Some(Reading::Missing(miss)) = &answers.sessions {
            self.sessions = !miss.is_unknown_method();
        }
        if let Some(sessions) = answers.sessions {
            let node = self.node.clone();
            let list = SessionList { node, start: 0, sent, answered, sessions };
            seen.push(EventKind::Sessions(list));
        }
        seen.push(EventKind::Sample(self.sample((sent, answered), answers.peers, answers.height)));
        seen
    }

    fn sample(
        &self,
        (sent, answered): (Moment, Moment),
        peers: Reading<u64>,
        height: Reading<u64>,
    ) -> Sample {
        let node = self.node.clone();
        Sample { node, start: 0, sent, answered, peers, distinct: None, height, syncing: None }
    }
}
