//! The house rules that no other tool keeps, as functions over a project's files.

pub mod checks;
pub mod finding;
pub mod glob;
pub mod graph;
pub mod modules;
pub mod packages;
pub mod source;
pub mod tree;

mod ignored;

pub use finding::Finding;
pub use tree::Tree;
