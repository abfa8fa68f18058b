//! Objects of Kubernetes: a StatefulSet and a headless Service for each group of nodes, and a NetworkPolicy that keeps
//! them to themselves. Pods have addresses that nobody knows before, so seeds are named.
//!
//! `group` says which nodes are pods of one set, `types` is the part of the API that is needed.

mod group;
mod types;

use std::{collections::BTreeMap, net::Ipv4Addr};

use group::{Group, Pods, groups};
use serde::Serialize;
use types::{
    Anything, Capabilities, Claim, ClaimSpec, Container, ContainerPort, ContainerSecurity, Egress,
    EnvValue, EnvVar, FieldRef, Ingress, Labels, Limited, Metadata, Mount, NetworkPolicySpec,
    Object, Ordinals, PodSecurity, PodSpec, PodTemplate, PolicyPort, Probe, Requested, Seccomp,
    Selector, ServicePort, ServiceSpec, StatefulSetSpec, TcpSocket, ValueFrom, Whom,
};

use super::{
    NoExport,
    member::members,
    remark::{label, project, remarks},
};
use crate::{
    profile::{DATA_DIR, Launched, NodeProfile, P2P_PORT},
    scenario::Plan,
};

/// One address of those that pods have.
const A_POD: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
/// What all of a network's objects have.
const PART_OF: &str = "app.kubernetes.io/part-of";
/// What those of one group have.
const COMPONENT: &str = "app.kubernetes.io/component";
/// The volume with a node's state.
const STATE: &str = "state";
/// Where a node serves JSON-RPC, by name.
const RPC: &str = "rpc";
/// The variable with a pod's name, for arguments.
const POD_NAME: &str = "POD_NAME";
/// The group of our own image's user.
const GROUP: u32 = 65532;
/// As a run limits its nodes: what takes more has a leak.
const MEMORY: &str = "4Gi";
/// A day's chain, and room for more.
const DISK: &str = "1Gi";
/// Names are looked up there, by either protocol.
const DNS: u16 = 53;

/// Objects of Kubernetes for a plan's network, for nodes of this kind.
///
/// # Errors
///
/// It has nodes that are no images, or that dial no pods.
pub fn kubernetes(plan: &Plan, profile: &NodeProfile) -> Result<String, NoExport> {
    let members = members(plan)?;
    if !profile.dials(A_POD) {
        return Err(NoExport::Private(profile.name.clone()));
    }
    let groups = groups(&members);
    if let Some(group) = groups.iter().find(|group| group.name.starts_with(char::is_numeric)) {
        return Err(NoExport::Name(group.name.clone()));
    }
    let mut documents = vec![document(&network_policy(plan))?];
    for group in &groups {
        documents.push(document(&service(plan, profile, group))?);
        documents.push(document(&stateful_set(plan, profile, (group, &groups)))?);
    }
    let head = remarks(plan, "Kubernetes objects", &usage(plan, profile, &groups));
    Ok(head + &documents.join("---\n"))
}

fn document(object: &impl Serialize) -> Result<String, NoExport> {
    Ok(serde_saphyr::to_string(object)?)
}

fn labels(plan: &Plan, group: Option<&Group<'_>>) -> Labels {
    let all = [(PART_OF, label(&plan.scenario))].into_iter();
    all.chain(group.map(|group| (COMPONENT, group.name.clone()))).collect()
}

fn named(name: &str, labels: Labels) -> Metadata {
    Metadata { name: Some(name.to_owned()), labels }
}

fn network_policy(plan: &Plan) -> Object<NetworkPolicySpec> {
    let own = || Selector { match_labels: labels(plan, None) };
    let dns = |protocol| PolicyPort { protocol, port: DNS };
    Object {
        api_version: "networking.k8s.io/v1",
        kind: "NetworkPolicy",
        metadata: named("only-each-other", labels(plan, None)),
        spec: NetworkPolicySpec {
            pod_selector: own(),
            policy_types: vec!["Ingress", "Egress"],
            ingress: vec![Ingress { from: vec![Whom::PodSelector(own())] }],
            egress: vec![
                Egress { to: vec![Whom::PodSelector(own())], ports: Vec::new() },
                Egress {
                    to: vec![Whom::NamespaceSelector(Anything {})],
                    ports: vec![dns("UDP"), dns("TCP")],
                },
            ],
        },
    }
}

fn service(plan: &Plan, profile: &NodeProfile, group: &Group<'_>) -> Object<ServiceSpec> {
    Object {
        api_version: "v1",
        kind: "Service",
        metadata: named(&group.name, labels(plan, Some(group))),
        spec: ServiceSpec {
            cluster_ip: "None",
            publish_not_ready_addresses: true,
            selector: labels(plan, Some(group)),
            ports: vec![
                ServicePort { name: "p2p", port: P2P_PORT },
                ServicePort { name: RPC, port: profile.rpc_port },
            ],
        },
    }
}

