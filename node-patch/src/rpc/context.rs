//! What the methods may ask of the node.

use std::{net::SocketAddr, sync::Arc};

use hegemon_discovery::Direction;
use serde::{Serialize, Serializer};
use tokio::sync::watch;

use crate::{
    chain::{Best, BlockNumber, Chain},
    miner::Miner,
    net::handle::PeerId,
    sync::SyncStatus,
};

/// Everything behind the RPC server. Each clone is the same.
#[derive(Clone)]
pub struct RpcContext {
    /// The chain.
    pub chain: Arc<Chain>,
    /// The miner.
    pub miner: Arc<Miner>,
    /// The network.
    pub node: Arc<dyn NodeStatus>,
    /// The tip of the best chain, whenever it changes.
    pub best: watch::Receiver<Best>,
    /// How far along the sync driver is.
    pub sync: watch::Receiver<SyncStatus>,
    /// What does not change.
    pub info: NodeInfo,
}

/// What a node says about itself and what does not change while it runs.
#[derive(Debug, Clone)]
pub struct NodeInfo {
    /// `system_name`: the implementation.
    pub name: String,
    /// `system_version`.
    pub version: String,
    /// `system_health.shouldHavePeers`: false for a node that was told of no other.
    pub should_have_peers: bool,
    /// Height of the best block when the process began.
    pub starting_block: BlockNumber,
    /// Threads of `hegemon_startMining` without a number.
    pub mining_threads: usize,
}

/// What the network side tells the RPC server. Called on the thread that serves everybody: it must
/// not block.
pub trait NodeStatus: Send + Sync + 'static {
    /// Distinct authenticated remote peers with a settled session.
    fn peer_count(&self) -> usize;
    /// One entry for each of them.
    fn peers(&self) -> Vec<PeerInfo>;
    /// The result of `hegemon_discoveryStatus`.
    fn discovery(&self) -> serde_json::Value;
    /// Our own peer ID.
    fn local_peer_id(&self) -> PeerId;
    /// The addresses that we listen on.
    fn listen_addresses(&self) -> Vec<SocketAddr>;
}

/// A session, as `hegemon_peerList` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PeerInfo {
    /// 64 hex digits.
    #[serde(serialize_with = "hex_digits")]
    pub peer_id: PeerId,
    /// The remote end of its socket.
    pub address: SocketAddr,
    /// Who dialled.
    #[serde(serialize_with = "direction_name")]
    pub direction: Direction,
    /// Seconds since the handshake.
    pub age_seconds: u64,
    /// Bytes received on the session.
    pub bytes_in: u64,
    /// Bytes sent on the session.
    pub bytes_out: u64,
    /// Where it says that it listens.
    pub listen_address: Option<SocketAddr>,
}

fn direction_name<S: Serializer>(direction: &Direction, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match direction {
        Direction::Inbound => "inbound",
        Direction::Outbound => "outbound",
    })
}

fn hex_digits<S: Serializer>(peer: &PeerId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(peer)
}
