//! JSON-RPC 2.0: from the bytes of a request to the text of its answer. What a method means is not
//! known here.

use std::borrow::Cow;

use jsonrpsee_types::{
    ErrorObjectOwned, Id, InvalidRequest, Params, Request, Response, ResponsePayload, TwoPointZero,
    error::{ErrorCode, OVERSIZED_RESPONSE_CODE, reject_too_big_batch_request},
};
use serde::de::IgnoredAny;
use serde_json::{Value, value::RawValue};

use super::limits::{MAX_BATCH, MAX_RESPONSE_BYTES};

/// A method's result.
pub type Answer = Result<Value, ErrorObjectOwned>;

/// Answers one request or a batch, each call by `call`. `None`: nothing in it wants an answer.
///
/// A notification is not carried out: no method of ours is of use to whoever does not want to know
/// how it went.
pub fn answer(request: &[u8], mut call: impl FnMut(&str, &Params<'_>) -> Answer) -> Option<String> {
    let first = request.iter().find(|byte| !byte.is_ascii_whitespace());
    match (first, std::str::from_utf8(request)) {
        (Some(b'['), Ok(batch)) => answer_batch(batch, &mut call),
        (Some(b'{'), Ok(single)) => answer_one(single, &mut call),
        _ => Some(refuse(Id::Null, ErrorCode::ParseError)),
    }
}

fn answer_one(request: &str, call: &mut dyn FnMut(&str, &Params<'_>) -> Answer) -> Option<String> {
    let Ok(request) = serde_json::from_str::<Request<'_>>(request) else {
        return answer_malformed(request);
    };
    let params = Params::new(request.params.as_ref().map(|params| params.get()));
    Some(match call(&request.method, &params) {
        Ok(value) => render(&Response::new(ResponsePayload::success(value), request.id)),
        Err(error) => refuse(request.id, error),
    })
}

/// What is no call: a notification, or a mistake.
fn answer_malformed(request: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Notification<'a> {
        #[serde(rename = "jsonrpc")]
        _version: TwoPointZero,
        #[serde(borrow, rename = "method")]
        _method: Cow<'a, str>,
        #[serde(borrow)]
        id: Option<&'a RawValue>,
    }
    if serde_json::from_str::<Notification<'_>>(request).is_ok_and(|call| call.id.is_none()) {
        return None;
    }
    let code = match serde_json::from_str::<IgnoredAny>(request) {
        Ok(_) => ErrorCode::InvalidRequest,
        Err(_) => ErrorCode::ParseError,
    };
    let id = serde_json::from_str::<InvalidRequest<'_>>(request);
    Some(refuse(id.map_or(Id::Null, |invalid| invalid.id), code))
}