fn stateful_set(
    plan: &Plan,
    profile: &NodeProfile,
    (group, groups): (&Group<'_>, &[Group<'_>]),
) -> Object<StatefulSetSpec> {
    let claim = ClaimSpec {
        access_modes: vec!["ReadWriteOnce"],
        resources: Requested { requests: BTreeMap::from([("storage", DISK)]) },
    };
    // Late ones come when somebody wants them.
    let is_later = group.members.iter().all(|member| member.node.later);
    Object {
        api_version: "apps/v1",
        kind: "StatefulSet",
        metadata: named(&group.name, labels(plan, Some(group))),
        spec: StatefulSetSpec {
            service_name: group.name.clone(),
            replicas: if is_later { 0 } else { group.members.len() },
            ordinals: (group.pods == Pods::AsNodes).then_some(Ordinals { start: 1 }),
            pod_management_policy: "Parallel",
            selector: Selector { match_labels: labels(plan, Some(group)) },
            template: PodTemplate {
                metadata: Metadata { name: None, labels: labels(plan, Some(group)) },
                spec: PodSpec {
                    automount_service_account_token: false,
                    enable_service_links: false,
                    security_context: PodSecurity {
                        fs_group: GROUP,
                        seccomp_profile: Seccomp { kind: "RuntimeDefault" },
                    },
                    containers: vec![container(plan, profile, (group, groups))],
                },
            },
            volume_claim_templates: vec![Claim {
                metadata: named(STATE, Labels::new()),
                spec: claim,
            }],
        },
    }
}

fn container(
    plan: &Plan,
    profile: &NodeProfile,
    (group, groups): (&Group<'_>, &[Group<'_>]),
) -> Container {
    let member = group.members[0];
    let host = |seed: &str| {
        let group = groups.iter().find(|group| group.has(seed))?;
        Some(format!("{}.{}", group.pod(seed), group.name))
    };
    // Its own name is the pod's.
    let name = format!("$({POD_NAME})");
    let Launched { args, env } = member.launched(plan, profile, &name, host);
    let own = |arg: String| if arg == format!("${name}") { name.clone() } else { arg };
    let pod = ValueFrom { field_ref: FieldRef { field_path: "metadata.name" } };
    let pod = EnvVar { name: POD_NAME.to_owned(), value: EnvValue::ValueFrom(pod) };
    let env = env.into_iter().map(|(name, value)| EnvVar { name, value: EnvValue::Value(value) });
    let port = |name, container_port| ContainerPort { name, container_port };
    Container {
        name: "node",
        image: member.image.to_owned(),
        // An image that was brought to the cluster by hand is nowhere else.
        image_pull_policy: "IfNotPresent",
        args: args.into_iter().map(own).collect(),
        env: [pod].into_iter().chain(env).collect(),
        ports: vec![port("p2p", P2P_PORT), port(RPC, profile.rpc_port)],
        readiness_probe: Probe { tcp_socket: TcpSocket { port: RPC } },
        resources: Limited { limits: BTreeMap::from([("memory", MEMORY)]) },
        security_context: ContainerSecurity {
            allow_privilege_escalation: false,
            capabilities: Capabilities { drop: vec!["ALL"] },
        },
        volume_mounts: vec![Mount { name: STATE, mount_path: DATA_DIR }],
    }
}

fn usage(plan: &Plan, profile: &NodeProfile, groups: &[Group<'_>]) -> Vec<String> {
    let name = project(plan);
    let mut usage = vec![
        format!("  kubectl create namespace {name}"),
        format!("  kubectl --namespace {name} apply --filename FILE"),
        format!("  kubectl delete namespace {name}        removes it, with the nodes' state"),
        String::new(),
    ];
    let first = groups.first().and_then(|group| Some(group.pod(&group.members.first()?.node.name)));
    usage.extend(first.map(|pod| {
        let port = profile.rpc_port;
        format!("JSON-RPC of {pod}: kubectl --namespace {name} port-forward {pod} {port}:{port}")
    }));
    usage.push(
        "The policy keeps nodes to each other, and everybody else from their RPC, where the cluster's network obeys policies. Kubernetes 1.31 or later."
            .to_owned(),
    );
    for group in groups.iter().filter(|group| group.members.iter().all(|one| one.node.later)) {
        usage.push(format!(
            "Nobody of {0} is started yet: kubectl --namespace {name} scale statefulset {0} --replicas {1}",
            group.name,
            group.members.len()
        ));
    }
    usage
}
