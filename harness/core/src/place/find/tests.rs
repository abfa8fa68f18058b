use std::{collections::BTreeMap, path::Path};

use super::*;

/// SHA-256 of `rootless`, as `docker context create` names its files.
const ID: &str = "12b961af5feb3e9d39f93b2cefb9a1a944f18d02cca0cac2f04f5a982240605f";

#[derive(Default)]
struct Files(BTreeMap<PathBuf, String>);

impl Files {
    fn with(mut self, path: &str, text: impl Into<String>) -> Self {
        self.0.insert(path.into(), text.into());
        self
    }

    /// As `docker context create rootless` writes it.
    fn context(self, dir: &str, host: &str, skip: bool) -> Self {
        let text = format!(
            r#"{{"Name":"rootless","Metadata":{{}},"Endpoints":{{"docker":{{"Host":"{host}","SkipTLSVerify":{skip}}}}}}}"#
        );
        self.with(&format!("{dir}/contexts/meta/{ID}/meta.json"), text)
    }

    fn current(self, dir: &str, name: &str) -> Self {
        let text = format!(r#"{{"auths":{{}},"currentContext":"{name}"}}"#);
        self.with(&format!("{dir}/config.json"), text)
    }

    fn find<const N: usize>(&self, variables: [(&str, &str); N]) -> Result<Vec<Place>, NoPlace> {
        find(&Environment::from(variables), &|path: &Path| {
            let text = self.0.get(path).ok_or(io::ErrorKind::NotFound)?;
            Ok(text.clone().into_bytes())
        })
    }

    /// The one place, and what says so.
    fn one<const N: usize>(&self, variables: [(&str, &str); N]) -> (String, String) {
        let places = self.find(variables).unwrap();
        assert_eq!(places.len(), 1, "{places:?}");
        (places[0].address.to_string(), places[0].by.clone())
    }

    fn refused<const N: usize>(&self, variables: [(&str, &str); N]) -> String {
        let refusal = self.find(variables).unwrap_err();
        format!("{refusal}\n{}", refusal.remedy())
    }
}

#[test]
fn without_a_word_from_anybody_there_are_the_usual_sockets() {
    let places = Files::default()
        .find([("XDG_RUNTIME_DIR", "/run/user/7"), ("HOME", "/home/me"), ("DOCKER_HOST", "")])
        .unwrap();
    let shown: Vec<String> = places.iter().map(|place| place.address.to_string()).collect();
    assert_eq!(
        shown,
        [
            "unix:///var/run/docker.sock",
            "unix:///run/user/7/docker.sock",
            "unix:///home/me/.docker/run/docker.sock",
            "unix:///run/user/7/podman/podman.sock",
            "unix:///run/podman/podman.sock",
        ]
    );
    assert_eq!(Files::default().find([]).unwrap().len(), 2);
}

#[test]
fn what_is_named_counts_alone_and_docker_host_before_all() {
    let files = Files::default()
        .context("/home/me/.docker", "unix:///run/user/7/docker.sock", false)
        .current("/home/me/.docker", "rootless");
    let home = ("HOME", "/home/me");
    let host = ("DOCKER_HOST", "tcp://docker:2375");
    assert_eq!(
        files.one([home, host, ("DOCKER_CONTEXT", "nothing")]),
        ("tcp://docker:2375".to_owned(), "DOCKER_HOST".to_owned())
    );
    assert_eq!(
        files.one([home, ("DOCKER_HOST", "")]),
        (
            "unix:///run/user/7/docker.sock".to_owned(),
            "the context `rootless` (current in /home/me/.docker/config.json)".to_owned()
        )
    );
    assert_eq!(
        files.one([home, ("DOCKER_CONTEXT", "rootless")]).1,
        "the context `rootless` (DOCKER_CONTEXT)"
    );
    let usual = files.find([home, ("DOCKER_CONTEXT", "default")]).unwrap();
    assert_eq!(usual[0].by, "the usual socket", "DOCKER_CONTEXT is said before the current one");
}

#[test]
fn docker_config_is_where_contexts_are() {
    let files = Files::default()
        .context("/ci/docker", "unix:///ci.sock", false)
        .current("/ci/docker", "rootless");
    let found = files.one([("HOME", "/home/me"), ("DOCKER_CONFIG", "/ci/docker")]);
    assert_eq!(found.0, "unix:///ci.sock");
    let refused = files.refused([("DOCKER_CONFIG", "/ci/docker"), ("DOCKER_CONTEXT", "away")]);
    assert!(refused.starts_with(
        "no Docker engine: the context `away` (DOCKER_CONTEXT) cannot be read: /ci/docker/contexts/"
    ));
    assert!(refused.ends_with("entity not found\n`docker context ls` lists what there is"));
}

#[test]
fn a_config_file_that_says_nothing_is_none_and_a_context_without_a_host_the_usual_socket() {
    for config in ["", "{}", "[1]", r#"{"currentContext":""}"#, r#"{"currentContext":"default"}"#] {
        let files = Files::default().with("/home/me/.docker/config.json", config);
        assert_eq!(files.find([("HOME", "/home/me")]).unwrap()[0].by, "the usual socket");
    }
    let files = Files::default().context("/c", "", false).current("/c", "rootless");
    assert_eq!(files.find([("DOCKER_CONFIG", "/c")]).unwrap()[0].by, "the usual socket");
}

#[test]
fn tls_is_what_the_variables_or_the_context_say() {
    let tls = |place: &Place| match &place.address {
        Address::Tcp { tls: Some(tls), .. } => tls.ca.display().to_string(),
        other @ (Address::Unix(_) | Address::Tcp { .. }) => panic!("{other:?}"),
    };
    let files = Files::default()
        .with("/certs/ca.pem", "")
        .with("/home/me/.docker/ca.pem", "")
        .with(&format!("/c/contexts/tls/{ID}/docker/ca.pem"), "")
        .context("/c", "tcp://docker", false)
        .current("/c", "rootless");
    let (host, verify) = (("DOCKER_HOST", "tcp://docker"), ("DOCKER_TLS_VERIFY", "1"));
    let found = files.find([host, verify, ("DOCKER_CERT_PATH", "/certs")]).unwrap();
    assert_eq!(tls(&found[0]), "/certs/ca.pem");
    assert_eq!(found[0].address.to_string(), "tcp://docker:2376");
    let found = files.find([host, verify, ("HOME", "/home/me")]).unwrap();
    assert_eq!(tls(&found[0]), "/home/me/.docker/ca.pem");
    let found = files.find([("DOCKER_CONFIG", "/c")]).unwrap();
    assert_eq!(tls(&found[0]), format!("/c/contexts/tls/{ID}/docker/ca.pem"));
    let plain = files.find([host, ("DOCKER_CERT_PATH", "/certs")]).unwrap();
    assert!(matches!(&plain[0].address, Address::Tcp { tls: None, port: 2375, .. }));
}

#[test]
fn what_cannot_be_used_is_refused_with_what_says_so_and_what_to_do() {
    let files = Files::default().context("/c", "ssh://me@there", true).current("/c", "rootless");
    let host = |text| files.refused([("DOCKER_HOST", text)]);
    insta::assert_snapshot!([
        host("ssh://me@there"),
        host("docker:2375"),
        host("npipe:////./pipe/docker_engine"),
        files.refused([("DOCKER_HOST", "tcp://a"), ("DOCKER_TLS", "1")]),
        files.refused([
            ("DOCKER_HOST", "tcp://a"),
            ("DOCKER_TLS_VERIFY", "1"),
            ("DOCKER_CERT_PATH", "/none"),
        ]),
        files.refused([("DOCKER_CONFIG", "/c")]),
    ]
    .join("\n\n"), @r"
    no Docker engine: DOCKER_HOST is ssh://me@there, and the harness does not speak SSH
    run the harness on the engine's own host, where its nodes can be reached too, or use --provider process

    no Docker engine: DOCKER_HOST is `docker:2375`, which is no address of one
    write it as unix:///path or tcp://host:port, or use --provider process

    no Docker engine: DOCKER_HOST is `npipe:////./pipe/docker_engine`, which is no address of one
    write it as unix:///path or tcp://host:port, or use --provider process

    no Docker engine: DOCKER_TLS wants TLS without a check of who answers
    say who vouches for it: DOCKER_TLS_VERIFY=1 with ca.pem in DOCKER_CERT_PATH, or a context without skip-tls-verify

    no Docker engine: DOCKER_TLS_VERIFY wants TLS, and /none/ca.pem cannot be read: entity not found
    set DOCKER_CERT_PATH to the directory with ca.pem, cert.pem and key.pem

    no Docker engine: the context `rootless` (current in /c/config.json) wants TLS without a check of who answers
    say who vouches for it: DOCKER_TLS_VERIFY=1 with ca.pem in DOCKER_CERT_PATH, or a context without skip-tls-verify
    ");
}
