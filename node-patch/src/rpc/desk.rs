//! The same answers without a socket: for whoever is in the process.

use jsonrpsee_types::Params;

use super::{
    call::{self, Answer},
    context::RpcContext,
    methods::{self, Access},
};

/// Answers whoever is trusted with every method, as the server does over HTTP.
#[derive(Clone)]
pub struct Desk {
    context: RpcContext,
}

impl Desk {
    /// Answers for a node.
    #[must_use]
    pub fn new(context: RpcContext) -> Self {
        Self { context }
    }

    /// Answers a request or a batch. `None`: nothing in it wants an answer.
    #[must_use]
    pub fn ask(&self, request: &[u8]) -> Option<String> {
        call::answer(request, |name, params| carry_out(&self.context, Access::Unsafe, name, params))
    }
}

/// Carries out a call that needs no subscriber.
pub(super) fn carry_out(
    context: &RpcContext,
    access: Access,
    name: &str,
    params: &Params<'_>,
) -> Answer {
    match methods::find(name, access) {
        Some(method) => (method.call)(context, params),
        None if name == methods::LIST => methods::list(access, params),
        None => Err(jsonrpsee_types::error::ErrorCode::MethodNotFound.into()),
    }
}
