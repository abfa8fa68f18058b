//! Everything that is a bit smaller than a scenario, larger steps first. Whether it is still a scenario is
//! for others to say.

use toml::{Table, Value};

use super::{
    reason::Place,
    without::{count, is_node, name, with_count, without_group},
};
use crate::script::{Script, list, list_mut};

/// A smaller scenario.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Smaller {
    /// What was left out.
    pub(super) what: String,
    pub(super) script: Script,
    /// Where what fails is now.
    pub(super) place: Place,
}

/// A key that is no scenario's, on what fails.
const MARK: &str = "=fails=";

/// All that are smaller.
pub(super) fn smaller(script: &Script, place: Place) -> Vec<Smaller> {
    let mut all = Cuts { marked: marked(script, place), place, found: Vec::new() };
    all.much();
    all.phases();
    all.groups();
    all.steps();
    all.seeds();
    all.keys();
    all.found
}

fn marked(script: &Script, place: Place) -> Script {
    let mut script = script.clone();
    if let Some(phase) = phase_mut(&mut script, place.phase) {
        let check = phase.get_mut("checks").and_then(Value::as_array_mut);
        let check = check.and_then(|checks| checks.get_mut(place.check)?.as_table_mut());
        match check {
            Some(check) => check.insert(MARK.to_owned(), true.into()),
            None => phase.insert(MARK.to_owned(), true.into()),
        };
    }
    script
}

fn phase_mut(script: &mut Script, at: usize) -> Option<&mut Table> {
    script.list_mut("phases").get_mut(at)?.as_table_mut()
}

struct Cuts {
    marked: Script,
    place: Place,
    found: Vec<Smaller>,
}

impl Cuts {
    /// Keeps one that is smaller, and still has what fails.
    fn keep(&mut self, what: impl Into<String>, script: Script) {
        if script == self.marked {
            return;
        }
        if let Some((script, place)) = unmarked(script) {
            self.found.push(Smaller { what: what.into(), script, place });
        }
    }

    fn cut(&mut self, what: impl Into<String>, cut: impl FnOnce(&mut Script)) {
        let mut script = self.marked.clone();
        cut(&mut script);
        self.keep(what, script);
    }

    fn phase_count(&self) -> usize {
        self.marked.list("phases").len()
    }

    /// What most failures do not need at all.
    fn much(&mut self) {
        let last = self.place.phase + 1;
        self.cut("what comes after it", |script| script.list_mut("phases").truncate(last));
        self.cut("all other checks", |script| {
            retain_steps(script, "checks", |check| check.contains_key(MARK));
        });
        self.cut("all faults", |script| {
            retain_steps(script, "faults", |_| false);
            retain_steps(script, "storm", |_| false);
        });
    }

    /// Runs of phases before it, longer ones first, and those right before it first.
    fn phases(&mut self) {
        let before = self.place.phase;
        let mut length = before;
        while length > 0 {
            for from in (0..=before - length).rev() {
                let what = if length == 1 {
                    format!("phase {}", from + 1)
                } else {
                    format!("phases {} to {}", from + 1, from + length)
                };
                self.cut(what, |script| drop(script.list_mut("phases").drain(from..from + length)));
            }
            // At least one less.
            length = (length / 2).min(length - 1);
        }
    }

    fn groups(&mut self) {
        for at in 0..self.marked.list("nodes").len() {
            let group = &self.marked.list("nodes")[at];
            let (name, count) = (name(group).to_owned(), count(group));
            if self.is_about_parts() && is_node(group) {
                continue;
            }
            if let Some(smaller) = without_group(&self.marked, at) {
                self.keep(format!("the group {name}"), smaller);
            }
            let fewer = count.map_or(Vec::new(), |count| vec![1, count / 2, count - 1]);
            for most in fewer.into_iter().filter(|most| *most > 0) {
                if let Some(smaller) = with_count(&self.marked, at, most) {
                    self.keep(format!("all but {most} of {name}"), smaller);
                }
            }
            self.start_with_the_others(at, &name);
        }
    }

