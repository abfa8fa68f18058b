//! Bad lines: what a node sends to a hardware address that nobody has is picked up, and sent on to the
//! one that is meant, late, or not at all. It needs no module of the kernel.
//!
//! A frame that the node left to its network card to be finished (checksums, large segments) is passed
//! on with what says so: it counts as one.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    io,
    net::Ipv4Addr,
    os::fd::OwnedFd,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use harness_core::line::BadLine;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use tokio::{io::unix::AsyncFd, task::AbortHandle, time::Instant};

use super::{
    sys::{self, OFFLOADS},
    wire::Mac,
};

/// What waits on one line; the rest is lost, as in a queue that is full.
const MOST_FRAMES: usize = 1_000;
const MOST_BYTES: usize = 8 * 1024 * 1024;
/// A segment that the network card was to cut, with what stands before it.
const LONGEST: usize = 128 * 1024;
/// Frames that are picked up before those that are due are sent.
const AT_ONCE: usize = 64;
/// Timers wake by milliseconds: whatever is due by then is due now.
const EARLY: Duration = Duration::from_micros(500);
/// Two hardware addresses and a type.
const HEADER: usize = 14;

/// An address that nobody has, for one of a network: administered here, unlike those of our nodes and of
/// engines' containers.
pub(super) fn nobody(to: Ipv4Addr) -> Mac {
    let [a, b, c, d] = to.octets();
    [0x06, 0x00, a, b, c, d]
}

/// The bad lines of one node. Dropped, they are cut.
pub(super) struct Relay {
    lines: Lines,
    task: AbortHandle,
}

type Lines = Arc<Mutex<BTreeMap<Ipv4Addr, Way>>>;

/// One bad line.
struct Way {
    mac: Mac,
    line: BadLine,
    chance: Chance,
    /// When the line has room for the next frame, where its rate is limited.
    free: Instant,
    frames: usize,
    bytes: usize,
}

/// A frame on its way: when it is due, its number, to whom, and itself.
type Waiting = BinaryHeap<Reverse<(Instant, u64, Ipv4Addr, Vec<u8>)>>;

impl Relay {
    /// For the node in whose namespace this thread is.
    pub(super) fn here(index: u32) -> io::Result<Self> {
        let (socket, own) = sys::packets(index)?;
        let (socket, lines) = (sys::watch(socket)?, Lines::default());
        let task = tokio::spawn(serve(socket, own, Arc::clone(&lines))).abort_handle();
        Ok(Self { lines, task })
    }

    /// The line to `to` is bad from now on; those who send to [`nobody`] are meant.
    pub(super) fn set(&self, to: Ipv4Addr, mac: Mac, line: BadLine) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let way = lines.entry(to).or_insert_with(|| Way {
            mac,
            line,
            chance: Chance(u64::from(to.to_bits())),
            free: Instant::now(),
            frames: 0,
            bytes: 0,
        });
        (way.mac, way.line) = (mac, line);
    }

    /// It is so no longer. What is on its way arrives.
    pub(super) fn unset(&self, to: Ipv4Addr) {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).remove(&to);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(socket: AsyncFd<OwnedFd>, own: Mac, lines: Lines) {
    let (mut waiting, mut number) = (Waiting::new(), 0);
    let mut bytes = vec![0; LONGEST];
    loop {
        let due = waiting.peek().map(|Reverse((due, ..))| *due);
        let timer = async {
            match due {
                Some(due) => tokio::time::sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            ready = socket.readable() => {
                let Ok(mut ready) = ready else { return };
                for _ in 0..AT_ONCE {
                    let read = ready.try_io(|socket| {
                        recv(socket, &mut bytes[..], RecvFlags::empty()).map(|(length, _)| length).map_err(io::Error::from)
                    });
                    match read {
                        Ok(Ok(length)) => {
                            number += 1;
                            pick_up(&bytes[..length], own, &lines, number, &mut waiting);
                        }
                        // A link that is down for a moment says so.
                        Ok(Err(_)) => break,
                        Err(_would_block) => break,
                    }
                }
            }
            () = timer => {}
        }
        send_due(&socket, &lines, &mut waiting);
    }
}

fn pick_up(frame: &[u8], own: Mac, lines: &Lines, number: u64, waiting: &mut Waiting) {
    let Some((to, from)) = frame.get(OFFLOADS..OFFLOADS + 12).map(|both| both.split_at(6)) else {
        return;
    };
    let [0x06, 0x00, a, b, c, d] = *to else { return };
    if from != own {
        return;
    }
    let address = Ipv4Addr::new(a, b, c, d);
    let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(way) = lines.get_mut(&address) else { return };
    let Some(due) = way.admit(frame.len() - OFFLOADS, Instant::now()) else { return };
    let mut frame = frame.to_vec();
    frame[OFFLOADS..OFFLOADS + 6].copy_from_slice(&way.mac);
    waiting.push(Reverse((due, number, address, frame)));
}

fn send_due(socket: &AsyncFd<OwnedFd>, lines: &Lines, waiting: &mut Waiting) {
    let now = Instant::now() + EARLY;
    while waiting.peek().is_some_and(|Reverse((due, ..))| *due <= now) {
        let Some(Reverse((_, _, to, frame))) = waiting.pop() else { return };
        if let Some(way) = lines.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&to) {
            way.left(frame.len() - OFFLOADS);
        }
        // One that cannot leave is lost: lines do that.
        let _ = send(socket, &frame, SendFlags::empty());
    }
}

