//! A node's state: where it is, what becomes of it, and that only the run's own is touched.

use crate::support::{Bed, Kind, docker_cli, engine_objects, launch, source};

#[tokio::test(flavor = "multi_thread")]
async fn every_node_has_a_volume_with_the_runs_labels_and_nobody_elses_is_touched() {
    let foreign = docker_cli(&["volume", "create", "--label", "org.hegemon.testbed=1"]);
    let foreign = foreign.trim();
    let bed = Bed::new(Kind::Docker).await;
    for slot in bed.reserve(&["seed", "node-1"], source()).await.unwrap() {
        bed.provider.start(&launch(&slot, &[])).await.unwrap();
    }
    let label = format!("label=org.hegemon.testbed.run={}", bed.run);
    let listed = docker_cli(&["volume", "ls", "-q", "--filter", &label]);
    let mut names: Vec<&str> = listed.lines().collect();
    names.sort_unstable();
    let expected = ["node-1", "seed"].map(|node| format!("hegemon-{}-{node}", bed.run));
    assert_eq!(names, expected);
    for (name, node) in expected.iter().zip(["node-1", "seed"]) {
        let labels = docker_cli(&["volume", "inspect", "-f", "{{json .Labels}}", name]);
        for wanted in ["testbed.owner", "testbed.scratch", "testbed.kept"] {
            assert!(labels.contains(wanted), "{wanted} in {labels}");
        }
        let container = format!("hegemon-{}-{node}", bed.run);
        let mounts = docker_cli(&[
            "inspect",
            "-f",
            "{{range .Mounts}}{{.Name}} {{.Destination}}{{end}}",
            &container,
        ]);
        assert_eq!(mounts.trim(), format!("{name} /hegemon-data"));
    }
    let run = bed.run.clone();
    bed.finish().await;
    assert_eq!(engine_objects(&format!("org.hegemon.testbed.run={run}")), "");
    assert_ne!(docker_cli(&["volume", "rm", foreign]), "", "it has only half of the labels");
}
