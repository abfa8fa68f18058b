//! The checks: each is a function from the project's files to what is wrong with them. None reads a
//! file or an environment.
//!
//! | module | holds when |
//! | --- | --- |
//! | [`crates`] | packages depend on each other as a table allows, and engines on no runtime |
//! | [`circles`] | no two modules lead to each other, at any level |
//! | [`lengths`] | files and functions fit in the head |
//! | [`references`] | what documents and comments point to is there |
//! | [`scenarios`] | every scenario's folder is complete and named |
//! | [`scripts`] | every script is named where people look |
//! | [`maps`] | every `lib.rs` and `mod.rs` names its modules, and no others |
//! | [`picture`] | ARCHITECTURE.md shows crates and modules as they are |

pub mod circles;
pub mod crates;
pub mod lengths;
pub mod maps;
pub mod picture;
pub mod references;
pub mod scenarios;
pub mod scripts;
