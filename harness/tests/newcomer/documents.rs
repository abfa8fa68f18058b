//! Commands in documents: each is one that the command line takes, and those of the skill file that start nothing
//! work, in their order, in an empty folder.

use std::{fs, path::Path};

use clap::Parser;
use harness::cli::Cli;

use super::{code, harness, root, said};

const SKILL: &str = ".agents/skills/hegemon-testbed/SKILL.md";
/// How the skill file marks a command that may be run anywhere.
const SAFE: &str = "# starts nothing";

/// A command in a code block, as its words; and what stands behind it.
struct Named {
    line: String,
    words: Vec<String>,
}

/// All commands in code blocks of a document, indented or fenced.
fn commands(path: &str) -> Vec<Named> {
    let text = fs::read_to_string(root().join(path)).unwrap();
    let mut fenced = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
            continue;
        }
        let code = line.strip_prefix("    ").or(fenced.then_some(line));
        let command = code.and_then(|code| {
            code.strip_prefix("harness ").or(code.strip_prefix("cargo run -p harness -- "))
        });
        if let Some(command) = command {
            let command = command.split(" #").next().unwrap().split(" > ").next().unwrap();
            // What stands for a digest is none.
            let command = command.replace("HEX", &"0".repeat(64));
            let words = shell_words::split(&command).unwrap();
            found.push(Named { line: line.to_owned(), words });
        }
    }
    assert!(!found.is_empty(), "{path} names no command");
    found
}

#[test]
fn every_command_that_a_document_names_is_one() {
    for path in [
        "README.md",
        "harness/GUIDE.md",
        "harness/templates/first/README.md",
        "scenarios/soak/README.md",
        SKILL,
    ] {
        for named in commands(path) {
            let words = [&["harness".to_owned()], &named.words[..]].concat();
            if let Err(why) = Cli::try_parse_from(words) {
                panic!("{path}: `{}`: {why}", named.line.trim());
            }
        }
    }
}

#[test]
fn what_the_skill_file_calls_safe_works() {
    let folder = tempfile::tempdir().unwrap();
    let safe: Vec<Named> =
        commands(SKILL).into_iter().filter(|named| named.line.contains(SAFE)).collect();
    for named in &safe {
        let words: Vec<&str> = named.words.iter().map(String::as_str).collect();
        let output = harness(folder.path(), &words);
        assert_eq!(code(&output), 0, "{}: {}", named.line, said(&output));
        assert!(!said(&output).is_empty(), "{}", named.line);
    }
    for verb in ["init", "list", "explain", "schema", "generate", "validate", "gate"] {
        assert!(safe.iter().any(|named| named.words[0] == verb), "{verb} is not shown");
    }
    assert!(!folder.path().join("runs").exists(), "nothing was started");
    assert!(!folder.path().join("gates").exists(), "nothing was started");
}

/// What agents ask of such a file: its folder's name, a description that fits, and few lines.
#[test]
fn the_skill_file_has_the_form_that_agents_read() {
    let text = fs::read_to_string(root().join(SKILL)).unwrap();
    let (front, body) = text.strip_prefix("---\n").unwrap().split_once("\n---\n").unwrap();
    let key = |key: &str| {
        let mut lines = front.lines();
        lines.find_map(|line| line.strip_prefix(&format!("{key}: "))).unwrap().to_owned()
    };
    let folder = Path::new(SKILL).parent().unwrap().file_name().unwrap();
    assert_eq!(key("name"), folder.to_str().unwrap());
    let description = key("description");
    assert!((1..=1024).contains(&description.len()), "{}", description.len());
    assert!(!description.contains(": "), "YAML would take it for a table");
    assert_eq!(front.lines().count(), 2, "{front}");
    assert!(text.lines().count() <= 150 && body.trim_start().starts_with("# "));
}
