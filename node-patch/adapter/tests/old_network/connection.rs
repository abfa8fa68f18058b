//! One connection between two ends: frames in order, each late at random, and an end that comes
//! after them.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use tokio::{
    sync::{Notify, mpsc},
    time::{Instant, sleep_until},
};

use super::World;

/// What goes over it; `None` is its end.
type Parcel = (Instant, Option<Frame>);

#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) protocol: String,
    pub(crate) data: Vec<u8>,
}

/// Side 0 dialled.
pub(crate) struct Connection {
    pub(crate) id: u64,
    world: Arc<World>,
    lines: [Line; 2],
}

/// Towards one side.
struct Line {
    send: mpsc::UnboundedSender<Parcel>,
    receive: tokio::sync::Mutex<mpsc::UnboundedReceiver<Parcel>>,
    last: Mutex<Instant>,
    /// That side is done with it.
    closed: AtomicBool,
    closing: Notify,
}

impl Connection {
    pub(crate) fn new(id: u64, world: Arc<World>) -> Arc<Self> {
        let line = || {
            let (send, receive) = mpsc::unbounded_channel();
            Line {
                send,
                receive: receive.into(),
                last: Mutex::new(Instant::now()),
                closed: AtomicBool::new(false),
                closing: Notify::new(),
            }
        };
        Arc::new(Self { id, world, lines: [line(), line()] })
    }

    /// Whatever becomes of it, the sender is not told.
    pub(crate) fn send(&self, side: usize, frame: Option<Frame>) {
        if self.lines[side].closed.load(Ordering::Relaxed) {
            return;
        }
        let line = &self.lines[1 - side];
        let mut last = line.last.lock().unwrap();
        *last = (*last).max(Instant::now() + self.world.delay(1..50));
        let _ = line.send.send((*last, frame));
    }

    /// At both ends.
    pub(crate) fn is_open(&self) -> bool {
        self.lines.iter().all(|line| !line.closed.load(Ordering::Relaxed))
    }

    pub(crate) fn close(&self, side: usize) {
        self.send(side, None);
        self.lines[side].closed.store(true, Ordering::Relaxed);
        self.lines[side].closing.notify_one();
    }

    /// Everything that comes to a side, until either closes it. An old listener loses what came
    /// before it began to read; the next frame then does not decrypt, and ends the session.
    pub(crate) async fn read(&self, side: usize, mut take: impl FnMut(Frame)) {
        let (line, began) = (&self.lines[side], Instant::now());
        let (mut receive, mut torn) = (line.receive.lock().await, false);
        while !line.closed.load(Ordering::Relaxed) {
            let (at, frame) = tokio::select! {
                parcel = receive.recv() => parcel.expect("the connection is here"),
                () = line.closing.notified() => break,
            };
            if side == 1 && at < began && frame.is_some() {
                torn = true;
                self.world.lost.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            tokio::select! {
                () = sleep_until(at) => {}
                () = line.closing.notified() => break,
            }
            match frame {
                Some(frame) if !torn => take(frame),
                Some(_) | None => break,
            }
        }
        drop(receive);
        self.close(side);
    }
}
