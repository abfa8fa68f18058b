//! A hand on one container of a network that stays: whoever started it is gone, so what it is is asked of its labels,
//! before every act.

use std::net::Ipv4Addr;

use bollard::{
    Docker,
    models::ContainerInspectResponse,
    query_parameters::{InspectContainerOptions, RestartContainerOptionsBuilder},
};
use harness_core::node::{NodeState, Resources};

use super::{container, engine::failed, freeze, labels::Origin, network, publish::Published};
use crate::provider::ProviderError;

/// Time that a node has to end by itself before it is killed.
const STOP_SECONDS: i32 = 5;

/// A node's container.
#[derive(Debug, Clone)]
pub(crate) struct Hand {
    docker: Docker,
    run: String,
    node: String,
    id: String,
}

impl Hand {
    pub(super) fn new(docker: Docker, run: &str, node: &str, id: &str) -> Self {
        Self { docker, run: run.to_owned(), node: node.to_owned(), id: id.to_owned() }
    }

    /// The node.
    pub(super) fn node(&self) -> &str {
        &self.node
    }

    /// The container.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The engine's word on it, and where its RPC is published now, if it ever is.
    pub(crate) async fn look(&self) -> Result<(NodeState, Option<Published>), ProviderError> {
        container::state_and_port(&self.docker, &self.id, &self.node).await
    }

    async fn state(&self) -> Result<NodeState, ProviderError> {
        self.look().await.map(|(state, _)| state)
    }

    /// What it uses.
    pub(crate) async fn usage(&self) -> Option<Resources> {
        container::resources(&self.docker, &self.id, &self.node).await.ok().flatten()
    }

    /// SIGKILL. The proof that it has ended.
    pub(crate) async fn kill(&self) -> Result<String, ProviderError> {
        self.is_ours().await?;
        self.runs().await?;
        match container::kill(&self.docker, &self.id, &self.node).await? {
            NodeState::Exited { .. } => Ok("the engine says that it has ended".to_owned()),
            still @ (NodeState::Running(_) | NodeState::Frozen(_)) => Err(self.still(&still)),
        }
    }

    /// The engine's freezer. The proof that it is in it.
    pub(crate) async fn pause(&self) -> Result<String, ProviderError> {
        self.is_ours().await?;
        self.runs().await?;
        freeze::freeze(self.docker.clone(), self.id.clone(), self.node.clone()).await?;
        match self.state().await? {
            NodeState::Frozen(_) => Ok("the engine says that it is paused".to_owned()),
            other @ (NodeState::Running(_) | NodeState::Exited { .. }) => Err(self.still(&other)),
        }
    }

    /// Out of it again. The proof that it runs.
    pub(crate) async fn resume(&self) -> Result<String, ProviderError> {
        self.is_ours().await?;
        freeze::thaw(self.docker.clone(), self.id.clone(), self.node.clone()).await?;
        match self.state().await? {
            NodeState::Running(it) => Ok(format!("{} runs, by the engine's word", it.words())),
            other @ (NodeState::Frozen(_) | NodeState::Exited { .. }) => Err(self.still(&other)),
        }
    }

    /// Stopped if it runs, and started again. The proof that it is another process.
    pub(crate) async fn restart(&self) -> Result<String, ProviderError> {
        self.is_ours().await?;
        let before = self.state().await?;
        let options = RestartContainerOptionsBuilder::new().t(STOP_SECONDS).build();
        let restarted = self.docker.restart_container(&self.id, Some(options)).await;
        restarted.map_err(failed(format!("restarting {}", self.node)))?;
        let now = self.state().await?;
        match (before.incarnation(), now.incarnation()) {
            (before, Some(now)) if before.is_none_or(|it| it.pid != now.pid) => {
                let before = before.map_or_else(|| "nothing".to_owned(), |it| it.pid.to_string());
                Ok(format!("process {before} → {}, by the engine's word", now.pid))
            }
            (_, Some(_) | None) => Err(self.still(&now)),
        }
    }

    /// Its address in the run's network, also while it does not run.
    pub(super) async fn address(&self) -> Result<Ipv4Addr, ProviderError> {
        let settings = self.is_ours().await?.network_settings;
        let networks = settings.and_then(|settings| settings.networks);
        let endpoint = networks.and_then(|mut all| all.remove(&network::name(&self.run)));
        let address = endpoint.and_then(|it| it.ipam_config?.ipv4_address?.parse().ok());
        address.ok_or_else(|| {
            let what = format!("looking up the address of {}", self.node);
            ProviderError::failed(what, "it is not on the run's network")
        })
    }

    /// The labels are looked at again: what was written down is only a hint.
    async fn is_ours(&self) -> Result<ContainerInspectResponse, ProviderError> {
        let inspected =
            self.docker.inspect_container(&self.id, None::<InspectContainerOptions>).await;
        let inspected = inspected.map_err(failed(format!("looking at {}", self.node)))?;
        let labels = inspected.config.as_ref().and_then(|config| config.labels.as_ref());
        let is_ours = labels
            .and_then(Origin::of)
            .is_some_and(|it| it.run == self.run && it.node.as_ref() == Some(&self.node));
        if is_ours {
            return Ok(inspected);
        }
        let doing = format!("acting on {}", self.node);
        Err(ProviderError::failed(doing, "its container does not carry this run's labels"))
    }

    /// An engine says the same with a number and the whole ID.
    async fn runs(&self) -> Result<(), ProviderError> {
        match self.state().await? {
            NodeState::Running(_) | NodeState::Frozen(_) => Ok(()),
            ended @ NodeState::Exited { .. } => Err(self.still(&ended)),
        }
    }

    fn still(&self, state: &NodeState) -> ProviderError {
        let word = match state {
            NodeState::Running(_) => "it runs",
            NodeState::Frozen(_) => "it is paused",
            NodeState::Exited { .. } => "it has ended",
        };
        ProviderError::failed(
            format!("acting on {}", self.node),
            format!("the engine says that {word}"),
        )
    }
}
