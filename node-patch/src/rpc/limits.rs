//! What a client can make the node hold, and for how long.

use std::time::Duration;

use crate::chain::MAX_BLOCK_BYTES;

/// TCP connections at a time, of whatever use: a harness, a dashboard and an operator need a
/// handful; each costs a descriptor and some KiB. Whoever is one too many waits in the kernel until
/// a place is free.
pub(super) const MAX_CONNECTIONS: usize = 128;

/// WebSockets among them. They may stay for ever, so they must not be able to fill every place:
/// against idle ones that lock others out.
pub(super) const MAX_WEBSOCKETS: usize = 64;

/// Subscriptions of one WebSocket: bounds what one block makes us send. A client library has two or
/// three.
pub(super) const MAX_SUBSCRIPTIONS: usize = 8;

/// Largest request, in bytes. Our parameters are a hash at most; this is a full batch of them and
/// to spare.
pub(super) const MAX_REQUEST_BYTES: usize = 64 * 1024;

/// Largest answer, in bytes: the largest block in hex, and as much again for JSON around it. Bounds
/// what a batch of requests for blocks makes us hold.
pub(super) const MAX_RESPONSE_BYTES: usize = 4 * MAX_BLOCK_BYTES;

/// Bytes of long answers that clients have not taken yet, over all: against many that ask for blocks
/// and do not read. Sixteen of the longest, and thirty of the longest blocks.
pub(super) const MAX_WAITING_BYTES: usize = 16 * MAX_RESPONSE_BYTES;

/// Longer answers count in [`MAX_WAITING_BYTES`]; what is shorter fits into a socket's buffer.
pub(super) const SHORT_ANSWER_BYTES: usize = 16 * 1024;

/// Calls in one batch: bounds what one request can make us do.
pub(super) const MAX_BATCH: usize = 32;

/// Blocks of one `hegemon_blockTimestamps`, each a read of the database: as many as two pages of an
/// explorer, and a millisecond or two of the thread that serves everybody.
pub(super) const MAX_TIMESTAMPS: u32 = 256;

/// Bytes of headers of one request, and hyper's buffer: ours are some hundreds.
pub(super) const MAX_HEAD_BYTES: usize = 16 * 1024;

// Half of the places are for HTTP, whatever WebSockets do.
const _: () = assert!(MAX_WEBSOCKETS * 2 <= MAX_CONNECTIONS);
// Short ones add up to little.
const _: () = assert!(MAX_CONNECTIONS * SHORT_ANSWER_BYTES <= MAX_WAITING_BYTES);
// A block in hex fits into an answer.
const _: () = assert!(MAX_RESPONSE_BYTES > 2 * MAX_BLOCK_BYTES);

/// How long a client may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For the head of a request, and for its body: also what an idle HTTP connection gets until
    /// its next request.
    pub request: Duration,
    /// For taking an answer from us: a client that does not read holds an answer and a place.
    pub answer: Duration,
    /// Between two pings. A WebSocket from which nothing came between two of them is dead.
    pub ping: Duration,
    /// For a WebSocket that asks nothing and has no subscription.
    pub idle: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            request: Duration::from_secs(10),
            answer: Duration::from_secs(10),
            ping: Duration::from_secs(30),
            idle: Duration::from_secs(300),
        }
    }
}
