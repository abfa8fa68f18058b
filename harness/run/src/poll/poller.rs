//! One node's poller: when it is asked, and what of.

use std::{sync::Arc, time::Duration};

use harness_core::{
    event::{EventKind, Miss, Moment, Reading, Sample, Session, SessionList},
    profile::NodeProfile,
};
use tokio::sync::watch;

use super::rpc::{Also, Answers, Batching, Rpc, wish};
use crate::{background::Background, journal::Journal};

/// Between two rounds of questions to one node, in a network of up to 31 nodes.
pub(crate) const INTERVAL: Duration = Duration::from_millis(250);

/// For so long after a start it is asked more often: that is when things happen, and figures of 0.1
/// s are of interest.
const EAGER: Duration = Duration::from_secs(5);

/// A larger network shares about 125 rounds a second; no node is asked less often than this: two
/// intervals must be well within what counts as fresh.
const LONGEST_INTERVAL: Duration = Duration::from_millis(500);

/// A node that was asked who it is, and was not heard, is asked so often once more, after its rounds.
const ASKED_AGAIN: u32 = 20;

/// A list of sessions that has not changed is recorded again after this.
const REPEAT: Duration = Duration::from_secs(1);

/// How to reach one start of a node.
#[derive(Clone)]
pub(crate) struct Link {
    pub(crate) start: u32,
    pub(crate) since: Moment,
    pub(crate) rpc: Rpc,
}

/// What is polled and where it goes.
pub(crate) struct Poller {
    pub(crate) node: String,
    /// The latest link; `None` before the first start. Stays while the node is down: that it does
    /// not answer is evidence.
    pub(crate) link: watch::Receiver<Option<Link>>,
    pub(crate) journal: Arc<Journal>,
    /// What kind of node it is: what it offers need not be asked where that is written.
    pub(crate) profile: Option<Arc<NodeProfile>>,
    /// Nodes in the network: together they must not be asked more than this machine can answer.
    pub(crate) nodes: usize,
    /// Between two rounds to a node that is somebody else's; else the network's size decides that.
    pub(crate) pace: Option<Duration>,
    /// A check needs this node's sessions.
    pub(crate) sessions: bool,
    /// A check needs its word on whether it is in sync.
    pub(crate) syncing: bool,
    /// Where two nodes that say they are one end the run.
    pub(crate) background: Background,
}

impl Poller {
    /// Asks until it is dropped.
    pub(crate) async fn run(self) {
        let mut links = self.link.clone();
        let (mut methods, mut listed) = (Methods::default(), None);
        loop {
            let Ok(link) = links.wait_for(Option::is_some).await.map(|link| link.clone()) else {
                return;
            };
            let Some(link) = link else { return };
            links.mark_unchanged();
            let round = async {
                let (sample, sessions) = self.ask(&link, &mut methods).await;
                if let Some(list) = sessions
                    .filter(|_| !sample.is_refused())
                    .map(|sessions| self.list(&sample, sessions))
                    .filter(|list| is_news(list, listed.as_ref()))
                {
                    self.journal.emit(EventKind::Sessions(list.clone()));
                    listed = Some(list);
                }
                let later = later(&sample);
                self.journal.emit(EventKind::Sample(sample));
                let next = until_next(self.interval(&link), self.journal.now()).max(later);
                if later.is_zero() {
                    let who = self.who(&link, &mut methods);
                    let _ = tokio::time::timeout(LONGEST_INTERVAL, who).await;
                }
                tokio::time::sleep(next).await;
            };
            tokio::select! {
                // An answer that has come is recorded before its link is given up.
                biased;
                () = round => {}
                // A new start is asked at once; a question to the old one may hang.
                changed = links.changed() => if changed.is_err() { return },
            }
        }
    }

    fn interval(&self, link: &Link) -> Duration {
        if let Some(pace) = self.pace {
            return pace;
        }
        let nodes = u32::try_from(self.nodes).unwrap_or(u32::MAX);
        let usual =
            Duration::from_millis(8).saturating_mul(nodes).clamp(INTERVAL, LONGEST_INTERVAL);
        if self.journal.now().since(link.since) > EAGER {
            return usual;
        }
        // 20 Hz for the usual three nodes; a large network shares about 60 rounds a second.
        Duration::from_millis(15).saturating_mul(nodes).clamp(Duration::from_millis(50), usual)
    }

    fn list(&self, sample: &Sample, sessions: Reading<Vec<Session>>) -> SessionList {
        SessionList {
            node: self.node.clone(),
            start: sample.start,
            sent: sample.sent,
            answered: sample.answered,
            sessions,
        }
    }

    async fn ask(
        &self,
        link: &Link,
        methods: &mut Methods,
    ) -> (Sample, Option<Reading<Vec<Session>>>) {
        link.rpc.ready().await;
        let sent = self.journal.now();
        let probed = if methods.start == Some(link.start) {
            Ok(())
        } else {
            self.probe(link, methods).await
        };
        let also = Also {
            system_peers: probed.is_ok() && methods.system_peers,
            sessions: self.sessions,
            syncing: self.syncing,
        };
        let mut answers = match &probed {
            Err(miss) if miss.says_nothing() => Answers::none(also, miss),
            Ok(()) | Err(_) => {
                link.rpc.round(also, methods.own.as_deref(), &mut methods.batching).await
            }
        };
        if let Err(miss) = probed
            && !miss.says_nothing()
        {
            // It does not say what it offers, so its count cannot be cross-checked, which is
            // another thing than having nothing to check it with.
            answers.distinct = Some(Reading::Missing(miss.of("rpc_methods")));
        }
        let distinct = answers.distinct.filter(|reading| !self.is_withheld(reading, link, methods));
        let (peers, height) = (answers.peers, answers.height);
        (
            Sample {
                node: self.node.clone(),
                start: link.start,
                sent,
                answered: self.journal.now(),
                peers,
                distinct,
                height,
                syncing: answers.syncing,
            },
            answers.sessions,
        )
    }

