//! The listener, its limits, and which methods it offers.

use std::{io, net::SocketAddr};

use jsonrpsee::{
    RpcModule,
    server::{BatchRequestConfig, ServerBuilder, ServerConfig, ServerHandle},
};
use serde_json::json;

use super::{
    context::RpcContext,
    methods::{Access, METHODS, Method},
    params,
};
use crate::chain::MAX_BLOCK_BYTES;

/// Connections at a time. A harness, a dashboard and an operator need a handful; each idle one
/// costs a few KiB.
const MAX_CONNECTIONS: u32 = 100;

/// Largest request, in bytes. Our parameters are a hash at most; this is a full batch of them and
/// to spare.
const MAX_REQUEST_BYTES: u32 = 64 * 1024;

/// Largest response, in bytes: the largest block in hex, and as much again for JSON around it.
const MAX_RESPONSE_BYTES: u32 = 4 * MAX_BLOCK_BYTES as u32;

/// Calls in one batch: bounds what one request can make us do.
const MAX_BATCH: u32 = 32;

/// Which methods the server offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum MethodPolicy {
    /// Only safe ones.
    Safe,
    /// All.
    Unsafe,
    /// All on loopback, only safe ones on other interfaces.
    Auto,
}

/// Where and what to serve.
#[derive(Debug, Clone, Copy)]
pub struct RpcConfig {
    /// The address to listen on; port 0 takes any.
    pub addr: SocketAddr,
    /// Which methods.
    pub methods: MethodPolicy,
}

/// The server could not start.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot serve RPC on {addr}: {source}; choose another --rpc-port, or stop what listens there"
)]
pub struct RpcError {
    addr: SocketAddr,
    source: io::Error,
}

/// A running server. It serves until stopped, dropped or not.
#[derive(Debug)]
pub struct RpcServer {
    addr: SocketAddr,
    handle: ServerHandle,
}

impl RpcServer {
    /// The address that it listens on.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Stops listening, lets running calls end, and waits for that.
    pub async fn stop(self) {
        // An error means that it has stopped already.
        let _ = self.handle.stop();
        self.handle.stopped().await;
    }
}

/// Starts the server.
///
/// # Errors
/// If the address cannot be listened on.
pub async fn start(config: RpcConfig, context: RpcContext) -> Result<RpcServer, RpcError> {
    let addr = config.addr;
    let limits = ServerConfig::builder()
        .max_connections(MAX_CONNECTIONS)
        .max_request_body_size(MAX_REQUEST_BYTES)
        .max_response_body_size(MAX_RESPONSE_BYTES)
        .set_batch_request_config(BatchRequestConfig::Limit(MAX_BATCH))
        .build();
    let bound = async {
        let server = ServerBuilder::with_config(limits).build(addr).await?;
        Ok((server.local_addr()?, server))
    };
    let (addr, server) = bound.await.map_err(|source| RpcError { addr, source })?;
    let handle = server.start(module(config, context));
    Ok(RpcServer { addr, handle })
}

fn module(config: RpcConfig, context: RpcContext) -> RpcModule<RpcContext> {
    let all = match config.methods {
        MethodPolicy::Safe => false,
        MethodPolicy::Unsafe => true,
        MethodPolicy::Auto => config.addr.ip().is_loopback(),
    };
    let enabled = |method: &&Method| all || method.access == Access::Safe;
    let mut module = RpcModule::new(context);
    for method in METHODS.iter().filter(enabled) {
        let call = method.call;
        module
            .register_method(method.name, move |params, context, _| call(context, &params))
            .expect("no name is in the table twice");
    }
    let mut names: Vec<_> = module.method_names().chain(["rpc_methods"]).collect();
    names.sort_unstable();
    module
        .register_method("rpc_methods", move |params, _, _| {
            params::none(&params).map(|()| json!({ "methods": names }))
        })
        .expect("not in the table");
    module
}
