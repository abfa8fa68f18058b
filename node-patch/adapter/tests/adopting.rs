//! The Rust in `node-patch/ADOPTING.md` is that of the example, line for line: it compiles and runs.

const GUIDE: &str = include_str!("../../ADOPTING.md");
const EXAMPLE: [&str; 2] = [
    include_str!("../examples/three_nodes/adapter.rs"),
    include_str!("../examples/three_nodes/main.rs"),
];

/// Each fenced block: its language and lines.
fn blocks() -> Vec<(&'static str, Vec<&'static str>)> {
    let (mut blocks, mut open) = (Vec::new(), None);
    for line in GUIDE.lines() {
        match (line.strip_prefix("```"), open.as_mut()) {
            (Some(language), None) => open = Some((language, Vec::new())),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some((_, lines))) => lines.push(line),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block that does not end");
    blocks
}

/// Whether these lines follow each other in the example.
fn is_in_example(lines: &[&str]) -> bool {
    EXAMPLE.iter().any(|file| {
        let file: Vec<&str> = file.lines().collect();
        file.windows(lines.len()).any(|window| window == lines)
    })
}

#[test]
fn every_block_of_rust_is_in_the_example() {
    let mut compared = 0;
    for (language, lines) in blocks() {
        let ours: Vec<&str> = match language {
            "rust" => lines,
            // What the node has is its own; what it adds is ours.
            "diff" => lines.iter().filter_map(|line| line.strip_prefix('+')).collect(),
            other => {
                assert_eq!(other, "toml", "a block that nobody compiles");
                continue;
            }
        };
        if !ours.is_empty() {
            assert!(is_in_example(&ours), "not in the example:\n{}", ours.join("\n"));
            compared += 1;
        }
    }
    assert!(compared >= 5, "only {compared} blocks of Rust");
}

#[test]
fn a_line_that_the_example_does_not_have_is_noticed() {
    assert!(is_in_example(&["impl Network for OldNetwork {"]));
    assert!(!is_in_example(&["impl Network for OldNetwork {", "}"]));
}
