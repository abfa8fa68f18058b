//! A profile's text, read strictly: unknown keys, flags that are none and ranges that are none are
//! errors.

use std::{
    collections::BTreeMap,
    path::{Component, Path},
    time::Duration,
};

use toml::de::DeTable;

use super::kind::{Flag, NodeProfile, RPC_PORT, StatePart, Variable};
use crate::{
    check,
    document::{At, Given, Key, Problems, Table, Takes, suggest},
    subnet::Ipv4Subnet,
};

const fn key(name: &'static str, takes: Takes, without: &'static str, about: &'static str) -> Key {
    Key { name, takes, given: Given::Else(without), about }
}

const NOT_GIVEN: &str = "it is not given";

/// Keys of a profile, beside its tables.
pub const PROFILE: &[Key] = &[
    key("about", Takes::Text, "none", "what kind of node it is, in one sentence"),
    key(
        "dials",
        Takes::Texts,
        "`[\"198.18.0.0/15\"]`",
        "ranges of addresses that it dials; with `127.0.0.0/8` it can run as a process",
    ),
    key(
        "ends_cleanly",
        Takes::Flag,
        "`false`",
        "SIGTERM ends it with code 0 within 10 s, and any other end is its failure",
    ),
    key(
        "start_within",
        Takes::Duration,
        "`\"0s\"`",
        "from an execution to its first answer: windows begin when all have answered, or after this",
    ),
    key(
        "block_time",
        Takes::Duration,
        "unknown",
        "what its chain aims at; a scenario that asks for more blocks than come then is warned of",
    ),
    key("args", Takes::Texts, "none", "arguments that it is always given"),
];

/// Keys of `[flags]`: what a kind of node calls them.
pub const FLAGS: &[Key] = &[
    key("dev", Takes::Text, NOT_GIVEN, "a development chain"),
    key("base_path", Takes::Text, NOT_GIVEN, "the state directory"),
    key("name", Takes::Text, NOT_GIVEN, "the display name"),
    key("port", Takes::Text, NOT_GIVEN, "the port of its transport"),
    key("listen_addr", Takes::Text, NOT_GIVEN, "the address of its transport"),
    key("rpc_port", Takes::Text, NOT_GIVEN, "the port of its JSON-RPC"),
    key("rpc_external", Takes::Text, NOT_GIVEN, "JSON-RPC on all interfaces; takes no value"),
    key(
        "metrics_port",
        Takes::Text,
        NOT_GIVEN,
        "the port of its OpenMetrics page, `/metrics`; given only where a scenario has a `metric` check",
    ),
    key("metrics_external", Takes::Text, NOT_GIVEN, "the page on all interfaces; takes no value"),
];

/// Keys of `[variables]`: what a kind of node calls them.
pub const VARIABLES: &[Key] = &[
    key("seeds", Takes::Text, NOT_GIVEN, "the seeds' addresses, separated by commas"),
    key("mine", Takes::Text, NOT_GIVEN, "`1` mines, `0` does not"),
    key("loopback", Takes::Text, NOT_GIVEN, "`1` where nodes live on loopback addresses"),
    key(
        "clock",
        Takes::Text,
        NOT_GIVEN,
        "how many milliseconds its wall clock is off: for the fault `clock`",
    ),
    key("block_time", Takes::Text, NOT_GIVEN, "the mean time between two blocks, in milliseconds"),
];

/// Keys of `[state]`: files and folders below the state directory.
pub const STATE: &[Key] = &[
    key("peer_store", Takes::Texts, "unknown", "the addresses that it knows"),
    key("chain", Takes::Texts, "unknown", "its blocks"),
    key("identity", Takes::Texts, "unknown", "its secret"),
];

/// Keys of `[rpc]`.
pub const RPC: &[Key] = &[
    key("port", Takes::Number(1), "`9944`", "where it serves JSON-RPC in a container"),
    key(
        "methods",
        Takes::Texts,
        "it is asked (`rpc_methods`)",
        "all methods that it may be asked; nothing else is",
    ),
    key("promises", Takes::Texts, "none", "methods that it has beyond the core"),
    key("args_external", Takes::Texts, "none", "arguments for JSON-RPC on all interfaces"),
];

const fn table(name: &'static str, about: &'static str) -> Key {
    key(name, Takes::TextTable, "empty", about)
}

const TABLES: &[Key] = &[
    table("flags", "its flags"),
    table("variables", "its environment variables"),
    table("rpc", "its JSON-RPC"),
    table("state", "its files, for the faults `wipe` and `corrupt`"),
    table("cannot", "checks that cannot hold, and why: a scenario with one is refused"),
];

/// A profile file is a page of text.
const LARGEST: usize = 64 * 1024;

impl NodeProfile {
    /// A profile's text, or everything that is wrong with it.
    pub fn read(name: &str, path: &Path, text: String) -> (Option<Self>, Problems) {
        read(name, path, text)
    }
}

fn read(name: &str, path: &Path, text: String) -> (Option<NodeProfile>, Problems) {
    if text.len() > LARGEST {
        let mut problems = Problems::new(path.to_owned(), String::new());
        problems.error_file(format!("a profile of more than {LARGEST} bytes"));
        return (None, problems);
    }
    let mut problems = Problems::new(path.to_owned(), text.clone());
    let (document, errors) = DeTable::parse_recoverable(&text);
    let profile = profile(name, &text, &Table::root(&document, "a profile"), &mut problems);
    problems.after_syntax_errors(
        errors
            .iter()
            .map(|error| (error.span().unwrap_or(0..0), format!("syntax: {}", error.message())))
            .collect(),
    );
    ((!problems.refused()).then_some(profile), problems.sorted())
}

