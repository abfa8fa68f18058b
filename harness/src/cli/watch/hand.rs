//! Hands on the nodes of a network that stays. What the provider's own tools cannot do any more, since whoever had them
//! is gone, is refused by name.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use harness_core::{
    event::{EventKind, Moment, Reading, ResourceSample},
    live::{Condition, Node},
    node::Resources,
};
use tokio::{sync::Mutex, time::Instant};

use super::keys::Act;
use crate::{
    lease::{Marker, NodeOnHost, RunOnHost, started_again},
    provider::{
        docker::{Leftovers, hand as container},
        process::hand as process,
    },
    run::{clock::RunClock, onlooker::Onlooker},
};

/// A node that is back has so long to answer.
const ANSWERS: Duration = Duration::from_secs(10);
/// A log that takes longer is shown another time.
const LOG_WITHIN: Duration = Duration::from_millis(300);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// One node of a kept network.
#[derive(Clone)]
pub(super) struct Hand {
    name: String,
    kind: Kind,
    /// Where it can be asked, or why it cannot.
    rpc: Result<SocketAddr, String>,
    entry: Option<PathBuf>,
    /// The run, and where it has its processes.
    run: String,
    scratch: PathBuf,
    clock: Arc<RunClock>,
}

#[derive(Clone)]
enum Kind {
    Process(Arc<Mutex<process::Hand>>),
    Container(container::Hand),
}

impl Hand {
    /// On a node, if it is known how it was started.
    pub(super) fn new(
        run: &RunOnHost,
        node: &NodeOnHost,
        rpc: Result<SocketAddr, String>,
        engine: Option<&Leftovers>,
        clock: &Arc<RunClock>,
    ) -> Option<Self> {
        let number = node.id.split_whitespace().next_back()?;
        let scratch = run.dir.as_ref()?.join("scratch");
        let kind = if run.provider.as_deref() == Some("docker") {
            Kind::Container(engine?.hand(&run.run, &node.name, number))
        } else {
            let hand = process::Hand::new(&scratch, &node.name, number.parse().ok()?);
            Kind::Process(Arc::new(Mutex::new(hand)))
        };
        Some(Self {
            name: node.name.clone(),
            kind,
            rpc,
            entry: run.entry.clone(),
            run: run.run.clone(),
            scratch,
            clock: Arc::clone(clock),
        })
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Who asks it, if it can be asked.
    pub(super) fn onlooker(&self) -> Option<Onlooker> {
        let address = *self.rpc.as_ref().ok()?;
        Some(Onlooker::new(&self.name, address, Arc::clone(&self.clock)))
    }

    /// What the kernel or engine says of it now.
    pub(super) async fn look(&self) -> Vec<EventKind> {
        let sent = self.clock.now();
        let (state, used) = match &self.kind {
            Kind::Process(hand) => {
                let hand = hand.lock().await;
                (Some(hand.state()), hand.usage())
            }
            Kind::Container(hand) => (hand.state().await.ok(), None),
        };
        let node = self.name.clone();
        let state = state.map(|state| EventKind::State { node, state });
        let used = used.map(|used| EventKind::Resources(self.sample(sent, used)));
        state.into_iter().chain(used).collect()
    }

    /// The same of what takes an engine a second.
    pub(super) async fn measure(&self) -> Option<EventKind> {
        let Kind::Container(hand) = &self.kind else { return None };
        let sent = self.clock.now();
        let used = hand.usage().await?;
        Some(EventKind::Resources(self.sample(sent, used)))
    }

    /// Its log is the engine's.
    pub(super) fn is_container(&self) -> bool {
        matches!(self.kind, Kind::Container(_))
    }

    /// The end of its log; nothing of one that the engine does not tell at once.
    pub(super) async fn container_log(
        &self,
        engine: &Leftovers,
        lines: usize,
    ) -> Option<Vec<String>> {
        let Kind::Container(hand) = &self.kind else { return None };
        let mut log = Vec::new();
        let line = |bytes: Vec<u8>| log.push(String::from_utf8_lossy(&bytes).trim_end().to_owned());
        let read = engine.log(hand.id(), Some(lines), false, line);
        // Keys are not heard meanwhile.
        tokio::time::timeout(LOG_WITHIN, read).await.ok()?.ok()?;
        Some(log)
    }

    /// Does it. What was seen of it afterwards, or why it was not done.
    pub(super) async fn act(&self, act: Act, node: &Node) -> Result<String, String> {
        let is_frozen = node.condition == Condition::Frozen;
        let done = match &self.kind {
            Kind::Process(hand) => {
                let hand = &mut *hand.lock().await;
                match act {
                    Act::Kill => words(hand.kill().await),
                    Act::Pause if is_frozen => words(hand.resume().await),
                    Act::Pause => words(hand.pause().await),
                    Act::Restart => self.restarted(hand).await,
                }
            }
            Kind::Container(hand) => match act {
                Act::Kill => words(hand.kill().await),
                Act::Pause if is_frozen => words(hand.resume().await),
                Act::Pause => words(hand.pause().await),
                Act::Restart => words(hand.restart().await),
            },
        };
        let proof = done?;
        let is_up = act == Act::Restart || (act == Act::Pause && is_frozen);
        Ok(format!("{proof}; {}", self.answer(is_up).await))
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

    /// What its RPC says of it.
    async fn answer(&self, is_up: bool) -> String {
        let Some(mut onlooker) = self.onlooker() else {
            return "it cannot be asked from here".to_owned();
        };
        let began = Instant::now();
        loop {
            let answered = onlooker.ask().await.iter().any(has_answered);
            match (answered, is_up) {
                (true, true) => {
                    return format!("it answers, {} ms later", began.elapsed().as_millis());
                }
                (true, false) => return "but it still answers".to_owned(),
                (false, false) => return "it does not answer".to_owned(),
                (false, true) if began.elapsed() >= ANSWERS => {
                    return format!("but it does not answer in {} s", ANSWERS.as_secs());
                }
                (false, true) => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
    }

    fn sample(&self, sent: Moment, used: Resources) -> ResourceSample {
        let (node, answered) = (self.name.clone(), self.clock.now());
        ResourceSample { node, start: 0, sent, answered, used: Some(used) }
    }
}

fn has_answered(what: &EventKind) -> bool {
    matches!(what, EventKind::Sample(sample) if matches!(sample.peers, Reading::Value(_)))
}

fn words<T>(done: Result<T, impl ToString>) -> Result<T, String> {
    done.map_err(|why| why.to_string())
}
