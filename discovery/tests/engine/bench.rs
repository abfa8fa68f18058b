//! One engine on a bench: told what happens by hand, at times of our choice.

use std::{net::SocketAddr, time::Duration};

use hegemon_discovery::{
    Action, Config, DialError, DialId, Engine, Event, Message, Mono, Now, PeerId, SessionId,
    Status, policy::Refusal, snapshot::Stored,
};

pub(crate) struct Bench {
    pub(crate) engine: Engine,
    pub(crate) now: i64,
}

impl Bench {
    pub(crate) fn new(seeds: usize) -> Self {
        let mut bench = Self::with(Config::new(at("0.0.0.0:30333"), seeds), Stored::default());
        bench.tell(Event::Wakeup);
        bench
    }

    pub(crate) fn with(config: Config, stored: Stored) -> Self {
        Self { engine: Engine::new(config, [7; 32], stored, clock(0)), now: 0 }
    }

    /// A dial led to a session with a peer of that number.
    pub(crate) fn reach(
        &mut self,
        (dial, remote): (DialId, SocketAddr),
        number: u8,
    ) -> Vec<Action> {
        self.tell(Event::Opened {
            session: SessionId(number.into()),
            peer: PeerId([number; 32]),
            remote,
            dial: Some(dial),
        })
    }

    pub(crate) fn close(&mut self, number: u8) -> Vec<Action> {
        self.tell(Event::Closed { session: SessionId(number.into()) })
    }

    pub(crate) fn fail(&mut self, dial: DialId, error: DialError) -> Vec<Action> {
        self.tell(Event::DialFailed { dial, error })
    }

    /// Lets time pass, waking the engine whenever it wants to be; what it did meanwhile, and when.
    pub(crate) fn run(&mut self, time: Duration) -> Vec<(i64, Action)> {
        let end = self.now + i64::try_from(time.as_millis()).unwrap();
        let mut done = Vec::new();
        while let Some(due) = self.engine.next_wakeup().filter(|due| due.0 <= end) {
            self.now = self.now.max(due.0);
            done.extend(self.tell(Event::Wakeup).into_iter().map(|action| (self.now, action)));
        }
        self.now = end;
        done
    }

    pub(crate) fn status(&self) -> Status {
        self.engine.status(clock(self.now))
    }

    pub(crate) fn tell(&mut self, event: Event) -> Vec<Action> {
        self.engine.handle(event, clock(self.now))
    }

    pub(crate) fn wait(&mut self, time: Duration) -> Vec<Action> {
        self.now += i64::try_from(time.as_millis()).unwrap();
        self.tell(Event::Wakeup)
    }

    pub(crate) fn inbound(&mut self, number: u8, remote: &str) -> Vec<Action> {
        self.tell(Event::Opened {
            session: SessionId(number.into()),
            peer: PeerId([number; 32]),
            remote: at(remote),
            dial: None,
        })
    }

    pub(crate) fn say(&mut self, number: u8, message: Message) -> Vec<Action> {
        self.tell(Event::Message { session: SessionId(number.into()), message: Ok(message) })
    }

    pub(crate) fn served(&mut self, number: u8) -> Option<Vec<SocketAddr>> {
        let actions = self.say(number, Message::GetAddrs { limit: 64 });
        sends(&actions).into_iter().find_map(|(_, message)| {
            if let Message::Addrs { addrs } = message { Some(addrs) } else { None }
        })
    }

    pub(crate) fn refused(&self, reason: Refusal) -> u64 {
        self.engine.status(clock(self.now)).counters.refused.get(&reason).copied().unwrap_or(0)
    }

    pub(crate) fn known(&self) -> usize {
        self.engine.status(clock(self.now)).known
    }
}

pub(crate) fn clock(mono: i64) -> Now {
    Now {
        mono: Mono(mono),
        wall: Duration::from_secs(1_795_000_000)
            + Duration::from_millis(u64::try_from(mono).unwrap()),
    }
}

pub(crate) fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub(crate) fn addr(network: u8, host: u8) -> SocketAddr {
    SocketAddr::from(([198, 18, network, host], 30_333))
}

pub(crate) fn addrs(network: u8, count: u8) -> Message {
    Message::Addrs { addrs: (1..=count).map(|host| addr(network, host)).collect() }
}

pub(crate) fn dials(actions: &[Action]) -> Vec<(DialId, SocketAddr)> {
    let dial = |action: &Action| {
        if let Action::Dial { dial, addr } = action { Some((*dial, *addr)) } else { None }
    };
    actions.iter().filter_map(dial).collect()
}

pub(crate) fn sends(actions: &[Action]) -> Vec<(u64, Message)> {
    let send = |action: &Action| {
        if let Action::Send { session, message } = action {
            Some((session.0, message.clone()))
        } else {
            None
        }
    };
    actions.iter().filter_map(send).collect()
}
