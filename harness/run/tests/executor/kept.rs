//! Networks that outlive their run.

use harness_core::{
    exit::ExitCode,
    line::{Connect, Datagrams},
    node::NodeState,
    scenario::Overrides,
    state::Limits,
};
use harness_run::{
    executor::AtEnd,
    interrupt::Interrupt,
    provider::{Injector, Provider},
};

use crate::{
    DISCOVER, NODES,
    support::{
        Staged,
        fake::{Fake, Faults},
        plan, stage,
    },
};

/// Who works with a network that is kept does not work with what its scenario left of it.
#[tokio::test(start_paused = true)]
async fn a_network_that_is_kept_is_whole() {
    const LEFT: &str = r#"
[[phases]]
name = "stays"
[[phases.faults]]
fault = "isolate"
nodes = "node-2"
[[phases.faults]]
fault = "limit"
nodes = "node-2"
open_files = 64
[[phases.faults]]
fault = "pause"
nodes = "node-1"
[[phases.faults]]
fault = "rename"
seed = "seed"
to = "node-2"
[[phases.faults]]
fault = "stop"
nodes = "seed"
"#;
    let fake = Fake::new(Faults { memory: Some(1), keeps: true, ..Faults::default() });
    let folder = tempfile::tempdir().unwrap();
    let text = [NODES, DISCOVER, LEFT].concat().replace("30s", "90s");
    let plan = plan(folder.path(), &text, &Overrides::default());
    let Staged { mut run, folder: _kept } = stage(plan, fake.clone(), Interrupt::default());
    run.at_end = AtEnd::Keep;
    let verdict = run.execute().await;
    assert_eq!(verdict.exit, ExitCode::Pass, "{verdict:#?}");
    for node in ["seed", "node-1", "node-2"] {
        let state = fake.state(node).await.unwrap();
        assert!(matches!(state, NodeState::Running(_)), "{node}: {state:?}");
        assert_eq!(fake.limits(node).await.unwrap(), Limits::default(), "{node}");
    }
    let there_and_back = [("seed", "node-2"), ("node-2", "seed")];
    let ways = there_and_back.map(|(from, to)| (from.to_owned(), to.to_owned()));
    let paths = fake.probe(&ways, Datagrams::Few).await.unwrap();
    assert!(paths.iter().all(|path| path.connect == Connect::Accepted), "{paths:?}");
    let (seed, other) = (fake.lookup("node-1", "seed"), fake.lookup("node-1", "node-2"));
    assert_ne!(seed.await.unwrap(), other.await.unwrap(), "each has its own address");
}
