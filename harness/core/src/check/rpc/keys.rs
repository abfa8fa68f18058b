//! How `rpc` is written, what people read of it, and its negative controls.

use serde_json::Value;

use super::{
    super::{
        entry::{CheckEntry, Needs, Window},
        pattern,
    },
    Rpc, Want,
};
use crate::{
    control::{
        Control, Controls, Disturbance, How, Lie, PEERS_ONLY, THREE_NODES, Wanted, node_1_says,
    },
    document::{At, Given, Key, Problems, Table, Takes},
    event::{CheckVerdict::Fail, Part},
};

/// What there is to know of it.
pub(crate) static ENTRY: CheckEntry = CheckEntry {
    name: "rpc",
    about: "any method of a node answers what it must",
    keys: KEYS,
    window: Window::Part,
    needs: Needs::Samples,
    holds: "all named nodes, asked at once and four times a second (no faster than they grant), answer so for the whole of `for`; one of the last six keys. `at_least`, `at_most`: a number, also one like `\"0x1f\"`; `matches`: a text, or else the JSON; `same_everywhere`: not `null`; `is_error`: a JSON-RPC error, whatever its code. Of an answer 4096 bytes of JSON are recorded and judged. Any method may be asked, also one that changes the node: it is asked again and again. `attach` takes safe reads only",
    missing: "an error where none is wanted, nothing where `pointer` leads, or a node that does not answer fails; an answer that is too long, a number from 2^53 on that is no 64-bit integer where its last digits decide, or a node that asks to be asked later most of the time: inconclusive, but not where an answer was wrong less than `for` before the end",
    example: r#"[[phases.checks]]
check = "rpc"
nodes = "*"
method = "system_health"
pointer = "/peers"
at_least = 2
within = "30s"
"#,
    controls: Controls::new(&[
        Control {
            name: "one node answers something else",
            scenario: &[THREE_NODES, PEERS_ONLY, ONE_GENESIS],
            disturbance: Disturbance::Lies(&[node_1_says(
                "chain_getBlockHash",
                r#""0xabababababababababababababababababababababababababababababababab""#,
            )]),
            wanted: Wanted::Check(Fail, "did not hold"),
        },
        Control {
            name: "a node has no such method",
            scenario: &[THREE_NODES, PEERS_ONLY, ONE_GENESIS],
            disturbance: Disturbance::Lies(&[Lie {
                node: "node-1",
                method: "chain_getBlockHash",
                how: How::Denies,
            }]),
            wanted: Wanted::Check(Fail, "node-1 answered with error -32601"),
        },
        Control {
            name: "the part is not there",
            scenario: &[THREE_NODES, PEERS_ONLY, NO_SUCH_PART],
            disturbance: Disturbance::None,
            wanted: Wanted::Check(Fail, "without `/peers/all`"),
        },
        Control {
            name: "no error where one is wanted",
            scenario: &[THREE_NODES, PEERS_ONLY, AN_ERROR],
            disturbance: Disturbance::None,
            wanted: Wanted::Check(Fail, "did not hold"),
        },
    ]),
};

const ONE_GENESIS: &str = r#"
[[phases.checks]]
check = "rpc"
nodes = "*"
method = "chain_getBlockHash"
params = [0]
same_everywhere = true
within = "5s"
"#;

const NO_SUCH_PART: &str = r#"
[[phases.checks]]
check = "rpc"
nodes = "*"
method = "system_health"
pointer = "/peers/all"
at_least = 0
within = "5s"
"#;

const AN_ERROR: &str = r#"
[[phases.checks]]
check = "rpc"
nodes = "node"
method = "system_health"
is_error = true
within = "5s"
"#;

const fn one_of(name: &'static str, takes: Takes, about: &'static str) -> Key {
    Key { name, takes, given: Given::OneOf, about }
}

const KEYS: &[Key] = &[
    Key { name: "method", takes: Takes::Text, given: Given::Always, about: "what is asked" },
    Key {
        name: "params",
        takes: Takes::JsonList,
        given: Given::Else("`[]`"),
        about: "its parameters, in order",
    },
    Key {
        name: "pointer",
        takes: Takes::Text,
        given: Given::Else("the whole answer"),
        about: "which part of the answer: a JSON pointer, like `\"/peers\"` or `\"/0/name\"`",
    },
    one_of("equals", Takes::Json, "it is this; 1 and 1.0 are one number"),
    one_of("at_least", Takes::Real, "it is a number from here on"),
    one_of("at_most", Takes::Real, "it is a number up to here"),
    one_of("matches", Takes::Text, "this regular expression matches somewhere in it"),
    one_of("same_everywhere", Takes::Flag, "it is the same of all nodes, and not `null`"),
    one_of("is_error", Takes::Flag, "there is none: the node answers with an error"),
];

