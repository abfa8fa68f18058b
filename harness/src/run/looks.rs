//! What single checks look at by themselves, beside the samples that every node gives: from their start
//! until they are decided.

use harness_core::{
    check::{CheckKind, rpc},
    event::CheckId,
    scenario::CheckPlan,
};
use serde_json::Value;
use tokio::sync::watch::Receiver;

use super::{poll::INTERVAL, testbed::Testbed};

/// Looks at what this check needs until it is decided: `want` goes with its decision. Does not return.
pub(crate) async fn of<T>(id: CheckId, plan: &CheckPlan, bed: &Testbed, mut want: Receiver<T>) {
    let look = async {
        if let CheckKind::Rpc(question) = &plan.kind {
            ask(id, question, &plan.nodes, bed).await;
        }
    };
    tokio::select! {
        () = look => {}
        () = async { while want.changed().await.is_ok() {} } => {}
    }
    std::future::pending().await
}

/// Asks all nodes the same, no faster than they grant.
async fn ask(id: CheckId, question: &rpc::Rpc, nodes: &[String], bed: &Testbed) {
    // Whatever is no list was refused with its scenario.
    let params: Vec<Value> = serde_json::from_str(&question.params).unwrap_or_default();
    loop {
        let pause = tokio::time::sleep(bed.pace.unwrap_or(INTERVAL));
        // What is asked here counts where the poller asks, too.
        tokio::time::sleep(bed.answers(id, (question, &params), nodes).await).await;
        pause.await;
    }
}
