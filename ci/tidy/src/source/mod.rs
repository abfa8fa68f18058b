//! What the checks want to know of a Rust file, as plain data: the syntax tree itself is large and
//! bound to its thread.
//!
//! | module | is about |
//! | --- | --- |
//! | [`facts`] | the data |
//! | `functions` | where functions begin and end |
//! | `body` | what a module declares, imports and mentions |
//! | `tokens` | the same in macro calls, whose insides are no syntax |

pub mod facts;

mod body;
mod functions;
mod tokens;

use std::collections::BTreeMap;

pub use facts::{Body, Child, Function, Import, Mention, Source};

use crate::{finding::Finding, tree::Tree};

/// All Rust files of a tree, by path.
pub type Sources = BTreeMap<String, Source>;

/// Reads every Rust file.
///
/// # Errors
///
/// The files that are not Rust.
pub fn read_all(tree: &Tree) -> Result<Sources, Vec<Finding>> {
    let mut sources = Sources::new();
    let mut findings = Vec::new();
    for (path, text) in tree.ending(".rs") {
        match read(text) {
            Ok(source) => {
                sources.insert(path.to_owned(), source);
            }
            Err(error) => {
                findings.push(Finding::at(path, error.span().start().line, error.to_string()))
            }
        }
    }
    if findings.is_empty() { Ok(sources) } else { Err(findings) }
}

fn read(text: &str) -> syn::Result<Source> {
    let file = syn::parse_file(text)?;
    Ok(Source { functions: functions::all(&file), body: body::of_file(&file) })
}
