//! The tables of the database that more than one module reads, and what goes wrong with them.

use std::io;

use parity_scale_codec::Decode;
use redb::TableDefinition;

use super::header::{BlockNumber, Header};

/// SCALE of (total work, header, body) by block hash.
pub(super) const BLOCKS: TableDefinition<'_, [u8; 32], &[u8]> = TableDefinition::new("blocks");
/// Hashes of the best chain's blocks by height.
pub(super) const CANONICAL: TableDefinition<'_, BlockNumber, [u8; 32]> =
    TableDefinition::new("canonical");
/// [`SCHEMA_KEY`], [`BEST_KEY`], and how much side branches take.
pub(super) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");

/// The database failed under way: a full or broken disk. Nothing can go on without it. It says its
/// reason itself and has no source: whoever prints the chain of errors would say it twice.
#[derive(Debug, thiserror::Error)]
#[error("chain database: {_0}; {advice}", advice = self.advice())]
pub struct StoreError(Box<redb::Error>);

impl StoreError {
    /// What the database engine says.
    pub(super) fn reason(&self) -> String {
        self.0.to_string()
    }

    fn advice(&self) -> &'static str {
        if let redb::Error::Io(error) = &*self.0
            && matches!(
                error.kind(),
                io::ErrorKind::StorageFull
                    | io::ErrorKind::QuotaExceeded
                    | io::ErrorKind::FileTooLarge
            )
        {
            "free some space there and start again: all that was shown is kept"
        } else if matches!(*self.0, redb::Error::Corrupted(_)) {
            "look at the disk, move chain.redb away and start again: the node fetches the chain from its peers"
        } else {
            "look at the disk and at who may write there, and start again: all that was shown is kept"
        }
    }
}

impl<E: Into<redb::Error>> From<E> for StoreError {
    fn from(error: E) -> Self {
        Self(Box::new(error.into()))
    }
}

pub(super) fn undecodable() -> StoreError {
    redb::StorageError::Corrupted("a record does not decode".into()).into()
}

pub(super) fn decode_header(mut record: &[u8]) -> Result<(u128, Header), StoreError> {
    <(u128, Header)>::decode(&mut record).map_err(|_| undecodable())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_its_reason_once_and_what_to_do() {
        let failed = |kind| StoreError::from(redb::StorageError::Io(io::Error::new(kind, "why")));
        for (error, reason, advice) in [
            (failed(io::ErrorKind::StorageFull), "why", "free some space"),
            (failed(io::ErrorKind::PermissionDenied), "why", "look at the disk"),
            (undecodable(), "does not decode", "move chain.redb away"),
        ] {
            let said =
                format!("{:#}", anyhow::Error::from(error).context("the chain cannot go on"));
            assert_eq!(said.matches(reason).count(), 1, "{said}");
            assert!(said.contains(advice), "{said}");
        }
    }
}