fn answer_batch(batch: &str, call: &mut dyn FnMut(&str, &Params<'_>) -> Answer) -> Option<String> {
    let Ok(calls) = serde_json::from_str::<Vec<&RawValue>>(batch) else {
        return Some(refuse(Id::Null, ErrorCode::ParseError));
    };
    if calls.is_empty() {
        return Some(refuse(Id::Null, ErrorCode::InvalidRequest));
    }
    if calls.len() > MAX_BATCH {
        return Some(refuse(Id::Null, reject_too_big_batch_request(MAX_BATCH)));
    }
    let mut answers = String::new();
    for one in calls.iter().filter_map(|one| answer_one(one.get(), call)) {
        if answers.len() + one.len() > MAX_RESPONSE_BYTES {
            return Some(refuse(Id::Null, too_large()));
        }
        answers.push(if answers.is_empty() { '[' } else { ',' });
        answers.push_str(&one);
    }
    (!answers.is_empty()).then(|| answers + "]")
}

/// In place of an answer that there is no room for: whose it was is in it alone.
pub(super) fn busy() -> String {
    refuse(Id::Null, ErrorCode::ServerIsBusy)
}

/// A batch asked for more than one answer may hold.
fn too_large() -> ErrorObjectOwned {
    let message = format!("the answer exceeds {MAX_RESPONSE_BYTES} bytes; ask for less at once");
    ErrorObjectOwned::owned(OVERSIZED_RESPONSE_CODE, message, None::<()>)
}

fn refuse(id: Id<'_>, error: impl Into<ErrorObjectOwned>) -> String {
    render(&Response::new(ResponsePayload::<()>::error(error), id))
}

fn render<T: serde::Serialize + Clone>(response: &Response<'_, T>) -> String {
    serde_json::to_string(response).expect("JSON values and strings are what JSON can hold")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn echo(request: &str) -> Option<Value> {
        let answer = answer(request.as_bytes(), |method, params| match method {
            "echo" => Ok(params.as_str().map_or(Value::Null, |raw| raw.into())),
            "large" => Ok("x".repeat(MAX_RESPONSE_BYTES / 2).into()),
            _ => Err(ErrorCode::MethodNotFound.into()),
        });
        answer.map(|text| serde_json::from_str(&text).unwrap())
    }

    fn code(request: &str) -> i64 {
        echo(request).unwrap()["error"]["code"].as_i64().unwrap()
    }

    #[test]
    fn calls_are_answered_under_their_ids() {
        for id in ["1", "\"x\"", "null"] {
            let request =
                format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"echo\",\"params\":[1]}}");
            let id: Value = serde_json::from_str(id).unwrap();
            assert_eq!(echo(&request).unwrap(), json!({"jsonrpc":"2.0","id":id,"result":"[1]"}));
        }
        let unknown = echo("{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"no_such_method\"}").unwrap();
        assert_eq!((&unknown["id"], &unknown["error"]["code"]), (&json!(7), &json!(-32601)));
    }

    #[test]
    fn what_is_no_request_is_told_so() {
        for text in ["", "   ", "\"text\"", "7", "{", "[", "[1", "{\"a\":}", "\u{feff}{}"] {
            assert_eq!(code(text), -32700, "{text}");
        }
        for text in [
            "[]",
            "{}",
            "{\"jsonrpc\":\"1.0\",\"method\":\"echo\"}",
            "{\"id\":1}",
            "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"echo\"}",
        ] {
            assert_eq!(code(text), -32600, "{text}");
        }
        assert_eq!(echo("{\"id\":5,\"method\":\"echo\"}").unwrap()["id"], 5, "its ID is kept");
        assert!(answer(b"{\"\xff\":1}", |_, _| unreachable!()).unwrap().contains("-32700"));
    }

    #[test]
    fn notifications_are_not_answered_nor_carried_out() {
        let notification = b"{\"jsonrpc\":\"2.0\",\"method\":\"echo\"}";
        assert_eq!(answer(notification, |_, _| panic!("carried out")), None);
        let batch = b" [{\"jsonrpc\":\"2.0\",\"method\":\"echo\"}]";
        assert_eq!(answer(batch, |_, _| panic!("carried out")), None);
    }

    #[test]
    fn a_batch_is_answered_call_by_call_within_its_bounds() {
        let call = |method: &str, id: usize| {
            format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"{method}\"}}")
        };
        let batch = |method: &str, calls: usize| {
            let calls: Vec<_> = (0..calls).map(|id| call(method, id)).collect();
            format!("[{}]", calls.join(","))
        };
        let answers = echo(&batch("echo", MAX_BATCH)).unwrap();
        let ids: Vec<_> = answers.as_array().unwrap().iter().map(|one| one["id"].clone()).collect();
        assert_eq!(ids, (0..MAX_BATCH).map(|id| json!(id)).collect::<Vec<_>>());
        assert_eq!(code(&batch("echo", MAX_BATCH + 1)), -32010);
        assert_eq!(code(&batch("large", 3)), -32008);
        let mixed = echo(&format!("[{}, 1, {}]", call("echo", 1), call("none", 2))).unwrap();
        assert_eq!(mixed[1]["error"]["code"], -32600);
        assert_eq!(mixed[2]["error"]["code"], -32601);
    }
}
