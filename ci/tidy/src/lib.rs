//! The house rules that no other tool keeps, as functions over a project's files: which way arrows
//! point, what is too long, what leads nowhere, which maps are not true.
//!
//! | module | is about |
//! | --- | --- |
//! | [`checks`] | the rules, one a file |
//! | [`modules`], [`graph`] | who refers to whom; circles and order |
//! | [`packages`] | what manifests and the lock file say |
//! | [`source`], [`prose`] | what code says, and what people say beside it |
//! | [`tree`], `ignored`, [`glob`] | the project's files |
//! | [`finding`] | one breach of one rule |
//!
//! `tests/workspace.rs` runs them on this workspace, and says with each what to do. Not here: what
//! rustc, clippy and rustdoc already refuse.

pub mod checks;
pub mod finding;
pub mod glob;
pub mod graph;
pub mod modules;
pub mod packages;
pub mod prose;
pub mod source;
pub mod tree;

mod ignored;

pub use finding::Finding;
pub use tree::Tree;
