//! Foreign nodes, as strict as released ones.

use std::{fs, time::Duration};

use rustix::process::{Pid, Signal, kill_process};

use super::{
    LOOK, Look, Strict,
    proxy::{Manner, Proxy},
    said,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_look_passes_changes_nothing_and_asks_no_more_than_was_granted() {
    let (nodes, look) = (Strict::start(2), Look::new(LOOK));
    let a = Proxy::before(nodes.rpc[0], Manner::default()).await;
    let b = Proxy::before(nodes.rpc[1], Manner::default()).await;
    let said = look.at(&["--rpc", &a.http(), "--rpc", &b.http()]).await;
    assert_eq!(said.code, 0, "{}", said.words);
    a.assert_gentle(2.0);
    b.assert_gentle(2.0);
    look.assert_verifies();
    assert!(look.evidence().contains(&a.address.to_string()), "where it looked is evidence");
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_are_hidden_in_all_that_is_written_and_said() {
    let (nodes, look) = (Strict::start(2), Look::new(LOOK));
    let a = Proxy::before(nodes.rpc[0], Manner { key: Some("s3cret"), ..Manner::default() }).await;
    let b = Proxy::before(nodes.rpc[1], Manner::default()).await;
    let text = format!(
        "[[nodes]]\nname = \"alice\"\nrpc = \"{}/K3Y\"\n[[nodes]]\nname = \"bob\"\nrpc = \"{}\"\n",
        a.http(),
        b.http()
    );
    fs::write(look.folder.path().join("nodes.toml"), text).unwrap();
    let said = look
        .at(&[
            "--nodes-file",
            "nodes.toml",
            "--redact",
            "--verbose",
            "--rpc-header",
            "Authorization:$ATTACH_KEY",
            "--rate",
            "4",
        ])
        .await;
    assert_eq!(said.code, 0, "{}", said.words);
    look.assert_verifies();
    let all = look.evidence() + &said.words;
    for secret in ["127.0.0.1", "s3cret", "K3Y", "http://"] {
        // The report's own schema is at an address as well.
        assert!(!all.contains(secret), "{secret} in {all}");
    }
    assert!(all.contains("alice") && all.contains("bob"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_to_be_asked_later_is_obeyed_and_no_failure() {
    let (nodes, look) = (Strict::start(2), Look::new(LOOK));
    let manner = Manner { busy: 2, after: 6, retry: 5, ..Manner::default() };
    let a = Proxy::before(nodes.rpc[0], manner).await;
    let b = Proxy::before(nodes.rpc[1], Manner::default()).await;
    let said = look.at(&["--rpc", &a.http(), "--rpc", &b.http()]).await;
    assert_eq!(said.code, 0, "{}", said.words);
    let seen = a.seen.lock().unwrap();
    let refused = seen.requests.windows(2).filter(|pair| pair[0].1);
    let waits: Vec<_> = refused.map(|pair| pair[1].0.duration_since(pair[0].0)).collect();
    assert_eq!(waits.len(), 2, "it was asked again");
    assert!(waits.iter().all(|wait| *wait >= Duration::from_millis(4900)), "{waits:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_grants_nothing_is_not_judged() {
    let (nodes, look) = (Strict::start(2), Look::new(LOOK));
    let manner = Manner { busy: usize::MAX, retry: 1, ..Manner::default() };
    let a = Proxy::before(nodes.rpc[0], manner).await;
    let b = Proxy::before(nodes.rpc[1], Manner::default()).await;
    let said = look.at(&["--rpc", &a.http(), "--rpc", &b.http()]).await;
    assert_eq!(said.code, 2, "{}", said.words);
    assert!(said.words.contains("HTTP 429"), "{}", said.words);
    look.assert_verifies();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stops_answering_has_failed() {
    // With both answering this passes: a block in 800 ms.
    let (nodes, look) = (Strict::start(2), Look::new(&LOOK.replace("by = 2", "by = 20")));
    let a = Proxy::before(nodes.rpc[0], Manner::default()).await;
    let b = Proxy::before(nodes.rpc[1], Manner::default()).await;
    let (first, second) = (a.http(), b.http());
    let looking = async { look.at(&["--rpc", &first, "--rpc", &second]).await };
    let ending = async {
        while a.requests() < 6 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        a.end();
    };
    let (said, ()) = tokio::join!(looking, ending);
    assert_eq!(said.code, 1, "{}", said.words);
    assert!(said.words.contains("node-1: unreachable"), "{}", said.words);
    look.assert_verifies();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_goes_on_until_something_fails() {
    let look = Look::new(LOOK);
    let mut nodes = Strict::start(2);
    let (first, second) = (format!("http://{}", nodes.rpc[0]), format!("http://{}", nodes.rpc[1]));
    let arguments = ["--rpc", &first, "--rpc", &second, "--watch", "--rate", "10"];
    let watching = tokio::spawn(look.command(&arguments).output());
    // Two rounds leave the second one's directory only.
    let runs = look.folder.path().join("runs");
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 3 {
        assert!(!watching.is_finished(), "it ended with a pass");
        let names = fs::read_dir(&runs).into_iter().flatten();
        seen.extend(names.map(|entry| entry.unwrap().file_name()));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    nodes.end(1);
    let said = said(watching.await.unwrap().unwrap());
    assert_eq!(said.code, 1, "{}", said.words);
    assert!(said.words.contains("node-2"), "{}", said.words);
    assert!(fs::read_dir(&runs).unwrap().count() <= 2, "the last pass and the failure");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_a_watch_with_evidence() {
    let (nodes, look) = (Strict::start(2), Look::new(&LOOK.replace("by = 2", "by = 1000")));
    let a = Proxy::before(nodes.rpc[0], Manner::default()).await;
    let (first, second) = (a.http(), format!("http://{}", nodes.rpc[1]));
    let mut command = look.command(&["--rpc", &first, "--rpc", &second, "--watch"]);
    let child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    while a.requests() < 4 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let pid = Pid::from_raw(child.id().unwrap() as i32).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    let ended = child.wait_with_output().await.unwrap();
    assert_eq!(ended.status.code(), Some(143));
    look.assert_verifies();
}
