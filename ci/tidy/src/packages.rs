//! The packages of the workspace, as their manifests and the lock file have them. Cargo is not
//! asked: what it says depends on the machine, and takes longer than all checks together.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use crate::{
    finding::Finding,
    glob,
    tree::{Tree, join, split},
};

/// One member of the workspace.
#[derive(Debug)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Where it is, from the top.
    pub folder: String,
    /// Its manifest.
    pub manifest: String,
    /// What its code is built with, by the packages' own names.
    pub dependencies: BTreeSet<String>,
    /// What its tests are built with besides.
    pub dev_dependencies: BTreeSet<String>,
    /// Its library and programs.
    pub targets: Vec<Target>,
}

/// A library or program.
#[derive(Debug, PartialEq, Eq)]
pub struct Target {
    /// `hegemon-node`, or `bin hegemon-hostile`.
    pub name: String,
    /// The file that it begins with, from the top.
    pub root: String,
}

/// All members, by folder.
///
/// # Errors
///
/// Manifests that cannot be read as such.
pub fn members(tree: &Tree) -> Result<Vec<Package>, Finding> {
    let top = read(tree, "Cargo.toml")?;
    let workspace = table(&top, "workspace");
    let named = workspace.and_then(|table| table.get("members")?.as_array());
    let patterns: Vec<&str> = named.into_iter().flatten().filter_map(Value::as_str).collect();
    let shared = workspace.and_then(|workspace| table(workspace, "dependencies"));
    let mut packages = Vec::new();
    for (path, _) in tree.ending("Cargo.toml") {
        let (folder, file) = split(path);
        let below = file == "Cargo.toml" && !folder.is_empty();
        if below && patterns.iter().any(|pattern| glob::matches(pattern, folder)) {
            packages.push(package(tree, path, shared)?);
        }
    }
    Ok(packages)
}

/// Everything that `package` is built with, directly or not, its tests left aside: each name with
/// the way that leads to it. The lock file does not tell features apart, so this may have more than
/// one build of `package` alone, and never less.
///
/// # Errors
///
/// If the lock file cannot be read as such.
pub fn built_with(
    tree: &Tree,
    package: &Package,
) -> Result<BTreeMap<String, Vec<String>>, Finding> {
    let lock = read(tree, "Cargo.lock")?;
    let mut locked: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in lock.get("package").and_then(Value::as_array).into_iter().flatten() {
        let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
        let needs = entry.get("dependencies").and_then(Value::as_array);
        let needs: Vec<String> =
            needs.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
        // Another entry names it by its name alone, if there is one version, or with the version.
        locked.insert(format!("{} {}", text("name"), text("version")), needs.clone());
        locked.entry(text("name").to_owned()).or_default().extend(needs);
    }
    let mut ways: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let all = locked.get(&package.name).into_iter().flatten();
    let direct = all.filter(|entry| package.dependencies.contains(name_of(entry)));
    let mut open: Vec<(String, Vec<String>)> =
        direct.map(|entry| (entry.clone(), vec![package.name.clone()])).collect();
    while let Some((entry, mut way)) = open.pop() {
        way.push(name_of(&entry).to_owned());
        if ways.insert(entry.clone(), way.clone()).is_none() {
            let next = locked.get(&entry).into_iter().flatten();
            open.extend(next.map(|next| (next.clone(), way.clone())));
        }
    }
    Ok(ways.into_values().map(|way| (way[way.len() - 1].clone(), way)).collect())
}

fn name_of(entry: &str) -> &str {
    entry.split(' ').next().unwrap_or(entry)
}

fn read(tree: &Tree, path: &str) -> Result<Table, Finding> {
    let text = tree.text(path).ok_or_else(|| Finding::of(path, "is not there"))?;
    text.parse().map_err(|error| Finding::of(path, format!("is not TOML: {error}")))
}

fn table<'a>(table: &'a Table, key: &str) -> Option<&'a Table> {
    table.get(key)?.as_table()
}

fn package(tree: &Tree, path: &str, shared: Option<&Table>) -> Result<Package, Finding> {
    let manifest = read(tree, path)?;
    let name = table(&manifest, "package").and_then(|table| table.get("name")?.as_str());
    let name = name.ok_or_else(|| Finding::of(path, "has no package name"))?;
    let folder = split(path).0;
    let mut dependencies = BTreeSet::new();
    let mut dev_dependencies = BTreeSet::new();
    let targets = table(&manifest, "target").into_iter().flat_map(Table::values);
    for table in targets.filter_map(Value::as_table).chain([&manifest]) {
        names(table, "dependencies", shared, &mut dependencies);
        names(table, "build-dependencies", shared, &mut dependencies);
        names(table, "dev-dependencies", shared, &mut dev_dependencies);
    }
    Ok(Package {
        name: name.to_owned(),
        folder: folder.to_owned(),
        manifest: path.to_owned(),
        dependencies,
        dev_dependencies,
        targets: targets_of(tree, name, folder, &manifest),
    })
}

