//! Packages depend on each other as [`ARROWS`] allows, and some leave things to others, down to the
//! last library ([`PURE`]). Both tables are what ARCHITECTURE.md says in words.

use crate::{
    finding::Finding,
    packages::{self, Package},
    tree::Tree,
};

/// What one package may be built and tested with, of this workspace.
#[derive(Debug)]
pub struct Arrow {
    /// Its name.
    pub package: &'static str,
    /// The others.
    pub may_use: &'static [&'static str],
    /// Why no more than that.
    pub why: &'static str,
}

/// Every package of the workspace.
pub const ARROWS: &[Arrow] = &[
    Arrow {
        package: "hegemon-discovery",
        may_use: &[],
        why: "any node can take the engine: it knows no node",
    },
    Arrow {
        package: "hegemon-adapter",
        may_use: &["hegemon-discovery"],
        why: "any node can take it with the engine: it knows no node",
    },
    Arrow {
        package: "hegemon-node",
        may_use: &["hegemon-adapter", "hegemon-discovery"],
        why: "the node drives the engine; what tests or simulates the node knows it, not the reverse",
    },
    Arrow {
        package: "hegemon-sim",
        may_use: &["hegemon-discovery", "hegemon-node"],
        why: "the simulator runs the real engine and the real sessions",
    },
    Arrow {
        package: "harness-core",
        may_use: &[],
        why: "what judges knows neither who does the IO nor the code that it judges",
    },
    Arrow {
        package: "harness-run",
        may_use: &["harness-core"],
        why: "a run knows neither engines nor commands: what provides its network is handed in",
    },
    Arrow {
        package: "harness",
        // The last only in its tests, which make the image that it runs.
        may_use: &["harness-core", "harness-run", "hegemon-testcontainers"],
        why: "a run's evidence must not depend on the code that it judges: nodes are programs",
    },
    Arrow {
        package: "hegemon-testcontainers",
        may_use: &[],
        why: "a test that has one image needs no harness: nodes are programs",
    },
    Arrow { package: "tidy", may_use: &[], why: "it must run when nothing else compiles" },
];

/// A package that leaves things to others, down to the last library.
#[derive(Debug)]
pub struct Pure {
    /// Its name.
    pub package: &'static str,
    /// What it must not be built with, in words.
    pub what: &'static str,
    /// The same by names, directly or not; `*` at the end stands for any rest.
    pub without: &'static [&'static str],
}

/// Runtimes, sockets, processes, engines of containers.
const RUNTIME: &[&str] = &[
    "async-std",
    "hyper*",
    "jsonrpsee*",
    "memmap2",
    "mio",
    "nix",
    "redb",
    "reqwest",
    "rustix",
    "smol",
    "socket2",
    "tempfile",
    "testcontainers*",
    "tokio*",
    "tower*",
];

/// Engines of containers, namespaces, TLS, command lines, terminals.
const NETWORKS: &[&str] = &[
    "aws-lc*",
    "bollard*",
    "clap*",
    "crossterm*",
    "netlink*",
    "ratatui*",
    "ring",
    "rustls*",
    "testcontainers*",
    "tokio-rustls",
];

/// Every such package.
pub const PURE: &[Pure] = &[
    Pure { package: "hegemon-discovery", what: "a runtime", without: RUNTIME },
    Pure { package: "harness-core", what: "a runtime", without: RUNTIME },
    Pure { package: "harness-run", what: "an engine, TLS or a terminal", without: NETWORKS },
];

/// Arrows that the table does not have, packages that it does not have, and rows about nothing.
pub fn check(tree: &Tree, packages: &[Package], arrows: &[Arrow], pure: &[Pure]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in packages {
        match arrows.iter().find(|arrow| arrow.package == package.name) {
            Some(arrow) => findings.extend(beyond(package, packages, arrow)),
            None => {
                let what = format!("`{}` has no row in the table of arrows", package.name);
                findings.push(Finding::of(&package.manifest, what));
            }
        }
    }
    let named = arrows.iter().map(|arrow| arrow.package).chain(pure.iter().map(|one| one.package));
    for name in named {
        if !packages.iter().any(|package| package.name == name) {
            let what = format!("tidy's tables name `{name}`, which is not a member");
            findings.push(Finding::of("Cargo.toml", what));
        }
    }
    for one in pure {
        let package = packages.iter().find(|package| package.name == one.package);
        findings.extend(package.into_iter().flat_map(|package| impure(tree, package, one)));
    }
    findings.sort();
    findings.dedup();
    findings
}

