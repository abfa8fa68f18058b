//! What is wrong and is no node's fault: certificates, schemes, hosts that are not there, and what was asked
//! for.

use std::{fs, sync::Arc};

use tokio::net::TcpSocket;

use super::{
    LOOK, Look, Strict,
    proxy::{Certificates, Manner, Proxy},
};

async fn with_tls(nodes: &Strict, certificates: &Arc<Certificates>) -> Proxy {
    let tls = Some(Arc::clone(certificates));
    Proxy::before(nodes.rpc[0], Manner { tls, ..Manner::default() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_never_reached_is_a_matter_of_the_environment_and_says_why() {
    let (nodes, folder) = (Strict::start(1), tempfile::tempdir().unwrap());
    let good = Arc::new(Certificates::new(folder.path(), "good", "IP:127.0.0.1"));
    let other = Arc::new(Certificates::new(folder.path(), "other", "DNS:secret-name.example"));
    let (proxy, misnamed) = (with_tls(&nodes, &good).await, with_tls(&nodes, &other).await);
    let keyed = Manner { key: Some("s3cret"), ..Manner::default() };
    let keyed = Proxy::before(nodes.rpc[0], keyed).await;
    // Taken, so that nobody else listens there meanwhile, and without a listener.
    let taken = TcpSocket::new_v4().unwrap();
    taken.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let dead = taken.local_addr().unwrap();
    let (authority, misnamer) = (good.authority(), other.authority());
    let there = format!("http://{}", nodes.rpc[0]);
    let cases: [(&str, String, Option<&String>); 6] = [
        ("signed by nobody whom this machine trusts", proxy.https(), None),
        ("certificate is for another name", misnamed.https(), Some(&misnamer)),
        ("in TLS: is it an http:// URL", format!("https://{}", nodes.rpc[0]), Some(&authority)),
        ("https:// instead of http://", proxy.http(), None),
        ("refused", format!("http://{dead}"), None),
        ("401", keyed.http(), None),
    ];
    let looks = cases.iter().map(|(words, url, authority)| {
        let there = &there;
        async move {
            let look = Look::new(LOOK);
            let mut arguments =
                vec!["--rpc", url.as_str(), "--rpc", there.as_str(), "--rate", "10"];
            if let Some(file) = authority {
                arguments.extend(["--rpc-ca", file.as_str()]);
            }
            let said = look.at(&arguments).await;
            assert_eq!(said.code, 3, "{words}: {}", said.words);
            let reason = "node-1 has never answered as a node does";
            assert!(said.words.contains(reason) && said.words.contains(words), "{}", said.words);
            assert!(!said.words.contains("secret-name"), "{}", said.words);
            look.assert_verifies();
        }
    });
    futures_util::future::join_all(looks).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_addresses_of_one_node_are_no_nodes_fault() {
    let nodes = Strict::start(1);
    let look = Look::new(LOOK);
    let url = format!("http://{}", nodes.rpc[0]);
    let said = look.at(&["--rpc", &url, "--rpc", &url]).await;
    assert_eq!(said.code, 64, "{}", said.words);
    assert!(said.words.contains("another node's already"), "{}", said.words);
}

/// Nobody is asked: there is nobody there.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_asked_of_them_is_refused_by_name() {
    let two = ["--rpc", "http://127.0.0.1:1", "--rpc", "http://127.0.0.1:2"];
    let fault = "[[phases]]\nname = \"cut\"\n[[phases.faults]]\nfault = \"restart\"\nnodes = \"node\"\ndowntime = \"1s\"\n[[phases.checks]]\ncheck = \"peers\"\nnodes = \"*\"\nat_least = 1\nwithin = \"60s\"\n";
    let with_a_fault = format!("{LOOK}{fault}");
    let with_alive = LOOK.replace("check = \"same-chain\"", "check = \"alive\"");
    let with_distinct = LOOK.replace("check = \"peers\"", "check = \"distinct-peers\"");
    for (scenario, more, code, words) in [
        (&*with_a_fault, &[][..], 4, "the fault `restart`"),
        (&with_alive, &[], 4, "the check `alive`"),
        (&with_distinct, &[], 4, "the check `distinct-peers`"),
        (LOOK, &["--rate", "0.1"], 4, "too short for so few requests"),
        (LOOK, &["--rate", "0"], 64, "from 0.05 to 50"),
        (LOOK, &["--rpc-header", "Authorization:hunter2"], 64, "command line"),
        (LOOK, &["--rpc-header", "X-Key:$ATTACH_NOWHERE"], 64, "ATTACH_NOWHERE is not set"),
        (LOOK, &["--rpc-ca", "look.toml"], 64, "no certificate"),
        (LOOK, &["--rpc", "ws://127.0.0.1:3"], 64, "its scheme is `ws`"),
        (LOOK, &["--rpc", "http://me:hunter2@127.0.0.1:3"], 64, "it names a user"),
        (LOOK, &["--nodes-file", "nodes.toml"], 64, "the name `a` is taken"),
        (LOOK, &["--nodes-file", "keys.toml"], 64, "it names a user"),
    ] {
        let look = Look::new(scenario);
        let node = "[[nodes]]\nname = \"a\"\nrpc = \"http://127.0.0.1:4\"\n";
        fs::write(look.folder.path().join("nodes.toml"), node.repeat(2)).unwrap();
        let key = node.replace("127", "me:hunter2@127");
        fs::write(look.folder.path().join("keys.toml"), key).unwrap();
        let said = look.at(&[&two[..], more].concat()).await;
        assert_eq!(said.code, code, "{words}: {}", said.words);
        assert!(said.words.contains(words), "{words} in {}", said.words);
        assert!(!said.words.contains("hunter2"), "{}", said.words);
        assert!(!look.folder.path().join("runs").exists(), "nothing ran");
    }
}
