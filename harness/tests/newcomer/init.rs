//! `init`: what it writes is good as it is, and what is there stays.

use std::{fs, os::unix::fs::symlink, path::Path};

use super::{code, errors, harness, root, said, words};

/// Each CI system, and where its job goes.
const JOBS: [(&str, &str); 3] = [
    ("github", ".github/workflows/hegemon.yml"),
    ("gitlab", ".gitlab/hegemon.yml"),
    ("jenkins", "Jenkinsfile.hegemon"),
];

fn made(arguments: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let output = harness(folder.path(), &[&["init"], arguments].concat());
    assert_eq!(code(&output), 0, "{arguments:?}: {}", errors(&output));
    folder
}

fn text(folder: &Path, file: &str) -> String {
    fs::read_to_string(folder.join(file)).unwrap_or_else(|why| panic!("{file}: {why}"))
}

/// All files below a folder, sorted.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut left = vec![folder.to_owned()];
    while let Some(next) = left.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else {
                found.push(path.strip_prefix(folder).unwrap().display().to_string());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn it_says_what_it_wrote_and_what_comes_next() {
    let folder = tempfile::tempdir().unwrap();
    insta::assert_snapshot!("init", said(&harness(folder.path(), &["init"])));
    let folder = tempfile::tempdir().unwrap();
    let arguments =
        ["init", "my repository", "--name", "own", "--node-bin", "./node", "--ci", "gitlab"];
    insta::assert_snapshot!("init_gitlab", said(&harness(folder.path(), &arguments)));
    insta::assert_snapshot!("help_init", words(&harness(Path::new("."), &["init", "--help"])));
}

#[test]
fn what_is_written_is_good() {
    for nodes in ["1", "2", "252"] {
        let folder = made(&["--name", "own", "--nodes", nodes, "--ci", "none"]);
        let there =
            ["scenarios/own/README.md", "scenarios/own/scenario.toml", "scenarios/release.toml"];
        assert_eq!(files(folder.path()), there);
        let validated = harness(folder.path(), &["validate", "scenarios/own"]);
        assert_eq!((code(&validated), errors(&validated)), (0, String::new()), "{nodes}");
        let all = nodes.parse::<u32>().unwrap() + 1;
        assert!(words(&validated).contains(&format!("good ({all} nodes")), "{}", words(&validated));
        let gate = harness(folder.path(), &["gate", "scenarios/release.toml", "--dry-run"]);
        assert_eq!(code(&gate), 0, "{}", errors(&gate));
        assert!(errors(&gate).contains("./own: 29 runs"), "{}", errors(&gate));
        assert!(text(folder.path(), "scenarios/own/README.md").starts_with("# own\n"));
    }
}

/// The examples are what is written for an image; what a user names is in its place, everywhere.
#[test]
fn a_job_is_the_example_with_the_users_names_in_it() {
    for (ci, path) in JOBS {
        let example = match ci {
            "github" => "github.yml",
            "gitlab" => "gitlab-image.yml",
            _ => "Jenkinsfile",
        };
        let job =
            |arguments: &[&str]| text(made(&[&["--ci", ci], arguments].concat()).path(), path);
        let as_it_is = text(&root(), &format!("ci/examples/{example}"));
        assert_eq!(job(&["--node-image", "my/node:1.2"]), as_it_is, "{ci}");
        let testbed = ["--testbed", "some/testbed@v7", "--name", "own"];
        let image =
            job(&[&testbed[..], &["--node-image", "r.example.org:5000/x@sha256:ab"]].concat());
        let binary = job(&[&testbed[..], &["--node-bin", "./target/release/x"]].concat());
        let ours = job(&testbed);
        for (job, node) in [
            (&image, "r.example.org:5000/x@sha256:ab"),
            (&binary, "./target/release/x"),
            (&ours, "scenarios/own"),
        ] {
            assert!(job.contains(node) && job.contains("scenarios/own"), "{ci}: {job}");
            assert!(job.contains("some/testbed") && job.contains("v7"), "{ci}: {job}");
            for left in
                ["OWNER", "REPOSITORY", "REVISION", "my/node", "hegemon-node", "scenarios/first"]
            {
                assert!(!job.contains(left), "{ci}: {left} in {job}");
            }
        }
        insta::assert_snapshot!(format!("job_{ci}_binary"), binary);
        insta::assert_snapshot!(format!("job_{ci}_ours"), ours);
    }
}

#[test]
fn nothing_is_written_over_and_nothing_is_written_beside_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("scenarios")).unwrap();
    fs::write(folder.path().join("scenarios/release.toml"), "mine").unwrap();
    fs::create_dir_all(folder.path().join(".github/workflows")).unwrap();
    // Leads nowhere, and is somebody's all the same.
    symlink("nowhere", folder.path().join(".github/workflows/hegemon.yml")).unwrap();
    let before = files(folder.path());
    let refused = harness(folder.path(), &["init"]);
    assert_eq!(code(&refused), 64);
    insta::assert_snapshot!("init_refused", said(&refused));
    assert_eq!(files(folder.path()), before);
    assert_eq!(text(folder.path(), "scenarios/release.toml"), "mine");
    let again = made(&[]);
    let before: Vec<String> =
        files(again.path()).iter().map(|file| text(again.path(), file)).collect();
    assert_eq!(code(&harness(again.path(), &["init", "--nodes", "5"])), 64);
    let after: Vec<String> =
        files(again.path()).iter().map(|file| text(again.path(), file)).collect();
    assert_eq!(before, after);
}

#[test]
fn flags_that_mean_nothing_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for bad in [
        &["--name", "../x"][..],
        &["--name", "Mine"],
        &["--nodes", "0"],
        &["--ci", "travis"],
        &["--node-image", "a; b"],
        &["--node-image", "a", "--node-bin", "b"],
        &["--testbed", "a/b"],
        &["--testbed", "https://git.example.org/a@v1"],
    ] {
        let output = harness(folder.path(), &[&["init"], bad].concat());
        assert_eq!(code(&output), 64, "{bad:?}");
        assert_eq!(files(folder.path()), Vec::<String>::new(), "{bad:?}");
    }
    let elsewhere = ["--ci", "jenkins", "--testbed", "https://git.example.org/a@v1"];
    let job = text(made(&elsewhere).path(), "Jenkinsfile.hegemon");
    assert!(job.contains("clone --quiet https://git.example.org/a testbed"), "{job}");
}

/// A folder that cannot be written is the environment's fault, and says which file it was.
#[test]
fn a_folder_that_is_a_file_is_said_by_name() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let output = harness(folder.path(), &["init", "file"]);
    assert_eq!(code(&output), 3);
    assert!(
        errors(&output).contains("`file/scenarios/first/scenario.toml`"),
        "{}",
        errors(&output)
    );
}
