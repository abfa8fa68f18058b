//! Hands on the nodes of a network that stays. What the provider's own tools cannot do any more, since whoever had them
//! is gone, is refused by name.

use std::{
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use harness_core::{
    event::{Event, EventKind, Moment, Reading, ResourceSample},
    live::{Condition, Node},
    node::Resources,
    tone::Tone,
};
use harness_run::{clock::RunClock, onlooker::Onlooker};
use tokio::{sync::Mutex, time::Instant};

use super::keys::Act;
use crate::{
    cli::ask::within_reach,
    lease::{Marker, NodeOnHost, RunOnHost, started_again},
    provider::{
        docker::{
            Leftovers, hand as container,
            isolation::{Isolation, Turned},
        },
        process::hand as process,
    },
};

/// A node that is back has so long to answer.
const ANSWERS: Duration = Duration::from_secs(10);
/// A log that takes longer is shown another time.
const LOG_WITHIN: Duration = Duration::from_millis(300);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// It is written nowhere, so its place is nobody's business.
pub(super) fn event(clock: &RunClock, what: EventKind) -> Event {
    Event { seq: 0, at_ms: clock.now(), wall: String::new(), what }
}

/// One node of a kept network.
#[derive(Clone)]
pub(super) struct Hand {
    name: String,
    kind: Kind,
    /// Where it can be asked, unless its engine publishes it.
    rpc: Option<SocketAddr>,
    /// Where its engine publishes it.
    host: Option<IpAddr>,
    entry: Option<PathBuf>,
    /// The run, and where it has its processes.
    run: String,
    scratch: PathBuf,
    clock: Arc<RunClock>,
    /// Held by who acts on it.
    acting: Arc<Mutex<()>>,
}

#[derive(Clone)]
enum Kind {
    Process(Arc<Mutex<process::Hand>>),
    Container(container::Hand, Arc<Mutex<Isolation>>),
}

/// What was done to a node.
pub(super) struct Acted {
    pub(super) word: &'static str,
    /// What was seen of it.
    pub(super) proof: String,
    pub(super) answer: Answer,
}

/// What a node's RPC says after something was done to it.
pub(super) struct Answer {
    /// Whether that is what was wanted.
    pub(super) tone: Tone,
    pub(super) words: String,
    /// All that was seen with it.
    pub(super) seen: Vec<Event>,
}

impl Hand {
    /// On all nodes of which it is known how they were started.
    pub(super) fn on_all(
        run: &RunOnHost,
        engine: Option<&Leftovers>,
        clock: &Arc<RunClock>,
    ) -> Vec<Self> {
        let Some(scratch) = run.dir.as_ref().map(|dir| dir.join("scratch")) else {
            return Vec::new();
        };
        let numbered = run.nodes.iter().filter_map(|node| Some((node, number(node)?)));
        if run.provider.as_deref() != Some("docker") {
            let hand = |(node, number): (&NodeOnHost, &str)| {
                let hand = process::Hand::new(&scratch, &node.name, number.parse().ok()?);
                let kind = Kind::Process(Arc::new(Mutex::new(hand)));
                Some(Self::new(run, &scratch, node, kind, clock))
            };
            return numbered.filter_map(hand).collect();
        }
        let Some(engine) = engine else { return Vec::new() };
        let hands: Vec<_> = numbered
            .map(|(node, number)| (node, engine.hand(&run.run, &node.name, number)))
            .collect();
        let all = hands.iter().map(|(_, hand)| hand.clone()).collect();
        let isolation = Arc::new(Mutex::new(engine.isolation(&run.run, &scratch, all)));
        let hand = |(node, hand): (&NodeOnHost, container::Hand)| {
            let kind = Kind::Container(hand, Arc::clone(&isolation));
            Self::new(run, &scratch, node, kind, clock)
        };
        hands.into_iter().map(hand).collect()
    }

    fn new(
        run: &RunOnHost,
        scratch: &Path,
        node: &NodeOnHost,
        kind: Kind,
        clock: &Arc<RunClock>,
    ) -> Self {
        Self {
            name: node.name.clone(),
            kind,
            rpc: within_reach(run, node).ok(),
            host: node.host,
            acting: Arc::default(),
            entry: run.entry.clone(),
            run: run.run.clone(),
            scratch: scratch.to_owned(),
            clock: Arc::clone(clock),
        }
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What the kernel or engine says of it now. Whoever asks it then asks it where it is now: somebody may have started it
    /// since, and what its engine publishes is at another port after every start.
    pub(super) async fn look(&self, onlooker: &mut Option<Onlooker>) -> Vec<EventKind> {
        let sent = self.clock.now();
        let (state, used, published) = match &self.kind {
            Kind::Process(hand) => {
                let hand = hand.lock().await;
                (hand.state(), hand.usage(), None)
            }
            Kind::Container(hand, _) => match hand.look().await {
                Ok((state, published)) => (state, None, published),
                Err(_) => return Vec::new(),
            },
        };
        let at = match published {
            Some(published) => self.host.and_then(|host| published.on(host)),
            None => self.rpc,
        };
        if onlooker.as_ref().map(Onlooker::address) != at {
            let new = |at| Onlooker::new(&self.name, at, Arc::clone(&self.clock));
            *onlooker = at.map(new);
        }
        let state = EventKind::State { node: self.name.clone(), state };
        let used = used.map(|used| EventKind::Resources(self.sample(sent, used)));
        std::iter::once(state).chain(used).collect()
    }

    /// The same of what takes an engine a second.
    pub(super) async fn measure(&self) -> Option<EventKind> {
        let Kind::Container(hand, _) = &self.kind else { return None };
        let sent = self.clock.now();
        let used = hand.usage().await?;
        Some(EventKind::Resources(self.sample(sent, used)))
    }

    /// Its log is the engine's.
    pub(super) fn is_container(&self) -> bool {
        matches!(self.kind, Kind::Container(..))
    }

    /// The end of its log; nothing of one that the engine does not tell at once.
    pub(super) async fn container_log(
        &self,
        engine: &Leftovers,
        lines: usize,
    ) -> Option<Vec<String>> {
        let Kind::Container(hand, _) = &self.kind else { return None };
        let mut log = Vec::new();
        let line = |bytes: Vec<u8>| log.push(String::from_utf8_lossy(&bytes).trim_end().to_owned());
        let read = engine.log(hand.id(), Some(lines), line);
        // Keys are not heard meanwhile.
        tokio::time::timeout(LOG_WITHIN, read).await.ok()?.ok()?;
        Some(log)
    }

    /// Does it, unless something is being done to it; or why it was not done.
    pub(super) async fn act(&self, act: Act, node: &Node) -> Result<Acted, String> {
        // Else the answer of the next start would be taken for one of a node that was killed. And a key that is held
        // down is one act: who leaves waits for what was begun.
        let _held =
            self.acting.try_lock().map_err(|_| "something is being done to it".to_owned())?;
        let (is_frozen, mut word) = (node.condition == Condition::Frozen, act.word(node));
        let done = match &self.kind {
            Kind::Process(hand) => {
                let hand = &mut *hand.lock().await;
                match act {
                    Act::Kill => words(hand.kill().await),
                    Act::Pause if is_frozen => words(hand.resume().await),
                    Act::Pause => words(hand.pause().await),
                    Act::Restart => self.restarted(hand).await,
                    Act::Isolate => Err("it has no lines that could be cut from here".to_owned()),
                }
            }
            Kind::Container(hand, isolation) => match act {
                Act::Kill => words(hand.kill().await),
                Act::Pause if is_frozen => words(hand.resume().await),
                Act::Pause => words(hand.pause().await),
                Act::Restart => words(hand.restart().await),
                Act::Isolate => match self.turned(&*isolation.lock().await).await {
                    Ok(Turned { is_cut_off, proof }) => {
                        word = if is_cut_off { "isolate" } else { "rejoin" };
                        Ok(proof)
                    }
                    Err(why) => Err(why),
                },
            },
        };
        let proof = done?;
        let is_up = match act {
            Act::Kill => false,
            Act::Pause => is_frozen,
            // Its RPC is no line between nodes.
            Act::Restart | Act::Isolate => true,
        };
        Ok(Acted { word, proof, answer: self.answer(is_up).await })
    }

    /// Nobody removes the run meanwhile: what is made for it would be left.
    async fn turned(&self, isolation: &Isolation) -> Result<Turned, String> {
        let _held = words(Marker::take(&self.scratch, &self.run))?;
        words(isolation.turn(&self.name).await)
    }

    /// Nobody removes the run meanwhile, and what runs then is written down: else neither `down` nor `gc` would find it.
    async fn restarted(&self, hand: &mut process::Hand) -> Result<String, String> {
        let entry = self.entry.as_deref().ok_or("its run is not written down anywhere")?;
        let _held = words(Marker::take(&self.scratch, &self.run))?;
        let proof = words(hand.restart().await)?;
        let Err(why) = started_again(entry, &self.name, hand.group(), &hand.id()) else {
            return Ok(proof);
        };
        let ended = words(hand.kill().await).unwrap_or_else(|why| why);
        Err(format!("{} cannot say that it was restarted ({why}); {ended}", entry.display()))
    }

    /// What its RPC says of it, which is wanted if it is to be up.
    async fn answer(&self, is_up: bool) -> Answer {
        let (mut onlooker, began) = (None, Instant::now());
        loop {
            let mut seen = self.look(&mut onlooker).await;
            let mut at = None;
            if let Some(onlooker) = &mut onlooker {
                let asked = onlooker.ask().await;
                at = asked.iter().any(has_answered).then(|| onlooker.address());
                seen.extend(asked);
            }
            let (tone, words) = match (at, is_up) {
                (Some(at), true) => {
                    let took = began.elapsed().as_millis();
                    (Tone::Good, format!("it answers at {at}, {took} ms later"))
                }
                (Some(_), false) => (Tone::Doubt, "but it still answers".to_owned()),
                (None, false) if seen.is_empty() => {
                    (Tone::Doubt, "but its engine does not say what became of it".to_owned())
                }
                (None, false) if onlooker.is_none() && self.is_container() => {
                    (Tone::Good, "nothing of it is published".to_owned())
                }
                (None, false) => (Tone::Good, "it does not answer".to_owned()),
                (None, true) if self.rpc.is_none() && !self.is_container() => {
                    (Tone::Good, "it cannot be asked from here".to_owned())
                }
                (None, true) if began.elapsed() >= ANSWERS => {
                    (Tone::Doubt, format!("but it does not answer in {} s", ANSWERS.as_secs()))
                }
                (None, true) => {
                    tokio::time::sleep(LOOK_EVERY).await;
                    continue;
                }
            };
            let seen = seen.into_iter().map(|what| event(&self.clock, what)).collect();
            return Answer { tone, words, seen };
        }
    }

    fn sample(&self, sent: Moment, used: Resources) -> ResourceSample {
        let (node, answered) = (self.name.clone(), self.clock.now());
        ResourceSample { node, start: 0, sent, answered, used: Some(used) }
    }
}

/// Of its container or process.
fn number(node: &NodeOnHost) -> Option<&str> {
    node.id.split_whitespace().next_back()
}

fn has_answered(what: &EventKind) -> bool {
    matches!(what, EventKind::Sample(sample) if matches!(sample.peers, Reading::Value(_)))
}

fn words<T>(done: Result<T, impl ToString>) -> Result<T, String> {
    done.map_err(|why| why.to_string())
}
