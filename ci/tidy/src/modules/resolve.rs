//! Where a path leads. Names are looked up as the compiler does it, as far as that can be known
//! without types: children, imports (and so re-exports), items, then what globs bring.

use super::forest::Forest;
use crate::source::Import;

/// How many imports may lead to each other before a path is given up.
const DEPTH: usize = 16;

/// The end of a path, or of a part of it.
#[derive(Debug, Clone, Copy)]
enum Place {
    Module(usize),
    /// Something in a module.
    Item(usize),
}

/// The module that has what `path` names when it is written in `from`; `None` for other crates.
pub(super) fn home(forest: &Forest<'_>, from: usize, path: &[String]) -> Option<usize> {
    match walk(forest, from, path, DEPTH)? {
        Place::Module(module) | Place::Item(module) => Some(module),
    }
}

fn walk(forest: &Forest<'_>, from: usize, path: &[String], depth: usize) -> Option<Place> {
    let (first, mut rest) = path.split_first()?;
    let mut at = match first.as_str() {
        "crate" => Place::Module(0),
        "self" => Place::Module(from),
        "super" => {
            let mut module = forest.modules[from].parent;
            while let Some(("super", later)) = rest.split_first().map(|(a, b)| (a.as_str(), b)) {
                module = forest.modules[module].parent;
                rest = later;
            }
            Place::Module(module)
        }
        name => look_up(forest, from, name, depth)?,
    };
    for name in rest {
        at = match at {
            Place::Item(_) => return Some(at),
            // What nobody declares was made by a macro, here.
            Place::Module(module) => {
                look_up(forest, module, name, depth).unwrap_or(Place::Item(module))
            }
        };
    }
    Some(at)
}

/// What `name` is in a module.
fn look_up(forest: &Forest<'_>, module: usize, name: &str, depth: usize) -> Option<Place> {
    let depth = depth.checked_sub(1)?;
    let here = &forest.modules[module];
    if let Some(child) = here.children.get(name) {
        return Some(Place::Module(*child));
    }
    if here.body.items.contains(name) {
        return Some(Place::Item(module));
    }
    // `use hyper::http` and then `http::Uri`: its first part is not to be looked up as itself.
    let leads_on = |import: &&Import| import.name == name && import.path[0] != name;
    if let Some(import) = here.body.imports.iter().find(leads_on) {
        return walk(forest, module, &import.path, depth);
    }
    let globs = here.body.imports.iter().filter(|import| import.name == "*");
    globs.into_iter().find_map(|glob| match walk(forest, module, &glob.path, depth)? {
        Place::Module(from) if from != module => look_up(forest, from, name, depth),
        Place::Module(_) | Place::Item(_) => None,
    })
}
