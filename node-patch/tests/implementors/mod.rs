//! Who implements a trait in a binary, by the names of its symbols: what is linked in, not what the
//! source says.

use std::{collections::BTreeSet, fs, path::Path};

/// A binary's names.
pub(crate) struct Names(String);

impl Names {
    /// Of the file at `path`.
    pub(crate) fn of(path: &str) -> Self {
        Self(
            String::from_utf8_lossy(&fs::read(Path::new(path)).expect("cargo built it"))
                .into_owned(),
        )
    }

    /// The types whose implementation of `method` of the trait at `path` (as `crate..module..Trait`)
    /// is in the binary.
    pub(crate) fn implementors(&self, path: &str, method: &str) -> BTreeSet<&str> {
        let tail = format!("$u20$as$u20${path}$GT${}{method}17h", method.len());
        let heads = self.0.match_indices(&tail).map(|(at, _)| &self.0[..at]);
        heads.filter_map(|head| head.rsplit_once("$LT$").map(|(_, name)| name)).collect()
    }
}
