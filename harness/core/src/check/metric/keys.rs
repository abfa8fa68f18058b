//! How `metric` is written, what people read of it, and its negative controls.

use std::collections::BTreeMap;

use super::{
    super::entry::{CheckEntry, Needs, Window},
    Metric,
    page::is_name,
};
use crate::{
    control::{Control, Controls, Disturbance, PEERS_ONLY, THREE_NODES, WITHOUT_MINERS, Wanted},
    document::{At, Given, Key, Problems, Table, Takes},
    event::CheckVerdict::Fail,
};

/// What there is to know of it.
pub(crate) static ENTRY: CheckEntry = CheckEntry {
    name: "metric",
    about: "a value on a node's OpenMetrics page is what it must be, or rises",
    keys: KEYS,
    window: Window::Part,
    needs: Needs::Metrics,
    holds: "by each named node's page, read once a second: the one sample of this name with these labels (it may have more) is within all given bounds for the whole of `for`. `rises_by`: above its first value in the check's time and in the same start of the node, and it stays so. A scenario with this check has its nodes serve a page, in the way that their profile says (`metrics_port`); of nodes without one it is refused. A page has 1 MiB at most, in OpenMetrics' or Prometheus' text format",
    missing: "a metric that is not on the page is not 0: it fails, as a page with a line that is none; several samples of this name and these labels: inconclusive",
    example: r#"[[phases.checks]]
check = "metric"
nodes = "*"
name = "hegemon_sessions_total"
labels = { direction = "outbound" }
at_least = 1
within = "30s"
"#,
    controls: Controls::new(&[
        Control {
            name: "it is not there",
            scenario: &[THREE_NODES, PEERS_ONLY, NO_SUCH_METRIC],
            disturbance: Disturbance::None,
            wanted: Wanted::Check(Fail, "has no `no_such_metric`"),
        },
        Control {
            name: "it is too low",
            scenario: &[THREE_NODES, PEERS_ONLY, TOO_LOW],
            disturbance: Disturbance::None,
            wanted: Wanted::Check(Fail, "did not hold"),
        },
        Control {
            name: "it does not rise",
            scenario: &[WITHOUT_MINERS, PEERS_ONLY, DOES_NOT_RISE],
            disturbance: Disturbance::None,
            wanted: Wanted::Check(Fail, "did not hold"),
        },
    ]),
};

const NO_SUCH_METRIC: &str = r#"
[[phases.checks]]
check = "metric"
nodes = "node"
name = "no_such_metric"
at_least = 0
within = "6s"
"#;

const TOO_LOW: &str = r#"
[[phases.checks]]
check = "metric"
nodes = "node"
name = "hegemon_peers"
labels = { direction = "outbound" }
at_least = 100
within = "6s"
"#;

const DOES_NOT_RISE: &str = r#"
[[phases.checks]]
check = "metric"
nodes = "node"
name = "hegemon_chain_height"
rises_by = 1
within = "6s"
"#;

const fn bound(name: &'static str, about: &'static str) -> Key {
    Key { name, takes: Takes::Real, given: Given::OneOf, about }
}

const KEYS: &[Key] = &[
    Key {
        name: "name",
        takes: Takes::Text,
        given: Given::Always,
        about: "the sample's, as it stands on the page: a counter's ends with `_total`",
    },
    Key {
        name: "labels",
        takes: Takes::TextTable,
        given: Given::Else("none"),
        about: "labels that it has, among others",
    },
    bound("at_least", "its value from here on"),
    bound("at_most", "its value up to here"),
    bound("rises_by", "above its first value in the check's time"),
];

pub(crate) fn read(table: &Table<'_, '_>, problems: &mut Problems) -> Option<Metric> {
    /// Far above what any exporter has.
    const LONGEST: usize = 1000;
    table.require("name", problems);
    if !["at_least", "at_most", "rises_by"].into_iter().any(|key| table.has(key)) {
        problems.error(
            table.span.clone(),
            "missing key: `at_least`, `at_most` or `rises_by` (or several) in a `metric` check",
        );
    }
    let (least, most) = (table.real("at_least", problems), table.real("at_most", problems));
    if let (Some(least), Some(most)) = (&least, &most)
        && least.value.as_f64() > most.value.as_f64()
    {
        let why = "`at_least` is more than `at_most`: no value is both";
        problems.error(least.span.clone(), why);
    }
    let bound = |number: &At<serde_json::Number>| number.value.to_string();
    let (at_least, at_most) = (least.as_ref().map(bound), most.as_ref().map(bound));
    let rises = table.real("rises_by", problems);
    if let Some(by) = rises.as_ref().filter(|by| by.value.as_f64().is_none_or(|by| by <= 0.0)) {
        problems.error(by.span.clone(), "`rises_by` must be above 0: everything rises by nothing");
    }
    let given = table.text_table("labels", problems).unwrap_or_default();
    for (name, value) in &given {
        if !is_name(name) || value.value.len() > LONGEST {
            problems.error(value.span.clone(), format!("`labels`: `{name}` is no label"));
        }
    }
    let labels: BTreeMap<_, _> =
        given.into_iter().map(|(name, value)| (name, value.value)).collect();
    let name = table.text("name", problems)?;
    if !is_name(&name.value) || name.value.len() > LONGEST {
        problems.error_hint(
            name.span,
            format!("`name`: no metric is called `{}`", name.value),
            "write it as it stands on the page, like \"hegemon_sessions_total\"; labels have a key of their own",
        );
        return None;
    }
    let rises_by = rises.map(|by| by.value.to_string());
    Some(Metric { name: name.value, labels, at_least, at_most, rises_by })
}
