//! The command line as a user meets it: the real binary, its words and its exit codes. Nothing here
//! starts a node.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use harness_core::{check::CHECKS, fault::FAULTS};

#[path = "cli/places.rs"]
mod places;

fn harness(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_harness"))
        .args(arguments)
        .current_dir(folder)
        .env("COLUMNS", "100")
        .env_remove("NO_COLOR")
        .output()
        .unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

/// What was said, without the names of all checks and faults: one more changes nothing here.
fn errors(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    let names = |text: String, first: &str, last: &str| match text.split_once(first) {
        Some((before, rest)) => {
            let rest = rest.split_once(last).map_or(rest, |(_, rest)| rest);
            format!("{before}(all of them){rest}")
        }
        None => text,
    };
    let checks: Vec<String> = CHECKS.iter().map(|entry| format!("`{}`", entry.name)).collect();
    let faults: Vec<String> = FAULTS.iter().map(|entry| format!("`{}`", entry.name)).collect();
    let text = names(text, &checks[0..2].join(", "), checks.last().unwrap());
    names(text, &faults[0..2].join(", "), faults.last().unwrap())
}

fn words(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/three-node/scenario.toml")
}

/// Whoever runs somebody else's scenario is told what that does on this machine.
#[test]
fn a_scenario_that_runs_a_program_says_so_before_it_does() {
    let folder = tempfile::tempdir().unwrap();
    let text = "[scenario]\n[[nodes]]\nname = \"seed\"\nseed = true\n[[phases]]\nname = \"p\"\nchecks = [{ check = \"command\", nodes = \"*\", within = \"5s\", run = [\"./x\", \"-y\"] }]\n";
    fs::write(folder.path().join("scenario.toml"), text).unwrap();
    let output = harness(folder.path(), &["validate", "scenario.toml"]);
    assert_eq!(code(&output), 0);
    let said = errors(&output);
    assert!(said.contains("executes a program on this machine, as you: ./x -y"), "{said}");
}

/// An unknown key, a bad duration, a check for an unknown node, and whatever else can be wrong.
const BAD: &str = r#"[scenario]
description = "everything that can be wrong"
timeout = "30s"
speed = 3

[network]
subnet = "198.18.7.1/24"

[[nodes]]
name = "Seed"
mine = "yes"

[[nodes]]
name = "node"
count = 0
seeed = true
image = "a"
bin = "b"

[[nodes]]
name = "node"
start = "later"

[[phases]]
name = "one"

[[phases.checks]]
check = "peers"
nodes = "nod"
more_than = 1
at_least = 2
whithin = "60s"
within = "60 parsecs"

[[phases.checks]]
check = "height-advances"
nodes = "node"
more_than = 1
within = "60s"
during = "fault"

[[phases.checks]]
check = "converged"
nodes = "*"
within = 60
target = 0

[[phases.checks]]
check = "no-stall"
nodes = "*"
within = "20s"
longest = "20s"
for = "2s"

[[phases.checks]]
check = "resources"
nodes = "*"
within = "20s"
memory = 48
cpu = "0.5"

[[phases.checks]]
check = "store-survives"
nodes = "*"
within = "20s"
during = "fault"
at_least = 1

[[phases.checks]]
check = "recovers"
nodes = "*"
within = "5s"

[[phases.faults]]
fault = "restrat"
nodes = "node"

[[phases.faults]]
fault = "pause"
nodes = "node"

[[phases]]
checks = "none"
"#;

#[test]
fn every_error_of_a_file_is_shown_at_once_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("bad.toml"), BAD).unwrap();
    let output = harness(folder.path(), &["validate", "bad.toml"]);
    assert_eq!(code(&output), 64);
    insta::assert_snapshot!("validate_bad", errors(&output));
}

#[test]
fn a_bad_scenario_starts_nothing_and_neither_does_a_good_one_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("bad.toml"), BAD).unwrap();
    let output =
        harness(folder.path(), &["scenario", "three-node", "bad.toml", "--provider", "process"]);
    assert_eq!(code(&output), 64);
    let errors = errors(&output);
    for place in ["bad.toml:4:1", "bad.toml:33:10", "bad.toml:29:9"] {
        assert!(errors.contains(place), "{place} in {errors}");
    }
    assert!(!folder.path().join("runs").exists(), "nothing was started");
}

#[test]
fn broken_syntax_is_shown_with_everything_else_that_can_still_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(shipped()).unwrap().replacen("\"60s\"", "60s", 2).replacen(
        "nodes = \"seed\"",
        "nodes = \"sed\"",
        1,
    );
    fs::write(folder.path().join("syntax.toml"), text).unwrap();
    let output = harness(folder.path(), &["validate", "syntax.toml"]);
    assert_eq!(code(&output), 64);
    insta::assert_snapshot!("validate_syntax", errors(&output));
}

