//! A compose file: one service per node, on an internal network, with the fixed addresses that a run would give.

use serde::Serialize;

use super::{
    NoExport,
    member::{Member, members},
    ordered::Ordered,
    remark::{project, remarks},
};
use crate::{
    profile::{DATA_DIR, NodeProfile},
    scenario::Plan,
    subnet::Ipv4Subnet,
};

/// Of the range that is nobody's; runs take the first ones that are free.
const SUBNET: &str = "198.18.255.0/24";
/// The one network's name.
const NETWORK: &str = "network";
/// Whoever has this profile is started by name.
const LATER: &str = "later";
/// As a run limits its nodes: what takes more has a leak.
const MEMORY: &str = "4g";
/// The same for threads.
const PROCESSES: u32 = 4096;

/// What `docker-compose` reads.
#[derive(Debug, Serialize)]
struct Compose {
    services: Ordered<Service>,
    networks: Ordered<Network>,
    volumes: Ordered<Volume>,
}

#[derive(Debug, Serialize)]
struct Service {
    image: String,
    hostname: String,
    command: Vec<String>,
    environment: Ordered<String>,
    networks: Ordered<Endpoint>,
    volumes: Vec<String>,
    mem_limit: &'static str,
    pids_limit: u32,
    restart: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    profiles: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
struct Endpoint {
    ipv4_address: String,
}

#[derive(Debug, Serialize)]
struct Network {
    internal: bool,
    ipam: Ipam,
}

#[derive(Debug, Serialize)]
struct Ipam {
    config: Vec<Pool>,
}

#[derive(Debug, Serialize)]
struct Pool {
    subnet: String,
}

/// As the engine makes them.
#[derive(Debug, Serialize)]
struct Volume {}

/// A compose file of a plan's network, for nodes of this kind.
///
/// # Errors
///
/// It has nodes that are no images.
pub fn compose(plan: &Plan, profile: &NodeProfile) -> Result<String, NoExport> {
    let members = members(plan)?;
    let wanted = plan.subnet.as_deref().unwrap_or(SUBNET);
    let subnet: Ipv4Subnet = wanted.parse().expect("a plan's subnet was read as one");
    let services = members.iter().map(|member| {
        let service = service(plan, profile, (*member, subnet));
        (member.node.name.clone(), service)
    });
    let services = Ordered(services.collect());
    let volumes = members.iter().map(|member| (member.node.name.clone(), Volume {}));
    let network = Network {
        internal: true,
        ipam: Ipam { config: vec![Pool { subnet: subnet.to_string() }] },
    };
    let document = Compose {
        services,
        networks: Ordered::one(NETWORK, network),
        volumes: Ordered(volumes.collect()),
    };
    Ok(remarks(plan, "A compose file", &usage(plan, profile, subnet))
        + &serde_saphyr::to_string(&document)?)
}

fn service(
    plan: &Plan,
    profile: &NodeProfile,
    (member, subnet): (Member<'_>, Ipv4Subnet),
) -> Service {
    let name = &member.node.name;
    let launched = member.launched(plan, profile, name, |seed| match plan.seeds_by_name {
        true => Some(seed.to_owned()),
        false => address(plan, subnet, seed),
    });
    let ipv4_address = address(plan, subnet, name).expect("a plan has room for all of its nodes");
    Service {
        image: member.image.replace('$', "$$"),
        hostname: name.clone(),
        command: launched.args,
        environment: Ordered(launched.env.into_iter().collect()),
        networks: Ordered::one(NETWORK, Endpoint { ipv4_address }),
        volumes: vec![format!("{name}:{DATA_DIR}")],
        mem_limit: MEMORY,
        pids_limit: PROCESSES,
        restart: "no",
        profiles: if member.node.later { vec![LATER] } else { Vec::new() },
    }
}

/// A node's own, in the scenario's order.
fn address(plan: &Plan, subnet: Ipv4Subnet, name: &str) -> Option<String> {
    let index = plan.nodes.iter().position(|node| node.name == name)?;
    subnet.node(index).map(|address| address.to_string())
}

fn usage(plan: &Plan, profile: &NodeProfile, subnet: Ipv4Subnet) -> Vec<String> {
    let command = format!("docker-compose --project-name {} -f FILE", project(plan));
    let mut usage = vec![
        format!("  {command} up -d           starts it"),
        format!("  {command} down -v         removes it, with the nodes' state"),
    ];
    if plan.nodes.iter().any(|node| node.later) {
        usage.push(format!("  {command} --profile {LATER} up -d   starts the late ones too"));
    }
    usage.push(String::new());
    usage.push(format!(
        "Its network {subnet} has no way out; where somebody has that, another one of 198.18.0.0/15 does as well, in every place."
    ));
    usage.push(format!("The image's user must be able to write to {DATA_DIR}. JSON-RPC, from the engine's own host:"));
    usage.extend(plan.nodes.iter().filter_map(|node| {
        let address = address(plan, subnet, &node.name)?;
        Some(format!("  {:<10} http://{address}:{}", node.name, profile.rpc_port))
    }));
    usage
}
