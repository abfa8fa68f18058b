//! Every method over a real connection, against a fixed chain.

use std::fmt::Write;

use hegemon_node::{
    chain::Hash,
    rpc::{MethodPolicy, RpcConfig},
};
use jsonrpsee_core::{
    client::{BatchResponse, ClientT, Error},
    params::{ArrayParams, BatchRequestBuilder},
};
use jsonrpsee_http_client::HttpClient;
use serde_json::{Value, json};

use crate::served::{LOCAL, Served};

async fn serve(methods: MethodPolicy) -> Served {
    Served::with(RpcConfig { methods, ..LOCAL }).await
}

fn array(params: &Value) -> ArrayParams {
    let mut array = ArrayParams::new();
    for param in params.as_array().unwrap() {
        array.insert(param).unwrap();
    }
    array
}

async fn call(client: &HttpClient, method: &str, params: Value) -> Result<Value, String> {
    match client.request::<Value, _>(method, array(&params)).await {
        Ok(value) => Ok(value),
        Err(Error::Call(error)) => Err(format!("error {}: {}", error.code(), error.message())),
        Err(error) => panic!("{method}: {error}"),
    }
}

async fn transcript(client: &HttpClient, calls: &[(&str, Value)]) -> String {
    let mut text = String::new();
    for (method, params) in calls {
        let answer = match call(client, method, params.clone()).await {
            Ok(mut value) => {
                // Another crate of the workspace may turn on serde_json's `preserve_order`.
                value.sort_all_objects();
                serde_json::to_string_pretty(&value).unwrap()
            }
            Err(error) => error,
        };
        writeln!(text, "> {method} {params}\n{answer}\n").unwrap();
    }
    text
}

#[tokio::test]
async fn every_method_answers_as_the_contract_says() {
    let served = serve(MethodPolicy::Auto).await;
    let second = served.chain.hash_at(2).unwrap().unwrap().to_string();
    let calls = [
        ("chain_getBlock", json!([])),
        ("chain_getBlock", json!([second])),
        ("chain_getBlockHash", json!([])),
        ("chain_getBlockHash", json!([2])),
        ("chain_getBlockHash", json!(["0x2"])),
        ("chain_getBlockHash", json!([4])),
        ("chain_getHeader", json!([])),
        ("chain_getHeader", json!([null])),
        ("chain_getHeader", json!([Hash([1; 32]).to_string()])),
        ("chain_getFinalizedHead", json!([])),
        ("hegemon_blockTimestamps", json!([1])),
        ("hegemon_blockTimestamps", json!([0, "0x9"])),
        ("hegemon_consensusStatus", json!([])),
        ("hegemon_discoveryStatus", json!([])),
        ("hegemon_miningStatus", json!([])),
        ("hegemon_peerList", json!([])),
        ("hegemon_stopMining", json!([])),
        ("rpc_methods", json!([])),
        ("state_getRuntimeVersion", json!([])),
        ("state_getRuntimeVersion", json!([second])),
        ("system_chain", json!([])),
        ("system_health", json!([])),
        ("system_healthStatus", json!([])),
        ("system_localListenAddresses", json!([])),
        ("system_localPeerId", json!([])),
        ("system_name", json!([])),
        ("system_nodeRoles", json!([])),
        ("system_peers", json!([])),
        ("system_properties", json!([])),
        ("system_syncState", json!([])),
        ("system_version", json!([])),
    ];
    insta::assert_snapshot!("methods", transcript(&served.client, &calls).await);
    served.server.stop().await;
}

#[tokio::test]
async fn malformed_parameters_are_told_what_is_accepted() {
    let served = serve(MethodPolicy::Unsafe).await;
    let calls = [
        ("chain_getHeader", json!(["0x12"])),
        ("chain_getHeader", json!([7])),
        ("chain_getBlockHash", json!([-1])),
        ("chain_getBlockHash", json!([1.5])),
        ("chain_getBlockHash", json!(["2"])),
        ("chain_getBlockHash", json!(["0x+2"])),
        ("chain_getBlockHash", json!([1, 2])),
        ("hegemon_blockTimestamps", json!([])),
        ("hegemon_blockTimestamps", json!([2, 1])),
        ("hegemon_blockTimestamps", json!([0, 256])),
        ("hegemon_blockTimestamps", json!([0, 4_294_967_296_u64])),
        ("hegemon_startMining", json!([3])),
        ("hegemon_startMining", json!([{ "threads": 0 }])),
        ("hegemon_startMining", json!([{ "threads": 65 }])),
        ("system_health", json!([1])),
        ("no_such_method", json!([])),
    ];
    insta::assert_snapshot!("malformed", transcript(&served.client, &calls).await);
}

#[tokio::test]
async fn mining_starts_and_stops() {
    let served = serve(MethodPolicy::Auto).await;
    let started =
        call(&served.client, "hegemon_startMining", json!([{ "threads": 2 }])).await.unwrap();
    assert_eq!(started["success"], true);
    assert_eq!(started["status"]["is_mining"], true);
    assert_eq!(started["status"]["threads"], 2);
    let stopped = call(&served.client, "hegemon_stopMining", json!([])).await.unwrap();
    assert_eq!(stopped["status"]["is_mining"], false);
}

#[tokio::test]
async fn a_safe_server_offers_no_unsafe_methods() {
    let served = serve(MethodPolicy::Safe).await;
    let listed = call(&served.client, "rpc_methods", json!([])).await.unwrap();
    for method in ["hegemon_startMining", "hegemon_stopMining", "system_peers"] {
        assert!(!listed["methods"].as_array().unwrap().contains(&json!(method)));
        let answer = call(&served.client, method, json!([])).await.unwrap_err();
        assert!(answer.contains("-32601"), "{answer}");
    }
}

#[tokio::test]
async fn batches_are_served_up_to_their_limit() {
    let served = serve(MethodPolicy::Auto).await;
    let batch = |calls| {
        let mut batch = BatchRequestBuilder::new();
        for _ in 0..calls {
            batch.insert("system_health", ArrayParams::new()).unwrap();
        }
        batch
    };
    let answers: BatchResponse<'_, Value> = served.client.batch_request(batch(32)).await.unwrap();
    assert_eq!(answers.num_successful_calls(), 32);
    let refused: Result<BatchResponse<'_, Value>, _> = served.client.batch_request(batch(33)).await;
    assert!(refused.is_err());
}

#[tokio::test]
async fn a_taken_port_is_an_error_that_says_what_to_do() {
    let served = serve(MethodPolicy::Auto).await;
    let error = served.again().await.unwrap_err().to_string();
    assert!(error.contains("--rpc-port"), "{error}");
}
