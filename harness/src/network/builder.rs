//! What a network is made of, and where.

use std::path::PathBuf;

use harness_core::{node::NodeSource, scenario::Overrides, stepwise::Nodes};
use harness_run::evidence::draw_seed;

use super::{
    error::Error,
    handle::Network,
    stage::{Stage, Wanted},
};
use crate::cli::ProviderChoice;

/// Where nodes run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Provider {
    /// In containers if a Docker engine answers, else as processes.
    #[default]
    Auto,
    /// In containers.
    Docker,
    /// As processes, in network namespaces of their own where this user may have them.
    Process,
}

/// What is started. See [`Network::builder`].
#[derive(Debug, Clone)]
#[must_use = "nothing is started before `start`"]
pub struct Builder {
    name: String,
    nodes: Nodes,
    provider: Provider,
    source: NodeSource,
    evidence: Option<PathBuf>,
    timeout_factor: f64,
}

impl Network {
    /// A network to be described, and then started.
    pub fn builder() -> Builder {
        Builder {
            name: "network".to_owned(),
            nodes: Nodes::default(),
            provider: Provider::default(),
            source: NodeSource::Workspace,
            evidence: None,
            timeout_factor: 1.0,
        }
    }
}

impl Builder {
    /// What its evidence, and its line in `harness ps`, is called: a word of small letters, digits and
    /// hyphens [default: `network`].
    pub fn name(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    /// A node `seed`, which all others know from the start. Every network needs it.
    pub fn seed(mut self) -> Self {
        self.nodes.seed = true;
        self
    }

    /// So many nodes beside it: `node-1`, `node-2` and so on.
    pub fn nodes(mut self, count: u32) -> Self {
        self.nodes.others = count;
        self
    }

    /// All nodes mine.
    pub fn mine(mut self) -> Self {
        self.nodes.mine = true;
        self
    }

    /// A variable of every node's environment: the last word over what the harness sets.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.nodes.env.insert(name.to_owned(), value.to_owned());
        self
    }

    /// An argument, after those that the harness gives every node; one of the same flag replaces ours.
    pub fn arg(mut self, argument: &str) -> Self {
        self.nodes.args.push(argument.to_owned());
        self
    }

    /// Where nodes run [default: [`Provider::Auto`]].
    pub fn provider(self, provider: Provider) -> Self {
        Self { provider, ..self }
    }

    /// A node's program [default: this workspace's node, which is built first, where cargo is].
    pub fn binary(self, path: impl Into<PathBuf>) -> Self {
        Self { source: NodeSource::Binary(path.into()), ..self }
    }

    /// A node's image, which the engine must have.
    pub fn image(self, reference: &str) -> Self {
        Self { source: NodeSource::Image(reference.to_owned()), ..self }
    }

    /// The folder in which the bundle is made [default: `hegemon-runs` beside this program, which for a
    /// test is in cargo's target directory].
    pub fn evidence(self, folder: impl Into<PathBuf>) -> Self {
        Self { evidence: Some(folder.into()), ..self }
    }

    /// Waits longer for everything, on slow machines; above 0, at most 1000.
    pub fn timeout_factor(self, factor: f64) -> Self {
        Self { timeout_factor: factor, ..self }
    }

    /// Starts it. Returns when every node answers. A future that is dropped before takes with it what was
    /// started.
    ///
    /// # Errors
    ///
    /// [`Error::NotStarted`] if there can be no such network, [`Error::Failed`] if it was begun: then
    /// nothing of it is left but its evidence.
    pub async fn start(self) -> Result<Network, Error> {
        let wanted = self.wanted().map_err(Error::NotStarted)?;
        Network::of(Stage::open(wanted).map_err(Error::NotStarted)?).await
    }

    fn wanted(self) -> Result<Wanted, String> {
        let provider = match (self.provider, &self.source) {
            (Provider::Process, NodeSource::Image(image)) => {
                return Err(format!(
                    "the image {image} cannot be run as a process: take Provider::Docker, or a binary"
                ));
            }
            (Provider::Auto, _) => ProviderChoice::Auto,
            (Provider::Docker, _) => ProviderChoice::Docker,
            (Provider::Process, _) => ProviderChoice::Process,
        };
        let source = match self.source {
            NodeSource::Binary(path) => {
                NodeSource::Binary(std::path::absolute(&path).unwrap_or(path))
            }
            other @ (NodeSource::Workspace | NodeSource::Hostile | NodeSource::Image(_)) => other,
        };
        let evidence = self.evidence.map_or_else(beside_this_program, Ok)?;
        let overrides = Overrides {
            source,
            timeout_factor: self.timeout_factor,
            seed: draw_seed(),
            ..Overrides::default()
        };
        Ok(Wanted { name: self.name, nodes: self.nodes, provider, overrides, evidence })
    }
}

fn beside_this_program() -> Result<PathBuf, String> {
    let folder =
        std::env::current_exe().ok().and_then(|program| Some(program.parent()?.to_owned()));
    folder.map(|folder| folder.join("hegemon-runs")).ok_or_else(|| {
        "the system does not say where this program is: say where the evidence goes (Builder::evidence)"
            .to_owned()
    })
}
