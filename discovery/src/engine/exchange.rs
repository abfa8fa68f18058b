//! What is said about addresses: learned within bounds, served if it is known to be alive, passed
//! on once.

use std::net::SocketAddr;

use rand::{RngExt, seq::IteratorRandom};

use super::Engine;
use crate::{
    action::{Action, CloseReason},
    admission::Allowance,
    announce::News,
    book::{Change, Noted},
    config::Exchange,
    hashes::Hash,
    limits::{
        ADDRS_PER_ANSWER, ADDRS_RELAYED, DIALS_IN_FLIGHT, DIALS_PER_ANSWER, LONELY,
        RELAY_DIAL_DELAY, RELAY_DIAL_INTERVAL, RELAY_FANOUT, RELAY_SHARE, SCORE_CLOSE,
        SCORE_LONG_LIST, SCORE_UNDECODABLE,
    },
    message::{DecodeError, Message},
    policy::{self, Group, Groups, Refusal},
    sessions::Peer,
    timer::Timer,
    types::{Mono, Now, PeerId, SessionId},
};

/// How addresses come from one peer into the book.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Arrival {
    /// The answer to our question.
    Answer,
    /// Unasked, and short enough to be passed on.
    News,
    /// Unasked and long: noted at most.
    Dump,
}

/// A list on its way: what is the same for all its addresses.
struct List {
    id: SessionId,
    from: PeerId,
    remote: SocketAddr,
    arrival: Arrival,
    /// Looked up for the first address that costs a token, and given back after the last one.
    allowance: Option<Allowance>,
    /// One of them was not known before.
    useful: bool,
}

impl Engine {
    pub(super) fn message(
        &mut self,
        id: SessionId,
        message: Result<Message, DecodeError>,
        now: Now,
        out: &mut Vec<Action>,
    ) {
        if self.sessions.get(id).is_none() {
            return;
        }
        self.heard(now);
        match message {
            Err(DecodeError::TooManyAddresses) => self.punish(id, SCORE_CLOSE, now.mono, out),
            Err(DecodeError::Malformed) => self.punish(id, SCORE_UNDECODABLE, now.mono, out),
            Ok(Message::GetAddrs { limit }) => self.serve(id, usize::from(limit), now, out),
            Ok(Message::Hello { listen_port }) if self.config.exchange == Exchange::On => {
                self.hello(id, listen_port, now)
            }
            Ok(Message::Addrs { addrs }) if self.config.exchange == Exchange::On => {
                self.addrs(id, addrs, now, out)
            }
            Ok(Message::Hello { .. } | Message::Addrs { .. }) => {}
        }
    }

    pub(super) fn ask(&mut self, id: SessionId, now: Now, out: &mut Vec<Action>) {
        if let Some(session) = self.sessions.get_mut(id) {
            session.asked(now.mono);
            let limit = u16::try_from(ADDRS_PER_ANSWER).expect("64 fits");
            out.push(Action::Send { session: id, message: Message::GetAddrs { limit } });
        }
    }

    /// Tells a few peers what is new.
    pub(super) fn announce(&mut self, now: Now, out: &mut Vec<Action>) {
        let batch = self.outbox.batch(now.mono);
        if batch.is_empty() {
            return;
        }
        let fanout = RELAY_FANOUT.max(self.sessions.len() / RELAY_SHARE);
        let recipients = self.sessions.peers().sample(&mut self.rng, fanout + 1);
        let mut told = 0;
        for (id, peer) in recipients {
            if told == fanout {
                break;
            }
            let session = peer.session();
            let Some(reach) =
                self.sessions.get(session).map(|session| policy::scope(session.remote.ip()))
            else {
                continue;
            };
            let theirs = |addr: &SocketAddr| peer.has(*addr);
            let addrs: Vec<SocketAddr> = batch
                .iter()
                .filter(|news| news.from != id)
                .map(|news| news.addr)
                .filter(|addr| policy::scope(addr.ip()) >= reach && !theirs(addr))
                .collect();
            if !addrs.is_empty() {
                told += 1;
                out.push(Action::Send { session, message: Message::Addrs { addrs } });
            }
        }
        if told > 0 {
            self.outbox.told(now.mono);
        }
        if let Some(due) = self.outbox.due() {
            self.timers.set(Timer::Announce, due.max(now.mono));
        }
    }

