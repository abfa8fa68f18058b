//! A node as a testcontainers image: made by the harness, started and found by others, and removed with its handle.

use std::{
    ffi::OsStr,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use hegemon_testcontainers::{HegemonNode, publish_on_loopback};
use testcontainers::{ImageExt, core::IntoContainerPort, runners::AsyncRunner};

use crate::support::{HARNESS, PATIENCE, docker_cli, our_node, unique_run};

#[path = "../../../docker/testcontainers/examples/find_each_other.rs"]
#[expect(dead_code, reason = "its `main` is for `cargo run --example`")]
mod example;

const NAME: &str = "localhost/hegemon-node";

/// An image of the test's own.
struct Made {
    tag: String,
}

impl Made {
    /// Of a node that others need as well.
    async fn new() -> Self {
        Self::with(&["--node-bin".as_ref(), our_node().await.as_os_str()])
    }

    fn with(more: &[&OsStr]) -> Self {
        let tag = unique_run();
        let reference = format!("{NAME}:{tag}");
        let output = Command::new(HARNESS).args(["image", &reference]).args(more).output().unwrap();
        let words = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(words.contains(&format!("docker rmi {reference}")), "{words}");
        Self { tag }
    }

    fn node(&self) -> HegemonNode {
        HegemonNode::from_image(NAME, &self.tag)
    }

    fn containers(&self) -> String {
        docker_cli(&["ps", "-aq", "--filter", &format!("ancestor={NAME}:{}", self.tag)])
    }

    /// The engine removes them when it gets to it.
    fn no_container_is_left(&self) {
        let deadline = Instant::now() + PATIENCE;
        while !self.containers().is_empty() {
            assert!(Instant::now() < deadline, "{} is left", self.containers());
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        docker_cli(&["rmi", &format!("{NAME}:{}", self.tag)]);
    }
}

#[tokio::test]
async fn the_example_holds_and_leaves_no_container() {
    let made = Made::new().await;
    example::find_each_other(made.node()).await.unwrap();
    made.no_container_is_left();

    let node = made.node().start().await.unwrap();
    assert_eq!(made.containers().lines().count(), 1, "this look sees what there is");
    let ports = docker_cli(&["port", node.id()]);
    assert!(ports.starts_with("9944/tcp -> 127.0.0.1:") && ports.lines().count() == 1, "{ports}");
    let panicked = tokio::spawn(async move {
        let _node = node;
        panic!("as a test fails");
    });
    assert!(panicked.await.unwrap_err().is_panic());
    made.no_container_is_left();
}

#[tokio::test]
#[ignore = "builds the node as it is released, three minutes of two cores: `ci/nightly.sh`"]
async fn an_image_of_the_released_build_holds_the_example() {
    let made = Made::with(&[]);
    example::find_each_other(made.node()).await.unwrap();
    made.no_container_is_left();
}

/// Also where the host's configuration is somebody's own, and other ports are mapped.
#[tokio::test]
async fn only_what_was_mapped_is_published_beside_json_rpc_on_loopback() {
    let made = Made::new().await;
    let changed = made.node().request().with_host_config_modifier(|host| {
        host.pids_limit = Some(256);
        publish_on_loopback(host);
    });
    let changed = changed.start().await.unwrap();
    let ports = docker_cli(&["port", changed.id()]);
    assert!(ports.starts_with("9944/tcp -> 127.0.0.1:") && ports.lines().count() == 1, "{ports}");

    let mapped = made.node().request().with_mapped_port(0, 30333.tcp()).start().await.unwrap();
    let ports = docker_cli(&["port", mapped.id()]);
    assert!(ports.contains("9944/tcp -> 127.0.0.1:") && ports.contains("30333/tcp -> "), "{ports}");
}

/// Whoever has its name in a registry is not asked.
#[tokio::test]
async fn an_image_that_is_not_there_is_named_with_what_makes_it() {
    let none = HegemonNode::from_image(NAME, "nobody-made-this");
    let why = none.start().await.unwrap_err().to_string();
    assert!(why.contains("`harness image localhost/hegemon-node:nobody-made-this`"), "{why}");
}

#[test]
fn an_image_needs_a_name() {
    let output = Command::new(HARNESS).args(["image", "No Name"]).output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(why.contains("`No Name` cannot be an image's name"), "{why}");
}
