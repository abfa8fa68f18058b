//! A hegemon node as a [testcontainers] image, for tests that have other containers as well.
//!
//! ```no_run
//! use hegemon_testcontainers::{HegemonNode, p2p_address, rpc_url};
//!
//! # async fn test() -> Result<(), testcontainers::TestcontainersError> {
//! let seed = HegemonNode::default().with_mining().start().await?;
//! let node = HegemonNode::default().with_seed(p2p_address(&seed).await?).start().await?;
//! let url = rpc_url(&node).await?;
//! # Ok(())
//! # }
//! ```
//!
//! **The image** is in no registry. `harness image` makes it from this workspace's node, or from another one's program
//! (`--node-bin`), without a builder and without a network; `docker/Dockerfile` is the same for who has
//! both. [`HegemonNode::start`] says so where the engine has none, and never pulls one.
//!
//! **Who reaches it.** Its JSON-RPC is at a port of this machine's loopback, and nothing else is published.
//! A node knows the addresses that it is given and what those tell it, so it dials nobody else. On a network without a
//! way out (`docker network create --internal`, then [`ImageExt::with_network`](testcontainers::ImageExt) on
//! [`HegemonNode::request`]) nothing can be published: [`rpc_url`] is the container's own address then,
//! which Linux hosts reach.
//!
//! **What is left.** A container is removed when its handle is dropped, also by a panic. That is testcontainers'
//! doing, and so is that a handle must be dropped within a tokio runtime, and that a start that fails or is given up, and a
//! test process that is killed, leave their containers. Where that matters, or where a restart
//! has to be proven and a run to leave evidence, `harness::network` is for it.

use std::{borrow::Cow, fmt::Display, net::SocketAddr};

use testcontainers::{
    ContainerAsync, ContainerRequest, Image, ImageExt, TestcontainersError,
    bollard::{
        errors::Error as EngineError,
        models::{HostConfig, PortBinding},
    },
    core::{ContainerPort, WaitFor, client::docker_client_instance},
    runners::AsyncRunner,
};

/// What `harness image` calls it. Nobody can have it in a registry: the name says that it is this machine's.
const NAME: &str = "localhost/hegemon-node";
const TAG: &str = "latest";

/// The node contract's default ports.
const P2P_PORT: u16 = 30333;
const RPC_PORT: ContainerPort = ContainerPort::Tcp(9944);

/// Every image of ours has this folder, and its user may write there.
const BASE_PATH: &str = "/tmp/hegemon-data";

/// The node says this once it answers.
const SERVING: &str = "rpc=0.0.0.0:9944";

/// A node that is not started yet.
#[derive(Debug, Clone)]
#[must_use = "nothing is started before `start`"]
pub struct HegemonNode {
    name: String,
    tag: String,
    seeds: Vec<String>,
    env: Vec<(String, String)>,
    args: Vec<String>,
}

impl Default for HegemonNode {
    /// The image that `harness image` makes, on a development chain, with no seed and without a miner.
    fn default() -> Self {
        Self::from_image(NAME, TAG)
    }
}

impl HegemonNode {
    /// The same with another image. One that does not say on its log where its JSON-RPC is, as ours does,
    /// needs other conditions of readiness ([`ImageExt::with_ready_conditions`](testcontainers::ImageExt) on
    /// [`Self::request`]).
    pub fn from_image(name: &str, tag: &str) -> Self {
        Self {
            name: name.to_owned(),
            tag: tag.to_owned(),
            seeds: Vec::new(),
            env: Vec::new(),
            args: ["--dev", "--base-path", BASE_PATH, "--rpc-external"].map(str::to_owned).to_vec(),
        }
    }

    /// A node that it knows from the start: `host` or `host:port`, as of [`p2p_address`]. May be said again.
    pub fn with_seed(mut self, address: impl Display) -> Self {
        self.seeds.push(address.to_string());
        self
    }

    /// It mines.
    pub fn with_mining(self) -> Self {
        self.with_variable("HEGEMON_MINE", "1")
    }

    /// A variable of its environment.
    pub fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// An argument, after those that it has anyway.
    pub fn with_argument(mut self, argument: &str) -> Self {
        self.args.push(argument.to_owned());
        self
    }

    /// A request for its container, to be changed before it is started (a network, labels): its
    /// JSON-RPC is published on loopback, and nothing else unless it is mapped.
    ///
    /// testcontainers keeps one modifier of the host's configuration only: another one
    /// (`with_host_config_modifier`) replaces this one, and every port of the image is on every interface of the host
    /// then, unless it calls [`publish_on_loopback`] too. Where there is no such image, testcontainers pulls one of this
    /// name, which [`start`](Self::start) never does.
    pub fn request(self) -> ContainerRequest<Self> {
        self.with_host_config_modifier(publish_on_loopback)
    }

