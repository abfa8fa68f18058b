//! The example ends by itself, with 0; and what a node writes for it fits on two pages.

#[path = "../examples/three_nodes/main.rs"]
mod three_nodes;

use std::process::ExitCode;

/// Lines of the file that a node writes.
const ADAPTER: &str = include_str!("../examples/three_nodes/adapter.rs");

#[test]
fn three_nodes_find_each_other_and_the_example_ends() {
    assert_eq!(three_nodes::main(), ExitCode::SUCCESS);
}

#[test]
fn what_a_node_writes_has_less_than_a_hundred_lines() {
    let lines = ADAPTER.lines().count();
    assert!(lines < 100, "{lines} lines");
    assert!(ADAPTER.contains("impl Network for") && ADAPTER.contains("Discovery::start"));
}
