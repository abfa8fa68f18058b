//! Lines between nodes, and paths that are tried: what the harness orders from inside their networks,
//! the same for every provider that has somebody there.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddrV4},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::future::join_all;
use harness_core::{
    event::Dialled,
    line::{Datagrams, Line, LineChange, PathSeen},
};

use super::ProviderError;
use crate::netns::{
    client::Client,
    wire::{Answer, LineTo, Mac, Trial, Verb},
};

/// What nobody of ours says.
pub(super) const ANOTHER: &str = "an answer to something else";

/// Somebody of ours in a node's network.
#[derive(Debug, Clone)]
pub(super) struct Site {
    /// Whom to give orders.
    pub(super) client: Arc<Client>,
    /// The number of the node's namespace there.
    pub(super) at: usize,
    /// Where the node's transport is.
    pub(super) transport: SocketAddrV4,
}

impl Site {
    /// Has something done.
    pub(super) async fn order(&self, what: &str, verb: Verb) -> Result<Answer, ProviderError> {
        let outcome = self.client.order(self.at, verb).await;
        outcome.map_err(|why| ProviderError::failed(what, why))
    }
}

/// How many connections were tried in a node's network.
pub(super) async fn dialled(site: &Site, name: &str) -> Result<Dialled, ProviderError> {
    let what = format!("counting what {name} dials");
    let Answer::Dialled(dialled) = site.order(&what, Verb::Dials).await? else {
        return Err(ProviderError::failed(what, ANOTHER));
    };
    Ok(dialled)
}

/// A node's address for those who send to it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target {
    pub(super) address: Ipv4Addr,
    /// `None`: the kernel finds it.
    pub(super) mac: Option<Mac>,
}

/// The nodes that are ends of ways, each once, in order.
pub(super) fn ends(ways: &[(String, String)]) -> Vec<String> {
    let mut ends: Vec<String> =
        ways.iter().flat_map(|(from, to)| [from.clone(), to.clone()]).collect();
    ends.sort();
    ends.dedup();
    ends
}

/// Tries ways between nodes, all at once.
pub(super) async fn probe(
    sites: &BTreeMap<String, Site>,
    ways: &[(String, String)],
    datagrams: Datagrams,
) -> Result<Vec<PathSeen>, ProviderError> {
    let site = |name: &String| sites.get(name).expect("there is one for every end");
    let site = &site;
    let mut targets: Vec<&String> = ways.iter().map(|(_, to)| to).collect();
    targets.sort();
    targets.dedup();
    let opened = join_all(targets.iter().map(|to| async move {
        let what = format!("counting datagrams at {to}");
        let Answer::Port(port) = site(to).order(&what, Verb::Echo).await? else {
            return Err(ProviderError::failed(what, ANOTHER));
        };
        Ok((*to, port))
    }));
    let opened: Result<BTreeMap<&String, u16>, ProviderError> = opened.await.into_iter().collect();
    let echoes = opened?;
    let tried = join_all(ways.iter().enumerate().map(|(number, (from, to))| {
        let trial = Trial {
            token: number as u64,
            to: site(to).transport,
            echo: echoes[to],
            datagrams: datagrams.count(),
        };
        async move {
            let what = format!("trying the path from {from} to {to}");
            site(from).order(&what, Verb::Try(trial)).await
        }
    }));
    let tried = tried.await;
    // Whatever came of it: nobody counts any more.
    let heard = join_all(echoes.iter().map(|(to, port)| async move {
        let what = format!("counting datagrams at {to}");
        site(to).order(&what, Verb::Heard { port: *port }).await
    }));
    let mut arrived: BTreeMap<u64, u32> = BTreeMap::new();
    for answer in heard.await {
        if let Answer::Heard(counted) = answer? {
            arrived.extend(counted);
        }
    }
    let seen = |(number, ((from, to), tried)): (usize, (&(String, String), _))| {
        let Answer::Tried { connect, sent, echoed, round_trip_us } = tried? else {
            return Err(ProviderError::failed("trying a path", ANOTHER));
        };
        let arrived = arrived.get(&(number as u64)).copied().unwrap_or(0);
        let (from, to) = (from.clone(), to.clone());
        Ok(PathSeen { from, to, connect, sent, arrived, echoed, round_trip_us })
    };
    ways.iter().zip(tried).enumerate().map(seen).collect()
}

/// What was done to lines: those that are not as they were at first.
#[derive(Debug, Default)]
pub(super) struct Changed(Mutex<BTreeMap<(String, String), Line>>);

impl Changed {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<(String, String), Line>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// They are so now.
    pub(super) fn remember(&self, changes: &[LineChange]) {
        let mut lines = self.lock();
        for LineChange { from, to, line } in changes {
            let way = (from.clone(), to.clone());
            match line {
                Line::Open => lines.remove(&way),
                Line::Cut | Line::Bad(_) => lines.insert(way, line.clone()),
            };
        }
    }

    /// What takes back changes that were not remembered.
    pub(super) fn before(&self, changes: &[LineChange]) -> Vec<LineChange> {
        let lines = self.lock();
        let before = |change: &LineChange| {
            let way = (change.from.clone(), change.to.clone());
            let line = lines.get(&way).cloned().unwrap_or(Line::Open);
            LineChange { from: way.0, to: way.1, line }
        };
        changes.iter().map(before).collect()
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<LineChange> {
        let lines = self.lock();
        let change = |((from, to), line): (&(String, String), &Line)| LineChange {
            from: from.clone(),
            to: to.clone(),
            line: line.clone(),
        };
        lines.iter().map(change).collect()
    }
}

/// Has lines changed at every node from which they go. After an error some may be changed, and others
/// not.
pub(super) async fn change(
    sites: &BTreeMap<String, Site>,
    targets: &BTreeMap<String, Target>,
    changes: &[LineChange],
) -> Result<(), ProviderError> {
    let mut orders: BTreeMap<&String, Vec<LineTo>> = BTreeMap::new();
    for LineChange { from, to, line } in changes {
        let target = targets.get(to).ok_or_else(|| unknown(to))?;
        let order = LineTo { to: target.address, mac: target.mac, line: line.clone() };
        orders.entry(from).or_default().push(order);
    }
    let done = join_all(orders.into_iter().map(|(from, lines)| async move {
        let site = sites.get(from).ok_or_else(|| unknown(from))?;
        site.order(&format!("changing the lines of {from}"), Verb::Lines(lines)).await
    }));
    done.await.into_iter().collect::<Result<Vec<Answer>, _>>().map(drop)
}

fn unknown(name: &str) -> ProviderError {
    ProviderError::failed(format!("using {name}"), "no node of this name was reserved")
}
