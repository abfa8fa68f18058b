//! A table whose rows keep the order in which they were made: a file's nodes are read in the scenario's order.

use serde::{Serialize, Serializer};

/// Names and what they stand for.
#[derive(Debug)]
pub(super) struct Ordered<T>(pub(super) Vec<(String, T)>);

impl<T> Ordered<T> {
    /// With one row.
    pub(super) fn one(name: &str, value: T) -> Self {
        Self(vec![(name.to_owned(), value)])
    }
}

impl<T: Serialize> Serialize for Ordered<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}
