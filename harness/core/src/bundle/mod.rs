//! What makes a run directory a bundle: evidence that shows when it was changed. `chain` ties every
//! event to all before it, `manifest` names every file with its `hash`; the bundle's digest is the
//! hash of the manifest. Writing is the harness's, judging `verify`'s; what both must agree on is
//! here. See `EVIDENCE.md`.

mod chain;
mod hash;
mod manifest;

pub use chain::{Chain, Link};
pub use hash::{Sha256Hex, hash_all};
pub use manifest::{Entry, FILE as MANIFEST, Manifest};