    /// Starts it, and returns when it answers.
    ///
    /// # Errors
    ///
    /// There is no engine, no such image on it, or a node that ends or does not answer in a minute.
    pub async fn start(self) -> Result<ContainerAsync<Self>, TestcontainersError> {
        self.is_there().await?;
        self.request().start().await
    }

    /// What testcontainers does not find it pulls, from whoever has the name.
    async fn is_there(&self) -> Result<(), TestcontainersError> {
        let engine = docker_client_instance().await?;
        let reference = format!("{}:{}", self.name, self.tag);
        match engine.inspect_image(&reference).await {
            Ok(_) => Ok(()),
            Err(EngineError::DockerResponseServerError { status_code: 404, .. }) => {
                Err(TestcontainersError::other(format!(
                    "no image `{reference}` on this engine: `harness image {reference}` makes it, of this workspace's node or of a program (--node-bin)"
                )))
            }
            Err(why) => Err(TestcontainersError::other(why)),
        }
    }
}

impl Image for HegemonNode {
    fn name(&self) -> &str {
        &self.name
    }

    fn tag(&self) -> &str {
        &self.tag
    }

    fn ready_conditions(&self) -> Vec<WaitFor> {
        vec![WaitFor::message_on_either_std(SERVING)]
    }

    fn env_vars(
        &self,
    ) -> impl IntoIterator<Item = (impl Into<Cow<'_, str>>, impl Into<Cow<'_, str>>)> {
        let seeds = (!self.seeds.is_empty()).then(|| ("HEGEMON_SEEDS", self.seeds.join(",")));
        let own = self.env.iter().map(|(name, value)| (name.as_str(), value.clone()));
        seeds.into_iter().chain(own)
    }

    fn cmd(&self) -> impl IntoIterator<Item = impl Into<Cow<'_, str>>> {
        self.args.iter().map(String::as_str)
    }

    fn expose_ports(&self) -> &[ContainerPort] {
        &[RPC_PORT]
    }
}

/// A node's JSON-RPC is at a port of this machine's loopback, and nothing else is published but what was mapped: what
/// [`HegemonNode::request`] has done to it, for a modifier of one's own.
pub fn publish_on_loopback(host: &mut HostConfig) {
    let binding =
        PortBinding { host_ip: Some("127.0.0.1".to_owned()), host_port: Some(String::new()) };
    // An engine's word for it is `default`, which is not the name of a network.
    host.network_mode.get_or_insert_with(|| "bridge".to_owned());
    host.publish_all_ports = Some(false);
    let published = host.port_bindings.get_or_insert_default();
    published.entry(RPC_PORT.to_string()).or_insert_with(|| Some(vec![binding]));
}

/// Where a node's JSON-RPC is, for this machine. An engine may publish it elsewhere after a restart.
///
/// # Errors
///
/// The node is not running.
pub async fn rpc_url(node: &ContainerAsync<HegemonNode>) -> Result<String, TestcontainersError> {
    match node.get_host_port_ipv4(RPC_PORT).await {
        Ok(port) => {
            let host = node.get_host().await?.to_string();
            // Published there, and nowhere that `localhost` may mean beside it.
            let host = if host == "localhost" { "127.0.0.1".to_owned() } else { host };
            Ok(format!("http://{host}:{port}"))
        }
        Err(TestcontainersError::PortNotExposed { .. }) => {
            let address = SocketAddr::new(node.get_bridge_ip_address().await?, RPC_PORT.as_u16());
            Ok(format!("http://{address}"))
        }
        Err(why) => Err(why),
    }
}

/// Where other nodes reach its transport: for their [`HegemonNode::with_seed`].
///
/// # Errors
///
/// The node is not running.
pub async fn p2p_address(
    node: &ContainerAsync<HegemonNode>,
) -> Result<SocketAddr, TestcontainersError> {
    Ok(SocketAddr::new(node.get_bridge_ip_address().await?, P2P_PORT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_what_it_was_told_to_be() {
        let node = HegemonNode::default()
            .with_seed("10.1.2.3:30333")
            .with_seed("seed")
            .with_mining()
            .with_argument("--log=debug");
        let env: Vec<(String, String)> = node
            .env_vars()
            .into_iter()
            .map(|(name, value)| (name.into().into_owned(), value.into().into_owned()))
            .collect();
        let said = [("HEGEMON_SEEDS", "10.1.2.3:30333,seed"), ("HEGEMON_MINE", "1")];
        assert_eq!(env, said.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let args: Vec<Cow<'_, str>> = node.cmd().into_iter().map(Into::into).collect();
        assert_eq!(
            args.join(" "),
            "--dev --base-path /tmp/hegemon-data --rpc-external --log=debug"
        );
        assert_eq!(HegemonNode::default().env_vars().into_iter().count(), 0, "nobody's seed");
    }
}
