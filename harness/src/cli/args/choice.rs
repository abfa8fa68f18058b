//! What several verbs choose from.

use clap::ValueEnum;

use crate::provider::NetworkChoice;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProviderChoice {
    Auto,
    Docker,
    Process,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum NetworkArg {
    Namespace,
    Loopback,
}

impl NetworkArg {
    /// What a provider is told.
    pub(crate) fn choice(asked: Option<Self>) -> NetworkChoice {
        match asked {
            None => NetworkChoice::Auto,
            Some(Self::Namespace) => NetworkChoice::Namespace,
            Some(Self::Loopback) => NetworkChoice::Loopback,
        }
    }
}