#[test]
fn a_check_that_cannot_pass_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(shipped())
        .unwrap()
        .replacen("more_than = 1", "more_than = 2", 1)
        .replacen("within = \"60s\"", "within = \"1s\"", 1);
    fs::write(folder.path().join("scenario.toml"), text).unwrap();
    let output = harness(folder.path(), &["validate", "."]);
    assert_eq!(code(&output), 0);
    insta::assert_snapshot!("validate_warnings", errors(&output));
    // Four stay up while the seed is down: each may keep two of the three others.
    let text = fs::read_to_string(shipped()).unwrap().replacen("count = 2", "count = 4", 1);
    fs::write(folder.path().join("scenario.toml"), text).unwrap();
    let output = harness(folder.path(), &["validate", "."]);
    assert_eq!(code(&output), 0);
    insta::assert_snapshot!("validate_warns_of_no_fall", errors(&output));
}

#[test]
fn shipped_scenarios_are_good_and_have_a_readme() {
    let output = harness(Path::new("."), &["list"]);
    assert_eq!(code(&output), 0);
    let names: Vec<String> = words(&output)
        .lines()
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .collect();
    assert!(names.contains(&"three-node".to_owned()));
    for name in names {
        let output = harness(Path::new("."), &["validate", &name]);
        assert_eq!((code(&output), errors(&output)), (0, String::new()), "{name}");
        assert!(
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("../scenarios")
                .join(&name)
                .join("README.md")
                .is_file(),
            "{name} has no README.md"
        );
    }
}

#[test]
fn a_shipped_name_wins_over_a_folder_here_unless_it_is_written_as_a_path() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("three-node")).unwrap();
    fs::write(folder.path().join("three-node/scenario.toml"), "").unwrap();
    assert_eq!(code(&harness(folder.path(), &["validate", "three-node"])), 0);
    assert_eq!(code(&harness(folder.path(), &["validate", "./three-node"])), 64);
}

#[test]
fn usage_errors_are_64_and_help_is_not_an_error() {
    let here = Path::new(".");
    for arguments in [
        &[][..],
        &["scenario"],
        &["scenario", "three-node", "--provder", "docker"],
        &["scenario", "three-node", "--provider", "dokcer"],
        &["scenario", "three-node", "--nodes", "0"],
        &["scenario", "three-node", "--nodes", "many"],
        &["scenario", "three-node", "--timeout-factor", "0"],
        &["scenario", "three-node", "--timeout-factor", "NaN"],
        &["scenario", "three-node", "--node-image", "a", "--node-bin", "b"],
        &["scenario", "three-node", "--node-image", "a", "--provider", "process"],
        &["scenario", "three-nodes"],
        &["scenario", "./nowhere"],
        &["scenario", "/dev/null"],
        &["validate", "nowhere.toml"],
        &["gaet"],
    ] {
        let output = harness(here, arguments);
        assert_eq!(code(&output), 64, "{arguments:?}");
        assert!(!errors(&output).is_empty(), "{arguments:?}");
    }
    for arguments in
        [&["--help"][..], &["--version"], &["scenario", "--help"], &["help", "scenario"]]
    {
        assert_eq!(code(&harness(here, arguments)), 0, "{arguments:?}");
    }
    assert!(
        errors(&harness(here, &["scenario", "three-nod"])).contains("did you mean `three-node`?")
    );
}

#[test]
fn nodes_is_refused_where_it_is_ambiguous() {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(shipped()).unwrap().replacen(
        "[[phases]]",
        "[[nodes]]\nname = \"late\"\n\n[[phases]]",
        1,
    );
    fs::write(folder.path().join("two.toml"), text).unwrap();
    let output =
        harness(folder.path(), &["scenario", "two.toml", "--nodes", "3", "--provider", "process"]);
    assert_eq!(code(&output), 64);
    assert!(
        errors(&output).contains("several groups of non-seed nodes (`node` and `late`)"),
        "{}",
        errors(&output)
    );
}