const WANTS: [&str; 6] =
    ["equals", "at_least", "at_most", "matches", "same_everywhere", "is_error"];

pub(crate) fn read(table: &Table<'_, '_>, problems: &mut Problems) -> Option<Rpc> {
    table.require("method", problems);
    let method = table.text("method", problems).and_then(|method| is_method(method, problems));
    let params = params(table, problems);
    let pointer = pointer(table, problems);
    let want = want(table, problems);
    if table.has("is_error") && table.has("pointer") {
        problems
            .error(table.key_span("pointer"), "`pointer` beside `is_error`: an error has no parts");
    }
    Some(Rpc { method: method?, params: params?, pointer: pointer?, want: want? })
}

fn is_method(method: At<String>, problems: &mut Problems) -> Option<String> {
    const LONGEST: usize = 100;
    let is_one = !method.value.is_empty()
        && method.value.len() <= LONGEST
        && method.value.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_one {
        problems.error_hint(
            method.span,
            format!("`method`: no method is called `{}`", method.value),
            "write it like \"system_health\"",
        );
        return None;
    }
    Some(method.value)
}

fn params(table: &Table<'_, '_>, problems: &mut Problems) -> Option<String> {
    if !table.has("params") {
        return Some("[]".to_owned());
    }
    let params = table.json("params", problems)?;
    if !params.value.is_array() {
        problems.error_hint(
            params.span,
            "`params` must be a list",
            "write what the method takes in its order, like [0] or [\"0x1f\", true]",
        );
        return None;
    }
    bounded("params", params, problems)
}

/// As JSON; a question is no longer than an answer that can be judged.
fn bounded(key: &str, value: At<Value>, problems: &mut Problems) -> Option<String> {
    let text = value.value.to_string();
    if text.len() > Part::LONGEST {
        problems
            .error(value.span, format!("`{key}` has more than {} bytes as JSON", Part::LONGEST));
        return None;
    }
    Some(text)
}

fn pointer(table: &Table<'_, '_>, problems: &mut Problems) -> Option<String> {
    const LONGEST: usize = 1000;
    if !table.has("pointer") {
        return Some(String::new());
    }
    let pointer = table.text("pointer", problems)?;
    let mut rest = pointer.value.split('~').skip(1);
    let is_one = pointer.value.starts_with('/')
        && pointer.value.len() <= LONGEST
        && rest.all(|rest| rest.starts_with(['0', '1']));
    if !is_one {
        problems.error_hint(
            pointer.span,
            format!("`pointer`: `{}` is no JSON pointer", pointer.value),
            "write it like \"/peers\" or \"/0/name\"; `~` in a name is `~0`, and `/` is `~1`",
        );
        return None;
    }
    Some(pointer.value)
}

/// Exactly one.
fn want(table: &Table<'_, '_>, problems: &mut Problems) -> Option<Want> {
    let given: Vec<&str> = WANTS.into_iter().filter(|key| table.has(key)).collect();
    let key = match given.as_slice() {
        [key] => *key,
        [] => {
            problems.error(
                table.span.clone(),
                format!("missing key: one of `{}` in a `rpc` check", WANTS.join("`, `")),
            );
            return None;
        }
        [one, other, ..] => {
            problems.error_hint(
                table.key_span(other),
                format!("`{one}` and `{other}` in one `rpc` check"),
                "write a check for each",
            );
            return None;
        }
    };
    match key {
        "equals" => {
            let value = table.json(key, problems)?;
            Some(Want::Equals(bounded(key, value, problems)?))
        }
        "at_least" => Some(Want::AtLeast(table.real(key, problems)?.value.to_string())),
        "at_most" => Some(Want::AtMost(table.real(key, problems)?.value.to_string())),
        "matches" => Some(Want::Matches(pattern::read(table, key, problems)?.value)),
        _ => {
            let flag = table.boolean(key, problems)?;
            if !flag.value {
                problems.error_hint(
                    flag.span,
                    format!("`{key} = false` asks nothing"),
                    "leave it out",
                );
                return None;
            }
            Some(if key == "is_error" { Want::IsError } else { Want::SameEverywhere })
        }
    }
}
