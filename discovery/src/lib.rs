//! Address exchange and opportunistic dialling in the Bitcoin manner, as an engine without IO,
//! clock or ambient entropy.
//!
//! # The contract
//!
//! The caller makes an [`Engine`] from a [`Config`], 32 bytes of entropy and what
//! [`snapshot::decode`] made of the stored peers, then tells it everything that happens with
//! [`Engine::handle`] and does what comes back, in order. It owes the engine:
//!
//! - **A monotonic clock.** `now.mono` never goes back between calls. `now.wall` may do what it
//!   likes; it only ends up in snapshots.
//! - **A call when [`Engine::next_wakeup`] is due**, with [`Event::Wakeup`]. A spurious, early or
//!   late one is harmless.
//! - **An outcome for every dial**: exactly one of [`Event::Opened`] with its [`DialId`] or
//!   [`Event::DialFailed`]; and one [`Event::Resolved`] for every [`Action::Resolve`].
//! - **[`Event::Closed`] for every [`Event::Opened`]**, also for sessions that the engine itself
//!   closed.
//!
//! What it gets: a bounded number of actions per event, no dial outside the policy, and the same
//! actions for the same events, entropy and times.
//!
//! # What it costs
//!
//! Of memory 110 bytes for each address that is known by hearsay and 234 in a full book, 4.8 MB at
//! most ([`book::tables`]); of time what is touched of it. Whatever is asked at every message (is it
//! known, whose is it, which session) is a look into a keyed hash or a short sorted list; whatever
//! concerns all addresses (a snapshot, candidates) is one walk in their order, and an answer one
//! over those that we were in contact with.
//!
//! # The map
//!
//! | module | is about |
//! | --- | --- |
//! | [`engine`] | the state machine: one method per event |
//! | [`event`], [`action`], [`types`] | what goes in, what comes out, and the words that both use |
//! | [`message`] | the three wire messages and their bounded codec |
//! | [`book`] | the addresses that we know; `book::record` is the only writer of one |
//! | [`bucket`], [`heard`] | how often somebody may do something, and when somebody was heard; whoever drives the engine uses them too |
//! | [`policy`], `key`, `ranges` | which addresses may be admitted and dialled; an address as a number, and many in a row |
//! | [`snapshot`] | the persisted form of the book, and the older nodes' |
//! | `sessions`, `eviction` | who is connected, and who makes room for a newcomer |
//! | `dial`, `select`, `seeds`, `outage` | dials in flight, whom to dial, the seeds' schedule, whether it is they or we |
//! | `admission`, `mentioned` | what others may make us take in, and what they told again |
//! | `sample`, `announce` | what is told: answers, and news |
//! | [`sorted`], `hashes` | a small sorted map, which the node uses too; a set of hashes |
//! | `timer`, `listed` | named timers; enums that know all their values |
//! | [`limits`], [`config`], [`status`] | numbers with their reasons, what an operator may turn, what an operator may see |
//!
//! Not here: sockets, the handshake, which of two sessions with one peer survives (the node's
//! session table), files, name resolution.

pub mod action;
pub mod book;
pub mod bucket;
pub mod config;
pub mod engine;
pub mod event;
pub mod heard;
pub mod limits;
pub mod message;
pub mod policy;
pub mod snapshot;
pub mod sorted;
pub mod status;
pub mod types;

mod admission;
mod announce;
mod dial;
mod eviction;
mod hashes;
mod key;
mod listed;
mod mentioned;
mod outage;
mod ranges;
mod sample;
mod seeds;
mod select;
mod sessions;
mod timer;

pub use action::{Action, Alarm, CloseReason};
pub use bucket::Bucket;
pub use config::{Config, Exchange, Limits};
pub use engine::Engine;
pub use event::{ChainState, DialError, Event};
pub use heard::Heard;
pub use message::{DecodeError, Message};
pub use policy::{Groups, Loopback};
pub use sorted::Sorted;
pub use status::Status;
pub use types::{DialId, Direction, Mono, Now, PeerId, SeedIndex, SessionId};
