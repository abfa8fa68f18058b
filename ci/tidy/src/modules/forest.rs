//! Which modules a library or program has, without those for tests.

use std::collections::BTreeMap;

use crate::{
    packages::Target,
    source::{Body, Sources},
    tree::{join, split},
};

/// The modules of one library or program; the first is its root.
#[derive(Debug)]
pub struct Forest<'a> {
    /// All modules; parents before children.
    pub modules: Vec<Module<'a>>,
}

/// One module.
#[derive(Debug)]
pub struct Module<'a> {
    /// Its name; that of the target for the root.
    pub name: String,
    /// The module that declares it; the root is its own.
    pub parent: usize,
    /// The modules that it declares.
    pub children: BTreeMap<String, usize>,
    /// The file that it is in.
    pub file: String,
    /// What it has in itself.
    pub body: &'a Body,
}

/// Follows `mod` items from a target's root file. A module whose file is missing is left out: the
/// compiler says so.
pub fn grow<'a>(target: &Target, sources: &'a Sources) -> Option<Forest<'a>> {
    let body = &sources.get(&target.root)?.body;
    let mut forest = Forest { modules: Vec::new() };
    let root = Module {
        name: target.name.clone(),
        parent: 0,
        children: BTreeMap::new(),
        file: target.root.clone(),
        body,
    };
    forest.modules.push(root);
    forest.add_children(0, split(&target.root).0, sources);
    Some(forest)
}

impl<'a> Forest<'a> {
    /// A module's place: `net::table`; empty for the root.
    pub fn path(&self, module: usize) -> String {
        let mut names = Vec::new();
        let mut at = module;
        while at != 0 {
            names.push(self.modules[at].name.as_str());
            at = self.modules[at].parent;
        }
        names.reverse();
        names.join("::")
    }

    /// The module and what it lies in, from the root down.
    pub fn line(&self, module: usize) -> Vec<usize> {
        let mut line = vec![module];
        let mut at = module;
        while at != 0 {
            at = self.modules[at].parent;
            line.push(at);
        }
        line.reverse();
        line
    }

    /// `folder` is where the files of this module's children are.
    fn add_children(&mut self, parent: usize, folder: &str, sources: &'a Sources) {
        let body = self.modules[parent].body;
        for child in body.children.iter().filter(|child| !child.test_only) {
            let below = join(folder, &child.name).unwrap_or_default();
            let (file, body, below) = match (&child.inline, &child.path) {
                (Some(body), _) => (self.modules[parent].file.clone(), body, below),
                (None, Some(path)) => {
                    let home = split(&self.modules[parent].file).0;
                    let file = join(home, path).unwrap_or_default();
                    let Some(source) = sources.get(&file) else { continue };
                    let below = split(&file).0.to_owned();
                    (file, &source.body, below)
                }
                (None, None) => {
                    let files = [format!("{below}.rs"), format!("{below}/mod.rs")];
                    let found = files.into_iter().find_map(|file| sources.get_key_value(&file));
                    let Some((file, source)) = found else { continue };
                    (file.clone(), &source.body, below)
                }
            };
            let index = self.modules.len();
            self.modules[parent].children.insert(child.name.clone(), index);
            self.modules.push(Module {
                name: child.name.clone(),
                parent,
                children: BTreeMap::new(),
                file,
                body,
            });
            self.add_children(index, &below, sources);
        }
    }
}
