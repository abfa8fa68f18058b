//! All of it, in the order in which a run meets it.

use harness_core::{
    doctor::{self, Diagnosis},
    place::Environment,
};

use super::{
    engine, host,
    question::{Question, Where},
};
use crate::{
    binary::{self, OwnNode},
    lease::Registry,
    provider::docker::Leftovers,
};

/// Looks at everything. Takes a second or two, since a container is started; removes what it makes,
/// also when it is dropped half-way.
pub async fn examine(
    question: &Question,
    environment: &Environment,
    registry: &Registry,
) -> Vec<Diagnosis> {
    let mut diagnoses = Vec::new();
    let leftovers = if question.place == Where::Process {
        None
    } else {
        diagnoses.extend(engine::examine(question, environment).await);
        Leftovers::connect(environment).await.ok()
    };
    diagnoses.push(doctor::descriptors(question.nodes, crate::provider::descriptors::limit()));
    diagnoses.extend(host::disk("evidence", &question.out).map(|disk| doctor::disk(&disk)));
    diagnoses.push(doctor::clock_source(&host::clock_source()));
    diagnoses.push(doctor::name_spaces(&host::name_spaces()));
    diagnoses.push(host::runs(registry, leftovers.as_ref()).await);
    diagnoses.push(node(question).await);
    diagnoses
}

async fn node(question: &Question) -> Diagnosis {
    let path = match &question.node {
        Some(path) => path.clone(),
        None => match binary::our_node().await {
            Ok(OwnNode::Beside(path)) => path,
            Ok(OwnNode::Built(from)) => return doctor::node(Ok(from)),
            Err(why) => return doctor::node(Err(why.to_string())),
        },
    };
    doctor::node(match binary::inspect(&path).await {
        Ok(executable) => {
            let identity = binary::identify(&path).await;
            let version = identity.version.unwrap_or_else(|| "no --version".to_owned());
            Ok(format!("{} ({}): {version}", path.display(), executable.linkage()))
        }
        Err(why) => Err(why.to_string()),
    })
}
