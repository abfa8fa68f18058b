//! Parameters of the methods. A malformed one is error -32602, and the message says what is
//! accepted.

use jsonrpsee_types::{ErrorObjectOwned, Params, error::INVALID_PARAMS_CODE};
use serde_json::Value;

use crate::chain::{BlockNumber, Hash};

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
    optional(params, ACCEPTED, height)
}

/// `[start, end?]`: at most `most` heights, the last one included.
pub(super) fn heights(
    params: &Params<'_>,
    most: u32,
) -> Result<(BlockNumber, BlockNumber), ErrorObjectOwned> {
    let accepted = || {
        invalid(format!("accepted: two heights, the first and the last of at most {most} blocks"))
    };
    let number = |value| height(value).and_then(|number| BlockNumber::try_from(number).ok());
    let (start, end) = match values(params)?.as_slice() {
        [start] => (number(start), number(start)),
        [start, end] => (number(start), number(end)),
        _ => (None, None),
    };
    let (start, end) = start.zip(end).ok_or_else(accepted)?;
    let count = end.checked_sub(start).ok_or_else(accepted)?;
    if count < most { Ok((start, end)) } else { Err(accepted()) }
}

/// `[id]`: a subscription, by what subscribing answered.
pub(super) fn subscription(params: &Params<'_>) -> Result<String, ErrorObjectOwned> {
    match values(params)?.as_slice() {
        [Value::String(id)] => Ok(id.clone()),
        _ => Err(invalid("accepted: one subscription ID, as subscribing answered it")),
    }
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

/// A JSON number, or `0x` and hex digits.
fn height(value: &Value) -> Option<u64> {
    match value.as_str() {
        Some(text) => text
            .strip_prefix("0x")
            .filter(|digits| !digits.starts_with('+'))
            .and_then(|digits| u64::from_str_radix(digits, 16).ok()),
        None => value.as_u64(),
    }
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