fn profile(name: &str, text: &str, root: &Table<'_, '_>, problems: &mut Problems) -> NodeProfile {
    root.only(&[PROFILE, TABLES], problems);
    let texts = |table: &Table<'_, '_>, key: &str, problems: &mut Problems| {
        table.texts(key, problems).map(|texts| texts.value)
    };
    let rpc = root.table("rpc", problems).inspect(|rpc| rpc.only(&[RPC], problems));
    let port = rpc.as_ref().and_then(|rpc| rpc.number("port", 1, problems));
    let rpc_port = port.map_or(RPC_PORT, |port| {
        u16::try_from(port.value).unwrap_or_else(|_| {
            problems.error(port.span, "`port` must be at most 65535");
            RPC_PORT
        })
    });
    let methods = rpc.as_ref().and_then(|rpc| texts(rpc, "methods", problems));
    let promises = rpc.as_ref().and_then(|rpc| texts(rpc, "promises", problems));
    let args_external = rpc.as_ref().and_then(|rpc| texts(rpc, "args_external", problems));
    let flags = names(root, "flags", FLAGS, &Flag::ALL, flag, problems);
    if flags.contains_key(&Flag::RpcPort) && rpc.as_ref().is_some_and(|rpc| rpc.has("port")) {
        problems.error_file("`rpc.port` beside `flags.rpc_port`: it is told its port");
    }
    NodeProfile {
        name: name.to_owned(),
        about: root.text("about", problems).map_or(String::new(), |about| about.value),
        ends_cleanly: root.boolean("ends_cleanly", problems).is_some_and(|flag| flag.value),
        start_within: root
            .duration("start_within", problems)
            .map_or(Duration::ZERO, |within| within.value),
        block_time: root.positive_duration("block_time", problems).map(|time| time.value),
        rpc_port,
        cannot: cannot(root, problems),
        dials: dials(root, problems),
        promises: promises.into_iter().flatten().collect(),
        methods: methods.map(|methods| methods.into_iter().collect()),
        flags,
        variables: names(root, "variables", VARIABLES, &Variable::ALL, variable, problems),
        state: state(root, problems),
        args: texts(root, "args", problems).unwrap_or_default(),
        args_external: args_external.unwrap_or_default(),
        text: text.to_owned(),
    }
}

fn state(root: &Table<'_, '_>, problems: &mut Problems) -> BTreeMap<StatePart, Vec<String>> {
    let Some(table) = root.table("state", problems) else { return BTreeMap::new() };
    table.only(&[STATE], problems);
    let mut state = BTreeMap::new();
    for (part, key) in StatePart::ALL {
        let Some(files) = table.texts(key, problems) else { continue };
        if let Some(wrong) = files.value.iter().find(|file| !is_below(file)) {
            problems.error_hint(
                files.span.clone(),
                format!("`{wrong}` is not a path below the state directory"),
                "write it like \"pq-peers.bin\" or \"db/blocks\"",
            );
        }
        state.insert(part, files.value);
    }
    state
}

fn is_below(file: &str) -> bool {
    let parts = Path::new(file).components();
    !file.is_empty() && parts.into_iter().all(|part| matches!(part, Component::Normal(_)))
}

fn dials(root: &Table<'_, '_>, problems: &mut Problems) -> Vec<Ipv4Subnet> {
    let Some(ranges) = root.texts("dials", problems) else {
        return vec![Ipv4Subnet::range("198.18.0.0/15").expect("it is a range")];
    };
    let mut dials = Vec::new();
    for range in &ranges.value {
        match Ipv4Subnet::range(range) {
            Ok(range) => dials.push(range),
            Err(why) => problems.error(ranges.span.clone(), format!("`dials`: {why}")),
        }
    }
    if dials.is_empty() && ranges.value.is_empty() {
        problems.error(ranges.span, "`dials` is empty: a node that dials nobody finds nobody");
    }
    dials
}

fn cannot(root: &Table<'_, '_>, problems: &mut Problems) -> BTreeMap<String, String> {
    let cannot = root.text_table("cannot", problems).unwrap_or_default();
    let checks: Vec<&str> = check::CHECKS.iter().map(|entry| entry.name).collect();
    for (name, reason) in &cannot {
        if !checks.contains(&name.as_str()) {
            let hint = suggest(name, checks.iter().copied());
            problems.error_hint(reason.span.clone(), format!("no check is called `{name}`"), hint);
        }
    }
    cannot.into_iter().map(|(name, reason)| (name, reason.value)).collect()
}

/// A table of names that this kind of node has for things.
fn names<T: Copy + Ord>(
    root: &Table<'_, '_>,
    table: &str,
    known: &[Key],
    all: &[(T, &'static str)],
    is_one: fn(&str) -> Result<(), &'static str>,
    problems: &mut Problems,
) -> BTreeMap<T, String> {
    let Some(table) = root.table(table, problems) else { return BTreeMap::new() };
    table.only(&[known], problems);
    let mut names = BTreeMap::new();
    for (thing, key) in all {
        let Some(At { value, span }) = table.text(key, problems) else { continue };
        match is_one(&value) {
            Ok(()) => drop(names.insert(*thing, value)),
            Err(why) => problems.error(span, format!("`{key} = \"{value}\"`: {why}")),
        }
    }
    names
}

fn flag(text: &str) -> Result<(), &'static str> {
    let is_flag = text.starts_with('-') && !text.contains([' ', '=', '\0']) && text.len() > 1;
    is_flag.then_some(()).ok_or("a flag begins with `-` and is one word, like \"--rpc-port\"")
}

fn variable(text: &str) -> Result<(), &'static str> {
    let is_variable = !text.is_empty() && !text.contains(['=', '\0', ' ']);
    is_variable.then_some(()).ok_or("not a variable's name")
}
