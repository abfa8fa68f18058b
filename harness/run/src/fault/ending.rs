//! Nodes that go down: each is seen to run, ended, and seen to be down by the engine's word and by two
//! questions that nobody answered.

use std::time::Duration;

use futures_util::future::{BoxFuture, try_join_all};
use harness_core::{
    event::Moment,
    fault::evidence,
    node::NodeState,
    text::{ending, short},
};

use super::scene::{FaultError, LOOK, Proven, Scene, joined};
use crate::{
    provider::ProviderError,
    testbed::Testbed,
    watch::{self, Seen},
};

/// For the proof that nodes are down: two questions of up to 1 s each, and some.
const PROVE_DOWN: Duration = Duration::from_secs(6);

/// How nodes are ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// They are asked to.
    Ask,
    /// SIGKILL.
    Kill,
}

/// Ends all nodes and waits until they are seen to be down.
pub(super) async fn all(scene: Scene<'_>, how: Ending) -> Result<Proven, FaultError> {
    let proofs = try_join_all(scene.nodes.iter().map(|node| one(scene, node, how))).await?;
    Ok(joined(proofs))
}

/// The engine's or operating system's last word on them.
pub(super) async fn look(scene: Scene<'_>) -> Result<String, FaultError> {
    for node in scene.nodes {
        watch::see(node, scene.bed).await?;
    }
    Ok(String::new())
}

async fn one(scene: Scene<'_>, node: &str, how: Ending) -> Result<Proven, FaultError> {
    // A stop must not make an end look planned that came before it.
    if let Seen::Ended { code, signal } = watch::look(node, scene.bed).await? {
        return Err(FaultError::Ended { node: node.to_owned(), code, signal });
    }
    let asked = scene.bed.journal.now();
    let ended = end(scene.bed, node, how).await?;
    // The first word after it: `kill` is proven by how soon it came.
    watch::see(node, scene.bed).await?;
    let remark = match how {
        Ending::Ask => judge_end(scene, node, &ended)?,
        Ending::Kill => "",
    };
    let since = scene.bed.journal.now();
    let deadline = since + PROVE_DOWN.mul_f64(scene.timeout_factor);
    loop {
        watch::see(node, scene.bed).await?;
        let (proven, unanswered, missing) = scene.bed.journal.with_history(|history| {
            let down = evidence::down(history, node, since, Moment(u64::MAX));
            (down.proven(), down.unanswered, down.missing())
        });
        if let Some((code, signal)) = proven {
            let took = short(since.since(asked));
            let proof = format!(
                "{node} down: ended with {} after {took}{remark}, {unanswered} questions in a row unanswered",
                ending(code, signal)
            );
            return Ok(Proven { since, proof, patience: Duration::ZERO });
        }
        if scene.bed.journal.now() >= deadline {
            let done = match how {
                Ending::Ask => "stopped",
                Ending::Kill => "killed",
            };
            return Err(FaultError::Unproven(format!("{node} was {done}, but {missing}")));
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn end<'a>(
    bed: &'a Testbed,
    node: &'a str,
    how: Ending,
) -> BoxFuture<'a, Result<NodeState, ProviderError>> {
    match how {
        Ending::Ask => Box::pin(bed.stop(node)),
        Ending::Kill => Box::pin(bed.kill(node)),
    }
}

/// A node that is asked to end ends with code 0, or by the very signal; what is remarkable
/// about another end, if it is no failure. A foreign node promises less: only a crash is one.
fn judge_end(scene: Scene<'_>, node: &str, state: &NodeState) -> Result<&'static str, FaultError> {
    const SIGTERM: i64 = 15;
    const SIGKILL: i64 = 9;
    /// SIGILL, SIGABRT, SIGBUS, SIGFPE, SIGSEGV.
    const CRASHES: [i64; 5] = [4, 6, 7, 8, 11];
    /// A Rust program's that panicked.
    const PANIC: i64 = 101;
    let (code, signal) = match *state {
        // Whether it still runs is seen by the proof.
        NodeState::Running(_) | NodeState::Frozen(_) => return Ok(""),
        NodeState::Exited { code, signal } => (code, signal),
    };
    let broken = |reason: String| FaultError::Broken { node: node.to_owned(), reason };
    let foreign = !scene.bed.profile(node).is_some_and(|profile| profile.ends_cleanly);
    // A shell that waits for the node says 128 + the signal.
    match (code, signal.or(code.and_then(|code| code.checked_sub(128)))) {
        (Some(0), _) | (_, Some(SIGTERM)) => Ok(""),
        (_, Some(SIGKILL)) if foreign => Ok(" (did not end by SIGTERM, needed SIGKILL)"),
        (_, Some(SIGKILL)) => Err(broken(
            "was asked to stop and did not end in time (SIGTERM), so it needed SIGKILL".to_owned(),
        )),
        (code, signal)
            if foreign
                && code != Some(PANIC)
                && !signal.is_some_and(|signal| CRASHES.contains(&signal)) =>
        {
            Ok(" (not 0)")
        }
        _ => Err(broken(format!("crashed when it was asked to stop ({})", ending(code, signal)))),
    }
}
