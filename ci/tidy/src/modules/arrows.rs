//! Who refers to whom among siblings.
//!
//! A reference from `a::x` to `b::y::Z` is an arrow `a → b` among the children of the module that
//! has both. A name that is found through a re-export counts where it comes from.
//!
//! The module above takes part as `self`, if something of its own is referred to: `a → self` when a
//! child uses what is written in `mod.rs` itself, `self → a` when that code uses a child. Its
//! re-exports are no arrows: a map may name everything. So a `mod.rs` that has types for its
//! children and code over them makes a circle, and the types want a file of their own. A type whose
//! methods are spread over children that `impl` it is none, as long as it does not name them.

use std::collections::BTreeMap;

use super::{forest::Forest, resolve};
use crate::graph::Graph;

/// The name that the module itself has among its children.
pub const SELF: &str = "self";

/// The children of one module, and the arrows between them.
#[derive(Debug)]
pub struct Level {
    /// The module that has them.
    pub module: usize,
    /// Their names, `self` included if it has arrows.
    pub graph: Graph,
    /// For every arrow, the first place that makes it.
    pub evidence: BTreeMap<(String, String), Evidence>,
}

/// Where an arrow comes from.
#[derive(Debug)]
pub struct Evidence {
    /// The file.
    pub file: String,
    /// The line.
    pub line: usize,
    /// The path that is written there.
    pub path: String,
}

/// One level for each module that has children, from the root down.
pub fn levels(forest: &Forest<'_>) -> Vec<Level> {
    let mut levels: BTreeMap<usize, Level> = BTreeMap::new();
    for (index, module) in forest.modules.iter().enumerate() {
        if !module.children.is_empty() {
            let mut graph = Graph::default();
            module.children.keys().for_each(|name| graph.name(name));
            levels.insert(index, Level { module: index, graph, evidence: BTreeMap::new() });
        }
        let imports = module.body.imports.iter().map(|one| (&one.path, one.line, one.exported));
        let mentions = module.body.mentions.iter().map(|one| (&one.path, one.line, false));
        for (path, line, exported) in imports.chain(mentions) {
            let Some(home) = resolve::home(forest, index, path) else { continue };
            let Some((above, from, to)) = siblings(forest, index, home) else { continue };
            if from == SELF && exported {
                continue;
            }
            let (file, path) = (module.file.clone(), path.join("::"));
            add(&mut levels, above, from, to, Evidence { file, line, path });
        }
    }
    levels.into_values().collect()
}

fn add(
    levels: &mut BTreeMap<usize, Level>,
    above: usize,
    from: &str,
    to: &str,
    evidence: Evidence,
) {
    if let Some(level) = levels.get_mut(&above) {
        level.graph.arrow(from, to);
        let known = level.evidence.entry((from.to_owned(), to.to_owned()));
        known.or_insert(evidence);
    }
}

/// The module that has both, and the names that they or what they lie in have there.
fn siblings<'a>(
    forest: &'a Forest<'_>,
    from: usize,
    to: usize,
) -> Option<(usize, &'a str, &'a str)> {
    let (from, to) = (forest.line(from), forest.line(to));
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let name = |line: &[usize]| {
        line.get(shared).map_or(SELF, |module| forest.modules[*module].name.as_str())
    };
    let (above, from, to) = (from[shared - 1], name(&from), name(&to));
    (from != to).then_some((above, from, to))
}
