//! What a load balancer or a container engine asks.

use hegemon_node::sync::SyncStatus;

use crate::served::{LOCAL, Served};

async fn get(served: &Served, path: &str) -> (u16, String) {
    let line = format!("GET {path} HTTP/1.1");
    let answer = served.raw(&[line.as_str(), "Host: localhost"], "").await;
    let code = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (code, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
}

#[tokio::test]
async fn readiness_follows_what_is_true() {
    let served = Served::with(LOCAL).await;
    let (code, body) = get(&served, "/health/readiness").await;
    assert_eq!(code, 503);
    assert!(body.contains("\"status\":\"syncing\"") && body.contains("\"ready\":false"), "{body}");
    served.sync.send(SyncStatus::default()).unwrap();
    let (code, body) = get(&served, "/health/readiness").await;
    assert_eq!(code, 200);
    assert!(body.contains("\"status\":\"ready\"") && body.contains("\"ready\":true"), "{body}");
}

#[tokio::test]
async fn health_is_answered_as_long_as_the_node_lives() {
    let served = Served::with(LOCAL).await;
    let (code, body) = get(&served, "/health").await;
    let health: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((code, &health["peers"], &health["isSyncing"]), (200, &2.into(), &true.into()));
    assert_eq!(get(&served, "/").await.0, 405);
    assert_eq!(get(&served, "/metrics").await.0, 405);
}

#[tokio::test]
async fn another_upgrade_than_websocket_is_an_offer_that_is_not_taken() {
    let served = Served::with(LOCAL).await;
    for (upgrade, code) in
        [("h2c", "200"), ("foo, h2c", "200"), ("websocket", "400"), ("WebSocket", "400")]
    {
        let upgrade = format!("Upgrade: {upgrade}");
        let answer = served.raw(&["GET /health HTTP/1.1", "Host: localhost", &upgrade], "").await;
        assert_eq!(answer.split(' ').nth(1), Some(code), "{upgrade}: {answer}");
    }
}
