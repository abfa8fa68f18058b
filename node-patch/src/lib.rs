//! The node side of Hegemon's discovery: the change that a Hegemon node needs, in modules that
//! another node can take over one by one, and a complete small node around them.
//!
//! | module | is about |
//! | --- | --- |
//! | [`transport`] | the post-quantum protocol, without sockets |
//! | [`net`] | sessions: who may have one (with the engine of `hegemon-discovery`), tasks, limits |
//! | [`chain`], [`sync`], [`miner`] | blocks: valid, stored, asked for, made |
//! | [`tip_watch`] | tells discovery when they no longer come |
//! | [`rpc`], [`node_status`], [`metrics`] | what others may ask of the node |
//! | [`node`] | all of it joined |
//! | [`host`] | what it runs on: the seams between a node and the world |
//! | [`config`], [`base_path`], [`identity_file`], [`randomness`], [`clock`], [`shutdown`] | the edge: flags, environment, files, entropy, time, signals |

pub mod base_path;
pub mod chain;
pub mod clock;
pub mod config;
pub mod host;
pub mod identity_file;
pub mod metrics;
pub mod miner;
pub mod net;
pub mod node;
pub mod node_status;
pub mod randomness;
pub mod rpc;
pub mod shutdown;
pub mod sync;
pub mod tip_watch;
pub mod transport;
