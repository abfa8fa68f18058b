//! Every script is named where people look for it; a part that scripts share is named by a script.

use crate::{finding::Finding, tree::Tree};

/// Scripts and parts of scripts that nobody names.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let named = |name: &str, wanted: fn(&str) -> bool| {
        let others = tree.files().filter(|(path, _)| wanted(path) && *path != name);
        others.into_iter().any(|(_, text)| mentions(text, name))
    };
    for (path, _) in tree.files().filter(|(path, _)| !path.starts_with('.')) {
        if path.ends_with(".sh") && !named(path, is_document) {
            findings.push(Finding::of(path, "is named in no document; ci/README.md is the place"));
        }
        if path.ends_with(".bash") && !named(path, is_script) {
            findings.push(Finding::of(path, "is a part of scripts that no script uses"));
        }
    }
    findings
}

/// A changelog is read once, by people who know the script.
fn is_document(path: &str) -> bool {
    path.ends_with(".md") && !path.ends_with("CHANGELOG.md")
}

fn is_script(path: &str) -> bool {
    path.ends_with(".sh") || path.ends_with(".bash")
}

/// The whole path, not the end of a longer one.
fn mentions(text: &str, path: &str) -> bool {
    let before = |at: usize| text[..at].chars().next_back();
    let part = |one: char| one.is_alphanumeric() || "/-_".contains(one);
    text.match_indices(path).any(|(at, _)| !before(at).is_some_and(part))
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tree::Tree;

    fn found(document: &str, text: &str) -> Vec<String> {
        let tree = Tree::of([
            (document, text),
            ("ci/run.sh", "source ci/shared.bash"),
            ("ci/shared.bash", ""),
        ]);
        check(&tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_script_is_named_in_a_document_and_not_in_the_changelog_alone() {
        assert_eq!(found("ci/README.md", "Call `ci/run.sh`."), Vec::<String>::new());
        assert_eq!(found("CHANGELOG.md", "Added `ci/run.sh`.").len(), 1);
        assert_eq!(found("ci/README.md", "Call `other-ci/run.sh`.").len(), 1);
    }

    #[test]
    fn a_part_that_no_script_uses_is_found() {
        let tree = Tree::of([("ci/README.md", "`ci/shared.bash`"), ("ci/shared.bash", "")]);
        assert_eq!(
            check(&tree)[0].to_string(),
            "ci/shared.bash: is a part of scripts that no script uses"
        );
    }
}
