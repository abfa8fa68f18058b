//! The body of an RPC request, and what comes in a WebSocket's message.
#![no_main]

use hegemon_node::rpc::call;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

fuzz_target!(|bytes: &[u8]| {
    let mut calls = 0;
    let answer = call::answer(bytes, |method, params| {
        calls += 1;
        let params: Vec<Value> = params.parse()?;
        Ok(json!({ "method": method, "params": params }))
    });
    assert!(calls <= 32, "{calls} calls of one request");
    let Some(answer) = answer else { return assert_eq!(calls, 0) };
    let answer: Value = serde_json::from_str(&answer).expect("an answer is JSON");
    for one in answer.as_array().map_or(std::slice::from_ref(&answer), Vec::as_slice) {
        assert_eq!(one["jsonrpc"], "2.0");
        assert!(one.get("result").is_some() != one.get("error").is_some());
    }
});
