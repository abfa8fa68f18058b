//! Who may ask: not the pages that a browser shows, and from outside nothing that changes the node.

use hegemon_node::rpc::{MethodPolicy, RpcConfig};
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, client::IntoClientRequest};

use crate::served::{EXTERNAL, LOCAL, Served};

const STOP: &str = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"hegemon_stopMining\"}";

async fn stop_mining(served: &Served, host: &str, origin: Option<&str>) -> String {
    let host = format!("Host: {host}");
    let mut head = vec!["POST / HTTP/1.1", "Content-Type: application/json", host.as_str()];
    let origin = origin.map(|origin| format!("Origin: {origin}"));
    head.extend(origin.as_deref());
    served.raw(&head, STOP).await
}

#[tokio::test]
async fn a_page_that_a_browser_shows_cannot_stop_mining() {
    let served = Served::with(LOCAL).await;
    served.miner.start(1).unwrap();
    let rebound = stop_mining(&served, "evil.example:9944", Some("http://evil.example:9944")).await;
    let foreign = stop_mining(&served, "127.0.0.1:9944", Some("https://evil.example")).await;
    let nameless = served.raw(&["POST / HTTP/1.1", "Content-Type: application/json"], STOP).await;
    let body = |answer: &str| {
        assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{answer}");
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    };
    insta::assert_snapshot!("refusals", [body(&rebound), body(&foreign), body(&nameless)].concat());
    assert!(served.miner.status().threads > 0);

    let own = stop_mining(&served, "localhost:9944", Some("http://localhost:3000")).await;
    assert!(own.starts_with("HTTP/1.1 200 OK\r\n"), "{own}");
    assert_eq!(served.miner.status().threads, 0);
}

#[tokio::test]
async fn what_a_page_may_send_unasked_is_no_request() {
    let served = Served::with(LOCAL).await;
    for content in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx"] {
        let content = format!("Content-Type: {content}");
        let head = ["POST / HTTP/1.1", "Host: localhost", content.as_str()];
        let answer = served.raw(&head, STOP).await;
        assert!(answer.starts_with("HTTP/1.1 415 "), "{answer}");
    }
}

#[tokio::test]
async fn a_websocket_of_a_foreign_page_is_refused() {
    let served = Served::with(LOCAL).await;
    let open = async |origin: &'static str| {
        let mut request = format!("ws://{}", served.addr).into_client_request().unwrap();
        request.headers_mut().insert("origin", origin.parse().unwrap());
        let stream = TcpStream::connect(served.addr).await.unwrap();
        tokio_tungstenite::client_async(request, stream).await
    };
    for origin in ["https://evil.example", "null"] {
        match open(origin).await {
            Err(Error::Http(refusal)) => {
                assert_eq!(refusal.status(), 403);
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(open("http://localhost:8000").await.is_ok());
}

#[tokio::test]
async fn containers_are_asked_by_address_and_by_name() {
    let served = Served::with(EXTERNAL).await;
    for (host, code) in [("198.18.0.2:9944", 200), ("node-a:9944", 200), ("evil.example", 403)] {
        let answer = stop_mining(&served, host, None).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {code} ")), "{host}: {answer}");
    }
}

#[tokio::test]
async fn from_outside_nothing_changes_the_node_unless_unsafe_is_said() {
    for (methods, stops) in
        [(MethodPolicy::Auto, false), (MethodPolicy::Safe, false), (MethodPolicy::Unsafe, true)]
    {
        let served = Served::with(RpcConfig { methods, ..EXTERNAL }).await;
        served.miner.start(1).unwrap();
        let answer = stop_mining(&served, "198.18.0.2:9944", None).await;
        assert_eq!(answer.contains("-32601"), !stops, "{methods:?}: {answer}");
        assert_eq!(served.miner.status().threads == 0, stops, "{methods:?}");
        served.miner.stop();
        let listed = served
            .raw(
                &["POST / HTTP/1.1", "Host: localhost", "Content-Type: application/json"],
                &json!({ "jsonrpc": "2.0", "id": 1, "method": "rpc_methods" }).to_string(),
            )
            .await;
        assert_eq!(listed.contains("hegemon_stopMining"), stops, "{methods:?}: {listed}");
    }
}