impl Way {
    /// When a frame is due; `None`: it is lost.
    fn admit(&mut self, length: usize, now: Instant) -> Option<Instant> {
        let lost = self.chance.share() * 100.0 < self.line.loss;
        if lost || self.frames >= MOST_FRAMES || self.bytes + length > MOST_BYTES {
            return None;
        }
        let through = match self.line.rate {
            Some(rate) => {
                // What the line carries: without the header, which is the link's.
                let bits = length.saturating_sub(HEADER) as f64;
                self.free = self.free.max(now) + Duration::from_secs_f64(bits / rate.max(1) as f64);
                self.free
            }
            None => now,
        };
        let off = self.line.jitter.mul_f64(self.chance.share() * 2.0);
        let due = (through + self.line.delay + off).checked_sub(self.line.jitter);
        self.frames += 1;
        self.bytes += length;
        Some(due.unwrap_or(now).max(now))
    }

    /// One that was admitted is gone; it may have been admitted to a line before this one.
    fn left(&mut self, length: usize) {
        self.frames = self.frames.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(length);
    }
}

/// Numbers that look like chance and are the same in every run (splitmix64).
struct Chance(u64);

impl Chance {
    /// From 0 to 1.
    fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(line: BadLine) -> Way {
        let (mac, chance, free) = ([0; 6], Chance(7), Instant::now());
        Way { mac, line, chance, free, frames: 0, bytes: 0 }
    }

    #[test]
    fn so_many_are_lost_as_was_asked_for() {
        let mut way = way(BadLine { loss: 20.0, ..BadLine::default() });
        let now = Instant::now();
        let lost = (0..10_000).filter(|_| {
            let lost = way.admit(100, now).is_none();
            way.left(100);
            lost
        });
        assert!((1_800..2_200).contains(&lost.count()));
    }

    #[test]
    fn a_frame_is_late_by_the_delay_more_or_less_and_by_those_before_it() {
        let ms = Duration::from_millis;
        let now = Instant::now();
        let mut late = way(BadLine { delay: ms(50), jitter: ms(10), ..BadLine::default() });
        for _ in 0..100 {
            let due = late.admit(100, now).unwrap() - now;
            assert!((ms(40)..=ms(60)).contains(&due), "{due:?}");
        }
        let mut slow = way(BadLine { rate: Some(1_000), ..BadLine::default() });
        slow.free = now;
        let due: Vec<_> = (0..3).map(|_| slow.admit(100 + HEADER, now).unwrap() - now).collect();
        assert_eq!(due, [ms(100), ms(200), ms(300)]);
    }

    #[test]
    fn a_line_holds_only_so_much() {
        let mut way = way(BadLine { delay: Duration::from_secs(9), ..BadLine::default() });
        let now = Instant::now();
        assert_eq!((0..2 * MOST_FRAMES).filter_map(|_| way.admit(60, now)).count(), MOST_FRAMES);
        way.left(60);
        assert!(way.admit(60, now).is_some());
    }
}
