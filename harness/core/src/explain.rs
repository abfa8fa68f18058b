//! Checks, faults and node profiles as people read them, from their own files: a list, one in full,
//! and the tables of `scenarios/README.md`.

use std::fmt::Write;

use crate::{
    check::{CHECKS, COMMON, CheckEntry},
    control::{Control, Wanted},
    document::{Key, listed, nearest},
    event::CheckVerdict,
    fault::{self, FAULTS, FaultEntry},
    gate,
    profile::{self, NodeProfile},
    scenario,
};

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub enum Topic {
    /// A check.
    Check(&'static CheckEntry),
    /// A fault.
    Fault(&'static FaultEntry),
    /// What a file of `--node-profile` may say.
    Profile,
    /// What a gate's file may say.
    Gate,
}

/// By this name profiles are explained.
const PROFILES: &str = "profile";

/// By this one the file of a gate.
const GATES: &str = "gate";

/// A name that nothing here has.
#[derive(Debug, thiserror::Error)]
#[error("no check, fault, `profile` or `gate` is called `{asked}`{near}\n  there is {there}")]
pub struct Unknown {
    asked: String,
    near: String,
    there: String,
}

impl Topic {
    /// By name.
    ///
    /// # Errors
    ///
    /// If nothing has it.
    pub fn find(name: &str) -> Result<Self, Unknown> {
        let checks = CHECKS.iter().map(|entry| (entry.name, Self::Check(entry)));
        let faults = FAULTS.iter().map(|entry| (entry.name, Self::Fault(entry)));
        let all: Vec<(&str, Self)> =
            checks.chain(faults).chain([(PROFILES, Self::Profile), (GATES, Self::Gate)]).collect();
        if let Some((_, topic)) = all.iter().find(|(known, _)| *known == name) {
            return Ok(*topic);
        }
        let names = || all.iter().map(|(name, _)| *name);
        Err(Unknown {
            asked: name.to_owned(),
            near: nearest(name, names())
                .map_or(String::new(), |near| format!("; did you mean `{near}`?")),
            there: listed(names()),
        })
    }

    /// In full.
    pub fn explain(self) -> String {
        match self {
            Self::Check(entry) => check(entry),
            Self::Fault(entry) => fault(entry),
            Self::Profile => profiles(),
            Self::Gate => gates(),
        }
    }
}

/// All faults, a line each, with what a provider must be able to do.
pub fn faults() -> String {
    let width = FAULTS.iter().map(|entry| entry.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for entry in FAULTS {
        let needs: Vec<&str> = entry.needs.iter().map(|need| need.words()).collect();
        let needs =
            if needs.is_empty() { String::new() } else { format!(" ({})", needs.join(", ")) };
        let _ = writeln!(text, "{:width$}  {}{needs}", entry.name, entry.about);
    }
    text
}

/// All of them, a line each.
pub fn list() -> String {
    let checks: Vec<_> = CHECKS.iter().map(|entry| (entry.name, entry.about)).collect();
    let faults: Vec<_> = FAULTS.iter().map(|entry| (entry.name, entry.about)).collect();
    let names = checks.iter().chain(&faults).chain(profile::SHIPPED).map(|(name, _)| name.len());
    let width = names.max().unwrap_or(0);
    let mut text = String::new();
    for (title, entries) in [("Checks", checks), ("Faults", faults)] {
        let _ = writeln!(text, "{title}");
        for (name, about) in entries {
            let _ = writeln!(text, "  {name:width$}  {about}");
        }
    }
    let _ = writeln!(text, "Kinds of nodes (--node-profile)");
    for name in profile::SHIPPED.iter().map(|(name, _)| *name) {
        let about = NodeProfile::shipped(name).map_or(String::new(), |kind| kind.about.clone());
        let _ = writeln!(text, "  {name:width$}  {about}");
    }
    text + "`harness explain NAME` prints a check or fault in full, `harness explain profile` what a profile may say, `harness explain gate` what a gate's file may.\n"
}

/// The keys of a profile, and the shipped ones as examples.
fn profiles() -> String {
    let mut text = "A profile says what a kind of node takes and promises. --node-profile names a shipped one or a file:\n\n".to_owned();
    for (title, keys) in [
        ("", profile::PROFILE),
        ("[flags]", profile::FLAGS),
        ("[variables]", profile::VARIABLES),
        ("[state]", profile::STATE),
        ("[rpc]", profile::RPC),
    ] {
        section(&mut text, title, keys);
    }
    text.push_str("[cannot]\n  a check's name: why it cannot hold; a scenario that has it is refused before the start (4)\n");
    for (name, written) in profile::SHIPPED {
        let _ = write!(text, "\n--- {name}, as it is shipped\n{written}");
    }
    text
}

/// The keys of a gate's file, and a small one.
fn gates() -> String {
    let mut text =
        "A gate's file says which scenarios must pass, how often, and how sure that has to be:\n\n"
            .to_owned();
    for (title, keys) in [
        ("[gate]", gate::file::GATE),
        ("[[scenarios]], at least one", gate::file::SCENARIOS),
        ("[[scenarios.limits]], of the scenario above", gate::file::LIMITS),
    ] {
        section(&mut text, title, keys);
    }
    text + gate::file::EXAMPLE
}

fn section(text: &mut String, title: &str, keys: &[Key]) {
    if !title.is_empty() {
        let _ = writeln!(text, "{title}");
    }
    for key in keys {
        let _ = writeln!(
            text,
            "  {}: {}; takes {}; without it: {}",
            key.name,
            key.about,
            key.values(),
            key.otherwise()
        );
    }
    text.push('\n');
}

/// The tables of `scenarios/README.md`.
pub fn tables() -> String {
    let mut text = String::new();
    for (title, keys) in [
        ("`[scenario]`", scenario::SCENARIO),
        ("`[network]`", scenario::NETWORK),
        ("`[[nodes]]`, a group", scenario::GROUP),
        ("`[[phases]]`", scenario::PHASE),
        ("`[[phases.checks]]`, every check", COMMON),
    ] {
        let _ = writeln!(text, "| {title} | takes | without it | |\n| --- | --- | --- | --- |");
        for key in keys {
            let (takes, otherwise) = (key.values(), key.otherwise());
            let _ = writeln!(text, "| `{}` | {takes} | {otherwise} | {} |", key.name, key.about);
        }
        text.push('\n');
    }
    text.push_str("| check | own keys | holds when | missing data |\n| --- | --- | --- | --- |\n");
    for entry in CHECKS {
        let keys = own_keys(entry.keys);
        let _ =
            writeln!(text, "| `{}` | {keys} | {} | {} |", entry.name, entry.holds, entry.missing);
    }
    text.push_str("\n| fault | own keys | does | proof that it holds | proof that it healed |\n");
    text.push_str("| --- | --- | --- | --- | --- |\n");
    for entry in FAULTS {
        let mut keys = entry.common();
        keys.retain(|key| key.name != fault::COMMON[0].name);
        keys.extend(entry.keys);
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} | {} |",
            entry.name,
            own_keys(&keys),
            entry.about,
            entry.effect,
            entry.healed
        );
    }
    text
}

/// `by`; `depth` (2), `above` (…)
fn own_keys(keys: &[Key]) -> String {
    let key = |key: &Key| match key.given {
        crate::document::Given::Else(holds) => format!("`{}` ({holds})", key.name),
        crate::document::Given::Always | crate::document::Given::OneOf => format!("`{}`", key.name),
    };
    keys.iter().map(key).collect::<Vec<_>>().join(", ")
}

fn check(entry: &CheckEntry) -> String {
    let mut text = format!("check `{}`: {}\n", entry.name, entry.about);
    part(&mut text, "Holds when", entry.holds);
    part(&mut text, "Missing data", entry.missing);
    if let Some(method) = entry.needs_method() {
        let needs = format!("`{method}`, which a foreign node need not offer");
        part(&mut text, "Needs", &needs);
    }
    keys(&mut text, "Own keys", entry.keys);
    keys(&mut text, "Keys of every check", &entry.common());
    rest(&mut text, entry.example, entry.controls.all());
    text
}

fn fault(entry: &FaultEntry) -> String {
    let mut text = format!("fault `{}`: {}\n", entry.name, entry.about);
    part(&mut text, "Proof that it holds", entry.effect);
    part(&mut text, "Proof that it healed", entry.healed);
    let needs: Vec<&str> = entry.needs.iter().map(|need| need.words()).collect();
    part(&mut text, "The provider must be able to", &needs.join("; "));
    keys(&mut text, "Own keys", entry.keys);
    keys(&mut text, "Keys of every fault", &entry.common());
    rest(&mut text, entry.example, entry.controls.all());
    text
}

fn part(text: &mut String, title: &str, words: &str) {
    let _ = writeln!(text, "\n{title}\n{}", wrapped(words, "  "));
}

fn keys(text: &mut String, title: &str, keys: &[Key]) {
    if keys.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{title}");
    for key in keys {
        let (values, otherwise) = (key.values(), key.otherwise());
        let _ = writeln!(text, "  {}: {values} ({otherwise})", key.name);
        let _ = writeln!(text, "{}", wrapped(key.about, "      "));
    }
}

fn rest(text: &mut String, example: &str, controls: &[Control]) {
    let _ = writeln!(text, "\nExample");
    for line in example.lines() {
        let _ = writeln!(text, "  {line}");
    }
    let _ = writeln!(text, "\nControls (`harness selftest`)");
    for control in controls {
        let _ = writeln!(text, "  {}: {}", control.name, wanted(control.wanted));
    }
}

fn wanted(wanted: Wanted) -> String {
    let how = |verdict| match verdict {
        CheckVerdict::Pass => "passes",
        CheckVerdict::Fail => "fails",
        CheckVerdict::Inconclusive => "inconclusive",
        CheckVerdict::NotJudged => "not judged",
    };
    match wanted {
        Wanted::Pass => "everything passes".to_owned(),
        Wanted::Check(verdict, part) => format!("{}, saying \"{part}\"", how(verdict)),
        Wanted::Unproven(part) => format!("the fault has no proof, saying \"{part}\""),
        Wanted::Broken(part) => format!("a node is held responsible, saying \"{part}\""),
    }
}

/// Lines of at most 100 columns.
fn wrapped(words: &str, indent: &str) -> String {
    const WIDTH: usize = 100;
    let mut lines = vec![indent.to_owned()];
    for word in words.split(' ') {
        let line = lines.last_mut().expect("there is a line from the beginning");
        let is_empty = line.len() == indent.len();
        if !is_empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(format!("{indent}{word}"));
        } else {
            line.push_str(if is_empty { "" } else { " " });
            line.push_str(word);
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        check::CheckKind,
        control::{DISCOVER, RESTART, THREE_NODES},
        scenario::{CheckPlan, testing::plan},
    };

    /// The check's example, after a restart of all nodes that it names.
    fn example(entry: &CheckEntry) -> CheckPlan {
        let restart = RESTART.replace("nodes = \"seed\"", "nodes = \"*\"");
        let plan = plan(&[THREE_NODES, DISCOVER, &restart, entry.example].concat());
        plan.phases.last().unwrap().checks[0].clone()
    }

    #[test]
    fn every_example_is_read_as_what_it_is_about_and_survives_the_evidence() {
        for entry in CHECKS {
            let check = example(entry);
            assert_eq!(check.kind.name(), entry.name);
            let alone = serde_json::to_string(&check.kind).unwrap();
            assert_eq!(serde_json::from_str::<CheckKind>(&alone).unwrap(), check.kind, "{alone}");
            assert!(alone.contains(&format!("\"check\":\"{}\"", entry.name)), "{alone}");
            let beside = serde_json::to_string(&check).unwrap();
            assert_eq!(
                serde_json::from_str::<CheckPlan>(&beside).unwrap().kind,
                check.kind,
                "beside other keys"
            );
            assert!(!check.kind.to_string().is_empty(), "what it expects is said");
        }
        for entry in FAULTS {
            let mut late = "[[nodes]]\nname = \"late\"\nstart = \"later\"\n".to_owned();
            if entry.name == "hostile" {
                late += "[[nodes]]\nname = \"villain\"\nkind = \"hostile\"\nattack = \"silence\"\nstart = \"later\"\n";
            }
            let phase = "[[phases]]\nname = \"it\"\n";
            let plan = plan(&[THREE_NODES, &late, DISCOVER, phase, entry.example].concat());
            let fault = &plan.phases.last().unwrap().faults[0];
            assert_eq!(fault.kind.name(), entry.name);
            let text = serde_json::to_string(fault).unwrap();
            let read: crate::scenario::FaultPlan = serde_json::from_str(&text).unwrap();
            assert_eq!(read.kind, fault.kind, "{text}");
        }
    }

    #[test]
    fn everything_there_is_to_know_is_printed() {
        for entry in CHECKS {
            let text = Topic::find(entry.name).unwrap().explain().replace("\n  ", " ");
            for key in entry.keys {
                assert!(text.contains(key.name), "{text}");
            }
            for control in entry.controls.all() {
                assert!(text.contains(control.name), "{text}");
            }
            let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(one_line.contains(entry.holds) && one_line.contains(entry.missing), "{text}");
            assert!(list().contains(entry.about) && tables().contains(entry.holds));
        }
        for entry in FAULTS {
            let text = Topic::find(entry.name).unwrap().explain();
            let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(one_line.contains(entry.effect) && one_line.contains(entry.healed), "{text}");
            assert!(list().contains(entry.about) && tables().contains(entry.effect));
        }
    }

    #[test]
    fn one_in_full() {
        insta::assert_snapshot!(Topic::find("same-chain").unwrap().explain());
    }

    #[test]
    fn a_misspelt_name_says_which_there_are() {
        let why = Topic::find("peer").unwrap_err().to_string();
        assert!(why.contains("did you mean `peers`?") && why.contains("`restart`"), "{why}");
    }

    #[test]
    fn lines_are_wrapped_between_words() {
        let text = wrapped("word ".repeat(50).trim_end(), "  ");
        assert!(text.lines().all(|line| line.chars().count() <= 100 && line.starts_with("  word")));
        assert_eq!(text.split_whitespace().count(), 50);
    }
}
