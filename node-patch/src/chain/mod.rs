//! The chain: what a block is, when it is valid, which one is best, and where it is kept.
//! Synchronous, without network, clock or tasks.
//!
//! | module | about |
//! | --- | --- |
//! | `hash`, `header`, `block` | types and their bytes |
//! | `params` | what makes one chain different from another; genesis |
//! | `pow`, `difficulty`, `validate` | the rules |
//! | `template` | a block in the making |
//! | `tables`, `store`, `side` | the database; what is kept beside the best chain |
//! | `audit` | whether all that is stored fits together |
//! | `tree` | [`Chain`]: import, fork choice, reads |

mod audit;
mod block;
mod difficulty;
mod hash;
mod header;
mod params;
mod pow;
mod side;
mod store;
mod tables;
mod template;
mod tree;
mod validate;

pub use audit::{Audit, Unsound};
pub use block::{Block, Body, MAX_BLOCK_BYTES, extrinsics_root};
pub use hash::Hash;
pub use header::{
    BlockNumber, DigestItem, Header, MAX_DIGEST_ITEM_BYTES, MAX_DIGEST_ITEMS, POW_ENGINE, PowClaim,
};
pub use params::{
    BadBlockTime, ChainParams, DEV_BLOCK_TIME_MS, DEV_HASHES_PER_SECOND, MAX_BLOCK_TIME_MS,
    MAX_DIFFICULTY,
};
pub use pow::{meets, work};
pub use side::SideLimits;
pub use store::{Best, OpenError};
pub use tables::StoreError;
pub use template::Template;
pub use tree::{Chain, ImportError, Imported};
pub use validate::{Invalid, MAX_DRIFT_MS, header_on_parent, header_standalone, standalone};
