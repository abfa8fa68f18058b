//! What several verbs choose from.

use clap::ValueEnum;
use harness_core::record::Asked;
use serde_json::Value;

use crate::provider::NetworkChoice;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProviderChoice {
    Auto,
    Docker,
    Process,
}

impl ProviderChoice {
    /// Where a recorded run is run again: where that is wanted now, else where it ran. Docker may have been what `auto`
    /// took, so that is more than what was asked for.
    pub(crate) fn again(wanted: Option<Self>, asked: &Asked, facts: &Value) -> Self {
        let choice = |name: &str| Self::from_str(name, false).ok();
        let ran_on = facts.get("provider").and_then(Value::as_str).and_then(choice);
        let recorded = ran_on.or_else(|| asked.provider.as_deref().and_then(choice));
        wanted.or(recorded).unwrap_or(Self::Auto)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum NetworkArg {
    Namespace,
    Loopback,
}

impl NetworkArg {
    /// The same of the network.
    pub(crate) fn again(wanted: Option<Self>, asked: &Asked) -> Option<Self> {
        wanted.or_else(|| Self::from_str(asked.network.as_deref()?, false).ok())
    }

    /// What a provider is told.
    pub(crate) fn choice(asked: Option<Self>) -> NetworkChoice {
        match asked {
            None => NetworkChoice::Auto,
            Some(Self::Namespace) => NetworkChoice::Namespace,
            Some(Self::Loopback) => NetworkChoice::Loopback,
        }
    }
}

/// How something is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Human,
    /// One JSON object a line
    Jsonl,
}
