//! One honest node: the [`Peering`] that a real node has, without the sockets. What is here beside
//! it stands for what a hub and its sessions do: frames are decoded, keepalives sent.

use std::collections::BTreeSet;

use hegemon_discovery::{Config, Engine, Message, Mono, Now, PeerId, SessionId, snapshot};
use hegemon_node::net::{
    peering::{self, Peering},
    session::KEEP_ALIVE,
    table::Limits,
};

use crate::{frame::Frame, output::Output};

/// Sessions of a node, all in all: the node's default.
pub const MAX_PEERS: usize = 50;

#[derive(Debug)]
pub(crate) struct Node(Peering);

impl Node {
    /// A node with what its store holds. A store that cannot be read is none.
    pub(crate) fn start(
        identity: PeerId,
        config: Config,
        entropy: [u8; 32],
        stored: &[u8],
        now: Now,
    ) -> Self {
        let limits = Limits::within(MAX_PEERS, config.target_outbound, config.seeds);
        let stored = snapshot::decode(stored, now).unwrap_or_default();
        Self(Peering::new(identity, limits, config, entropy, stored, now))
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.0.engine()
    }

    /// Living sessions.
    pub(crate) fn sessions(&self) -> impl Iterator<Item = SessionId> {
        self.0.sessions().map(|(id, _)| id)
    }

    /// Peers in an outbound slot.
    pub(crate) fn outbound(&self) -> BTreeSet<PeerId> {
        self.engine().outbound_peers().collect()
    }

    /// Whether it has a session with a peer.
    pub(crate) fn has(&self, peer: PeerId) -> bool {
        self.0.sessions().any(|(_, session)| session.peer == peer)
    }

    /// All peers, each once.
    pub(crate) fn peers(&self) -> BTreeSet<PeerId> {
        self.0.sessions().map(|(_, session)| session.peer).collect()
    }

    pub(crate) fn next_wakeup(&self) -> Option<Mono> {
        self.0.next_wakeup()
    }

    /// Tells the node something; what it wants is added to `out`.
    pub(crate) fn tell<T>(
        &mut self,
        out: &mut Vec<Output>,
        tell: impl FnOnce(&mut Peering, &mut Vec<peering::Output>) -> T,
    ) -> T {
        let mut wanted = Vec::new();
        let answer = tell(&mut self.0, &mut wanted);
        out.extend(wanted.into_iter().filter_map(carried));
        answer
    }

    /// A frame arrives: what a session's reader and the hub do with it.
    pub(crate) fn frame(
        &mut self,
        session: SessionId,
        frame: Frame,
        now: Now,
        out: &mut Vec<Output>,
    ) {
        self.tell(out, |peering, out| match frame {
            Frame::Empty => peering.keep_alive(session, now, out),
            Frame::Message(message) => peering.message(session, Ok(message), now, out),
            Frame::Bytes(bytes) => peering.message(session, Message::decode(&bytes), now, out),
        });
    }

    /// Catches up on keepalives. The other end of a session sends one after [`KEEP_ALIVE`] without
    /// another frame; instead of an event for each, those that came since the last frame are
    /// counted when it matters. `flows` says which sessions are whole.
    pub(crate) fn settle(
        &mut self,
        flows: impl Fn(SessionId) -> bool,
        now: Now,
        out: &mut Vec<Output>,
    ) -> u64 {
        let missed = |(id, heard): (SessionId, Mono)| {
            let silent = now.mono.since(heard);
            if silent < KEEP_ALIVE || !flows(id) {
                return None;
            }
            let count = silent.as_millis() / KEEP_ALIVE.as_millis();
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            Some((id, heard.after(KEEP_ALIVE.saturating_mul(count)), count))
        };
        let missed: Vec<(SessionId, Mono, u32)> = self.0.heard().filter_map(missed).collect();
        if missed.is_empty() {
            return 0;
        }
        self.tell(out, |peering, out| {
            for (session, last, _) in &missed {
                peering.heard_at(*session, *last, now, out);
            }
        });
        missed.iter().map(|(_, _, count)| u64::from(*count)).sum()
    }
}

/// What the network has to do about an output, if anything.
fn carried(output: peering::Output) -> Option<Output> {
    Some(match output {
        peering::Output::Send { session, message } => {
            Output::Frame { session, frame: Frame::Message(message) }
        }
        peering::Output::KeepAlive { session } => Output::Frame { session, frame: Frame::Empty },
        peering::Output::Ended { session, .. } => Output::Ended { session },
        peering::Output::Dial { dial, addr, .. } => Output::Dial { dial, addr },
        peering::Output::Resolve { seed } => Output::Resolve { seed },
        peering::Output::Persist => Output::Persist,
        peering::Output::Alarm { raised: true, .. } => Output::Alarmed,
        // Nobody shares an identity there, and who dials itself sees one end only.
        peering::Output::Alarm { raised: false, .. } | peering::Output::Twin { .. } => {
            return None;
        }
    })
}