fn names(manifest: &Table, key: &str, shared: Option<&Table>, found: &mut BTreeSet<String>) {
    for (name, value) in table(manifest, key).into_iter().flatten() {
        let inherited = shared.and_then(|shared| shared.get(name));
        let package = [Some(value), inherited].into_iter().flatten();
        let package = package.filter_map(|value| value.get("package")?.as_str()).next();
        found.insert(package.unwrap_or(name).to_owned());
    }
}

fn targets_of(tree: &Tree, package: &str, folder: &str, manifest: &Table) -> Vec<Target> {
    let at = |path: &str| join(folder, path).unwrap_or_default();
    let path_of = |table: &Table| table.get("path").and_then(Value::as_str).map(at);
    let library = table(manifest, "lib").and_then(path_of).unwrap_or_else(|| at("src/lib.rs"));
    let mut targets = vec![Target { name: package.to_owned(), root: library }];
    let mut programs: BTreeMap<String, String> = BTreeMap::new();
    for (path, _) in tree.ending(".rs") {
        let Some(below) = path.strip_prefix(&at("src/bin")).and_then(|rest| rest.strip_prefix('/'))
        else {
            continue;
        };
        if let Some(name) = below.strip_suffix("/main.rs").or(below.strip_suffix(".rs"))
            && !name.contains('/')
        {
            programs.insert(path.to_owned(), name.to_owned());
        }
    }
    programs.insert(at("src/main.rs"), package.to_owned());
    for bin in manifest.get("bin").and_then(Value::as_array).into_iter().flatten() {
        if let Some(bin) = bin.as_table()
            && let (Some(path), Some(name)) = (path_of(bin), bin.get("name"))
        {
            programs.insert(path, name.as_str().unwrap_or_default().to_owned());
        }
    }
    targets.extend(
        programs.into_iter().map(|(root, name)| Target { name: format!("bin {name}"), root }),
    );
    targets.retain(|target| tree.has(&target.root));
    targets
}

#[cfg(test)]
mod tests {
    use super::{built_with, members};
    use crate::tree::Tree;

    fn tree() -> Tree {
        Tree::of([
            (
                "Cargo.toml",
                "[workspace]\nmembers = [\"a\", \"b/*\"]\n[workspace.dependencies]\nzed = { version = \"1\", package = \"zeta\" }\n",
            ),
            (
                "a/Cargo.toml",
                "[package]\nname = \"alpha\"\n[dependencies]\nzed.workspace = true\n[dev-dependencies]\nproptest = \"1\"\n",
            ),
            ("a/src/lib.rs", ""),
            ("a/src/bin/tool/main.rs", ""),
            ("a/src/bin/tool/part.rs", ""),
            (
                "b/c/Cargo.toml",
                "[package]\nname = \"c\"\n[target.'cfg(unix)'.dependencies]\nalpha = { path = \"../../a\" }\n[lib]\npath = \"main.rs\"\n",
            ),
            ("b/c/main.rs", ""),
            ("elsewhere/Cargo.toml", "[package]\nname = \"outside\"\n"),
            (
                "Cargo.lock",
                "[[package]]\nname = \"alpha\"\nversion = \"0.1.0\"\ndependencies = [\"zeta 1.0.0\", \"proptest\"]\n\
                 [[package]]\nname = \"zeta\"\nversion = \"1.0.0\"\ndependencies = [\"deep\"]\n\
                 [[package]]\nname = \"zeta\"\nversion = \"2.0.0\"\ndependencies = [\"tokio\"]\n\
                 [[package]]\nname = \"deep\"\nversion = \"1.0.0\"\n[[package]]\nname = \"proptest\"\nversion = \"1.0.0\"\n[[package]]\nname = \"tokio\"\nversion = \"1.0.0\"\n",
            ),
        ])
    }

    #[test]
    fn members_are_read_with_their_targets_and_the_real_names_of_what_they_need() {
        let packages = members(&tree()).unwrap();
        let names: Vec<_> = packages.iter().map(|package| package.name.as_str()).collect();
        assert_eq!(names, ["alpha", "c"]);
        assert!(packages[0].dependencies.contains("zeta"));
        assert!(packages[1].dependencies.contains("alpha"));
        let targets: Vec<_> =
            packages.iter().flat_map(|package| &package.targets).map(|one| &one.name).collect();
        assert_eq!(targets, ["alpha", "bin tool", "c"]);
    }

    #[test]
    fn the_lock_file_is_walked_without_what_tests_need_and_by_the_right_version() {
        let tree = tree();
        let package = &members(&tree).unwrap()[0];
        let ways = built_with(&tree, package).unwrap();
        assert_eq!(ways.keys().collect::<Vec<_>>(), ["deep", "zeta"]);
        assert_eq!(ways["deep"], ["alpha", "zeta", "deep"]);
    }
}
