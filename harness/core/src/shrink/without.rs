//! A scenario without some of its nodes: nothing names them any more, and what was asked of all is asked of
//! those that stay.

use std::collections::BTreeSet;

use toml::{Table, Value};

use crate::script::{STEPS, Script, list_mut};

/// Keys of steps that name nodes.
const NAMES: [&str; 4] = ["nodes", "to", "from", "seed"];

/// Checks that count peers, and by which keys.
const COUNTED: [(&str, &[&str]); 4] = [
    ("peers", &["at_least", "more_than"]),
    ("distinct-peers", &["at_least"]),
    ("recovers", &["peers_at_least"]),
    ("converged", &["target"]),
];

/// The name of a group.
pub(super) fn name(group: &Value) -> &str {
    group.get("name").and_then(Value::as_str).unwrap_or_default()
}

/// Its nodes that are counted; none: it is one node of its own name.
pub(super) fn count(group: &Value) -> Option<u32> {
    group.get("count").and_then(Value::as_integer).and_then(|count| u32::try_from(count).ok())
}

/// Its nodes are no adversaries.
pub(super) fn is_node(group: &Value) -> bool {
    group.get("kind").and_then(Value::as_str) != Some("hostile")
}

/// Without a group.
pub(super) fn without_group(script: &Script, at: usize) -> Option<Script> {
    let group = script.list("nodes").get(at)?;
    let (name, count) = (name(group).to_owned(), count(group));
    let mut gone = BTreeSet::from([name.clone(), format!("{name}-1")]);
    gone.extend((1..=count.unwrap_or(0)).map(|number| format!("{name}-{number}")));
    let fewer = if is_node(group) { i64::from(count.unwrap_or(1)) } else { 0 };
    let mut smaller = script.clone();
    smaller.list_mut("nodes").remove(at);
    forget(&mut smaller, &gone, fewer);
    Some(smaller)
}

/// With only so many nodes of a group.
pub(super) fn with_count(script: &Script, at: usize, most: u32) -> Option<Script> {
    let group = script.list("nodes").get(at)?;
    let (name, count) = (name(group), count(group).filter(|count| *count > most)?);
    let gone: BTreeSet<String> =
        (most + 1..=count).map(|number| format!("{name}-{number}")).collect();
    let fewer = if is_node(group) { i64::from(count - most) } else { 0 };
    let mut smaller = script.clone();
    let group = smaller.list_mut("nodes").get_mut(at)?.as_table_mut()?;
    group.insert("count".to_owned(), i64::from(most).into());
    forget(&mut smaller, &gone, fewer);
    Some(smaller)
}

/// Drops what names only nodes that are gone, and asks for fewer peers.
fn forget(script: &mut Script, gone: &BTreeSet<String>, fewer: i64) {
    for group in script.list_mut("nodes").iter_mut().filter_map(Value::as_table_mut) {
        if group.contains_key("seeds") {
            let seeds = list_mut(group, "seeds");
            seeds.retain(|seed| !is_gone(seed, gone));
            if seeds.is_empty() {
                group.remove("seeds");
            }
        }
    }
    for phase in script.list_mut("phases").iter_mut().filter_map(Value::as_table_mut) {
        for kind in STEPS.iter().filter(|kind| phase.contains_key(**kind)).collect::<Vec<_>>() {
            let steps = list_mut(phase, kind);
            steps.retain_mut(|step| step.as_table_mut().is_some_and(|step| stays(step, gone)));
            if *kind == "checks" {
                steps.retain_mut(|step| step.as_table_mut().is_some_and(|it| counts(it, fewer)));
            }
            if steps.is_empty() {
                phase.remove(*kind);
            }
        }
    }
}

fn is_gone(name: &Value, gone: &BTreeSet<String>) -> bool {
    name.as_str().is_some_and(|name| gone.contains(name))
}

/// A step still names somebody; in the groups of a partition whoever is gone is left out.
fn stays(step: &mut Table, gone: &BTreeSet<String>) -> bool {
    if NAMES.iter().filter_map(|key| step.get(*key)).any(|name| is_gone(name, gone)) {
        return false;
    }
    if !step.contains_key("groups") {
        return true;
    }
    let groups = list_mut(step, "groups");
    for side in groups.iter_mut().filter_map(Value::as_array_mut) {
        side.retain(|name| !is_gone(name, gone));
    }
    groups.retain(|side| side.as_array().is_some_and(|side| !side.is_empty()));
    groups.len() > 1
}

/// A check asks for as many peers fewer as there are nodes fewer; of none it asks nothing.
fn counts(check: &mut Table, fewer: i64) -> bool {
    let name = check.get("check").and_then(Value::as_str).unwrap_or_default();
    let keys =
        COUNTED.iter().find(|(counted, _)| *counted == name).map_or(&[][..], |(_, keys)| keys);
    for key in keys {
        let Some(asked) = check.get(*key).and_then(Value::as_integer) else { continue };
        let least = if *key == "more_than" { 0 } else { 1 };
        if asked - fewer < least {
            return false;
        }
        check.insert((*key).to_owned(), (asked - fewer).into());
    }
    true
}