    /// What fails asks for several networks: without a node there may be fewer of them.
    fn is_about_parts(&self) -> bool {
        let phases = self.marked.list("phases").iter().filter_map(Value::as_table);
        let mut checks = phases.flat_map(|phase| list(phase, "checks"));
        let failing = checks.find(|check| check.get(MARK).is_some());
        failing.is_some_and(|check| check.get("components").and_then(Value::as_integer) > Some(1))
    }

    /// A newcomer is there from the start.
    fn start_with_the_others(&mut self, at: usize, name: &str) {
        let group = &self.marked.list("nodes")[at];
        if !is_node(group) || group.get("start").is_none() {
            return;
        }
        let joins = |step: &Table| {
            let named = step.get("nodes").and_then(Value::as_str).unwrap_or_default();
            let its = named == name || named.rsplit_once('-').is_some_and(|(of, _)| of == name);
            its && step.get("fault").and_then(Value::as_str) == Some("join")
        };
        self.cut(format!("the join of {name}"), |script| {
            if let Some(group) = script.list_mut("nodes")[at].as_table_mut() {
                group.remove("start");
            }
            retain_steps(script, "faults", |step| !joins(step));
        });
    }

    /// Each fault, each with each that comes later (what stays, and what ends it), and each check.
    fn steps(&mut self) {
        let places = |kind: &str| -> Vec<(usize, usize)> {
            let of = |phase| self.steps_of(phase, kind).len();
            (0..self.phase_count())
                .flat_map(|phase| (0..of(phase)).map(move |at| (phase, at)))
                .collect()
        };
        let (storms, faults, checks) = (places("storm"), places("faults"), places("checks"));
        for at in storms {
            self.without("storm", &[at]);
        }
        for at in faults.iter().rev() {
            self.without("faults", &[*at]);
        }
        for (index, one) in faults.iter().enumerate() {
            for other in &faults[index + 1..] {
                self.without("faults", &[*one, *other]);
            }
        }
        for at in checks.iter().rev() {
            self.without("checks", &[*at]);
        }
    }

    fn steps_of(&self, phase: usize, kind: &str) -> &[Value] {
        let phase = self.marked.list("phases").get(phase).and_then(Value::as_table);
        phase.map_or(&[], |phase| list(phase, kind))
    }

    fn without(&mut self, kind: &str, places: &[(usize, usize)]) {
        let word = |(phase, at): &(usize, usize)| {
            let step = &self.steps_of(*phase, kind)[*at];
            let name = ["fault", "check"].into_iter().find_map(|key| step.get(key)?.as_str());
            format!("{} in phase {}", name.unwrap_or("the storm"), phase + 1)
        };
        let what: Vec<String> = places.iter().map(word).collect();
        self.cut(what.join(" and "), |script| {
            // The later one first, so that the earlier one stays where it is.
            for (phase, at) in places.iter().rev() {
                let Some(phase) = phase_mut(script, *phase) else { continue };
                list_mut(phase, kind).remove(*at);
                if list(phase, kind).is_empty() {
                    phase.remove(kind);
                }
            }
        });
    }

    /// Fewer who are known to others at the start.
    fn seeds(&mut self) {
        for at in 0..self.marked.list("nodes").len() {
            let group = &self.marked.list("nodes")[at];
            let name = name(group).to_owned();
            let known = group.get("seeds").and_then(Value::as_array).map_or(0, Vec::len);
            self.without_key(at, "seed", format!("{name} as a seed"));
            self.without_key(at, "seeds", format!("the own seeds of {name}"));
            for seed in (0..known).filter(|_| known > 1) {
                self.cut(format!("a seed of {name}"), |script| {
                    let group = script.list_mut("nodes")[at].as_table_mut();
                    group.map(|group| list_mut(group, "seeds").remove(seed));
                });
            }
            self.without_key(at, "reachable", format!("that nobody can dial {name}"));
            self.without_key(at, "args", format!("the arguments of {name}"));
            self.environment(at, &name);
        }
    }

