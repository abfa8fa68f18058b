use std::path::Path;

use super::*;
use crate::scenario::{Origin, Overrides, load};

#[test]
fn a_group_without_a_count_is_one_node_of_its_name() {
    assert_eq!(node_names("seed", None), ["seed"]);
    assert_eq!(node_names("node", Some(2)), ["node-1", "node-2"]);
    assert_eq!(node_names("node", Some(1)), ["node-1"]);
}

#[test]
fn arguments_that_no_node_could_be_executed_with_are_refused() {
    let said = |args: &str| {
        let text = format!(
            "[scenario]\n[[nodes]]\nname = \"seed\"\nseed = true\nargs = {args}\n[[phases]]\nname = \"p\"\nchecks = [{{ check = \"alive\", nodes = \"*\", within = \"5s\" }}]\n"
        );
        let origin = Origin { name: "test", path: Path::new("test.toml") };
        let (plan, problems) = load(origin, text, &Overrides::default());
        (plan.is_some(), problems.to_string())
    };
    for good in [r#"["--name", "other"]"#, r#"["--name=other", "--log", "info", "--log", "x"]"#] {
        assert_eq!(said(good), (true, String::new()), "{good}");
    }
    for place in ["--port", "--rpc-port", "--listen-addr", "--base-path", "--rpc-external"] {
        let (good, problems) = said(&format!("[\"{place}=1\"]"));
        assert!(!good && problems.contains(&format!("`{place}` cannot be given")), "{problems}");
    }
    let (good, problems) = said(r#"["--name", "a", "--name=b"]"#);
    assert!(!good && problems.contains("`--name` is given twice"), "{problems}");
    let (good, problems) = said(r#"["--tmp"]"#);
    assert!(good && problems.contains("another node"), "{problems}");
}

#[test]
fn a_common_key_that_is_misspelt_is_said_even_in_a_check_that_nobody_knows() {
    let said = |check: &str| {
        let text = format!(
            "[scenario]\n[[nodes]]\nname = \"seed\"\nseed = true\n[[phases]]\nname = \"p\"\nchecks = [{{ check = \"magic\", {check} }}]\n"
        );
        let origin = Origin { name: "test", path: Path::new("test.toml") };
        load(origin, text, &Overrides::default()).1.to_string()
    };
    let problems = said("nodse = \"*\", witin = \"5s\", strange = 1");
    for near in ["did you mean `nodes`?", "did you mean `within`?"] {
        assert!(problems.contains(near), "{problems}");
    }
    assert!(!problems.contains("strange`"), "it may be the check's own: {problems}");
    assert!(!said("nodes = \"*\"").contains("unknown key"), "what is right is no mistake");
}

#[test]
fn a_number_has_a_least_and_a_size_its_bytes() {
    let loaded = |count: &str| {
        let text = format!(
            "[scenario]\n[[nodes]]\nname = \"seed\"\nseed = true\ncount = {count}\n[[phases]]\nname = \"p\"\nchecks = [{{ check = \"resources\", nodes = \"*\", memory = \"48 MiB\", cpu = \"25%\", within = \"5s\" }}]\n"
        );
        let origin = Origin { name: "test", path: Path::new("test.toml") };
        load(origin, text, &Overrides::default())
    };
    let (plan, _) = loaded("1");
    let limits = plan.unwrap().phases[0].checks[0].kind.to_string();
    assert!(limits.contains("48.0 MiB") && limits.contains("25"), "{limits}");
    let (plan, problems) = loaded("0");
    assert!(plan.is_none() && problems.to_string().contains("at least 1, not 0"), "{problems}");
}

#[test]
fn a_required_key_is_asked_for() {
    let text = "[scenario]\n[[nodes]]\nseed = true\n[[phases]]\nchecks = [{ check = \"alive\", nodes = \"*\", within = \"5s\" }]\n";
    let origin = Origin { name: "test", path: Path::new("test.toml") };
    let (plan, problems) = load(origin, text.to_owned(), &Overrides::default());
    let said = problems.to_string();
    assert!(plan.is_none() && said.matches("missing key `name`").count() == 2, "{said}");
}
