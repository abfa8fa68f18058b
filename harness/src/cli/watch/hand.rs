//! Hands on the nodes of a network that stays. What the provider's own tools cannot do any more, since whoever had them
//! is gone, is refused by name.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use harness_core::{
    event::{EventKind, Moment, Reading, ResourceSample},
    live::{Condition, Node},
    node::Resources,
};
use tokio::{sync::Mutex, time::Instant};

use super::keys::Act;
use crate::{
    lease::{NodeOnHost, RunOnHost, started_again},
    provider::{
        docker::{Leftovers, hand as container},
        process::hand as process,
    },
    run::{clock::RunClock, onlooker::Onlooker},
};

/// A node that is back has so long to answer.
const ANSWERS: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// One node of a kept network.
#[derive(Clone)]
pub(super) struct Hand {
    name: String,
    kind: Arc<Mutex<Kind>>,
    /// Where it can be asked, or why it cannot.
    rpc: Result<SocketAddr, String>,
    entry: Option<std::path::PathBuf>,
    clock: Arc<RunClock>,
}

enum Kind {
    Process(process::Hand),
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
        let kind = if run.provider.as_deref() == Some("docker") {
            Kind::Container(engine?.hand(&run.run, &node.name, number))
        } else {
            let scratch = run.dir.as_ref()?.join("scratch");
            Kind::Process(process::Hand::new(&scratch, &node.name, number.parse().ok()?))
        };
        Some(Self {
            name: node.name.clone(),
            kind: Arc::new(Mutex::new(kind)),
            rpc,
            entry: run.entry.clone(),
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
        let (state, used) = match &*self.kind.lock().await {
            Kind::Process(hand) => (Some(hand.state()), hand.usage()),
            Kind::Container(hand) => (hand.state().await.ok(), None),
        };
        let node = self.name.clone();
        let state = state.map(|state| EventKind::State { node, state });
        let used = used.map(|used| EventKind::Resources(self.sample(sent, used)));
        state.into_iter().chain(used).collect()
    }

    /// The same of what takes an engine a second.
    pub(super) async fn measure(&self) -> Option<EventKind> {
        let hand = match &*self.kind.lock().await {
            Kind::Container(hand) => hand.clone(),
            Kind::Process(_) => return None,
        };
        let sent = self.clock.now();
        let used = hand.usage().await?;
        Some(EventKind::Resources(self.sample(sent, used)))
    }

    /// The end of its log.
    pub(super) async fn container_log(
        &self,
        engine: &Leftovers,
        lines: usize,
    ) -> Option<Vec<String>> {
        let id = match &*self.kind.lock().await {
            Kind::Container(hand) => hand.id().to_owned(),
            Kind::Process(_) => return None,
        };
        let mut log = Vec::new();
        let line = |bytes: Vec<u8>| log.push(String::from_utf8_lossy(&bytes).trim_end().to_owned());
        engine.log(&id, Some(lines), false, line).await.ok()?;
        Some(log)
    }

    /// Does it. What was seen of it afterwards, or why it was not done.
    pub(super) async fn act(&self, act: Act, node: &Node) -> Result<String, String> {
        let is_frozen = node.condition == Condition::Frozen;
        let done = match (&mut *self.kind.lock().await, act) {
            (Kind::Process(_), Act::Isolate) => Err(format!(
                "{} cannot be isolated: nodes of this network share this machine's loopback, or the keeper of their namespaces obeyed only the harness that made it; `up --provider docker` or a scenario with `isolate` can",
                self.name
            )),
            (Kind::Container(_), Act::Isolate) => Err(format!(
                "{} cannot be isolated: its lines are cut from inside its network, by the harness that started it; a scenario with `isolate` does",
                self.name
            )),
            (Kind::Process(hand), Act::Kill) => words(hand.kill().await),
            (Kind::Process(hand), Act::Pause) if is_frozen => words(hand.resume().await),
            (Kind::Process(hand), Act::Pause) => words(hand.pause().await),
            (Kind::Process(hand), Act::Restart) => match hand.restart().await {
                Ok(proof) => self.written_down(proof, hand.group(), &hand.id()),
                Err(why) => Err(why.to_string()),
            },
            (Kind::Container(hand), Act::Kill) => words(hand.kill().await),
            (Kind::Container(hand), Act::Pause) if is_frozen => words(hand.resume().await),
            (Kind::Container(hand), Act::Pause) => words(hand.pause().await),
            (Kind::Container(hand), Act::Restart) => words(hand.restart().await),
        };
        let proof = done?;
        let is_up = act == Act::Restart || (act == Act::Pause && is_frozen);
        Ok(format!("{proof}; {}", self.answer(is_up).await))
    }

    /// `ps`, `rpc` and `gc` find it by what is written down.
    fn written_down(&self, proof: String, group: i64, id: &str) -> Result<String, String> {
        let Some(entry) = &self.entry else { return Ok(proof) };
        match started_again(entry, &self.name, group, id) {
            Ok(()) => Ok(proof),
            Err(why) => Err(format!("{proof}, but {} cannot say so: {why}", entry.display())),
        }
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

fn words(done: Result<String, impl ToString>) -> Result<String, String> {
    done.map_err(|why| why.to_string())
}
