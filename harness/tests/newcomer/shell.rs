//! Completions complete, and manual pages are there for every verb that people see.

use std::{fs, path::Path, process::Command};

use super::{code, errors, harness, words};

fn completions(shell: &str) -> String {
    let output = harness(Path::new("."), &["completions", shell]);
    assert_eq!(code(&output), 0, "{}", errors(&output));
    words(&output)
}

/// What bash offers after these words.
fn offered(line: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("harness.bash");
    fs::write(&script, completions("bash")).unwrap();
    let (last, before) = (line.last().unwrap(), line.get(line.len().wrapping_sub(2)));
    let ask = "source \"$1\"; shift; prev=$1; cur=$2; shift 2; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _harness harness \"$cur\" \"$prev\"; printf '%s\\n' \"${COMPREPLY[@]}\"";
    let output = Command::new("bash")
        .args(["--norc", "--noprofile", "-euc", ask, "bash"])
        .arg(&script)
        .args([before.unwrap_or(&""), last])
        .args(line)
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    words(&output)
}

#[test]
fn bash_completes_verbs_flags_and_values() {
    assert_eq!(offered(&["harness", "scen"]).trim(), "scenario");
    assert_eq!(offered(&["harness", "scenario", "--node-i"]).trim(), "--node-image");
    let providers = offered(&["harness", "scenario", "--provider", ""]);
    assert_eq!(providers.split_whitespace().collect::<Vec<_>>(), ["auto", "docker", "process"]);
}

/// What the harness calls itself with is nobody's to type.
#[test]
fn verbs_that_people_see_are_offered_and_no_others() {
    let verbs = offered(&["harness", ""]);
    for verb in ["scenario", "init", "completions", "man", "gc"] {
        assert!(verbs.split_whitespace().any(|word| word == verb), "{verb} in {verbs}");
    }
    for hidden in ["watchdog", "keep-networks", "help-in-network"] {
        assert!(!verbs.contains(hidden), "{hidden} in {verbs}");
    }
    for shell in ["zsh", "fish", "elvish", "powershell"] {
        let script = completions(shell);
        assert!(script.contains("scenario") && script.contains("node-image"), "{shell}");
    }
    assert_eq!(code(&harness(Path::new("."), &["completions", "tcsh"])), 64);
    for verb in ["completions", "man"] {
        let help = words(&harness(Path::new("."), &[verb, "--help"]));
        insta::assert_snapshot!(format!("help_{verb}"), help);
    }
}

#[test]
fn every_verb_has_a_manual_page() {
    let folder = tempfile::tempdir().unwrap();
    let output = harness(folder.path(), &["man", "pages/here"]);
    assert_eq!((code(&output), words(&output).trim()), (0, "the pages are in pages/here"));
    let page = |name: &str| fs::read_to_string(folder.path().join("pages/here").join(name));
    for verb in ["", "-scenario", "-init", "-gate", "-man"] {
        assert!(page(&format!("harness{verb}.1")).unwrap().contains(".SH NAME"), "{verb}");
    }
    assert!(page("harness-watchdog.1").is_err(), "nobody calls it");
    insta::assert_snapshot!("man_rpc", page("harness-rpc.1").unwrap());
    let one = harness(folder.path(), &["man"]);
    assert_eq!((code(&one), words(&one)), (0, page("harness.1").unwrap()));
    fs::write(folder.path().join("file"), "").unwrap();
    let refused = harness(folder.path(), &["man", "file"]);
    assert!(code(&refused) == 3 && errors(&refused).contains("`file`"), "{}", errors(&refused));
}
