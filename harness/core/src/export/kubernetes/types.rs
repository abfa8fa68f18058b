//! The part of Kubernetes' API that an export needs, by its own names (`apps/v1`, `v1`, `networking.k8s.io/v1`).
//! `ci/export.sh` holds what is made of it against the published schemas.

use std::collections::BTreeMap;

use serde::Serialize;

/// What objects are found by.
pub(super) type Labels = BTreeMap<&'static str, String>;

/// Anything that is kept under a name.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Object<S> {
    pub(super) api_version: &'static str,
    pub(super) kind: &'static str,
    pub(super) metadata: Metadata,
    pub(super) spec: S,
}

#[derive(Debug, Serialize)]
pub(super) struct Metadata {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub(super) labels: Labels,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Selector {
    pub(super) match_labels: Labels,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServiceSpec {
    #[serde(rename = "clusterIP")]
    pub(super) cluster_ip: &'static str,
    /// A seed is looked up before it is ready.
    pub(super) publish_not_ready_addresses: bool,
    pub(super) selector: Labels,
    pub(super) ports: Vec<ServicePort>,
}

#[derive(Debug, Serialize)]
pub(super) struct ServicePort {
    pub(super) name: &'static str,
    pub(super) port: u16,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StatefulSetSpec {
    pub(super) service_name: String,
    pub(super) replicas: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ordinals: Option<Ordinals>,
    pub(super) pod_management_policy: &'static str,
    pub(super) selector: Selector,
    pub(super) template: PodTemplate,
    pub(super) volume_claim_templates: Vec<Claim>,
}

#[derive(Debug, Serialize)]
pub(super) struct Ordinals {
    pub(super) start: u32,
}

#[derive(Debug, Serialize)]
pub(super) struct PodTemplate {
    pub(super) metadata: Metadata,
    pub(super) spec: PodSpec,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PodSpec {
    pub(super) automount_service_account_token: bool,
    /// Variables about every service beside it are none of a node's business.
    pub(super) enable_service_links: bool,
    pub(super) security_context: PodSecurity,
    pub(super) containers: Vec<Container>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PodSecurity {
    /// Whoever the image's user is, the state's directory is this group's, which it is in.
    pub(super) fs_group: u32,
    pub(super) seccomp_profile: Seccomp,
}

#[derive(Debug, Serialize)]
pub(super) struct Seccomp {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Container {
    pub(super) name: &'static str,
    pub(super) image: String,
    pub(super) image_pull_policy: &'static str,
    pub(super) args: Vec<String>,
    pub(super) env: Vec<EnvVar>,
    pub(super) ports: Vec<ContainerPort>,
    pub(super) readiness_probe: Probe,
    pub(super) resources: Limited,
    pub(super) security_context: ContainerSecurity,
    pub(super) volume_mounts: Vec<Mount>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EnvVar {
    pub(super) name: String,
    #[serde(flatten)]
    pub(super) value: EnvValue,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum EnvValue {
    Value(String),
    ValueFrom(ValueFrom),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ValueFrom {
    pub(super) field_ref: FieldRef,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FieldRef {
    pub(super) field_path: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ContainerPort {
    pub(super) name: &'static str,
    pub(super) container_port: u16,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Probe {
    pub(super) tcp_socket: TcpSocket,
}

#[derive(Debug, Serialize)]
pub(super) struct TcpSocket {
    pub(super) port: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct Limited {
    pub(super) limits: BTreeMap<&'static str, &'static str>,
}

#[derive(Debug, Serialize)]
pub(super) struct Requested {
    pub(super) requests: BTreeMap<&'static str, &'static str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ContainerSecurity {
    pub(super) allow_privilege_escalation: bool,
    pub(super) capabilities: Capabilities,
}

#[derive(Debug, Serialize)]
pub(super) struct Capabilities {
    pub(super) drop: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Mount {
    pub(super) name: &'static str,
    pub(super) mount_path: &'static str,
}

/// A claim that each pod gets one of.
#[derive(Debug, Serialize)]
pub(super) struct Claim {
    pub(super) metadata: Metadata,
    pub(super) spec: ClaimSpec,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClaimSpec {
    pub(super) access_modes: Vec<&'static str>,
    pub(super) resources: Requested,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NetworkPolicySpec {
    pub(super) pod_selector: Selector,
    pub(super) policy_types: Vec<&'static str>,
    pub(super) ingress: Vec<Ingress>,
    pub(super) egress: Vec<Egress>,
}

#[derive(Debug, Serialize)]
pub(super) struct Ingress {
    pub(super) from: Vec<Whom>,
}

#[derive(Debug, Serialize)]
pub(super) struct Egress {
    pub(super) to: Vec<Whom>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) ports: Vec<PolicyPort>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Whom {
    PodSelector(Selector),
    /// In every namespace, anybody.
    NamespaceSelector(Anything),
}

#[derive(Debug, Serialize)]
pub(super) struct Anything {}

#[derive(Debug, Serialize)]
pub(super) struct PolicyPort {
    pub(super) protocol: &'static str,
    pub(super) port: u16,
}
