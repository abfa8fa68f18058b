//! Nodes that are cut off by hand, and joined again, in a network that stays. Whoever does the second may not have seen
//! the first, and a node that is started again has another network, whose lines are open: so what is cut is asked of the
//! nodes' networks each time, and written down nowhere else. A node that is isolated has one line more that is cut, the
//! one to itself, on which nothing is ever sent: who else is cut off from it is so for its sake.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, SocketAddrV4},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_util::future::join_all;
use harness_core::{
    fault::{
        FaultKind,
        isolate::Isolate,
        lines::{Lines, Way},
    },
    line::{Datagrams, Line, LineChange, PathSeen},
    node::NodeState,
    profile::P2P_PORT,
};
use tokio::time::Instant;

use super::{engine::Engine, hand::Hand, maker::Maker};
use crate::{
    netns::wire::{Answer, Verb},
    provider::{
        ProviderError, ProviderOptions, options,
        paths::{self, ANOTHER, Site, Target},
    },
};

/// Lines that are what they should be are seen to be so at once; on a busy machine later.
const LIMIT: Duration = Duration::from_secs(10);
const AGAIN: Duration = Duration::from_millis(200);

/// All nodes of one network.
#[derive(Debug)]
pub(crate) struct Isolation {
    engine: Engine,
    run: String,
    scratch: PathBuf,
    nodes: Vec<Hand>,
    /// How often it was turned.
    turns: AtomicU32,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Turned {
    /// It is cut off now; or it is not any more.
    pub(crate) is_cut_off: bool,
    /// What was seen of that.
    pub(crate) proof: String,
}

impl Isolation {
    pub(super) fn new(engine: Engine, run: &str, scratch: &Path, nodes: Vec<Hand>) -> Self {
        let (run, scratch, turns) = (run.to_owned(), scratch.to_owned(), AtomicU32::new(0));
        Self { engine, run, scratch, nodes, turns }
    }

    /// Cuts a node off all others, or joins it again if anything is left of an earlier cut. Nothing of ours stays. One at
    /// a time.
    pub(crate) async fn turn(&self, name: &str) -> Result<Turned, ProviderError> {
        let seats = self.seats().await?;
        let refused = |why: &str| Err(ProviderError::failed(format!("acting on {name}"), why));
        match seats.get(name).map(|seat| &seat.state) {
            Some(NodeState::Running(_)) => {}
            Some(NodeState::Frozen(_)) => return refused("the engine says that it is paused"),
            Some(NodeState::Exited { .. }) => return refused("the engine says that it has ended"),
            None => return refused("somebody removed its container"),
        }
        if seats.values().filter(|seat| seat.state.is_running()).count() < 2 {
            return refused("no other node runs, with which its lines could be tried");
        }
        let maker = Maker::new(self.engine.clone(), self.options()?);
        let up = seats.iter().filter(|(_, seat)| seat.state.is_running());
        // Nobody else's name: what another one could not remove is in nobody's way.
        let mark = format!("{}-{}", std::process::id(), self.turns.fetch_add(1, Relaxed));
        let begun = join_all(up.map(|(name, seat)| seat.helper(&maker, name, &mark))).await;
        let (mut sites, mut failed, mut helpers) = (BTreeMap::new(), None, Vec::new());
        for begun in begun {
            match begun {
                Ok((name, site, container)) => {
                    sites.insert(name, site);
                    helpers.push(container);
                }
                Err(why) => failed = Some(why),
            }
        }
        let turned = match failed {
            None => turn(name, &seats, &sites).await,
            Some(why) => Err(why),
        };
        join_all(helpers.iter().map(|container| maker.end(container))).await;
        maker.clear().await;
        turned
    }

    async fn seats(&self) -> Result<BTreeMap<String, Seat<'_>>, ProviderError> {
        let seats = self.nodes.iter().map(|hand| async move {
            let state = match hand.look().await {
                Ok((state, _)) => state,
                // Nobody has lines with it any more.
                Err(ProviderError::Disturbed(_)) => return Ok(None),
                Err(why) => return Err(why),
            };
            let address = hand.address().await?;
            Ok(Some((hand.node().to_owned(), Seat { hand, address, state })))
        });
        let seats: Result<Vec<_>, ProviderError> = join_all(seats).await.into_iter().collect();
        Ok(seats?.into_iter().flatten().collect())
    }

