//! Which provider a run gets, and why.

use std::sync::Arc;

use harness_core::{node::NodeSource, scenario::Plan};

use super::{args::ProviderChoice, environment::environment};
use crate::provider::{
    Provider, ProviderError, ProviderOptions, docker::DockerProvider, process::ProcessProvider,
};

/// A provider that was chosen; concrete, because each has its own way of telling how to remove what
/// is kept.
#[derive(Clone)]
pub(crate) enum Chosen {
    Docker(Arc<DockerProvider>),
    Process(Arc<ProcessProvider>),
}

impl Chosen {
    pub(crate) fn provider(&self) -> Arc<dyn Provider> {
        match self {
            Self::Docker(provider) => Arc::clone(provider) as Arc<dyn Provider>,
            Self::Process(provider) => Arc::clone(provider) as Arc<dyn Provider>,
        }
    }

    /// How to reach what was kept, where that is not as usual.
    pub(super) fn way_in(&self) -> Option<String> {
        match self {
            Self::Docker(_) => None,
            Self::Process(provider) => provider.way_in(),
        }
    }

    /// The shell command that removes what was kept.
    pub(super) fn keep_hint(&self) -> String {
        match self {
            Self::Docker(provider) => provider.keep_hint(),
            Self::Process(provider) => provider.keep_hint(),
        }
    }
}

/// Takes what was asked for, or, for `auto`, Docker when an engine answers and processes otherwise;
/// `say` gets which and why.
pub(crate) async fn choose(
    choice: ProviderChoice,
    plan: &Plan,
    options: ProviderOptions,
    say: impl Fn(String),
) -> Result<Chosen, ProviderError> {
    take(choice, needs_engine(plan), options, say).await
}

/// The same for a network of this workspace's nodes, which runs anywhere.
pub(super) async fn choose_node(
    choice: ProviderChoice,
    options: ProviderOptions,
) -> Result<Chosen, ProviderError> {
    take(choice, false, options, |_| ()).await
}

/// What `auto` adds where it has taken an engine.
const HOW_ELSE: &str = "; --provider process runs the nodes as processes";

async fn take(
    choice: ProviderChoice,
    needs_engine: bool,
    options: ProviderOptions,
    say: impl Fn(String),
) -> Result<Chosen, ProviderError> {
    let docker = async |options, why: &str| {
        let provider = DockerProvider::connect(options, &environment()).await?;
        say(format!("provider docker: {}{why}", provider.engine()));
        Ok(Chosen::Docker(Arc::new(provider)))
    };
    let process = |options| {
        ProcessProvider::create(options).map(|provider| Chosen::Process(Arc::new(provider)))
    };
    match choice {
        ProviderChoice::Docker => docker(options, "").await,
        ProviderChoice::Process => process(options),
        ProviderChoice::Auto => match docker(options.clone(), HOW_ELSE).await {
            Ok(chosen) => Ok(chosen),
            // Images need an engine: running something else instead would be another test.
            Err(error) if needs_engine => Err(error),
            Err(ProviderError::Unavailable { what, .. }) => {
                let why = what.lines().next().unwrap_or_default().to_owned();
                let chosen = process(options)?;
                say(format!("provider process: {why}"));
                Ok(chosen)
            }
            Err(error) => Err(error),
        },
    }
}

fn needs_engine(plan: &Plan) -> bool {
    plan.nodes.iter().any(|node| matches!(node.source, NodeSource::Image(_)))
}
