//! What the record says of files of a node's state that a fault has removed or damaged.

use super::entry::Record;
use crate::{
    event::{LookedAt, Moment},
    profile::{NodeProfile, StatePart},
    state::StateFile,
};

/// Which files of a node's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// The addresses that it knows.
    PeerStore,
    /// Its blocks.
    Chain,
    /// Everything, but for its identity.
    All,
}

/// As scenarios write them.
pub(super) const WHAT: &[&str] = &["peer-store", "chain", "all"];

impl What {
    pub(super) fn named(name: &str) -> Self {
        match name {
            "peer-store" => Self::PeerStore,
            "chain" => Self::Chain,
            _ => Self::All,
        }
    }

    /// Of all files of a node of this kind, those that are meant.
    pub fn of(self, files: &[StateFile], profile: &NodeProfile) -> Vec<String> {
        let under = |path: &str, part: StatePart| {
            profile.state(part).iter().any(|known| {
                path == known
                    || path.strip_prefix(known.as_str()).is_some_and(|rest| rest.starts_with('/'))
            })
        };
        let meant = |path: &str| match self {
            Self::PeerStore => under(path, StatePart::PeerStore),
            Self::Chain => under(path, StatePart::Chain),
            Self::All => !under(path, StatePart::Identity),
        };
        files.iter().map(|file| file.path.clone()).filter(|path| meant(path)).collect()
    }

    /// What is not known of a kind of node whose files are meant.
    pub(super) fn lacks(self, profile: &NodeProfile) -> Option<&'static str> {
        let known = |part| !profile.state(part).is_empty();
        match self {
            Self::PeerStore if !known(StatePart::PeerStore) => {
                Some("does not say where its peer store is (`[state] peer_store`)")
            }
            Self::Chain if !known(StatePart::Chain) => {
                Some("does not say where its blocks are (`[state] chain`)")
            }
            Self::All if !known(StatePart::Identity) => {
                Some("does not say where its identity is (`[state] identity`), which is kept")
            }
            Self::PeerStore | Self::Chain | Self::All => None,
        }
    }
}

/// The files that were there when the fault was begun are gone from every node.
pub(super) fn all_gone(record: &Record<'_>) -> Result<(), String> {
    each(record, |node, before, now| {
        if before.is_empty() {
            return Err(format!("{node} had none of the files that were to go"));
        }
        match now.iter().find(|file| before.iter().any(|was| was.path == file.path)) {
            Some(file) => Err(format!("{} of {node} is still there", file.path)),
            None => Ok(()),
        }
    })
}

/// Every file that was there when the fault was begun is there, and is another one.
pub(super) fn all_damaged(record: &Record<'_>) -> Result<(), String> {
    each(record, |node, before, now| {
        if before.is_empty() {
            return Err(format!("{node} had none of the files that were to be damaged"));
        }
        for was in before {
            match now.iter().find(|file| file.path == was.path) {
                None => return Err(format!("{} of {node} is gone", was.path)),
                Some(file) if file.sha256 == was.sha256 && was.bytes > 0 => {
                    return Err(format!("{} of {node} is as it was", was.path));
                }
                Some(_) => {}
            }
        }
        Ok(())
    })
}

/// Of every node, the first look since the fault was begun and the last.
fn each(
    record: &Record<'_>,
    judge: impl Fn(&str, &[StateFile], &[StateFile]) -> Result<(), String>,
) -> Result<(), String> {
    record.hit.iter().try_for_each(|(node, _)| {
        let looks = seen(record, node, record.asked);
        match looks[..] {
            [before, .., now] => judge(node, before, now),
            [_] | [] => Err(format!("the files of {node} were not looked at twice")),
        }
    })
}

fn seen<'a>(record: &Record<'a>, node: &str, from: Moment) -> Vec<&'a [StateFile]> {
    let looks = record.history.looks(node, from, record.to).iter();
    looks
        .filter_map(|look| {
            if let LookedAt::Files(files) = &look.seen { Some(files.as_slice()) } else { None }
        })
        .collect()
}