    /// Those of the run, which stays.
    fn options(&self) -> Result<ProviderOptions, ProviderError> {
        let program = options::own_program()
            .map_err(|why| ProviderError::failed("finding this program", why))?;
        Ok(ProviderOptions {
            run_id: self.run.clone(),
            scratch: self.scratch.clone(),
            profile: None,
            keep: true,
            network: options::NetworkChoice::Auto,
            build: Default::default(),
            program,
        })
    }
}

/// A node on the network.
struct Seat<'a> {
    hand: &'a Hand,
    address: Ipv4Addr,
    state: NodeState,
}

impl Seat<'_> {
    async fn helper(
        &self,
        maker: &Maker,
        name: &str,
        mark: &str,
    ) -> Result<(String, Site, String), ProviderError> {
        let (container, client) = maker.start(self.hand.id(), name, mark).await?;
        let transport = SocketAddrV4::new(self.address, P2P_PORT);
        Ok((name.to_owned(), Site { client: Arc::new(client), at: 0, transport }, container))
    }
}

async fn turn(
    name: &str,
    seats: &BTreeMap<String, Seat<'_>>,
    sites: &BTreeMap<String, Site>,
) -> Result<Turned, ProviderError> {
    let targets = seats.iter().map(|(name, seat)| (name.clone(), (seat.address, None)));
    let targets = targets.map(|(name, (address, mac))| (name, Target { address, mac })).collect();
    let cuts = cuts(seats, sites).await?;
    let turn = Turn::of(name, &cuts, seats.keys().cloned().collect());
    let can_be_done = |change: &LineChange| sites.contains_key(&change.from);
    let [before, after] = [&turn.before, &turn.after]
        .map(|changes| changes.iter().filter(|it| can_be_done(it)).cloned().collect::<Vec<_>>());
    let turned = async {
        paths::change(sites, &targets, &after).await?;
        proven(&turn, seats, sites).await
    };
    match turned.await {
        Ok(proof) => Ok(Turned { is_cut_off: turn.cuts_off, proof }),
        // Half of it, or what was not seen, would be taken for the whole by the next turn.
        Err(why) => Err(match paths::change(sites, &targets, &before).await {
            Ok(()) => why,
            Err(_) => ProviderError::failed(format!("putting back the lines of {name}"), why),
        }),
    }
}

/// The lines of the node are what they are to be: what was seen of that.
async fn proven(
    turn: &Turn,
    seats: &BTreeMap<String, Seat<'_>>,
    sites: &BTreeMap<String, Site>,
) -> Result<String, ProviderError> {
    let can_be_tried = |(from, to): &Way| sites.contains_key(from) && sites.contains_key(to);
    let ways: Vec<Way> = turn.ways().into_iter().filter(can_be_tried).collect();
    let began = Instant::now();
    loop {
        let seen = paths::probe(sites, &ways, Datagrams::Few).await?;
        match seen.iter().find_map(|path| turn.lines.contradiction(path)) {
            None => {
                let down = seats.keys().filter(|name| !sites.contains_key(*name));
                return Ok(turn.proof(&seen, down.map(String::as_str).collect()));
            }
            Some(why) if began.elapsed() >= LIMIT => {
                let doing = format!("trying the lines of {}", turn.node);
                return Err(ProviderError::failed(doing, why));
            }
            Some(_) => tokio::time::sleep(AGAIN).await,
        }
    }
}

/// What the networks of nodes say.
async fn cuts(
    seats: &BTreeMap<String, Seat<'_>>,
    sites: &BTreeMap<String, Site>,
) -> Result<BTreeSet<Way>, ProviderError> {
    let names: BTreeMap<Ipv4Addr, &String> =
        seats.iter().map(|(name, seat)| (seat.address, name)).collect();
    let asked = join_all(sites.iter().map(|(from, site)| async move {
        let what = format!("looking at the lines of {from}");
        let Answer::Cuts(to) = site.order(&what, Verb::Cuts).await? else {
            return Err(ProviderError::failed(what, ANOTHER));
        };
        Ok((from, to))
    }));
    let mut cuts = BTreeSet::new();
    for answer in asked.await {
        let (from, to) = answer?;
        let to = to.iter().filter_map(|address| names.get(address));
        cuts.extend(to.map(|to| (from.clone(), (*to).clone())));
    }
    Ok(cuts)
}

