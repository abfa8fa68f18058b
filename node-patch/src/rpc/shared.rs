//! What all connections have in common, and who may call what.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use jsonrpsee_types::Params;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    call::Answer,
    context::RpcContext,
    desk,
    guard::Reach,
    limits::{MAX_WAITING_BYTES, MAX_WEBSOCKETS, Patience, SHORT_ANSWER_BYTES},
    methods::Access,
};

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
    /// How long clients may take.
    pub patience: Patience,
}

impl RpcConfig {
    /// At an address, for clients that are given the usual time.
    #[must_use]
    pub fn new(addr: SocketAddr, methods: MethodPolicy) -> Self {
        Self { addr, methods, patience: Patience::default() }
    }
}

/// What all connections have in common.
pub(super) struct Shared {
    pub(super) context: RpcContext,
    pub(super) reach: Reach,
    pub(super) patience: Patience,
    pub(super) stop: CancellationToken,
    pub(super) tasks: TaskTracker,
    /// Places of WebSockets.
    pub(super) websockets: Arc<Semaphore>,
    /// Bytes of long answers that may wait to be taken.
    waiting: Arc<Semaphore>,
    methods: MethodPolicy,
}

impl Shared {
    pub(super) fn new(config: RpcConfig, context: RpcContext, stop: CancellationToken) -> Self {
        Self {
            context,
            reach: Reach::of(config.addr),
            patience: config.patience,
            stop,
            tasks: TaskTracker::new(),
            websockets: Arc::new(Semaphore::new(MAX_WEBSOCKETS)),
            waiting: Arc::new(Semaphore::new(MAX_WAITING_BYTES)),
            methods: config.methods,
        }
    }

    /// What a peer may call. `auto` trusts nobody once others can reach the server: what comes from
    /// loopback then may be a proxy for anybody.
    pub(super) fn access(&self, peer: SocketAddr) -> Access {
        access(self.methods, self.reach, peer.ip())
    }

    /// Carries out a call that needs no subscriber.
    pub(super) fn call(&self, access: Access, name: &str, params: &Params<'_>) -> Answer {
        desk::carry_out(&self.context, access, name, params)
    }

    /// Room for an answer until the client has taken it. `None`: clients that do not read have it
    /// all; the answer must not be kept.
    pub(super) fn room_for(&self, answer: &str) -> Option<Room> {
        let counted = if answer.len() > SHORT_ANSWER_BYTES { answer.len() } else { 0 };
        let bytes = u32::try_from(counted).ok()?;
        Arc::clone(&self.waiting).try_acquire_many_owned(bytes).ok()
    }
}

fn access(methods: MethodPolicy, reach: Reach, peer: IpAddr) -> Access {
    let local = reach == Reach::Loopback && peer.to_canonical().is_loopback();
    match methods {
        MethodPolicy::Unsafe => Access::Unsafe,
        MethodPolicy::Auto if local => Access::Unsafe,
        MethodPolicy::Auto | MethodPolicy::Safe => Access::Safe,
    }
}

/// Given back when dropped.
pub(super) type Room = OwnedSemaphorePermit;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_from_here_is_trusted_only_if_unsafe_is_said() {
        let of = |methods, reach, peer: &str| access(methods, reach, peer.parse().unwrap());
        for peer in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(of(MethodPolicy::Auto, Reach::Loopback, peer), Access::Unsafe);
            assert_eq!(of(MethodPolicy::Auto, Reach::External, peer), Access::Safe, "a proxy");
            assert_eq!(of(MethodPolicy::Safe, Reach::Loopback, peer), Access::Safe);
        }
        for reach in [Reach::Loopback, Reach::External] {
            assert_eq!(of(MethodPolicy::Auto, reach, "198.18.0.2"), Access::Safe);
            assert_eq!(of(MethodPolicy::Unsafe, reach, "198.18.0.2"), Access::Unsafe);
        }
    }
}
