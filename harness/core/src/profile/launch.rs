//! The arguments and environment of one node: core ones and nothing that would help (no shorter
//! tick, no warm start). The scenario has the last word.

use std::{collections::BTreeMap, net::SocketAddr, path::Path, time::Duration};

use super::{
    flags::Groups,
    kind::{Flag, NodeProfile, Variable},
};

/// What a scenario wants of a node.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Its name.
    pub name: &'a str,
    /// The mean time between two blocks, if the scenario says one.
    pub block_time: Option<Duration>,
    /// It mines.
    pub mine: bool,
    /// The last word on its environment.
    pub env: &'a BTreeMap<String, String>,
    /// The last word on its arguments.
    pub args: &'a [String],
}

/// What a provider has reserved for a node.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The state directory as the node sees it.
    pub base_path: &'a Path,
    /// What it binds its transport to.
    pub listen: SocketAddr,
    /// Where it serves JSON-RPC.
    pub rpc_port: u16,
    /// JSON-RPC must be on all interfaces.
    pub rpc_external: bool,
    /// Where it serves its metrics, if somebody looks at them.
    pub metrics_port: Option<u16>,
    /// Nodes live on loopback addresses.
    pub loopback: bool,
}

/// What a node is executed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launched {
    /// Its arguments.
    pub args: Vec<String>,
    /// What is added to its environment.
    pub env: BTreeMap<String, String>,
}

/// Flags that say where a node lives: the provider's, and nobody else's.
const PLACE: [Flag; 7] = [
    Flag::BasePath,
    Flag::Port,
    Flag::ListenAddr,
    Flag::RpcPort,
    Flag::RpcExternal,
    Flag::MetricsPort,
    Flag::MetricsExternal,
];

impl NodeProfile {
    /// What a node of this kind is executed with. `seeds` are the addresses of all seeds.
    pub fn launch(&self, node: Wanted<'_>, place: &Place<'_>, seeds: &str) -> Launched {
        let mut ours = Groups::default();
        for (flag, name) in &self.flags {
            match flag {
                Flag::Dev => ours.push(name, None),
                Flag::BasePath => ours.push(name, Some(place.base_path.display().to_string())),
                Flag::Name => ours.push(name, Some(node.name.to_owned())),
                Flag::Port => ours.push(name, Some(place.listen.port().to_string())),
                Flag::ListenAddr => ours.push(name, Some(place.listen.to_string())),
                Flag::RpcPort => ours.push(name, Some(place.rpc_port.to_string())),
                Flag::RpcExternal if place.rpc_external => ours.push(name, None),
                Flag::RpcExternal => {}
                Flag::MetricsPort => {
                    if let Some(port) = place.metrics_port {
                        ours.push(name, Some(port.to_string()));
                    }
                }
                // Reached as its RPC is.
                Flag::MetricsExternal if place.rpc_external && place.metrics_port.is_some() => {
                    ours.push(name, None);
                }
                Flag::MetricsExternal => {}
            }
        }
        ours.extend(Groups::of(self.args.iter().cloned()));
        if place.rpc_external {
            ours.extend(Groups::of(self.args_external.iter().cloned()));
        }
        let args = ours.replaced_by(Groups::of(node.args.iter().cloned())).into_args();
        Launched { args, env: self.environment(node, place, seeds) }
    }

    /// Why a scenario cannot give this flag to a node of this kind, if it cannot.
    pub(crate) fn refuses(&self, given: &str) -> Option<&'static str> {
        let (flag, _) = self.flags.iter().find(|(_, name)| *name == given)?;
        PLACE.contains(flag).then_some(
            "where a node lives is the provider's to say: addresses, ports and directories are per run",
        )
    }

    /// Whether the harness gives this flag by itself.
    pub(crate) fn knows(&self, given: &str) -> bool {
        self.flags.values().any(|name| name == given)
    }

    fn environment(
        &self,
        node: Wanted<'_>,
        place: &Place<'_>,
        seeds: &str,
    ) -> BTreeMap<String, String> {
        let value = |variable: &Variable| match variable {
            Variable::Seeds => Some(seeds.to_owned()),
            Variable::Mine => Some(if node.mine { "1" } else { "0" }.to_owned()),
            Variable::Loopback => place.loopback.then(|| "1".to_owned()),
            // Only a fault sets it.
            Variable::Clock => None,
            Variable::BlockTime => node.block_time.map(|time| time.as_millis().to_string()),
        };
        let ours = self.variables.iter();
        let mut env: BTreeMap<String, String> =
            ours.filter_map(|(variable, name)| Some((name.clone(), value(variable)?))).collect();
        env.extend(node.env.clone());
        env
    }
}
