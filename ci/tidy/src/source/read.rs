//! From a tree to the data of all its files.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use super::{
    body,
    facts::{Source, Sources},
    functions,
};
use crate::{finding::Finding, tree::Tree};

/// Reads every Rust file, on all cores: most of what tidy takes is this.
///
/// # Errors
///
/// The files that are not Rust.
pub fn read_all(tree: &Tree) -> Result<Sources, Vec<Finding>> {
    let files: Vec<(&str, &str)> = tree.ending(".rs").collect();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let read_some = || {
        let mut read_here = Vec::new();
        while let Some((path, text)) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            let not_rust =
                |error: syn::Error| Finding::at(path, error.span().start().line, error.to_string());
            read_here.push((*path, read(text).map_err(not_rust)));
        }
        read_here
    };
    let read_everywhere = thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(read_some)).collect();
        let joined = workers.into_iter().map(|worker| worker.join());
        joined.flat_map(|read| read.expect("reading does not panic")).collect::<Vec<_>>()
    });
    let mut sources = Sources::new();
    let mut findings = Vec::new();
    for (path, read) in read_everywhere {
        match read {
            Ok(source) => {
                sources.insert(path.to_owned(), source);
            }
            Err(finding) => findings.push(finding),
        }
    }
    findings.sort();
    if findings.is_empty() { Ok(sources) } else { Err(findings) }
}

pub(super) fn read(text: &str) -> syn::Result<Source> {
    let file = syn::parse_file(text)?;
    Ok(Source { functions: functions::all(&file), body: body::of_file(&file) })
}
