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
        if before.iter().all(|was| was.bytes == 0) {
            return Err(format!("{node} had nothing in the files that were to be damaged"));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{check::testing::Seen, fault::evidence::tests::of};

    fn file(path: &str, bytes: u64, sha256: &str) -> StateFile {
        StateFile { path: path.to_owned(), bytes, sha256: sha256.to_owned() }
    }

    /// What is said of the seed, hit at 1 s, whose files were these, one look after another.
    fn said(
        judge: fn(&Record<'_>) -> Result<(), String>,
        looks: &[&[StateFile]],
    ) -> Result<(), String> {
        let mut seen = Seen::default();
        for (files, at) in looks.iter().zip(1_000..) {
            seen.look("seed", at, LookedAt::Files(files.to_vec()));
        }
        let hit = [("seed".to_owned(), Moment(1_000))];
        judge(&of(&seen.history, &hit, 1_000, 9_000))
    }

    #[test]
    fn gone_is_what_was_there_and_is_not() {
        let there = [file("a", 1, "x"), file("b", 2, "y")];
        assert_eq!(said(all_gone, &[&there, &[]]), Ok(()));
        let left = said(all_gone, &[&there, &there[1..]]);
        assert_eq!(left, Err("b of seed is still there".to_owned()));
        assert!(said(all_gone, &[&[], &[]]).is_err(), "nothing was there");
        assert!(said(all_gone, &[&there]).is_err(), "one look shows nothing");
    }

    #[test]
    fn damaged_is_what_is_there_and_is_another() {
        let was = [file("a", 1, "x"), file("b", 2, "y"), file("empty", 0, "e")];
        let damaged = [file("a", 1, "z"), file("b", 0, "e"), file("empty", 0, "e")];
        assert_eq!(said(all_damaged, &[&was, &damaged]), Ok(()));
        let half = [file("a", 1, "z"), file("b", 2, "y"), file("empty", 0, "e")];
        let why = said(all_damaged, &[&was, &half]);
        assert_eq!(why, Err("b of seed is as it was".to_owned()));
        let why = said(all_damaged, &[&was, &damaged[1..]]);
        assert_eq!(why, Err("a of seed is gone".to_owned()));
        let nothing = said(all_damaged, &[&was[2..], &was[2..]]);
        assert!(nothing.is_err(), "an empty file has nothing to damage");
    }

    #[test]
    fn what_is_meant_is_by_the_profile() {
        let profile = NodeProfile::ours();
        let files = ["pq-peers.bin", "pq-peers.binary", "chain.redb", "pq-identity.seed", "x/y"];
        let files = files.map(|path| file(path, 1, ""));
        assert_eq!(What::PeerStore.of(&files, &profile), ["pq-peers.bin"]);
        assert_eq!(What::Chain.of(&files, &profile), ["chain.redb"]);
        let all = ["pq-peers.bin", "pq-peers.binary", "chain.redb", "x/y"];
        assert_eq!(What::All.of(&files, &profile), all, "the identity is kept");
        assert!(What::Chain.lacks(&NodeProfile::core()).is_some());
        assert_eq!(What::Chain.lacks(&profile), None);
    }
}
