//! A peer that is no engine: it follows a script. It accepts everybody, dials whom it is after, and
//! tells of the addresses of its pool.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use hegemon_discovery::{DialId, Message, Mono, Now, SessionId};
use rand::{RngExt, seq::IndexedRandom};
use rand_chacha::ChaCha12Rng;

use crate::{addresses::PORT, frame::Frame, output::Output};

/// What a hostile peer tells of: so many baits for every address of an honest node.
#[derive(Debug, Default)]
pub struct Pool {
    /// Its own kind's, or dead ones.
    pub baits: Vec<SocketAddr>,
    /// Of honest nodes, so that it looks useful.
    pub honest: Vec<SocketAddr>,
    /// Baits per honest address.
    pub baits_per_honest: u32,
}

/// What a hostile peer does.
#[derive(Debug, Clone)]
pub struct Script {
    /// What it tells of.
    pub pool: Arc<Pool>,
    /// Whom it dials, and dials again when the session ends.
    pub victims: Vec<SocketAddr>,
    /// A first frame over every session, after `Hello`.
    pub opening: Option<Arc<[u8]>>,
    /// How often it sends news that nobody asked for.
    pub news_every: Option<Duration>,
    /// Addresses in each.
    pub news_length: usize,
}

/// A hostile peer dials again after so long.
const REDIAL: Duration = Duration::from_secs(10);

/// Addresses in an answer: as many as are used.
const ANSWER: usize = hegemon_discovery::limits::ADDRS_PER_ANSWER;

#[derive(Debug)]
pub(crate) struct Hostile {
    script: Script,
    rng: ChaCha12Rng,
    sessions: BTreeMap<SessionId, Option<SocketAddr>>,
    /// Dials under way, by whom they are after.
    dialling: BTreeMap<DialId, SocketAddr>,
    next_dial: u64,
    next_news: Option<Mono>,
    /// Victims without a session, and when they are dialled.
    due: BTreeMap<SocketAddr, Mono>,
}

impl Pool {
    fn draw(&self, rng: &mut ChaCha12Rng) -> Option<SocketAddr> {
        let honest = self.baits.is_empty()
            || (!self.honest.is_empty() && rng.random_range(0..=self.baits_per_honest) == 0);
        if honest { self.honest.choose(rng).copied() } else { self.baits.choose(rng).copied() }
    }

    fn list(&self, length: usize, rng: &mut ChaCha12Rng) -> Vec<SocketAddr> {
        (0..length).filter_map(|_| self.draw(rng)).collect()
    }
}

impl Hostile {
    pub(crate) fn new(script: Script, rng: ChaCha12Rng, now: Mono) -> Self {
        let due = script.victims.iter().map(|victim| (*victim, now)).collect();
        let next_news = script.news_every.map(|every| now.after(every));
        Self {
            script,
            rng,
            sessions: BTreeMap::new(),
            dialling: BTreeMap::new(),
            next_dial: 0,
            next_news,
            due,
        }
    }

    pub(crate) fn sessions(&self) -> impl Iterator<Item = SessionId> {
        self.sessions.keys().copied()
    }

    pub(crate) fn next_wakeup(&self) -> Option<Mono> {
        self.due.values().copied().chain(self.next_news).min()
    }

    pub(crate) fn wake(&mut self, now: Now, out: &mut Vec<Output>) {
        let due: Vec<SocketAddr> =
            self.due.iter().filter(|(_, at)| **at <= now.mono).map(|(victim, _)| *victim).collect();
        for addr in due {
            self.due.remove(&addr);
            let dial = DialId(self.next_dial);
            self.next_dial += 1;
            self.dialling.insert(dial, addr);
            out.push(Output::Dial { dial, addr });
        }
        if self.next_news.is_some_and(|at| at <= now.mono) {
            self.next_news = self.script.news_every.map(|every| now.mono.after(every));
            for session in self.sessions.keys() {
                let addrs = self.script.pool.list(self.script.news_length, &mut self.rng);
                out.push(Output::Frame {
                    session: *session,
                    frame: Frame::Message(Message::Addrs { addrs }),
                });
            }
        }
    }

    pub(crate) fn opened(
        &mut self,
        session: SessionId,
        dial: Option<DialId>,
        out: &mut Vec<Output>,
    ) {
        let victim = dial.and_then(|dial| self.dialling.remove(&dial));
        self.sessions.insert(session, victim);
        let hello = Frame::Message(Message::Hello { listen_port: PORT });
        let opening = self.script.opening.clone().map(Frame::Bytes);
        out.extend(
            [hello].into_iter().chain(opening).map(|frame| Output::Frame { session, frame }),
        );
    }

    pub(crate) fn frame(&mut self, session: SessionId, frame: &Frame, out: &mut Vec<Output>) {
        if matches!(frame, Frame::Message(Message::GetAddrs { .. })) {
            let addrs = self.script.pool.list(ANSWER, &mut self.rng);
            out.push(Output::Frame { session, frame: Frame::Message(Message::Addrs { addrs }) });
        }
    }

    pub(crate) fn ended(&mut self, session: SessionId, now: Now) {
        if let Some(Some(victim)) = self.sessions.remove(&session) {
            self.due.insert(victim, now.mono.after(REDIAL));
        }
    }

    pub(crate) fn dial_failed(&mut self, dial: DialId, now: Now) {
        if let Some(victim) = self.dialling.remove(&dial) {
            self.due.insert(victim, now.mono.after(REDIAL));
        }
    }
}