#[test]
fn help_says_what_there_is() {
    insta::assert_snapshot!("help", words(&harness(Path::new("."), &["--help"])));
    insta::assert_snapshot!("help_attach", words(&harness(Path::new("."), &["attach", "--help"])));
    insta::assert_snapshot!("help_list", words(&harness(Path::new("."), &["list", "--help"])));
    insta::assert_snapshot!(
        "help_validate",
        words(&harness(Path::new("."), &["validate", "--help"]))
    );
    insta::assert_snapshot!(
        "help_selftest",
        words(&harness(Path::new("."), &["selftest", "--help"]))
    );
    insta::assert_snapshot!("help_export", words(&harness(Path::new("."), &["export", "--help"])));
    insta::assert_snapshot!("help_gate", words(&harness(Path::new("."), &["gate", "--help"])));
    insta::assert_snapshot!("help_soak", words(&harness(Path::new("."), &["soak", "--help"])));
    insta::assert_snapshot!(
        "help_compare",
        words(&harness(Path::new("."), &["compare", "--help"]))
    );
    insta::assert_snapshot!(
        "help_generate",
        words(&harness(Path::new("."), &["generate", "--help"]))
    );
    insta::assert_snapshot!("help_shrink", words(&harness(Path::new("."), &["shrink", "--help"])));
    insta::assert_snapshot!("help_verify", words(&harness(Path::new("."), &["verify", "--help"])));
    insta::assert_snapshot!("help_rerun", words(&harness(Path::new("."), &["rerun", "--help"])));
    insta::assert_snapshot!("help_image", words(&harness(Path::new("."), &["image", "--help"])));
    insta::assert_snapshot!("help_doctor", words(&harness(Path::new("."), &["doctor", "--help"])));
    insta::assert_snapshot!("help_ps", words(&harness(Path::new("."), &["ps", "--help"])));
    insta::assert_snapshot!("help_gc", words(&harness(Path::new("."), &["gc", "--help"])));
    insta::assert_snapshot!(
        "help_scenario",
        words(&harness(Path::new("."), &["scenario", "--help"]))
    );
}

/// A scenario with one seed, one other node, and these checks and faults.
fn small(nodes: &str, phase: &str) -> String {
    format!(
        "[scenario]\n[[nodes]]\nname = \"seed\"\nseed = true\n[[nodes]]\nname = \"node\"\n{nodes}\n[[phases]]\nname = \"p\"\n{phase}\n"
    )
}

fn validated(text: &str) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.toml"), text).unwrap();
    let output = harness(folder.path(), &["validate", "a.toml"]);
    (code(&output), errors(&output))
}

#[test]
fn a_list_says_what_each_is_about() {
    let output = words(&harness(Path::new("."), &["list"]));
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let about = "three-node Two nodes find each other through a seed";
    assert!(output.lines().any(|line| words(line).starts_with(about)), "{output}");
}

#[test]
fn a_list_of_faults_says_what_each_needs() {
    let output = words(&harness(Path::new("."), &["list", "--faults"]));
    for part in ["partition", "cut lines between nodes", "occupy-port", "freeze a node"] {
        assert!(output.contains(part), "{part} in {output}");
    }
}

#[test]
fn the_only_node_of_a_group_may_be_called_the_first() {
    let check = |nodes: &str| {
        format!(
            "checks = [{{ check = \"peers\", nodes = \"{nodes}\", at_least = 1, within = \"9s\" }}]"
        )
    };
    for count in ["", "count = 1"] {
        for name in ["node", "node-1"] {
            assert_eq!(
                validated(&small(count, &check(name))),
                (0, String::new()),
                "{count} {name}"
            );
        }
    }
    let clash = small("[[nodes]]\nname = \"node-1\"", &check("node"));
    let (code, errors) = validated(&clash);
    assert!(code == 64 && errors.contains("`node-1` is taken"), "{errors}");
}

#[test]
fn the_chain_of_one_node_is_compared_with_nothing() {
    let check = |nodes: &str| {
        format!("checks = [{{ check = \"same-chain\", nodes = \"{nodes}\", within = \"9s\" }}]")
    };
    assert_eq!(validated(&small("", &check("*"))).0, 0);
    let (refused, said) = validated(&small("", &check("node")));
    assert!(refused == 64 && said.contains("`same-chain` of one node says nothing"), "{said}");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.toml"), small("count = 2", &check("node"))).unwrap();
    assert_eq!(code(&harness(folder.path(), &["validate", "a.toml"])), 0);
    let output =
        harness(folder.path(), &["scenario", "./a.toml", "--nodes", "1", "--provider", "process"]);
    assert!(
        code(&output) == 64 && errors(&output).contains("`same-chain` of one node says nothing"),
        "{}",
        errors(&output)
    );
}

