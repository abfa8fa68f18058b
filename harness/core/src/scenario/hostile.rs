//! Groups of adversaries as written.

use crate::{
    document::{At, Problems, Table, suggest},
    hostile::{ATTACKS, Hostile, MOST_RATE},
};

/// What only a group of nodes takes.
const ONLY_NODES: &[&str] = &["seed", "mine", "reachable", "args", "image", "bin"];

/// What only a group of adversaries takes.
const ONLY_HOSTILE: &[&str] = &["attack", "rate"];

/// What a group's adversaries do; none, if it is one of nodes.
pub(super) fn read(table: &Table<'_, '_>, problems: &mut Problems) -> Option<Hostile> {
    let kind = table.word("kind", &["node", "hostile"], problems);
    let attack = table.text("attack", problems);
    let rate = table.number("rate", 1, problems);
    if kind.is_none_or(|kind| kind.value != "hostile") {
        for key in ONLY_HOSTILE.iter().filter(|key| table.has(key)) {
            problems.error_hint(
                table.key_span(key),
                format!("`{key}` in a group of nodes"),
                "it is for adversaries: write `kind = \"hostile\"` beside it",
            );
        }
        return None;
    }
    table.require("attack", problems);
    for key in ONLY_NODES.iter().filter(|key| table.has(key)) {
        problems.error_hint(
            table.key_span(key),
            format!("`{key}` in a group of adversaries (`kind = \"hostile\"`)"),
            "leave it out: they are `hegemon-hostile`, and no nodes",
        );
    }
    if let Some(rate) = rate.as_ref().filter(|rate| rate.value > MOST_RATE) {
        problems.error(rate.span.clone(), format!("`rate` is at most {MOST_RATE} in a second"));
    }
    Some(Hostile {
        attack: attack.map_or_else(String::new, |attack| known(attack, problems)),
        rate: rate.map(|rate| rate.value),
    })
}

fn known(attack: At<String>, problems: &mut Problems) -> String {
    if !ATTACKS.contains(&attack.value.as_str()) {
        problems.error_hint(
            attack.span,
            format!("unknown attack `{}`", attack.value),
            suggest(&attack.value, ATTACKS.iter().copied()),
        );
    }
    attack.value
}
