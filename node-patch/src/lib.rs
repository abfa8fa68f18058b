//! The node side of Hegemon's discovery: the change that a Hegemon node needs, in modules that
//! another node can take over one by one, and a complete small node around them.
//!
//! | module | is about |
//! | --- | --- |
//! | [`transport`] | the post-quantum protocol, without sockets |
//! | [`net`] | sessions: who may have one (with the engine of `hegemon-discovery`), tasks, limits |
//! | [`chain`], [`sync`], [`miner`] | blocks: valid, stored, asked for, made |
//! | [`tip_watch`] | tells discovery when they no longer come |
//! | [`rpc`], [`node_status`] | what others may ask of the node |
//! | [`node`] | all of it joined |
//! | [`config`], [`identity_file`], [`shutdown`] | the edge: flags, environment, files, signals |
//!
//! Time and the peer store are those of `hegemon-adapter`: [`clock`], [`peer_store`].

pub mod chain;
pub mod config;
pub mod identity_file;
pub mod miner;
pub mod net;
pub mod node;
pub mod node_status;
pub mod rpc;
pub mod shutdown;
pub mod sync;
pub mod tip_watch;
pub mod transport;

pub use hegemon_adapter::{clock, peer_store};