#[test]
fn a_patient_check_is_a_warning_beside_a_timeout_and_nothing_without_one() {
    let phase = "checks = [{ check = \"peers\", nodes = \"*\", at_least = 1, within = \"20m\" }]";
    assert_eq!(validated(&small("", phase)), (0, String::new()));
    let (code, errors) =
        validated(&small("", phase).replace("[scenario]", "[scenario]\ntimeout = \"1m\""));
    assert!(code == 0 && errors.contains("which ends the check first"), "{errors}");
}

#[test]
fn a_name_that_nobody_knows_hides_no_other_error() {
    let phase = "[[phases.faults]]\nfault = \"restrat\"\nnodes = \"nobody\"\ndowntme = \"5\"\n[[phases.faults]]\nfault = \"explode\"\nnodes = \"no\"\ndowntime = \"1\"\n\
                 [[phases.checks]]\ncheck = \"peer\"\nnodes = \"seed\"\nat_least = \"x\"\nwithin = \"20s\"\nduing = \"fault\"\n\
                 [[phases.checks]]\ncheck = \"magic\"\nnodes = \"seed\"\nwand = 1\nwihtin = \"20s\"";
    let (code, errors) = validated(&small("", phase));
    assert_eq!(code, 64);
    insta::assert_snapshot!("validate_unknown_names", errors);
}

#[test]
fn a_subnet_that_a_run_would_refuse_is_refused_here() {
    let phase = "checks = [{ check = \"peers\", nodes = \"*\", at_least = 1, within = \"9s\" }]";
    for (subnet, refused) in [
        ("198.18.7.0/24", 0),
        ("198.18.0.0/15", 64),
        ("198.18.7.1/24", 64),
        ("198.18.07.0/24", 64),
        ("198.18.7.0/30", 64),
    ] {
        let (code, errors) =
            validated(&format!("network.subnet = \"{subnet}\"\n{}", small("", phase)));
        assert_eq!(code, refused, "{subnet}: {errors}");
    }
}

#[test]
fn explain_knows_every_check_and_fault_and_says_so_if_it_does_not() {
    let here = Path::new(".");
    let list = words(&harness(here, &["explain"]));
    let names = CHECKS.iter().map(|entry| entry.name).chain(FAULTS.iter().map(|entry| entry.name));
    for name in names {
        assert!(list.contains(&format!("  {name} ")), "{list}");
        let one = harness(here, &["explain", name]);
        assert_eq!(code(&one), 0);
        assert!(words(&one).contains(&format!("`{name}`: ")), "{}", words(&one));
    }
    let unknown = harness(here, &["explain", "peer"]);
    assert_eq!(code(&unknown), 64);
    let said = String::from_utf8(unknown.stderr).unwrap();
    assert!(said.contains("did you mean `peers`?"), "{said}");
}

#[test]
fn the_schema_is_json_and_knows_the_tables() {
    let schema = harness(Path::new("."), &["schema"]);
    let json: serde_json::Value = serde_json::from_slice(&schema.stdout).unwrap();
    assert_eq!(json["properties"]["nodes"]["items"]["required"], serde_json::json!(["name"]));
}

#[test]
fn a_generated_scenario_is_printed_or_written_and_nothing_is_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let printed = harness(folder.path(), &["generate", "--seed", "11"]);
    assert_eq!(code(&printed), 0, "{}", errors(&printed));
    assert_eq!(words(&harness(folder.path(), &["generate", "--seed", "11"])), words(&printed));
    let two = ["generate", "--seeds", "10..12", "--out", "made"];
    assert_eq!(
        words(&harness(folder.path(), &two)),
        "made/generated-10.toml\nmade/generated-11.toml\n"
    );
    let file = folder.path().join("made/generated-11.toml");
    assert_eq!(fs::read_to_string(&file).unwrap(), words(&printed));
    assert_eq!(code(&harness(folder.path(), &["validate", "made/generated-11.toml"])), 0);
    assert_eq!(code(&harness(folder.path(), &two)), 0, "the same again is no loss");
    fs::write(&file, "mine").unwrap();
    let refused = harness(folder.path(), &two);
    assert_eq!((code(&refused), fs::read_to_string(&file).unwrap()), (3, "mine".to_owned()));
    for bad in [
        &["generate"][..],
        &["generate", "--seeds", "5..5"],
        &["generate", "--seeds", "5"],
        &["generate", "--seed", "1", "--nodes", "2"],
        &["generate", "--seed", "1", "--faults", "0"],
        &["generate", "--seed", "1", "--seeds", "1..2"],
        &["generate", "--resume", "nowhere"],
        &["shrink", "nowhere"],
    ] {
        assert_eq!(code(&harness(folder.path(), bad)), 64, "{bad:?}");
    }
}