    /// Asks once for each start what the node offers. Until it answers, nothing else is asked: a
    /// count of peers that could be cross-checked must not pass unchecked.
    async fn probe(&self, link: &Link, methods: &mut Methods) -> Result<(), Miss> {
        let written = |method: &str| self.profile.as_ref()?.offers(method);
        let names = if written("rpc_methods").is_some() {
            Vec::new()
        } else {
            match link.rpc.methods().await {
                Reading::Value(names) => names,
                // It has no such method: only what is core is used then.
                Reading::Missing(miss) if miss.is_unknown_method() => Vec::new(),
                Reading::Missing(miss) => return Err(miss),
            }
        };
        let offers = |method: &str| {
            written(method).unwrap_or_else(|| names.iter().any(|name| name == method))
        };
        // Evidence of who is who; that a node does not say it is no fault.
        let (mut peer_id, mut unsaid) = (None, 0);
        if offers("system_localPeerId") {
            match link.rpc.peer_id().await {
                Reading::Value(id) => peer_id = Some(id),
                Reading::Missing(miss) if miss.says_nothing() => unsaid = ASKED_AGAIN,
                Reading::Missing(_) => {}
            }
        }
        if let Some(id) = &peer_id {
            self.is_nobody_elses(id);
        }
        // An unsafe method to nodes that are somebody else's.
        let system_peers = self.pace.is_none() && offers("system_peers");
        *methods = Methods {
            start: Some(link.start),
            system_peers,
            own: peer_id.clone(),
            unsaid,
            ..Methods::default()
        };
        self.journal.emit(EventKind::Methods {
            node: self.node.clone(),
            start: link.start,
            system_peers,
            peer_id,
        });
        Ok(())
    }

    /// Asks a node once more who it is, if a question about that was lost: that nobody heard it is not that
    /// it does not say it.
    async fn who(&self, link: &Link, methods: &mut Methods) {
        if methods.unsaid == 0 || methods.start != Some(link.start) {
            return;
        }
        methods.unsaid -= 1;
        link.rpc.ready().await;
        match link.rpc.peer_id().await {
            Reading::Value(id) => {
                methods.unsaid = 0;
                methods.own = Some(id.clone());
                self.is_nobody_elses(&id);
                self.journal.emit(EventKind::Methods {
                    node: self.node.clone(),
                    start: link.start,
                    system_peers: methods.system_peers,
                    peer_id: Some(id),
                });
            }
            Reading::Missing(miss) if miss.says_nothing() => {}
            Reading::Missing(_) => methods.unsaid = 0,
        }
    }

    /// Two nodes with one identity take each other for themselves: they never meet, and neither
    /// need say why.
    fn is_nobody_elses(&self, id: &str) {
        let twin = self.journal.with_history(|history| history.node_of(id).map(str::to_owned));
        if let Some(twin) = twin.filter(|twin| *twin != self.node) {
            if self.pace.is_some() {
                let reason = format!(
                    "{twin} and {} have one identity ({id}): either both addresses lead to one node, or two nodes have a copied identity file or seed",
                    self.node
                );
                self.background.finish(EventKind::EnvironmentFailed { reason, unsupported: false });
                return;
            }
            let reason = format!(
                "and {twin} have one identity ({id}): two nodes with a copied identity file or seed are one peer to everybody"
            );
            let node = self.node.clone();
            self.background.finish(EventKind::NodeBroken { node, reason, last_lines: Vec::new() });
        }
    }

    /// Substrate lists unsafe methods and then denies them as not found: that is not offering. What
    /// was answered once in this start is offered, whatever is said later.
    fn is_withheld(&self, reading: &Reading<u64>, link: &Link, methods: &mut Methods) -> bool {
        methods.answered |= reading.value().is_some();
        let withheld = !methods.answered
            && matches!(reading, Reading::Missing(miss) if miss.is_unknown_method());
        if withheld {
            methods.system_peers = false;
            self.journal.emit(EventKind::Methods {
                node: self.node.clone(),
                start: link.start,
                system_peers: false,
                peer_id: None,
            });
        }
        withheld
    }
}

/// How long a node wants not to be asked.
fn later(sample: &Sample) -> Duration {
    let all = [Some(&sample.peers), Some(&sample.height), sample.distinct.as_ref()];
    all.into_iter().flatten().map(wish).max().unwrap_or_default()
}

/// The time until the run's clock shows a multiple of the interval: all nodes are asked in the same
/// moments, so that one waking serves them all.
fn until_next(interval: Duration, now: Moment) -> Duration {
    let step = interval.as_millis().max(1) as u64;
    Duration::from_millis(step - now.0 % step)
}

/// What a start of a node was found to offer.
#[derive(Default)]
struct Methods {
    start: Option<u32>,
    system_peers: bool,
    /// Its own peer ID, if it says one.
    own: Option<String>,
    /// How often it is still asked for that, between two rounds.
    unsaid: u32,
    answered: bool,
    batching: Batching,
}

/// Another list than the last one, or the same a while later.
fn is_news(list: &SessionList, last: Option<&SessionList>) -> bool {
    last.is_none_or(|last| {
        (last.start, &last.sessions) != (list.start, &list.sessions)
            || list.sent.since(last.sent) >= REPEAT
    })
}
