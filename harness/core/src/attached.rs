//! Nodes that run already and that nobody may change: what they are called, how often they may be
//! asked, and what follows from that for how old an answer may be. Where they are is no part of a plan.

use std::{path::Path, time::Duration};

use serde::{Deserialize, Serialize};
use toml::de::DeTable;

use crate::{
    check::FRESH,
    document::{Given, Key, MISSING, Problems, Table, Takes, is_dns_label},
};

/// As many nodes as a network of ours holds.
pub const MOST_NODES: usize = 253;

/// What a check of the user's own may ask of nodes that are somebody else's: reads that every kind of node
/// holds for safe, and whose answers name no third party's address.
pub const READS: [&str; 13] = [
    "chain_getBlock",
    "chain_getBlockHash",
    "chain_getHeader",
    "hegemon_blockTimestamps",
    "hegemon_consensusStatus",
    "hegemon_discoveryStatus",
    "hegemon_miningStatus",
    "rpc_methods",
    "system_chain",
    "system_health",
    "system_localPeerId",
    "system_name",
    "system_version",
];

/// Nodes that are watched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attached {
    /// Their names, in order.
    pub names: Vec<String>,
    /// Requests that each of them gets in a second, at most.
    pub rate: f64,
}

impl Attached {
    /// Between two rounds of questions to one node. Every other request is a round, so that as many are
    /// left for block hashes.
    pub fn interval(&self) -> Duration {
        self.requests(2.0)
    }

    /// How old a sample may be to say something about now: a node that takes no batches needs up to four
    /// requests for one, and a check of hashes has as many turns.
    pub fn fresh(&self) -> Duration {
        self.requests(8.0).max(FRESH)
    }

    /// The time of so many requests.
    fn requests(&self, count: f64) -> Duration {
        /// Longer than any run; a recorded plan may say anything.
        const LONGEST: f64 = 1e6;
        let seconds = count / self.rate;
        Duration::from_secs_f64(if seconds > 0.0 { seconds.min(LONGEST) } else { LONGEST })
    }
}

/// A node in a file of nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedUrl {
    /// A DNS label.
    pub name: String,
    /// As written.
    pub url: String,
}

const ROOT: &[Key] = &[Key {
    name: "nodes",
    takes: Takes::Text,
    given: Given::Always,
    about: "nodes that run already",
}];

const NODE: &[Key] = &[
    Key { name: "name", takes: Takes::Text, given: Given::Always, about: "a DNS label" },
    Key { name: "rpc", takes: Takes::Text, given: Given::Always, about: "the URL of its JSON-RPC" },
];

/// Reads a file of nodes: `[[nodes]]` with `name` and `rpc`. `good` says what is wrong with a URL. The list
/// is complete if the problems hold no error.
pub fn read_nodes(
    path: &Path,
    text: &str,
    good: impl Fn(&str) -> Result<(), String>,
) -> (Vec<NamedUrl>, Problems) {
    let mut problems = Problems::secret(path.to_owned(), text.to_owned());
    let (document, errors) = DeTable::parse_recoverable(text);
    let root = Table::root(&document, "a file of nodes");
    root.only(&[ROOT], &mut problems);
    let mut nodes: Vec<NamedUrl> = Vec::new();
    for table in root.tables("nodes", "a node", &mut problems) {
        table.only(&[NODE], &mut problems);
        table.require("name", &mut problems);
        table.require("rpc", &mut problems);
        let (name, url) = (table.text("name", &mut problems), table.text("rpc", &mut problems));
        let (Some(name), Some(url)) = (name, url) else { continue };
        if !is_dns_label(&name.value) {
            problems.error_hint(
                name.span.clone(),
                format!("`{}` cannot be a node's name", name.value),
                "use lower-case letters, digits and inner hyphens, at most 63",
            );
        }
        if nodes.iter().any(|node| node.name == name.value) {
            problems.error(name.span, format!("the name `{}` is taken", name.value));
        }
        if let Err(why) = good(&url.value) {
            problems.error(url.span.clone(), why);
        }
        if nodes.iter().any(|node| node.url == url.value) {
            problems.error(url.span, "the same URL as an earlier node's");
        }
        nodes.push(NamedUrl { name: name.value, url: url.value });
    }
    if nodes.is_empty() && !root.has("nodes") {
        problems.error_file(format!("{MISSING}`[[nodes]]`: each with `name` and `rpc`"));
    }
    let syntax = errors
        .iter()
        .map(|error| (error.span().unwrap_or(0..0), format!("syntax: {}", error.message())));
    problems.after_syntax_errors(syntax.collect());
    (nodes, problems.sorted())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> String {
        let good = |url: &str| {
            if url.starts_with("http") { Ok(()) } else { Err(format!("`{url}` is no URL")) }
        };
        let (_, problems) = read_nodes(Path::new("nodes.toml"), text, good);
        problems.to_string()
    }

    #[test]
    fn a_slower_rate_takes_older_answers_for_fresh_and_never_less_than_usual() {
        let at = |rate| Attached { names: Vec::new(), rate };
        assert_eq!(at(2.0).interval(), Duration::from_secs(1));
        assert_eq!(at(2.0).fresh(), Duration::from_secs(4));
        assert_eq!(at(0.5).fresh(), Duration::from_secs(16));
        assert_eq!(at(100.0).fresh(), FRESH);
        for odd in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(at(odd).fresh() >= FRESH, "{odd}");
        }
    }

    #[test]
    fn every_mistake_of_a_file_of_nodes_is_named() {
        let text = r#"
[[nodes]]
name = "Alice"
rpc = "http://1.2.3.4"
[[nodes]]
name = "bob"
rpc = "ftp://1.2.3.4"
[[nodes]]
name = "bob"
url = "http://1.2.3.5"
rpc = "http://1.2.3.4"
[[nodes]]
name = "carol"
"#;
        let said = problems(text);
        for part in [
            "`Alice` cannot be a node's name",
            "`ftp://1.2.3.4` is no URL",
            "the name `bob` is taken",
            "the same URL as an earlier node's",
            "`url`",
            "`rpc`",
        ] {
            assert!(said.contains(part), "{part} in {said}");
        }
        assert!(said.contains("nodes.toml:3:8") && !said.contains("1.2.3.5"), "{said}");
        assert!(problems("").contains("`[[nodes]]`"));
        assert_eq!(problems("[[nodes]]\nname = \"a\"\nrpc = \"http://1.2.3.4\"\n"), "");
    }
}
