//! One node's poller: when it is asked, and what of.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;

use super::rpc::Rpc;
use crate::{
    event::{Miss, Moment, Reading, Sample, What},
    run::controller::Controller,
};

/// Between two rounds of questions to one node.
pub(crate) const INTERVAL: Duration = Duration::from_millis(250);

/// For so long after a start it is asked more often: that is when things happen, and figures of 0.1 s are of interest.
const EAGER: Duration = Duration::from_secs(5);

/// How to reach one start of a node.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) start: u32,
    pub(crate) since: Moment,
    pub(crate) rpc: Rpc,
}

/// What is polled and where it goes.
pub(crate) struct Poller {
    pub(crate) node: String,
    /// The latest link; `None` before the first start. Stays while the node is down: that it does not answer is evidence.
    pub(crate) link: watch::Receiver<Option<Link>>,
    pub(crate) controller: Arc<Controller>,
    /// Nodes in the network: together they must not be asked more than this machine can answer.
    pub(crate) nodes: usize,
}

impl Poller {
    /// Asks until it is dropped.
    pub(crate) async fn run(self) {
        let mut links = self.link.clone();
        let mut methods = Methods::default();
        loop {
            let Ok(link) = links.wait_for(Option::is_some).await.map(|link| link.clone()) else {
                return;
            };
            let Some(link) = link else { return };
            links.mark_unchanged();
            let began = self.controller.now();
            let round = async {
                let sample = self.ask(&link, &mut methods).await;
                self.controller.emit(What::Sample(sample));
                tokio::time::sleep(self.interval(&link).saturating_sub(self.controller.now().since(began))).await;
            };
            tokio::select! {
                () = round => {}
                // A new start is asked at once; a question to the old one may hang.
                changed = links.changed() => if changed.is_err() { return },
            }
        }
    }

    fn interval(&self, link: &Link) -> Duration {
        if self.controller.now().since(link.since) > EAGER {
            return INTERVAL;
        }
        // 20 Hz for the usual three nodes; a large network shares about 60 rounds a second.
        let share = Duration::from_millis(15).saturating_mul(u32::try_from(self.nodes).unwrap_or(u32::MAX));
        share.clamp(Duration::from_millis(50), INTERVAL)
    }

    async fn ask(&self, link: &Link, methods: &mut Methods) -> Sample {
        let sent = self.controller.now();
        let probed = if methods.start == Some(link.start) { Ok(()) } else { self.probe(link, methods).await };
        if let Err(miss) = &probed
            && miss.is_silence()
        {
            return Sample {
                node: self.node.clone(),
                start: link.start,
                sent,
                answered: self.controller.now(),
                peers: Reading::Missing(miss.clone()),
                distinct: None,
                height: Reading::Missing(miss.clone()),
            };
        }
        let distinct = async {
            match probed {
                // It does not say what it offers, so its count cannot be cross-checked, which is another thing than having nothing to check it with.
                Err(miss) => Some(Reading::Missing(miss.of("rpc_methods"))),
                Ok(()) if methods.system_peers => Some(link.rpc.distinct_peers().await),
                Ok(()) => None,
            }
        };
        let (peers, height, distinct) = tokio::join!(link.rpc.peers(), link.rpc.height(), distinct);
        let distinct = distinct.filter(|reading| !self.is_withheld(reading, link, methods));
        Sample { node: self.node.clone(), start: link.start, sent, answered: self.controller.now(), peers, distinct, height }
    }

    /// Asks once for each start what the node offers. Until it answers, nothing else is asked: a count of peers that could be cross-checked must not pass unchecked.
    async fn probe(&self, link: &Link, methods: &mut Methods) -> Result<(), Miss> {
        let system_peers = match link.rpc.methods().await {
            Reading::Value(names) => names.iter().any(|name| name == "system_peers"),
            // It has no such method: only what is core is used then.
            Reading::Missing(miss) if miss.is_unknown_method() => false,
            Reading::Missing(miss) => return Err(miss),
        };
        *methods = Methods { start: Some(link.start), system_peers, answered: false };
        self.controller.emit(What::Methods { node: self.node.clone(), start: link.start, system_peers });
        Ok(())
    }

    /// Substrate lists unsafe methods and then denies them as not found: that is not offering. What was answered once in this start is offered, whatever is said later.
    fn is_withheld(&self, reading: &Reading<u64>, link: &Link, methods: &mut Methods) -> bool {
        methods.answered |= reading.value().is_some();
        let withheld = !methods.answered && matches!(reading, Reading::Missing(miss) if miss.is_unknown_method());
        if withheld {
            methods.system_peers = false;
            self.controller.emit(What::Methods { node: self.node.clone(), start: link.start, system_peers: false });
        }
        withheld
    }
}

/// What a start of a node was found to offer.
#[derive(Default)]
struct Methods {
    start: Option<u32>,
    system_peers: bool,
    answered: bool,
}
