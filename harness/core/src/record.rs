//! `plan.json`: what was asked for, what it came to mean, and where it ran.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::scenario::Plan;

/// `plan.json`: what was asked for, what it came to mean, and where it ran.
#[derive(Debug, Serialize, Deserialize)]
pub struct PlanRecord {
    /// [`crate::event::FORMAT_VERSION`].
    pub version: u32,
    /// The harness's own version.
    pub harness: String,
    /// The run's ID.
    pub run: String,
    /// What the command line said beside the scenario.
    pub asked: Asked,
    /// The machine that ran the harness.
    pub host: Host,
    /// What was run.
    pub plan: Plan,
    /// What every node was started with; empty if it did not come to that.
    pub launches: Vec<Launch>,
    /// The provider's facts: engine, images, binaries; `null` if it did not come to that.
    pub facts: serde_json::Value,
}

/// What a node was started with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    /// The node.
    pub name: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its whole environment.
    pub env: BTreeMap<String, String>,
}

/// What a run was asked for beside its scenario.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// `--provider`; none for a provider that is none of ours.
    pub provider: Option<String>,
    /// `--node-profile`.
    pub profile: Option<String>,
    /// `--network`; none if it was left open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// `--keep`.
    pub keep: bool,
}

/// The machine that runs the harness.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Operating system.
    pub os: String,
    /// Its release.
    pub kernel: String,
    /// Of the processor.
    pub architecture: String,
    /// Cores that we may use.
    pub cores: usize,
    /// Installed memory, where it can be learnt.
    pub memory_bytes: Option<u64>,
}

/// What was run, by what was asked for: a binary's hash, or an image's ID.
pub fn builds(facts: &Value) -> BTreeMap<String, String> {
    let digest = |source: &Value| {
        let digest = source.get("sha256").or_else(|| source.get("image")?.get("id"))?.as_str()?;
        Some((source.get("source")?.as_str()?.to_owned(), digest.to_owned()))
    };
    facts
        .get("sources")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(digest)
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_node_is_known_by_its_binary_else_by_its_image() {
        let facts = json!({ "sources": [
            { "source": "workspace", "sha256": "aa", "image": { "id": "sha256:1" } },
            { "source": "image node:1", "image": { "id": "sha256:2" } },
            { "source": "odd" },
        ] });
        let expected = [("workspace", "aa"), ("image node:1", "sha256:2")]
            .map(|(source, digest)| (source.to_owned(), digest.to_owned()));
        assert_eq!(builds(&facts), BTreeMap::from(expected));
        assert!(builds(&Value::Null).is_empty());
    }
}
