//! Every scenario is one folder with two files, and people find it.

use crate::{finding::Finding, tree::Tree};

const ROOM: &str = "scenarios";

/// Folders with something missing, with a name that is not theirs, or that nobody is told of.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let list = format!("{ROOM}/README.md");
    let index = tree.text(&list).unwrap_or_default();
    for name in tree.folders_in(ROOM) {
        let folder = format!("{ROOM}/{name}");
        let mut add = |what: String| findings.push(Finding::of(&folder, what));
        match tree.text(&format!("{folder}/scenario.toml")).map(str::parse::<toml::Table>) {
            None => add("has no `scenario.toml`".to_owned()),
            Some(Err(error)) => add(format!("its `scenario.toml` is not TOML: {error}")),
            Some(Ok(file)) => {
                let table = file.get("scenario").and_then(|table| table.as_table());
                let text = |key: &str| table.and_then(|table| table.get(key)?.as_str());
                if text("description").is_none_or(|text| text.trim().is_empty()) {
                    add("its `scenario.toml` has no description".to_owned());
                }
                if let Some(other) = text("name").filter(|other| *other != name) {
                    add(format!("its `scenario.toml` calls it `{other}`"));
                }
            }
        }
        match tree.text(&format!("{folder}/README.md")).map(|text| text.lines().next()) {
            None => add("has no `README.md`".to_owned()),
            Some(first) if first != Some(&format!("# {name}")) => {
                add(format!("its `README.md` does not begin with `# {name}`"));
            }
            Some(_) => {}
        }
        if ![format!("`{name}`"), format!("[{name}]")].iter().any(|one| index.contains(one)) {
            findings.push(Finding::of(&list, format!("does not name the scenario `{name}`")));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tree::Tree;

    const GOOD: &str = "[scenario]\ndescription = \"Shows it\"\n";

    fn found(list: &str, scenario: &str, readme: &str) -> Vec<String> {
        let tree = Tree::of([
            ("scenarios/README.md", list),
            ("scenarios/two-node/scenario.toml", scenario),
            ("scenarios/two-node/README.md", readme),
        ]);
        check(&tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_complete_scenario_is_in_order() {
        assert_eq!(found("[two-node](two-node)", GOOD, "# two-node\n"), Vec::<String>::new());
    }

    #[test]
    fn a_name_that_is_not_the_folders_is_found_in_either_file() {
        let named = format!("{GOOD}name = \"three\"");
        assert_eq!(
            found("`two-node`", &named, "# Two nodes\n"),
            [
                "scenarios/two-node: its `scenario.toml` calls it `three`",
                "scenarios/two-node: its `README.md` does not begin with `# two-node`",
            ]
        );
    }

    #[test]
    fn missing_files_descriptions_and_mentions_are_found() {
        assert_eq!(
            found("", "[scenario]", "# two-node"),
            [
                "scenarios/two-node: its `scenario.toml` has no description",
                "scenarios/README.md: does not name the scenario `two-node`",
            ]
        );
        let bare =
            Tree::of([("scenarios/two-node/notes.txt", ""), ("scenarios/README.md", "`two-node`")]);
        assert_eq!(check(&bare).len(), 2);
    }
}