    fn environment(&mut self, at: usize, name: &str) {
        let env = self.marked.list("nodes")[at].get("env").and_then(Value::as_table);
        let keys: Vec<String> = env.map_or(Vec::new(), |env| env.keys().cloned().collect());
        for key in &keys {
            self.cut(format!("{key} of {name}"), |script| {
                let Some(group) = script.list_mut("nodes")[at].as_table_mut() else { return };
                if let Some(env) = group.get_mut("env").and_then(Value::as_table_mut) {
                    env.remove(key);
                }
                if keys.len() == 1 {
                    group.remove("env");
                }
            });
        }
    }

    fn without_key(&mut self, at: usize, key: &str, what: String) {
        self.cut(what, |script| {
            if let Some(group) = script.list_mut("nodes")[at].as_table_mut() {
                group.remove(key);
            }
        });
    }

    /// What steps can do without, and shorter outages. Windows stay: a shorter one would fail by itself.
    fn keys(&mut self) {
        for phase in 0..self.phase_count() {
            for kind in ["faults", "storm"] {
                for at in 0..self.steps_of(phase, kind).len() {
                    for key in ["with", "jitter", "loss", "delay"] {
                        self.change(phase, kind, at, key, |_| None);
                    }
                    for key in ["downtime", "for"] {
                        self.change(phase, kind, at, key, halved);
                    }
                }
            }
        }
        self.cut("names of seeds", |script| {
            if let Some(network) = script.0.get_mut("network").and_then(Value::as_table_mut) {
                network.remove("seeds");
            }
        });
    }

    fn change(
        &mut self,
        phase: usize,
        kind: &str,
        at: usize,
        key: &str,
        to: impl Fn(&Value) -> Option<Value>,
    ) {
        let Some(there) = self.steps_of(phase, kind)[at].get(key) else { return };
        let to = to(there);
        // A duration that cannot be halved stays.
        if to.is_none() && ["downtime", "for"].contains(&key) {
            return;
        }
        self.cut(format!("{key} in phase {}", phase + 1), |script| {
            let Some(phase) = phase_mut(script, phase) else { return };
            let Some(step) = list_mut(phase, kind)[at].as_table_mut() else { return };
            match to {
                Some(value) => step.insert(key.to_owned(), value),
                None => step.remove(key),
            };
        });
    }
}

/// To whole seconds, and one at least.
fn halved(duration: &Value) -> Option<Value> {
    let seconds = humantime::parse_duration(duration.as_str()?).ok()?.as_secs();
    (seconds > 1).then(|| format!("{}s", seconds / 2).into())
}

fn retain_steps(script: &mut Script, kind: &str, stays: impl Fn(&Table) -> bool) {
    for phase in script.list_mut("phases").iter_mut().filter_map(Value::as_table_mut) {
        if phase.contains_key(kind) {
            list_mut(phase, kind).retain(|step| step.as_table().is_some_and(&stays));
            if list(phase, kind).is_empty() {
                phase.remove(kind);
            }
        }
    }
}

/// Without the mark, and where it was; `None`: what fails is gone.
fn unmarked(mut script: Script) -> Option<(Script, Place)> {
    let mut place = None;
    for (at, phase) in script.list_mut("phases").iter_mut().enumerate() {
        let phase = phase.as_table_mut()?;
        let checks = phase.get_mut("checks").and_then(Value::as_array_mut);
        let count = checks.as_ref().map_or(0, |checks| checks.len());
        for (check, table) in checks.into_iter().flatten().enumerate() {
            if table.as_table_mut()?.remove(MARK).is_some() {
                place = Some(Place { phase: at, check });
            }
        }
        if phase.remove(MARK).is_some() {
            place = Some(Place { phase: at, check: count });
        }
    }
    Some((script, place?))
}
