//! A node as other tools have it: an image, arguments, environment. The same as in a run's container
//! ([`Place`]), but for what those tools would read into a text.

use std::{net::Ipv4Addr, path::Path};

use super::NoExport;
use crate::{
    node::NodeSource,
    profile::{DATA_DIR, Launched, NodeProfile, P2P_PORT, Place, Wanted},
    scenario::{NodePlan, Plan},
};

/// One node.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member<'a> {
    pub(super) node: &'a NodePlan,
    pub(super) image: &'a str,
}

/// All of them, in the scenario's order.
pub(super) fn members(plan: &Plan) -> Result<Vec<Member<'_>>, NoExport> {
    plan.nodes.iter().map(Member::of).collect()
}

impl<'a> Member<'a> {
    fn of(node: &'a NodePlan) -> Result<Self, NoExport> {
        match &node.source {
            _ if node.hostile.is_some() => Err(NoExport::Hostile(node.name.clone())),
            NodeSource::Image(image) => Ok(Self { node, image }),
            NodeSource::Workspace | NodeSource::Hostile | NodeSource::Binary(_) => {
                let what = node.source.to_string();
                Err(NoExport::File { node: node.name.clone(), what })
            }
        }
    }

    /// What it is executed with, under this name, where `host` says what a seed is called by the others.
    pub(super) fn launched(
        self,
        plan: &Plan,
        profile: &NodeProfile,
        name: &str,
        host: impl Fn(&str) -> Option<String>,
    ) -> Launched {
        let seeds = plan.seeds_of(self.node).filter_map(host);
        let seeds: Vec<String> = seeds.map(|host| format!("{host}:{P2P_PORT}")).collect();
        let node = self.node;
        let wanted = Wanted {
            name,
            block_time: plan.block_time,
            mine: node.mine,
            env: &node.env,
            args: &node.args,
        };
        let listen = if node.hidden { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
        let place = Place {
            base_path: Path::new(DATA_DIR),
            listen: (listen, P2P_PORT).into(),
            rpc_port: profile.rpc_port,
            rpc_external: true,
            metrics_port: None,
            loopback: false,
        };
        let Launched { args, env } = profile.launch(wanted, &place, &seeds.join(","));
        Launched {
            args: args.iter().map(|arg| literal(arg)).collect(),
            env: env.into_iter().map(|(name, value)| (name, literal(&value))).collect(),
        }
    }
}

/// Both tools put variables where they see a dollar, and take two of them for one.
fn literal(text: &str) -> String {
    text.replace('$', "$$")
}
