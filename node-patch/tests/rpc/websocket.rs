//! Subscriptions, and WebSockets that are of no use to anybody.

use std::{collections::BTreeSet, time::Duration};

use futures_util::{SinkExt, StreamExt};
use hegemon_node::rpc::{Patience, RpcConfig};
use serde_json::{Value, json};
use tokio::{io::AsyncReadExt, net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Error, Message},
};

use crate::{
    process::PATIENCE,
    served::{LOCAL, Served},
};

type Socket = WebSocketStream<TcpStream>;

/// Short enough to wait for, long enough for a slow machine to be in time.
const SHORT: Duration = Duration::from_millis(700);

async fn open(served: &Served) -> Result<Socket, Error> {
    let stream = TcpStream::connect(served.addr).await.unwrap();
    let url = format!("ws://{}", served.addr);
    timeout(PATIENCE, tokio_tungstenite::client_async(url, stream))
        .await
        .unwrap()
        .map(|(socket, _)| socket)
}

/// The next text, or `None` once the other side has closed.
async fn next(socket: &mut Socket) -> Option<Value> {
    loop {
        match timeout(PATIENCE, socket.next()).await.expect("nothing came") {
            Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(&text).unwrap()),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
            Some(Ok(other)) => panic!("{other:?}"),
        }
    }
}

async fn send(socket: &mut Socket, method: &str, params: Value) {
    let call = json!({ "jsonrpc": "2.0", "id": method, "method": method, "params": params });
    socket.send(Message::text(call.to_string())).await.unwrap();
}

async fn call(socket: &mut Socket, method: &str, params: Value) -> Value {
    send(socket, method, params).await;
    let answer = next(socket).await.unwrap();
    assert_eq!(answer["id"], method, "{answer}");
    answer
}

async fn subscribe(socket: &mut Socket, method: &str) -> Value {
    call(socket, method, json!([])).await["result"].clone()
}

#[tokio::test]
async fn a_subscriber_gets_the_best_block_and_then_each_new_one() {
    let served = Served::with(LOCAL).await;
    let mut socket = open(&served).await.unwrap();
    let id = subscribe(&mut socket, "chain_subscribeNewHeads").await;
    let first = next(&mut socket).await.unwrap();
    assert_eq!(first["method"], "chain_newHead");
    assert_eq!(first["params"]["subscription"], id);
    assert_eq!(first["params"]["result"]["hash"], served.chain.best().hash.to_string());
    for _ in 0..3 {
        let hash = served.extend(None);
        let head = next(&mut socket).await.unwrap();
        assert_eq!(head["params"]["subscription"], id);
        assert_eq!(head["params"]["result"]["hash"], hash.to_string());
    }
    assert_eq!(call(&mut socket, "chain_unsubscribeNewHeads", json!([id])).await["result"], true);
    served.extend(None);
    // What comes next is the answer, not a block.
    assert_eq!(call(&mut socket, "chain_unsubscribeNewHeads", json!([id])).await["result"], false);
}

/// The subscription and the block of what a subscriber is told.
fn told(notification: &Value) -> (String, String) {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let params = &notification["params"];
    (text(&params["subscription"]), text(&params["result"]["hash"]))
}

#[tokio::test]
async fn a_block_that_comes_while_another_subscribes_is_told_to_those_before_it_too() {
    let served = Served::with(LOCAL).await;
    let mut socket = open(&served).await.unwrap();
    let older = subscribe(&mut socket, "chain_subscribeNewHeads").await;
    next(&mut socket).await.unwrap();
    // The server takes either first.
    for _ in 0..64 {
        served.extend_silently();
        send(&mut socket, "chain_subscribeNewHeads", json!([])).await;
        let newest = served.tell().to_string();
        let (mut fresh, mut waits) = (None, 2);
        while waits > 0 {
            let message = next(&mut socket).await.unwrap();
            if let Some(id) = message["result"].as_str() {
                fresh = Some(id.to_owned());
                continue;
            }
            let (subscription, hash) = told(&message);
            assert!(older == subscription || fresh.as_ref() == Some(&subscription), "{message}");
            waits -= u32::from(hash == newest);
        }
        let ended = call(&mut socket, "chain_unsubscribeNewHeads", json!([fresh])).await;
        assert_eq!(ended["result"], true);
    }
}

#[tokio::test]
async fn a_block_that_comes_while_some_are_told_of_another_is_told_to_all() {
    let served = Served::with(LOCAL).await;
    let (mut socket, mut other) = (open(&served).await.unwrap(), open(&served).await.unwrap());
    let mut missing = BTreeSet::new();
    for _ in 0..7 {
        let id = subscribe(&mut socket, "chain_subscribeNewHeads").await;
        missing.insert(id.as_str().unwrap().to_owned());
        next(&mut socket).await.unwrap();
    }
    // Megabytes that nobody reads: the server gets stuck between two of them.
    for _ in 0..2_000 {
        served.tell();
        call(&mut other, "system_name", json!([])).await;
    }
    let newest = served.extend(None).to_string();
    while !missing.is_empty() {
        let (subscription, hash) = told(&next(&mut socket).await.unwrap());
        if hash == newest {
            missing.remove(&subscription);
        }
    }
}

#[tokio::test]
async fn only_genesis_is_final() {
    let served = Served::with(LOCAL).await;
    let mut socket = open(&served).await.unwrap();
    let genesis = served.chain.hash_at(0).unwrap().unwrap().to_string();
    subscribe(&mut socket, "chain_subscribeFinalizedHeads").await;
    let head = next(&mut socket).await.unwrap();
    assert_eq!(head["method"], "chain_finalizedHead");
    assert_eq!(head["params"]["result"]["hash"], genesis);
    served.extend(None);
    assert_eq!(call(&mut socket, "chain_getFinalizedHead", json!([])).await["result"], genesis);
}

