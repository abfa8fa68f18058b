//! The post-quantum transport, `/hegemon/pq/1`, byte for byte: who the other side is, and what it
//! says.
//!
//! | module | is about |
//! | --- | --- |
//! | [`identity`] | the ML-DSA-65 key pair from a seed, and the peer ID |
//! | [`message`] | the three handshake messages, in both encodings |
//! | [`handshake`] | one type per state; each consumes a message and returns the next state and what to send |
//! | [`keys`] | transcript, signed digests, session keys |
//! | [`record`] | AES-256-GCM over frames, one counter per direction |
//! | [`frame`] | length prefixes, refused before anything is allocated |
//! | [`pool`] | what long frames may hold of memory, over all sessions |
//! | [`envelope`] | what a session's plaintext looks like |
//!
//! No sockets here: [`crate::net`] has them.

pub mod envelope;
pub mod frame;
pub mod handshake;
pub mod identity;
pub mod keys;
pub mod message;
pub mod pool;
pub mod record;