/// What is to be done to one node.
#[derive(Debug)]
struct Turn {
    node: String,
    cuts_off: bool,
    /// All lines as they are then.
    lines: Lines,
    /// The others.
    others: Vec<String>,
    /// Lines of the node and of whoever is isolated, as they were.
    before: Vec<LineChange>,
    /// And as they are to be.
    after: Vec<LineChange>,
}

impl Turn {
    /// A node is joined again if its own network says that it is isolated, or that of another which is not isolated itself
    /// has cut it off: then it was, and has been started again since. Another one of which that is so is cut off anew.
    fn of(node: &str, cuts: &BTreeSet<Way>, network: Vec<String>) -> Self {
        let says_so = |name: &String| cuts.contains(&(name.clone(), name.clone()));
        let is_isolated = |name: &&String| {
            says_so(name) || cuts.iter().any(|(from, to)| to == *name && !says_so(from))
        };
        let mut isolated: Vec<String> = network.iter().filter(is_isolated).cloned().collect();
        let cuts_off = !isolated.iter().any(|it| it == node);
        isolated.retain(|it| it != node);
        let others: Vec<String> = network.iter().filter(|it| *it != node).cloned().collect();
        let mut ends: Vec<&str> = isolated.iter().map(String::as_str).chain([node]).collect();
        let ways: BTreeSet<Way> = ends
            .iter()
            .flat_map(|end| network.iter().flat_map(move |it| [(*end, it.as_str()), (it, end)]))
            .map(|(from, to)| (from.to_owned(), to.to_owned()))
            .collect();
        if !cuts_off {
            ends.pop();
        }
        let mut lines = Lines::default();
        for end in &ends {
            let isolate = FaultKind::from(Isolate { downtime: None });
            lines.join(isolate.lines(&[(*end).to_owned()], &network));
        }
        let (mut before, mut after) = (Vec::new(), Vec::new());
        for way in ways {
            let was = if cuts.contains(&way) { Line::Cut } else { Line::Open };
            let line = match ends.contains(&way.0.as_str()) {
                // The mark of who is isolated.
                true if way.0 == way.1 => Line::Cut,
                _ => lines.line(&way).clone(),
            };
            let (from, to) = way;
            before.push(LineChange { from: from.clone(), to: to.clone(), line: was });
            after.push(LineChange { from, to, line });
        }
        Self { node: node.to_owned(), cuts_off, lines, others, before, after }
    }

    /// Between it and all others.
    fn ways(&self) -> Vec<Way> {
        let both = |other: &String| {
            [(self.node.clone(), other.clone()), (other.clone(), self.node.clone())]
        };
        self.others.iter().flat_map(both).collect()
    }

    /// In words, of paths that are as they should be.
    fn proof(&self, seen: &[PathSeen], down: Vec<&str>) -> String {
        let is_cut =
            |path: &&PathSeen| *self.lines.line(&(path.from.clone(), path.to.clone())) == Line::Cut;
        let (cut, open): (Vec<&PathSeen>, Vec<&PathSeen>) = seen.iter().partition(is_cut);
        let ways = |paths: &[&PathSeen]| {
            let others: BTreeSet<&str> = paths
                .iter()
                .flat_map(|path| [path.from.as_str(), path.to.as_str()])
                .filter(|name| *name != self.node)
                .collect();
            let others: Vec<&str> = others.into_iter().collect();
            format!("came through on {} ways between it and {}", paths.len(), listed(&others))
        };
        let sent = |paths: &[&PathSeen]| paths.iter().map(|path| path.sent).sum::<u32>();
        let mut words = Vec::new();
        if !cut.is_empty() {
            let (sent, ways) = (sent(&cut), ways(&cut));
            words.push(format!("no TCP connect and none of {sent} datagrams {ways}"));
        }
        if !open.is_empty() {
            let arrived = open.iter().map(|path| path.arrived).sum::<u32>();
            let (sent, ways) = (sent(&open), ways(&open));
            words.push(format!("every TCP connect and {arrived} of {sent} datagrams {ways}"));
        }
        if !down.is_empty() {
            words.push(format!("not tried with what is down: {}", listed(&down)));
        }
        words.join("; ")
    }
}

/// As many names as are read.
fn listed(names: &[&str]) -> String {
    const MOST: usize = 4;
    match names {
        [] => "nobody".to_owned(),
        names if names.len() > MOST => format!("{} others", names.len()),
        names => names.join(", "),
    }
}

#[cfg(test)]
mod tests;