fn beyond(package: &Package, packages: &[Package], arrow: &Arrow) -> Vec<Finding> {
    let used = package.dependencies.union(&package.dev_dependencies);
    let ours = used.filter(|name| packages.iter().any(|other| other.name == **name));
    let wrong = ours.filter(|name| !arrow.may_use.contains(&name.as_str()));
    let what = |name| format!("`{}` must not depend on `{name}`: {}", package.name, arrow.why);
    wrong.map(|name| Finding::of(&package.manifest, what(name))).collect()
}

fn impure(tree: &Tree, package: &Package, pure: &Pure) -> Vec<Finding> {
    let ways = match packages::built_with(tree, package) {
        Ok(ways) => ways,
        Err(finding) => return vec![finding],
    };
    let unwanted = |name: &str| {
        pure.without.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == *pattern,
        })
    };
    let what = |way: &[String]| {
        format!("must be built without {}, and is not: {}", pure.what, way.join(" → "))
    };
    ways.iter()
        .filter(|(name, _)| unwanted(name))
        .map(|(_, way)| Finding::of(&package.manifest, what(way)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Arrow, Pure, check};
    use crate::{packages::members, tree::Tree};

    const TABLE: &[Arrow] = &[
        Arrow { package: "low", may_use: &[], why: "it is the bottom" },
        Arrow { package: "high", may_use: &["low"], why: "it is the top" },
    ];

    fn found(low: &str, lock: &str, table: &[Arrow], pure: &[Pure]) -> Vec<String> {
        let tree = Tree::of([
            ("Cargo.toml", "[workspace]\nmembers = [\"*\"]"),
            ("Cargo.lock", lock),
            ("low/Cargo.toml", &format!("[package]\nname = \"low\"\n{low}")),
            (
                "high/Cargo.toml",
                "[package]\nname = \"high\"\n[dependencies]\nlow = \"0\"\nserde = \"1\"\n",
            ),
        ]);
        let packages = members(&tree).unwrap();
        check(&tree, &packages, table, pure).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_arrow_that_points_back_is_found_also_in_tests() {
        assert_eq!(found("", "", TABLE, &[]), Vec::<String>::new());
        assert_eq!(
            found("[dev-dependencies]\nhigh = \"0\"", "", TABLE, &[]),
            ["low/Cargo.toml: `low` must not depend on `high`: it is the bottom"]
        );
    }

    #[test]
    fn a_package_without_a_row_and_a_row_without_a_package_are_found() {
        let found = found("", "", &[Arrow { package: "gone", may_use: &[], why: "" }], &[]);
        assert_eq!(found.len(), 3, "{found:?}");
        assert_eq!(found[0], "Cargo.toml: tidy's tables name `gone`, which is not a member");
    }

    #[test]
    fn a_runtime_beneath_a_pure_package_is_found_however_deep() {
        let lock = "[[package]]\nname = \"low\"\nversion = \"0\"\ndependencies = [\"nice\"]\n\
                    [[package]]\nname = \"nice\"\nversion = \"1\"\ndependencies = [\"tokio-util\"]\n\
                    [[package]]\nname = \"tokio-util\"\nversion = \"1\"\n";
        let pure = [Pure { package: "low", what: "a runtime", without: &["tokio*"] }];
        let of_nice = found("[dependencies]\nnice = \"1\"", lock, TABLE, &pure);
        assert_eq!(
            of_nice,
            [
                "low/Cargo.toml: must be built without a runtime, and is not: low → nice → tokio-util"
            ]
        );
        let of_tests = found("[dev-dependencies]\nnice = \"1\"", lock, TABLE, &pure);
        assert_eq!(of_tests, Vec::<String>::new());
    }
}