    /// The sender's own address: the IP seen on its socket and the port that it says. Said once per
    /// session.
    fn hello(&mut self, id: SessionId, listen_port: u16, now: Now) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        if std::mem::replace(&mut session.said_hello, true) {
            return;
        }
        let (peer, source) = (session.peer, session.remote.ip());
        let addr = SocketAddr::new(source, listen_port);
        if let Err(refusal) = policy::learnable(addr, source, self.config.loopback) {
            self.refuse(refusal);
            return;
        }
        // What it proved once it need not prove again; anything else is only its word.
        if self.book.is_proven(addr, peer) {
            self.sessions.prove(peer, addr);
        } else {
            self.sessions.claim(peer, addr);
        }
        let failing = self.book.failing_since(addr);
        match self.note(addr, Change::Announced { by: peer }, now) {
            Ok(Noted::New) => self.tell(News { addr, from: peer }, now),
            Ok(Noted::Known | Noted::Ignored) => {
                self.is_back(News { addr, from: peer }, failing, now)
            }
            Err(refusal) => self.refuse(refusal),
        }
    }

    /// Answers with a random sample of what is vouched for, reaches as far as the asker, and is not
    /// the asker's own.
    pub(super) fn serve(&mut self, id: SessionId, limit: usize, now: Now, out: &mut Vec<Action>) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        let (asker, reach) = (session.peer, policy::scope(session.remote.ip()));
        if !session.may_serve(now.mono) || self.config.exchange == Exchange::Off {
            self.counters.rate_limited += 1;
            out.push(Action::KeepAlive { session: id });
            return;
        }
        let own = self.sessions.peer(asker).map(Peer::addrs).unwrap_or_default();
        let count = limit.min(ADDRS_PER_ANSWER);
        let addrs = self.samples.draw(&self.book, (reach, &own), count, now.mono, &mut self.rng);
        out.push(Action::Send { session: id, message: Message::Addrs { addrs } });
    }

    fn addrs(
        &mut self,
        id: SessionId,
        mut addrs: Vec<SocketAddr>,
        now: Now,
        out: &mut Vec<Action>,
    ) {
        if addrs.len() > ADDRS_PER_ANSWER {
            addrs.truncate(ADDRS_PER_ANSWER);
            self.punish(id, SCORE_LONG_LIST, now.mono, out);
        }
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        let arrival = match session.is_answer(now.mono) {
            true => Arrival::Answer,
            false if addrs.len() <= ADDRS_RELAYED => Arrival::News,
            false => Arrival::Dump,
        };
        let (from, remote) = (session.peer, session.remote);
        if arrival == Arrival::Answer {
            self.refreshed = Some(now.mono);
            let at_once =
                if self.sessions.len() < LONELY { DIALS_IN_FLIGHT } else { DIALS_PER_ANSWER };
            self.may_dial = self.may_dial.max(at_once);
        }
        let mut list = List { id, from, remote, arrival, allowance: None, useful: false };
        addrs.iter_mut().for_each(|addr| *addr = policy::canonical(*addr));
        let hashes = self.book.hashes(&addrs);
        for (addr, hash) in addrs.into_iter().zip(hashes) {
            if let Err(refusal) = self.learn(&mut list, addr, hash, now) {
                self.refuse(refusal);
            }
        }
        if let Some(allowance) = list.allowance {
            self.allowances.give_back(allowance);
        }
        if list.useful
            && let Some(peer) = self.sessions.peer_mut(from)
        {
            peer.useful = Some(now.mono);
        }
    }

    /// One address that a peer told us. What is known is not renewed by hearsay, and costs its
    /// teller nothing.
    fn learn(
        &mut self,
        list: &mut List,
        addr: SocketAddr,
        hash: Hash,
        now: Now,
    ) -> Result<(), Refusal> {
        let known = self.book.has(hash);
        let List { from, remote, arrival, .. } = *list;
        if known && arrival == Arrival::Answer {
            self.mentioned.note(hash);
        }
        let is_news = || arrival == Arrival::News && self.book.failing_since(addr).is_some();
        if known && !is_news() {
            return Ok(());
        }
        if !self.pay(list, now.mono) {
            return Err(Refusal::RateLimit);
        }
        policy::learnable(addr, remote.ip(), self.config.loopback)?;
        if self.is_own(addr, now.mono) {
            return Err(Refusal::Own);
        }
        if self.discouraged.has(addr.ip(), now.mono) {
            return Err(Refusal::Discouraged);
        }
        let source = remote.ip();
        if known {
            // It is back, they say: worth a dial, and passing on, and no more. What is due soon
            // anyway takes nobody's turn.
            let soon = now.mono.after(RELAY_DIAL_INTERVAL).max(self.next_news_dial);
            if self.book.ready_at(addr).is_some_and(|ready| ready > soon) {
                let at = self.news_dial_slot(now.mono);
                self.book.hasten(addr, at);
                self.tell(News { addr, from }, now);
                self.timers.advance(Timer::Dial, at);
                self.seeds
                    .iter_mut()
                    .filter(|seed| seed.addrs.contains(&addr))
                    .for_each(|seed| seed.hurry(at));
            }
            return Ok(());
        }
        if arrival == Arrival::News {
            let not_before = self.news_dial_slot(now.mono);
            self.take_in(addr, hash, Change::HeardAsNews { source, not_before }, now)?;
            self.tell(News { addr, from }, now);
            self.timers.advance(Timer::Dial, not_before);
        } else {
            self.take_in(addr, hash, Change::Heard { source }, now)?;
        }
        list.useful = true;
        Ok(())
    }

    /// Takes what one more address of a list costs: a token of its session, and of what its source
    /// and that one's group are allowed.
    fn pay(&mut self, list: &mut List, now: Mono) -> bool {
        let (ip, allowances) = (list.remote.ip(), &mut self.allowances);
        let group = (self.config.groups == Groups::Weighed).then(|| Group::of(list.remote));
        self.sessions.get_mut(list.id).is_some_and(|session| session.take_token(now))
            && list.allowance.get_or_insert_with(|| allowances.lend(ip, group, now)).take(now)
    }

    fn news_dial_slot(&mut self, now: Mono) -> Mono {
        let (shortest, longest) = RELAY_DIAL_DELAY;
        let slot = now.after(self.rng.random_range(shortest..longest)).max(self.next_news_dial);
        self.next_news_dial = slot.after(RELAY_DIAL_INTERVAL);
        slot
    }

    /// A known address gave a sign of life. If it had been failing since `failing`, others are
    /// told, and those that fell silent with it tried again.
    pub(super) fn is_back(&mut self, news: News, failing: Option<Mono>, now: Now) {
        if failing.is_some() {
            self.tell(news, now);
            self.thaw(failing, now.mono);
        }
    }

    fn tell(&mut self, news: News, now: Now) {
        let due = self.outbox.push(news);
        self.timers.advance(Timer::Announce, due.max(now.mono));
    }

    /// Points for what no honest peer does; enough of them end the session and leave its IP alone
    /// for a while, unless that is a seed's or this host's.
    pub(super) fn punish(&mut self, id: SessionId, points: u32, now: Mono, out: &mut Vec<Action>) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        let before = session.score;
        session.score = before.saturating_add(points);
        let (closes, remote) =
            (before < SCORE_CLOSE && session.score >= SCORE_CLOSE, session.remote);
        if closes {
            self.counters.misbehaved += 1;
            if !remote.ip().is_loopback() && !self.is_seed(remote) {
                self.discouraged.add(remote.ip(), now);
            }
            out.push(Action::Close { session: id, reason: CloseReason::Misbehaviour });
        }
    }
}