#[tokio::test]
async fn a_websocket_has_every_method_batches_and_a_bound_on_subscriptions() {
    let served = Served::with(LOCAL).await;
    let mut socket = open(&served).await.unwrap();
    assert_eq!(call(&mut socket, "system_name", json!([])).await["result"], "hegemon-node");
    let batch = json!([
        { "jsonrpc": "2.0", "id": 1, "method": "system_chain" },
        { "jsonrpc": "2.0", "id": 2, "method": "no_such_method" },
    ]);
    socket.send(Message::text(batch.to_string())).await.unwrap();
    let answers = next(&mut socket).await.unwrap();
    assert_eq!(answers[0]["result"], "rpc");
    assert_eq!(answers[1]["error"]["code"], -32601);
    for _ in 0..8 {
        subscribe(&mut socket, "chain_subscribeNewHeads").await;
        next(&mut socket).await.unwrap();
    }
    let refused = call(&mut socket, "chain_subscribeNewHeads", json!([])).await;
    assert_eq!(refused["error"]["code"], -32006);
}

#[tokio::test]
async fn over_http_there_is_nothing_to_subscribe_to() {
    let served = Served::with(LOCAL).await;
    let call = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"chain_subscribeNewHeads\"}";
    let head = ["POST / HTTP/1.1", "Host: localhost", "Content-Type: application/json"];
    let answer = served.raw(&head, call).await;
    assert!(answer.contains("-32601"), "{answer}");
}

#[tokio::test]
async fn one_that_asks_nothing_is_ended_and_one_that_is_subscribed_is_not() {
    let idle = Patience { idle: SHORT, ..LOCAL.patience };
    let served = Served::with(RpcConfig { patience: idle, ..LOCAL }).await;
    let mut subscribed = open(&served).await.unwrap();
    subscribe(&mut subscribed, "chain_subscribeNewHeads").await;
    next(&mut subscribed).await.unwrap();
    let mut idle = open(&served).await.unwrap();
    assert_eq!(next(&mut idle).await, None);
    // By now the other has been silent for longer.
    let hash = served.extend(None);
    let head = next(&mut subscribed).await.expect("it was ended too");
    assert_eq!(head["params"]["result"]["hash"], hash.to_string());
}

#[tokio::test]
async fn one_that_answers_no_ping_is_ended_and_one_that_does_is_not() {
    let patience = Patience { ping: SHORT, ..LOCAL.patience };
    let served = Served::with(RpcConfig { patience, ..LOCAL }).await;
    let mut alive = open(&served).await.unwrap();
    // The library answers pings while it is read from. Without it nobody does.
    let mut dead = open(&served).await.unwrap().into_inner();
    let answering = async {
        // The third comes to those alone who have answered.
        for _ in 0..3 {
            let pinged = timeout(PATIENCE, alive.next()).await.expect("no ping came");
            assert!(matches!(pinged, Some(Ok(Message::Ping(_)))), "{pinged:?}");
        }
    };
    let mut seen = Vec::new();
    let ((), ended) = tokio::join!(answering, timeout(PATIENCE, dead.read_to_end(&mut seen)));
    ended.expect("it was not ended").unwrap();
    assert_eq!(seen, PING, "it was ended after the first ping that it did not answer");
}

/// An empty ping of a server, as it goes over the wire.
const PING: [u8; 2] = [0x89, 0];

#[tokio::test]
async fn one_that_does_not_read_is_not_read_from_and_is_ended() {
    let patience = Patience { answer: SHORT, ..LOCAL.patience };
    let served = Served::with(RpcConfig { patience, ..LOCAL }).await;
    served.extend(Some(vec![7; 200_000]));
    let mut socket = open(&served).await.unwrap();
    // 60 KB each, and 400 KB in answer: the kernel keeps some MB of either, and then nobody may.
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "chain_getBlock" });
    let call = format!("{call}{}", " ".repeat(60_000));
    let mut taken = 0;
    while timeout(PATIENCE, socket.send(Message::text(call.clone())))
        .await
        .expect("it is not ended")
        .is_ok()
    {
        taken += 1;
        assert!(taken < 600, "36 MB are read, though no answer is");
    }
}

#[tokio::test]
async fn idle_websockets_leave_places_for_http_and_go() {
    let patience = Patience { idle: 4 * SHORT, ..LOCAL.patience };
    let served = Served::with(RpcConfig { patience, ..LOCAL }).await;
    let mut held = Vec::new();
    let refused = loop {
        match open(&served).await {
            Ok(socket) => held.push(socket),
            Err(Error::Http(refused)) => break refused,
            Err(other) => panic!("{other}"),
        }
        assert!(held.len() < 110, "as many as locked everybody out once");
    };
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    for _ in 0..40 {
        let answer = served.raw(&["GET /health HTTP/1.1", "Host: localhost"], "").await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    for socket in &mut held {
        assert_eq!(next(socket).await, None);
    }
    assert!(open(&served).await.is_ok(), "their places are free again");
}

#[tokio::test]
async fn a_node_that_stops_says_so() {
    let served = Served::with(LOCAL).await;
    let mut socket = open(&served).await.unwrap();
    call(&mut socket, "system_name", json!([])).await;
    let server = served.server;
    let stopping = tokio::spawn(server.stop());
    match timeout(PATIENCE, socket.next()).await.unwrap() {
        Some(Ok(Message::Close(Some(frame)))) => assert_eq!(frame.reason, "the node stops"),
        other => panic!("{other:?}"),
    }
    timeout(PATIENCE, stopping).await.unwrap().unwrap();
}
