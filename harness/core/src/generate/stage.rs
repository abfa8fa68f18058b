//! A generated scenario while it is written: who is up, what was done, and the phases so far.

use toml::{Table, Value};

use super::{
    acts::{Act, one, sides},
    asked::Where,
    checks::{Of, Since, during, seconds, with},
    dice::Dice,
    network::{Network, Nodes},
};
use crate::{
    fault::Capability,
    script::{list_mut, table},
};

/// Attacks under which a network must hold: those that the library runs.
const ATTACKS: [&str; 4] = ["address-flood", "dead-addresses", "connect-flood", "self-id"];

/// A file as it is made.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) network: Network,
    pub(super) place: Where,
    /// Nodes that run and can be reached.
    pub(super) up: Nodes,
    /// A seed's name means another node.
    pub(super) renamed: bool,
    /// A clock is off.
    pub(super) skewed: bool,
    /// Tables of adversaries.
    pub(super) villains: Vec<Table>,
    pub(super) phases: Vec<Table>,
}

impl Stage {
    /// Everybody who starts at once finds everybody.
    pub(super) fn begin(network: Network, place: Where, dice: &mut Dice) -> Self {
        let up = network.all().difference(&network.late()).cloned().collect();
        let (villains, phases) = (Vec::new(), Vec::new());
        let mut stage =
            Self { network, place, up, renamed: false, skewed: false, villains, phases };
        let of = stage.of();
        let by = u64::from(dice.between(2, 5));
        let checks = [of.peers(), of.one_genesis(), of.advance(&stage.up, by)].concat();
        stage.phase("everybody finds everybody", Vec::new(), checks);
        stage
    }

    /// Nobody does anything any more.
    pub(super) fn end(&mut self, dice: &mut Dice) {
        let mut checks = self.of().at_rest();
        if dice.one_in(3) {
            checks.extend(self.of().no_stall());
        }
        self.phase("one network at rest", Vec::new(), checks);
    }

    /// Does one thing, in one phase or two.
    pub(super) fn act(&mut self, act: Act, number: u32, dice: &mut Dice) {
        let name = format!("{number}: {}", act.words());
        match act {
            Act::Bounce(kind) => self.bounce(kind, &name, dice),
            Act::Down(kind) => self.down(kind, &name, dice),
            Act::Pause => {
                let hit = self.someone(dice);
                let fault = fault("pause", [("nodes", self.name_of(&hit)), lasting(dice, 3, 12)]);
                self.healed(&name, vec![fault], Vec::new());
            }
            Act::Freeze => self.freeze(&name, dice),
            Act::Line(kind) => self.line(kind, &name, dice),
            Act::Cut(kind) => self.cut(kind, &name, dice),
            Act::Join => self.join(&name),
            Act::Leave => self.leave(&name, dice),
            Act::Wipe | Act::Corrupt => self.files(act, &name, dice),
            Act::Clock => self.clock(&name, dice),
            Act::Limit => self.limit(&name, dice),
            Act::OccupyPort => self.occupy_port(&name, dice),
            Act::Rename => self.rename(&name, dice),
            Act::Hostile => self.hostile(&name, number, dice),
            Act::Storm => self.storm(&name, dice),
            Act::Overlap => self.overlap(&name, dice),
            Act::Beside => self.beside(&name, dice),
        }
    }

