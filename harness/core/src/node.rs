//! What is known of a node from outside: what it runs, what it may be given, and what the operating
//! system or engine says of it.

use std::{fmt, path::PathBuf, time::SystemTime};

use serde::{Deserialize, Serialize};

/// What is run: one per distinct image or binary of a run, resolved before anything starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeSource {
    /// Our own node, built from this workspace; of a release, the one beside the harness.
    Workspace,
    /// Our own adversary, from the same place.
    Hostile,
    /// A binary on this host, static or dynamic.
    Binary(PathBuf),
    /// An image that the engine has; its own entrypoint stays.
    Image(String),
}

impl fmt::Display for NodeSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Workspace => formatter.write_str("workspace"),
            Self::Hostile => formatter.write_str("hostile"),
            Self::Binary(path) => write!(formatter, "binary {}", path.display()),
            Self::Image(reference) => write!(formatter, "image {reference}"),
        }
    }
}

/// Proof of one execution, from outside the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incarnation {
    /// Process ID on the host (in Docker: as the engine reports it).
    pub pid: i64,
    /// When the operating system or the engine says that it was started.
    pub started: SystemTime,
    /// Container or process-group ID, for people.
    pub id: String,
}

impl Incarnation {
    /// Which process it is, in words. An engine has no process for a container that has ended by
    /// the time it is asked.
    pub fn words(&self) -> String {
        match self.pid {
            0 => format!("{}, which has ended already", self.id),
            pid => format!("process {pid}"),
        }
    }
}

/// What the operating system or engine says about a node now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeState {
    /// Executed and not ended.
    Running(Incarnation),
    /// The same, and frozen: none of its threads gets any time.
    Frozen(Incarnation),
    /// Ended; the code if it exited by itself, the signal if it was killed.
    Exited {
        /// Exit code, if any.
        code: Option<i64>,
        /// Signal number, if any.
        signal: Option<i64>,
    },
}

/// What a node uses now. The two providers count memory differently, so a limit is for one of them:
/// an operating system's resident memory holds the pages of the binary that are in use (7 MiB of
/// our node), an engine's accounting does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    /// Resident memory in bytes: without file contents that the kernel only keeps because there is
    /// room.
    pub memory_bytes: u64,
    /// Processor time since its execution began, of all its threads, in milliseconds.
    pub cpu_ms: u64,
}

impl NodeState {
    /// It was executed and has not ended.
    pub fn is_running(&self) -> bool {
        self.incarnation().is_some()
    }

    /// Which execution it is, if it has not ended.
    pub fn incarnation(&self) -> Option<&Incarnation> {
        match self {
            Self::Running(incarnation) | Self::Frozen(incarnation) => Some(incarnation),
            Self::Exited { .. } => None,
        }
    }
}

/// What is run, in the evidence.
pub(crate) mod source {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::NodeSource;

    pub(crate) fn serialize<S: Serializer>(
        source: &NodeSource,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match source {
            NodeSource::Workspace => serializer.serialize_str("workspace"),
            NodeSource::Hostile => serializer.serialize_str("hostile"),
            NodeSource::Binary(path) => {
                serializer.collect_str(&format_args!("bin {}", path.display()))
            }
            NodeSource::Image(image) => serializer.collect_str(&format_args!("image {image}")),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<NodeSource, D::Error> {
        read(&String::deserialize(deserializer)?)
    }

    fn read<E: Error>(text: &str) -> Result<NodeSource, E> {
        match text.split_once(' ') {
            None if text == "workspace" => Ok(NodeSource::Workspace),
            None if text == "hostile" => Ok(NodeSource::Hostile),
            Some(("bin", path)) => Ok(NodeSource::Binary(path.into())),
            Some(("image", image)) => Ok(NodeSource::Image(image.to_owned())),
            None | Some(_) => Err(E::custom(format_args!("`{text}` is no source of a node"))),
        }
    }

    /// One that need not be there.
    pub(crate) mod option {
        use super::{Deserialize, Deserializer, NodeSource, Serializer};

        pub(crate) fn serialize<S: Serializer>(
            source: &Option<NodeSource>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            match source {
                Some(source) => super::serialize(source, serializer),
                None => serializer.serialize_none(),
            }
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<NodeSource>, D::Error> {
            Option::<String>::deserialize(deserializer)?.map(|text| super::read(&text)).transpose()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_run_is_said_by_kind_and_name() {
        let sources = [
            NodeSource::Workspace,
            NodeSource::Binary("/x/node".into()),
            NodeSource::Image("node:1".to_owned()),
        ];
        let words = sources.map(|source| source.to_string());
        assert_eq!(words, ["workspace", "binary /x/node", "image node:1"]);
    }

    #[test]
    fn a_container_that_ended_at_once_is_no_process_zero() {
        let words = |pid| {
            Incarnation { pid, started: SystemTime::UNIX_EPOCH, id: "container 12ab".to_owned() }
                .words()
        };
        assert_eq!(words(7), "process 7");
        assert_eq!(words(0), "container 12ab, which has ended already");
    }
}
