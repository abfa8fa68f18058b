use harness_core::{needs, node::NodeSource};

use super::*;

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["three-node", "late-join"] {
        fs::create_dir(folder.path().join(name)).unwrap();
        fs::write(folder.path().join(name).join(FILE), "").unwrap();
    }
    fs::create_dir(folder.path().join("empty")).unwrap();
    folder
}

fn names(library: &Library) -> Vec<String> {
    library.all().unwrap().into_keys().collect()
}

#[test]
fn a_name_is_a_shipped_scenario() {
    let folder = folder();
    let library = Library::only(folder.path().to_owned());
    assert_eq!(names(&library), ["late-join", "three-node"]);
    let found = library.find(Path::new("three-node")).unwrap();
    let path = folder.path().canonicalize().unwrap().join("three-node").join(FILE);
    assert_eq!(found, Scenario::Shipped(path.clone()));
    assert_eq!(found.folder(), Some(folder.path().canonicalize().unwrap().as_path()));
    assert_eq!(scenario_name(&path), "three-node");
}

#[test]
fn a_path_is_a_file_or_its_folder() {
    let folder = folder();
    let library = Library::only(folder.path().to_owned());
    let other = folder.path().join("other.toml");
    fs::write(&other, "").unwrap();
    assert_eq!(library.find(&other).unwrap(), Scenario::File(other.clone()));
    assert_eq!(scenario_name(&other), "other");
    assert_eq!(
        library.find(&folder.path().join("late-join")).unwrap(),
        Scenario::File(folder.path().join("late-join").join(FILE))
    );
    assert!(matches!(library.find(&folder.path().join("empty")), Err(NotFound::Path(_))));
}

#[test]
fn a_misspelt_name_says_which_there_are() {
    let folder = folder();
    let library = Library::only(folder.path().to_owned());
    let error = |asked: &str| library.find(Path::new(asked)).unwrap_err().to_string();
    assert!(error("three-nodes").contains("did you mean `three-node`?"));
    assert!(error("something").contains("there is `late-join` and `three-node`"));
}

/// The first place that has a name has it, and what hides another says so.
#[test]
fn a_folder_goes_before_what_is_built_in() {
    let (mine, beside) = (folder(), folder());
    let same = Carried::named("two-node").unwrap();
    fs::create_dir(mine.path().join("two-node")).unwrap();
    fs::write(mine.path().join("two-node").join(FILE), same.text).unwrap();
    fs::create_dir(beside.path().join("only-beside")).unwrap();
    fs::write(beside.path().join("only-beside").join(FILE), "").unwrap();
    let gone = mine.path().join("gone");
    let library = Library::beside([gone, mine.path().to_owned(), beside.path().to_owned()]);

    let found = |name: &str| library.find(Path::new(name)).unwrap();
    let in_folder = |name: &str, folder: &tempfile::TempDir| {
        Scenario::Shipped(folder.path().canonicalize().unwrap().join(name).join(FILE))
    };
    assert_eq!(found("three-node"), in_folder("three-node", &mine));
    assert!(found("three-node").hides_another());
    assert_eq!(found("two-node"), in_folder("two-node", &mine));
    assert!(!found("two-node").hides_another(), "it says the same");
    assert_eq!(found("only-beside"), in_folder("only-beside", &beside));
    let partition = Carried::named("partition").unwrap();
    assert_eq!(found("partition"), Scenario::Carried(partition));

    let all = library.all().unwrap();
    assert_eq!(all["three-node"], in_folder("three-node", &mine));
    assert_eq!(all["partition"], Scenario::Carried(partition));
    assert_eq!(all.len(), carried::ALL.len() + 2, "late-join and only-beside are not built in");
}

/// Whoever unpacks an archive has the workspace's scenarios, and none of them needs a file.
#[test]
fn all_of_the_workspace_is_built_in_and_good_by_itself() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let library = Library::beside([]);
    assert_eq!(names(&library), names(&Library::only(workspace.clone())));
    for (name, scenario) in library.all().unwrap() {
        let (plan, problems) = scenario.load(&Overrides::default());
        let plan = plan.unwrap_or_else(|| panic!("{name}: {problems}"));
        assert_eq!(plan.scenario, name);
        assert_eq!(plan.text, fs::read_to_string(workspace.join(&name).join(FILE)).unwrap());
        assert_eq!(needs::programs(&plan), Vec::<String>::new(), "{name}");
        let ours =
            |source: &NodeSource| matches!(source, NodeSource::Workspace | NodeSource::Hostile);
        for node in &plan.nodes {
            assert!(ours(&node.source) && plan.upgrades(&node.name).iter().all(ours), "{name}");
        }
    }
}