    fn of(&self) -> Of<'_> {
        Of { network: &self.network, up: &self.up }
    }

    fn phase(&mut self, name: &str, faults: Vec<Table>, checks: Vec<Table>) {
        let mut phase = table([("name", name.into())]);
        for (kind, steps) in [("faults", faults), ("checks", checks)] {
            if !steps.is_empty() {
                list_mut(&mut phase, kind).extend(steps.into_iter().map(Value::Table));
            }
        }
        self.phases.push(phase);
    }

    /// A phase whose faults are over: one network again.
    fn healed(&mut self, name: &str, faults: Vec<Table>, more: Vec<Table>) {
        let of = self.of();
        let checks =
            [more, of.peers(), of.advance(&self.up, 2), of.one_chain(Since::Heal)].concat();
        self.phase(name, faults, checks);
    }

    /// A phase whose fault stays: what those that it leaves alone still do.
    fn meanwhile(&mut self, name: &str, faults: Vec<Table>, groups: &[Nodes]) {
        let mut checks = Vec::new();
        for nodes in groups.iter().filter(|nodes| self.is_whole(nodes)) {
            checks.extend(self.of().advance(nodes, 2));
        }
        self.phase(name, faults, checks);
    }

    /// They have sessions with each other, whatever becomes of the others: each is everybody's peer, or
    /// the only one.
    fn is_whole(&self, nodes: &Nodes) -> bool {
        let hidden = self.network.hidden();
        let open = nodes.iter().any(|node| !hidden.contains(node));
        self.up.len() <= 9 && (open || nodes.len() == 1)
    }

    /// A node, now and then a group.
    fn someone(&self, dice: &mut Dice) -> Nodes {
        if dice.one_in(4) {
            let groups: Vec<Nodes> = self
                .network
                .by_group(&self.up)
                .iter()
                .map(|name| self.network.named(name))
                .filter(|nodes| nodes.len() < self.up.len())
                .collect();
            if let Some(nodes) = dice.pick(&groups) {
                return nodes.clone();
            }
        }
        one(&self.up, dice)
    }

    /// The same, or everybody.
    fn anyone(&self, dice: &mut Dice) -> Nodes {
        if dice.one_in(8) && self.up == self.network.all() {
            return self.up.clone();
        }
        self.someone(dice)
    }

    /// The one name of a set that has one.
    fn name_of(&self, nodes: &Nodes) -> Value {
        let name = self.network.selectors(nodes).into_iter().next();
        name.unwrap_or_else(|| "*".to_owned()).into()
    }

    fn others(&self, hit: &Nodes) -> Nodes {
        self.up.difference(hit).cloned().collect()
    }

    fn bounce(&mut self, kind: &str, name: &str, dice: &mut Dice) {
        let hit = self.anyone(dice);
        let fault = fault(kind, [("nodes", self.name_of(&hit)), lasting(dice, 1, 8)]);
        let others = self.others(&hit);
        let mut more = Vec::new();
        if dice.one_in(2) && self.is_whole(&others) {
            more.extend(during(self.of().advance(&others, 1)));
        }
        more.extend(self.of().identity(&hit));
        more.extend(self.of().catch_up(&hit, "own-state"));
        self.healed(name, vec![fault], more);
    }

    fn down(&mut self, kind: &str, name: &str, dice: &mut Dice) {
        let hit = self.anyone(dice);
        let nodes = self.name_of(&hit);
        let others = self.others(&hit);
        self.meanwhile(name, vec![fault(kind, [("nodes", nodes.clone())])], &[others]);
        let more = [self.of().identity(&hit), self.of().catch_up(&hit, "own-state")].concat();
        self.healed(&over(name), vec![fault("start", [("nodes", nodes)])], more);
    }

    fn freeze(&mut self, name: &str, dice: &mut Dice) {
        let hit = self.someone(dice);
        let nodes = self.name_of(&hit);
        let others = self.others(&hit);
        self.meanwhile(name, vec![fault("pause", [("nodes", nodes.clone())])], &[others]);
        self.healed(&over(name), vec![fault("resume", [("nodes", nodes)])], Vec::new());
    }

    /// A fault of lines without its length, and the groups that are whole meanwhile.
    fn lines(&self, kind: &str, dice: &mut Dice) -> (Table, Vec<Nodes>) {
        let names = |nodes: &Nodes| Value::from(self.network.by_group(nodes));
        match kind {
            "isolate" => {
                let hit = self.someone(dice);
                let others = self.others(&hit);
                (fault(kind, [("nodes", self.name_of(&hit))]), vec![others])
            }
            "partition" => {
                let (left, right) = sides(&self.up, dice);
                let groups = Value::Array(vec![names(&left), names(&right)]);
                (fault(kind, [("groups", groups)]), vec![left, right])
            }
            "one-way" => {
                let from = one(&self.up, dice);
                let to = one(&self.others(&from), dice);
                let keys = [("from", self.name_of(&from)), ("to", self.name_of(&to))];
                (fault(kind, keys), Vec::new())
            }
            _ => {
                let hit = one(&self.up, dice);
                let delay = dice.between(2, 8) * 25;
                let mut bad = fault(kind, [("nodes", self.name_of(&hit))]);
                bad = with(bad, [("delay", format!("{delay}ms").into())]);
                if dice.one_in(2) {
                    bad = with(bad, [("jitter", format!("{}ms", delay / 5).into())]);
                }
                if dice.one_in(2) {
                    bad = with(bad, [("loss", format!("{}%", dice.between(1, 4)).into())]);
                }
                (bad, vec![self.up.clone()])
            }
        }
    }

    fn line(&mut self, kind: &str, name: &str, dice: &mut Dice) {
        let (fault, groups) = self.lines(kind, dice);
        let fault = with(fault, [lasting(dice, 4, 15)]);
        let mut more = Vec::new();
        if dice.one_in(2) {
            for nodes in groups.iter().filter(|nodes| self.is_whole(nodes)) {
                more.extend(during(self.of().advance(nodes, 1)));
            }
        }
        self.healed(name, vec![fault], more);
    }

    fn cut(&mut self, kind: &str, name: &str, dice: &mut Dice) {
        let (begun, groups) = self.lines(kind, dice);
        let heal = if kind == "isolate" {
            fault("rejoin", [("nodes", begun["nodes"].clone())])
        } else {
            fault("heal", [])
        };
        self.meanwhile(name, vec![begun], &groups);
        self.healed(&over(name), vec![heal], Vec::new());
    }

    fn join(&mut self, name: &str) {
        let late = self.network.late();
        let fault = fault("join", [("nodes", self.name_of(&late))]);
        self.up.extend(late.iter().cloned());
        let more = self.of().catch_up(&late, "genesis");
        self.healed(name, vec![fault], more);
    }

    /// Who may go: not the last miner, nor the last that can be dialled, and two stay at least.
    pub(super) fn leavers(&self) -> Nodes {
        let (hidden, miners) = (self.network.hidden(), self.network.miners());
        let stays = |gone: &&String| {
            let rest = || self.up.iter().filter(|node| node != gone);
            rest().count() > 1
                && rest().any(|node| miners.contains(node))
                && rest().any(|node| !hidden.contains(node))
        };
        self.up.iter().filter(stays).cloned().collect()
    }

    fn leave(&mut self, name: &str, dice: &mut Dice) {
        let gone = one(&self.leavers(), dice);
        let fault = fault("leave", [("nodes", self.name_of(&gone))]);
        self.up = self.others(&gone);
        let of = self.of();
        let checks = [of.peers(), of.advance(&self.up, 2), of.one_chain(Since::Start)].concat();
        self.phase(name, vec![fault], checks);
    }

    fn files(&mut self, act: Act, name: &str, dice: &mut Dice) {
        let hit = one(&self.up, dice);
        // As for `corrupt`: a seed whose name leads to itself needs its address book.
        let what = if self.renamed { &["chain"][..] } else { &["peer-store", "chain", "all"][..] };
        let what = *dice.pick(what).unwrap_or(&"chain");
        let nodes = self.name_of(&hit);
        let mut more = self.of().identity(&hit);
        let keys = if act == Act::Wipe {
            if what != "peer-store" {
                more.extend(self.of().catch_up(&hit, "genesis"));
            }
            fault("wipe", [("nodes", nodes), ("what", what.into())])
        } else {
            let how = *dice.pick(&["truncate", "flip", "empty"]).unwrap_or(&"flip");
            // A chain database may be lost for good; an address book is a cache.
            let what = Value::from("peer-store");
            fault("corrupt", [("nodes", nodes), ("what", what), ("how", how.into())])
        };
        self.healed(name, vec![keys], more);
    }

    /// The only miner, if there is one alone: the time of the newest block is its clock's.
    pub(super) fn lone_miner(&self) -> Option<Nodes> {
        let miners = self.network.miners();
        (miners.len() == 1 && miners.is_subset(&self.up)).then_some(miners)
    }

    fn clock(&mut self, name: &str, dice: &mut Dice) {
        let hit = self.lone_miner().unwrap_or_default();
        self.skewed = true;
        let by = seconds(dice.between(25, 60));
        let fault = fault("clock", [("nodes", self.name_of(&hit)), ("by", by)]);
        let more = self.of().identity(&hit);
        self.healed(name, vec![fault], more);
    }

    fn limit(&mut self, name: &str, dice: &mut Dice) {
        let hit = self.someone(dice);
        let limit = if self.place.can(Capability::LimitFiles) {
            ("open_files", Value::from(i64::from(dice.between(4, 16) * 32)))
        } else if dice.one_in(2) {
            ("memory", "512 MiB".into())
        } else {
            ("cpu", "50%".into())
        };
        let keys = [("nodes", self.name_of(&hit)), limit, lasting(dice, 3, 10)];
        self.healed(name, vec![fault("limit", keys)], Vec::new());
    }

    fn occupy_port(&mut self, name: &str, dice: &mut Dice) {
        let open = self.up.difference(&self.network.hidden()).cloned().collect();
        let hit = one(&open, dice);
        let port = Value::from(*dice.pick(&["p2p", "rpc"]).unwrap_or(&"rpc"));
        let keys = [("nodes", self.name_of(&hit)), ("port", port), lasting(dice, 1, 4)];
        let more = self.of().identity(&hit);
        self.healed(name, vec![fault("occupy-port", keys)], more);
    }

    fn rename(&mut self, name: &str, dice: &mut Dice) {
        let seeds = self.network.named_seeds();
        let Some(seed) = dice.pick(&seeds).cloned() else { return };
        let open: Nodes = self.up.difference(&self.network.hidden()).cloned().collect();
        let to = one(&open.into_iter().filter(|node| *node != seed).collect(), dice);
        self.renamed = true;
        let keys = [("seed", seed.as_str().into()), ("to", self.name_of(&to))];
        let of = self.of();
        let checks = [of.peers(), of.advance(&self.up, 2), of.one_chain(Since::Start)].concat();
        self.phase(name, vec![fault("rename", keys)], checks);
    }

    fn hostile(&mut self, name: &str, number: u32, dice: &mut Dice) {
        let group = format!("villain{number}");
        let attack = *dice.pick(&ATTACKS).unwrap_or(&"address-flood");
        let mut villain = table([
            ("name", group.as_str().into()),
            ("kind", "hostile".into()),
            ("attack", attack.into()),
            ("start", "later".into()),
        ]);
        if dice.one_in(2) {
            villain = with(villain, [("count", 2.into())]);
        }
        self.villains.push(villain);
        let fault = fault("hostile", [("nodes", group.as_str().into()), lasting(dice, 5, 15)]);
        let more = during(self.of().advance(&self.up, 2)).collect();
        self.healed(name, vec![fault], more);
    }

    fn storm(&mut self, name: &str, dice: &mut Dice) {
        let mut kinds = vec!["restart", "kill", "pause", "isolate"];
        dice.shuffle(&mut kinds);
        kinds.truncate(dice.between(1, 4) as usize);
        let hit = if self.up == self.network.all() { self.up.clone() } else { self.someone(dice) };
        let storm = table([
            ("faults", kinds.into()),
            ("nodes", self.name_of(&hit)),
            ("every", seconds(dice.between(4, 8))),
            ("for", seconds(dice.between(10, 30))),
            ("downtime", seconds(dice.between(1, 3))),
        ]);
        self.healed(name, Vec::new(), Vec::new());
        if let Some(phase) = self.phases.last_mut() {
            list_mut(phase, "storm").push(Value::Table(storm));
        }
    }

    fn overlap(&mut self, name: &str, dice: &mut Dice) {
        let hit = one(&self.up, dice);
        let second = one(&self.others(&hit), dice);
        let kinds = ["restart", "kill", "pause", "isolate", "partition"];
        let first = match *dice.pick(&kinds).unwrap_or(&"restart") {
            kind @ "partition" => self.lines(kind, dice).0,
            kind => fault(kind, [("nodes", self.name_of(&hit))]),
        };
        let first = with(first, [lasting(dice, 5, 12)]);
        let kind = *dice.pick(&["restart", "kill", "pause"]).unwrap_or(&"kill");
        let keys =
            [("nodes", self.name_of(&second)), lasting(dice, 1, 3), ("with", "previous".into())];
        self.healed(name, vec![first, fault(kind, keys)], Vec::new());
    }

    /// Whoever is restarted has its address book from a clean end, so it needs nobody who is away, be it its
    /// only seed.
    fn beside(&mut self, name: &str, dice: &mut Dice) {
        let away = one(&self.leavers(), dice);
        let kinds = [("stop", "start"), ("pause", "resume")];
        let (begin, end) = *dice.pick(&kinds).unwrap_or(&kinds[0]);
        let nodes = self.name_of(&away);
        let rest = self.others(&away);
        let begin = fault(begin, [("nodes", nodes.clone())]);
        self.meanwhile(name, vec![begin], std::slice::from_ref(&rest));
        let all = std::mem::replace(&mut self.up, rest);
        let hit = one(&self.up, dice);
        let restart = fault("restart", [("nodes", self.name_of(&hit)), lasting(dice, 1, 6)]);
        let more = [self.of().identity(&hit), self.of().catch_up(&hit, "own-state")].concat();
        self.healed(&format!("{name}, restart"), vec![restart], more);
        self.up = all;
        self.healed(&over(name), vec![fault(end, [("nodes", nodes)])], Vec::new());
    }
}

fn fault<const N: usize>(kind: &str, keys: [(&str, Value); N]) -> Table {
    with(table([("fault", kind.into())]), keys)
}

fn lasting(dice: &mut Dice, least: u32, most: u32) -> (&'static str, Value) {
    ("downtime", seconds(dice.between(least, most)))
}

/// The phase in which what stays ends.
fn over(name: &str) -> String {
    format!("{name}, over")
}
