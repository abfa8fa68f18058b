//! A document that somebody wrote, read strictly: every mistake with its place, and none hides
//! another. Knows TOML, units and keys; not scenarios.
//!
//! | module | what it is |
//! | --- | --- |
//! | `key` | what a key takes, for reading, for people and for editors |
//! | `json` | a value of any kind |
//! | `table` | one table of the document, and the values in it |
//! | `problem` | what is wrong, where, and how it is shown |
//! | `names` | words that people misspell, and names that a network accepts |

mod json;
mod key;
mod names;
mod problem;
mod table;

pub use key::{Given, Key, Takes};
pub(crate) use names::suggest;
pub use names::{is_dns_label, listed, nearest};
pub(crate) use problem::MISSING;
pub use problem::{Problem, Problems, Severity};
pub(crate) use table::Table;
pub use table::{At, parse_size};
