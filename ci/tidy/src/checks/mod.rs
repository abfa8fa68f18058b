//! The checks: each is a function from the project's files to what is wrong with them. None reads a
//! file or an environment.
//!
//! | module | holds when |
//! | --- | --- |
//! | [`crates`] | packages depend on each other as a table allows, and engines on no runtime |
//! | [`circles`] | no two modules lead to each other, at any level |

pub mod circles;
pub mod crates;
