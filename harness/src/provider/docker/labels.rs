//! What says that an object of the engine is ours: the only ground on which anything is ever removed.

use std::collections::HashMap;

/// On every container, network, volume and image of any run; its value is `1`.
pub const TESTBED_LABEL: &str = "org.hegemon.testbed";
/// Beside it: the run's ID.
pub const RUN_LABEL: &str = "org.hegemon.testbed.run";
/// On a container: its node's name, for people.
pub(super) const NODE_LABEL: &str = "org.hegemon.testbed.node";
/// On an image: `ours` if its node takes everything in the node contract. Our own Dockerfile sets it too.
pub const PROFILE_LABEL: &str = "org.hegemon.testbed.profile";
/// The profile label's value for our node.
pub(super) const PROFILE_OURS: &str = "ours";

/// The labels of a run's objects.
pub(super) fn labels(run: &str) -> HashMap<String, String> {
    HashMap::from([(TESTBED_LABEL.to_owned(), "1".to_owned()), (RUN_LABEL.to_owned(), run.to_owned())])
}

/// A filter that matches objects with both labels, and no others.
pub(super) fn filter(run: &str) -> HashMap<String, Vec<String>> {
    HashMap::from([("label".to_owned(), vec![format!("{TESTBED_LABEL}=1"), format!("{RUN_LABEL}={run}")])])
}
