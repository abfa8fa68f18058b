//! The data that is kept of a Rust file.

use std::collections::{BTreeMap, BTreeSet};

/// All Rust files of a tree, by path.
pub type Sources = BTreeMap<String, Source>;

/// One file.
#[derive(Debug)]
pub struct Source {
    /// Every function with a body, tests and methods included.
    pub functions: Vec<Function>,
    /// The module that the file is.
    pub body: Body,
}

/// One function.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name, without what it belongs to.
    pub name: String,
    /// The line with `fn`.
    pub first: usize,
    /// The line with the closing brace.
    pub last: usize,
}

impl Function {
    /// How many lines it has.
    pub fn lines(&self) -> usize {
        self.last - self.first + 1
    }
}

/// What a module has in itself: a file, or the braces of an inline module. What is compiled for
/// tests only is left out.
#[derive(Debug, Default)]
pub struct Body {
    /// Modules that it declares.
    pub children: Vec<Child>,
    /// Names of everything else that it declares.
    pub items: BTreeSet<String>,
    /// What it brings into scope, also inside its functions.
    pub imports: Vec<Import>,
    /// Paths of two parts and more in its code.
    pub mentions: Vec<Mention>,
}

/// A `mod` item.
#[derive(Debug)]
pub struct Child {
    /// Its name.
    pub name: String,
    /// Where it is declared.
    pub line: usize,
    /// Compiled for tests only.
    pub test_only: bool,
    /// The file that a `path` attribute names.
    pub path: Option<String>,
    /// Its body, if it has one here.
    pub inline: Option<Body>,
}

/// One name that a `use` item brings.
#[derive(Debug, PartialEq, Eq)]
pub struct Import {
    /// The name in this module; `*` for everything that the path has.
    pub name: String,
    /// Where it comes from.
    pub path: Vec<String>,
    /// Whether others can find it here: `pub` in any form.
    pub exported: bool,
    /// Where that is written.
    pub line: usize,
}

/// A path in code.
#[derive(Debug, PartialEq, Eq)]
pub struct Mention {
    /// Its parts, without generic arguments.
    pub path: Vec<String>,
    /// Where it is written.
    pub line: usize,
}
