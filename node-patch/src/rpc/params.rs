//! Parameters of the methods. A malformed one is error -32602, and the message says what is
//! accepted.

use jsonrpsee::types::{ErrorObjectOwned, Params, error::INVALID_PARAMS_CODE};
use serde_json::Value;

use crate::chain::Hash;

/// No parameters at all.
pub(super) fn none(params: &Params<'_>) -> Result<(), ErrorObjectOwned> {
    match values(params)?.as_slice() {
        [] => Ok(()),
        _ => Err(invalid("no parameters are accepted")),
    }
}

/// `[hash?]`: a block hash.
pub(super) fn hash(params: &Params<'_>) -> Result<Option<Hash>, ErrorObjectOwned> {
    const ACCEPTED: &str = "accepted: no parameter or null for the best block, or one block hash as \"0x\" and 64 hex digits";
    optional(params, ACCEPTED, |value| {
        let mut bytes = [0; 32];
        hex::decode_to_slice(value.as_str()?.strip_prefix("0x")?, &mut bytes).ok()?;
        Some(Hash(bytes))
    })
}

/// `[number?]`: a height.
pub(super) fn number(params: &Params<'_>) -> Result<Option<u64>, ErrorObjectOwned> {
    const ACCEPTED: &str = "accepted: no parameter or null for the best block, or one height as a number or as a \"0x\" hex string";
    optional(params, ACCEPTED, |value| match value.as_str() {
        Some(text) => text
            .strip_prefix("0x")
            .filter(|digits| !digits.starts_with('+'))
            .and_then(|digits| u64::from_str_radix(digits, 16).ok()),
        None => value.as_u64(),
    })
}

/// `[{ threads? }?]`: a number of mining threads.
pub(super) fn threads(params: &Params<'_>) -> Result<Option<usize>, ErrorObjectOwned> {
    const ACCEPTED: &str = "accepted: no parameter, or one object { \"threads\": number }";
    let threads = optional(params, ACCEPTED, |value| match value.as_object()?.get("threads") {
        Some(threads) => Some(Some(usize::try_from(threads.as_u64()?).ok()?)),
        None => Some(None),
    })?;
    Ok(threads.flatten())
}

/// Error -32602.
pub(super) fn invalid(message: impl Into<String>) -> ErrorObjectOwned {
    ErrorObjectOwned::owned(INVALID_PARAMS_CODE, message, None::<()>)
}

fn optional<T>(
    params: &Params<'_>,
    accepted: &str,
    parse: impl FnOnce(&Value) -> Option<T>,
) -> Result<Option<T>, ErrorObjectOwned> {
    match values(params)?.as_slice() {
        [] | [Value::Null] => Ok(None),
        [value] => parse(value).map(Some).ok_or_else(|| invalid(accepted)),
        _ => Err(invalid(accepted)),
    }
}

fn values(params: &Params<'_>) -> Result<Vec<Value>, ErrorObjectOwned> {
    match params.as_str() {
        None => Ok(Vec::new()),
        Some(_) => params.parse().map_err(|_| invalid("parameters must be given as an array")),
    }
}
