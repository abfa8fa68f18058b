//! One WebSocket: answers its calls one after the other, tells it of new blocks, and ends it when it
//! is dead, idle, or does not read. Nothing waits in a queue of ours: while it does not take an
//! answer it is not read from.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};

use super::{
    call, json,
    limits::{MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES},
    methods::Access,
    shared::Shared,
    subscriptions::{self, Heads, Subscriptions},
};
use crate::chain::{Best, Hash};

/// Serves a connection that has been upgraded until it ends.
pub(super) async fn serve(upgraded: Upgraded, shared: &Shared, access: Access) {
    let limits = WebSocketConfig::default()
        .read_buffer_size(4 * 1024)
        .write_buffer_size(0)
        .max_write_buffer_size(2 * MAX_RESPONSE_BYTES)
        .max_message_size(Some(MAX_REQUEST_BYTES))
        .max_frame_size(Some(MAX_REQUEST_BYTES));
    let socket =
        WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(limits)).await;
    let now = Instant::now();
    let mut session = Session {
        socket,
        shared,
        access,
        subscriptions: Subscriptions::default(),
        best: shared.context.best.clone(),
        asked: now,
        ping: now + shared.patience.ping,
        heard: true,
    };
    let ending = session.run().await;
    tracing::debug!(?ending, "a WebSocket ends");
    session.close(ending).await;
}

/// Why a WebSocket ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// The other side closed it, or it broke.
    Gone,
    /// It did not take what we sent.
    Stalled,
    /// Nothing came between two pings.
    Silent,
    /// It asked nothing for too long, and is subscribed to nothing.
    Idle,
    /// The node stops.
    Stopping,
}

struct Session<'a> {
    socket: WebSocketStream<TokioIo<Upgraded>>,
    shared: &'a Shared,
    access: Access,
    subscriptions: Subscriptions,
    best: watch::Receiver<Best>,
    /// When it last asked something.
    asked: Instant,
    /// When to ping next.
    ping: Instant,
    /// Whether anything came since the last ping.
    heard: bool,
}

impl Session<'_> {
    async fn run(&mut self) -> Ending {
        loop {
            if let Err(ending) = self.step().await {
                return ending;
            }
        }
    }

    /// Waits for one thing to happen, and deals with it.
    async fn step(&mut self) -> Result<(), Ending> {
        let idle_at = self.asked + self.shared.patience.idle;
        let subscribed = !self.subscriptions.is_empty();
        tokio::select! {
            message = self.socket.next() => {
                self.heard = true;
                match message {
                    Some(Ok(message)) => self.hear(message).await,
                    Some(Err(_)) | None => Err(Ending::Gone),
                }
            }
            Ok(()) = self.best.changed(), if subscribed => {
                self.best.mark_changed();
                self.tell().await
            }
            () = sleep_until(self.ping) => self.send_ping().await,
            () = sleep_until(idle_at), if !subscribed => Err(Ending::Idle),
            () = self.shared.stop.cancelled() => Err(Ending::Stopping),
        }
    }

    async fn hear(&mut self, message: Message) -> Result<(), Ending> {
        let request = match &message {
            Message::Text(text) => text.as_bytes(),
            Message::Binary(bytes) => bytes.as_ref(),
            // A ping is answered by the library; it is no sign that anybody wants anything.
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => return Ok(()),
            Message::Close(_) => return Err(Ending::Gone),
        };
        self.asked = Instant::now();
        let subscriptions = &mut self.subscriptions;
        let answer = call::answer(request, |name, params| {
            let subscription = subscriptions.call(name, params);
            subscription.unwrap_or_else(|| self.shared.call(self.access, name, params))
        });
        if let Some(answer) = answer {
            let room = self.shared.room_for(&answer);
            let answer = if room.is_some() { answer } else { call::busy() };
            self.send(Message::text(answer)).await?;
        }
        self.tell().await
    }

    /// One round: all who are due hear of one and the same best block. What is newer by the time
    /// that they have taken it comes in the next round, to all of them.
    async fn tell(&mut self) -> Result<(), Ending> {
        let (best, is_new) = {
            let best = self.best.borrow_and_update();
            (best.hash, best.has_changed())
        };
        // One that came while somebody subscribed is seen now: the others must not miss it.
        let due =
            if is_new { self.subscriptions.take_all() } else { self.subscriptions.take_fresh() };
        for (number, heads) in due {
            if let Some(header) = self.head(heads, &best) {
                let notification = subscriptions::notification(number, heads, &header);
                self.send(Message::text(notification)).await?;
            }
        }
        Ok(())
    }

    /// `None` if the database fails, which ends the node elsewhere.
    fn head(&self, heads: Heads, best: &Hash) -> Option<Value> {
        let chain = &self.shared.context.chain;
        let hash = match heads {
            Heads::New => *best,
            Heads::Finalized => chain.hash_at(0).ok()??,
        };
        chain.header(&hash).ok()?.as_ref().map(json::header)
    }

    async fn send_ping(&mut self) -> Result<(), Ending> {
        if !std::mem::take(&mut self.heard) {
            return Err(Ending::Silent);
        }
        self.ping = Instant::now() + self.shared.patience.ping;
        self.send(Message::Ping(bytes::Bytes::new())).await
    }

    async fn send(&mut self, message: Message) -> Result<(), Ending> {
        match timeout(self.shared.patience.answer, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Ending::Gone),
            Err(_) => Err(Ending::Stalled),
        }
    }

    /// Says why, if anybody may be there to hear it.
    async fn close(&mut self, ending: Ending) {
        let (code, reason) = match ending {
            Ending::Gone | Ending::Stalled | Ending::Silent => return,
            Ending::Idle => (CloseCode::Policy, "idle: nothing asked, nothing subscribed to"),
            Ending::Stopping => (CloseCode::Away, "the node stops"),
        };
        let frame = CloseFrame { code, reason: reason.into() };
        let _ = timeout(GOODBYE, self.socket.close(Some(frame))).await;
    }
}

/// For the last frame.
const GOODBYE: Duration = Duration::from_millis(500);
