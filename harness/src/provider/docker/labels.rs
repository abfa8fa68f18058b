//! What says that an object of the engine is ours: the only ground on which anything is ever
//! removed.

use std::{collections::HashMap, path::PathBuf};

use crate::provider::{Owner, ProviderOptions};

/// On every container, network, volume and image of any run; its value is `1`.
pub const TESTBED_LABEL: &str = "org.hegemon.testbed";
/// Beside it: the run's ID.
pub const RUN_LABEL: &str = "org.hegemon.testbed.run";
/// Beside it: the process that made it, as [`Owner`] writes itself. While that lives, its run does.
pub const OWNER_LABEL: &str = "org.hegemon.testbed.owner";
/// On containers and networks: the run's scratch directory, whose lock the run holds.
pub const SCRATCH_LABEL: &str = "org.hegemon.testbed.scratch";
/// On everything of a run that its user wants to keep; its value is `1`.
pub const KEPT_LABEL: &str = "org.hegemon.testbed.kept";
/// On a network: the container that the harness is in, which has joined it and may be taken off it.
pub(super) const GUEST_LABEL: &str = "org.hegemon.testbed.guest";
/// On a container: its node's name, for people.
pub(super) const NODE_LABEL: &str = "org.hegemon.testbed.node";
/// On a container whose RPC is published on its host: at which of the container's ports it is. The host's port is another
/// one after every start.
pub(super) const RPC_LABEL: &str = "org.hegemon.testbed.rpc";
/// On an image: `ours` if its node takes everything in the node contract. Our own Dockerfile sets
/// it too.
pub const PROFILE_LABEL: &str = "org.hegemon.testbed.profile";
/// The profile label's value for our node.
pub(super) const PROFILE_OURS: &str = "ours";

/// The labels of a run's objects.
pub(super) fn labels(options: &ProviderOptions) -> HashMap<String, String> {
    let mut labels = plain_labels(options);
    labels.insert(SCRATCH_LABEL.to_owned(), options.scratch.display().to_string());
    // Said in any case: a container has its image's labels too, and the image may be of a run that
    // is kept.
    labels.entry(KEPT_LABEL.to_owned()).or_default();
    labels
}

/// Those that need no quotes in an instruction of a Dockerfile; enough to be found and judged by.
pub(super) fn plain_labels(options: &ProviderOptions) -> HashMap<String, String> {
    let mut labels = HashMap::from([
        (TESTBED_LABEL.to_owned(), "1".to_owned()),
        (RUN_LABEL.to_owned(), options.run_id.clone()),
        (OWNER_LABEL.to_owned(), Owner::this().to_string()),
    ]);
    if options.keep {
        labels.insert(KEPT_LABEL.to_owned(), "1".to_owned());
    }
    labels
}

/// A filter that matches objects with both labels, and no others.
pub(super) fn filter(run: &str) -> HashMap<String, Vec<String>> {
    HashMap::from([(
        "label".to_owned(),
        vec![format!("{TESTBED_LABEL}=1"), format!("{RUN_LABEL}={run}")],
    )])
}

/// A filter that matches the objects of any run.
pub(super) fn any_run() -> HashMap<String, Vec<String>> {
    HashMap::from([("label".to_owned(), vec![format!("{TESTBED_LABEL}=1"), RUN_LABEL.to_owned()])])
}

/// What an object's labels say of its run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The run's ID.
    pub run: String,
    /// Who made it; `None` on objects of an older harness, and on those that only look like ours.
    pub owner: Option<Owner>,
    /// The run's scratch directory.
    pub scratch: Option<PathBuf>,
    /// Its user wants to keep it.
    pub kept: bool,
    /// The node, on a container.
    pub node: Option<String>,
    /// The port of its RPC, on a container that has it published.
    pub published: Option<u16>,
}

impl Origin {
    /// `None` if the object is not ours.
    pub(super) fn of(labels: &HashMap<String, String>) -> Option<Self> {
        let label = |name: &str| labels.get(name).filter(|value| !value.is_empty());
        label(TESTBED_LABEL).filter(|value| *value == "1")?;
        Some(Self {
            run: label(RUN_LABEL)?.clone(),
            owner: label(OWNER_LABEL).and_then(|owner| owner.parse().ok()),
            scratch: label(SCRATCH_LABEL).map(PathBuf::from),
            kept: label(KEPT_LABEL).is_some(),
            node: label(NODE_LABEL).cloned(),
            published: label(RPC_LABEL).and_then(|port| port.parse().ok()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_what_lacks_a_label_is_not_ours() {
        let options = ProviderOptions {
            run_id: "r1".to_owned(),
            scratch: "/a b/scratch".into(),
            profile: None,
            keep: true,
            network: Default::default(),
            build: Default::default(),
            program: Default::default(),
        };
        let origin = Origin::of(&labels(&options)).unwrap();
        let expected = Origin {
            run: "r1".to_owned(),
            owner: Some(Owner::this()),
            scratch: Some("/a b/scratch".into()),
            kept: true,
            node: None,
            published: None,
        };
        assert_eq!(origin, expected);
        for missing in [TESTBED_LABEL, RUN_LABEL] {
            let mut half = labels(&options);
            half.remove(missing);
            assert_eq!(Origin::of(&half), None, "without {missing}");
        }
    }
}
