//! What only the Docker provider does: images of every kind, a network of its own, and an engine
//! that will not do.

use std::{
    hash::{BuildHasher, RandomState},
    io::{Read, Write},
    os::unix::net::UnixListener,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use harness::provider::{
    Changes, NetworkChoice, ProviderError, ProviderOptions, docker::DockerProvider,
};
use harness_core::{
    node::NodeSource, place::Environment, profile::NodeProfile, subnet::Ipv4Subnet,
};

use crate::support::{
    Bed, Fake, HARNESS, Kind, PATIENCE, docker_cli, engine_objects, environment, fake, launch,
    script, source, unique_run,
};

/// An image or network of somebody else, removed at the end of its test.
pub(crate) struct Foreign {
    kind: &'static str,
    pub(crate) name: String,
}

impl Foreign {
    /// The same image, said to be for a processor that nobody here has.
    fn for_another_processor(&self) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().to_str().unwrap();
        let run = |program: &str, args: &[&str]| {
            let output = Command::new(program).args(args).output().unwrap();
            assert!(output.status.success(), "{program} {args:?}: {output:?}");
        };
        let archive = dir.path().join("image.tar");
        let archive = archive.to_str().unwrap();
        run("docker", &["save", "-o", archive, &self.name]);
        run("tar", &["-C", folder, "-xf", archive]);
        let name = format!("foreign/{}", unique_run());
        for file in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if file.extension().is_some_and(|extension| extension == "json") {
                let text = std::fs::read_to_string(&file).unwrap();
                let text = text.replace(r#""architecture":"amd64""#, r#""architecture":"s390x""#);
                let text = text.replace(r#""architecture":"arm64""#, r#""architecture":"s390x""#);
                std::fs::write(&file, text.replace(&self.name, &name)).unwrap();
            }
        }
        std::fs::remove_file(archive).unwrap();
        let edited = tempfile::NamedTempFile::new().unwrap();
        let edited = edited.path().to_str().unwrap();
        run("tar", &["-C", folder, "-cf", edited, "."]);
        run("docker", &["load", "-i", edited]);
        Self { kind: "image", name }
    }

    /// An image like a released node's: its own place, entrypoint, user and volume, made without
    /// our code.
    pub(crate) fn image(entrypoint: &str) -> Self {
        let name = format!("foreign/{}", unique_run());
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("opt")).unwrap();
        std::fs::copy(fake(Fake::StaticForeign), dir.path().join("opt/node")).unwrap();
        let mut tar = Command::new("tar")
            .args(["-C"])
            .arg(dir.path())
            .args(["-c", "."])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let entrypoint = format!("ENTRYPOINT {entrypoint}");
        let import = Command::new("docker")
            .args([
                "import",
                "-c",
                &entrypoint,
                "-c",
                "USER 1234:1234",
                "-c",
                "WORKDIR /opt",
                "-c",
                "VOLUME /hegemon-data /its-own",
                "-",
                &name,
            ])
            .stdin(tar.stdout.take().unwrap())
            .output()
            .unwrap();
        assert!(import.status.success() && tar.wait().unwrap().success(), "{import:?}");
        Self { kind: "image", name }
    }

    /// A network of sixteen addresses that are for documentation, so that no site has them: as good
    /// as free on any machine that these tests run on.
    fn network(labels: &[&str]) -> Self {
        let name = format!("foreign-{}", unique_run());
        let created = documentation_subnets(28).into_iter().any(|subnet| {
            let mut args = vec!["network", "create", "--internal", "--subnet", &subnet];
            labels.iter().for_each(|label| args.extend(["--label", label]));
            args.push(&name);
            !docker_cli(&args).is_empty()
        });
        assert!(created, "all documentation subnets are taken");
        Self { kind: "network", name }
    }

    fn subnet(&self) -> String {
        docker_cli(&["network", "inspect", "-f", "{{(index .IPAM.Config 0).Subnet}}", &self.name])
            .trim()
            .to_owned()
    }

    pub(crate) fn source(&self) -> NodeSource {
        NodeSource::Image(self.name.clone())
    }
}

/// The subnets of RFC 5737 of a size, from a random one on.
fn documentation_subnets(prefix: u32) -> Vec<String> {
    let step = 1 << (32 - prefix);
    let blocks = ["192.0.2", "198.51.100", "203.0.113"];
    let mut subnets: Vec<_> = blocks
        .iter()
        .flat_map(|block| {
            (0..256).step_by(step).map(move |host| format!("{block}.{host}/{prefix}"))
        })
        .collect();
    let start = RandomState::new().hash_one(0) as usize % subnets.len();
    subnets.rotate_left(start);
    subnets
}

impl Drop for Foreign {
    fn drop(&mut self) {
        docker_cli(&[self.kind, "rm", &self.name]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dynamic_binary_is_packed_with_what_it_needs() {
    let bed = Bed::new(Kind::Docker).await;
    let slot = bed
        .reserve(&["solo"], NodeSource::Binary(fake(Fake::DynamicOurs)))
        .await
        .unwrap()
        .remove(0);
    assert_eq!(bed.provider.facts()["sources"][0]["linkage"], "dynamic");
    bed.provider.start(&launch(&slot, &[])).await.unwrap();
    assert_eq!(bed.ask("solo", "/").await, "starts=1 uid=65532", "and runs as nobody special");
    bed.finish().await;
}

/// The moment at which a kill of what there is comes too early: the containers exist and do not run
/// yet.
#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_come_up_during_teardown_end_and_are_read_to_their_end() {
    let bed = Bed::new(Kind::Docker).await;
    let names = ["a", "b", "c", "d"];
    let slots = bed.reserve(&names, source()).await.unwrap();
    let filter = format!("label=org.hegemon.testbed.run={}", bed.run);
    let launches: Vec<_> = slots.iter().map(|slot| launch(slot, &[])).collect();
    let starts =
        futures_util::future::join_all(launches.iter().map(|launch| bed.provider.start(launch)));
    let first_is_there = tokio::task::spawn_blocking(move || {
        let deadline = Instant::now() + PATIENCE;
        while docker_cli(&["ps", "-aq", "--filter", &filter]).is_empty() {
            assert!(Instant::now() < deadline, "no container was made");
        }
    });
    // The caller goes away; the calls to the engine do not.
    tokio::select! {
        biased;
        seen = first_is_there => seen.unwrap(),
        results = starts => assert!(results.iter().all(Result::is_ok), "{results:?}"),
    }
    bed.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_image_keeps_its_entrypoint_and_user_and_can_write_its_state() {
    let image = Foreign::image(r#"["/opt/node", "--dev"]"#);
    let bed = Bed::new(Kind::Docker).await;
    let slot = bed.reserve(&["solo"], image.source()).await.unwrap().remove(0);
    assert_eq!(slot.profile, NodeProfile::core());
    bed.provider.start(&launch(&slot, &[])).await.unwrap();
    assert_eq!(bed.ask("solo", "/").await, "starts=1 uid=1234");
    bed.kill("solo").await;
    bed.provider.start_again("solo", &Changes::default()).await.unwrap();
    assert_eq!(bed.ask("solo", "/").await, "starts=2 uid=1234");
    let mounts = r#"{{range .Mounts}}{{if eq .Destination "/its-own"}}{{.Name}}{{end}}{{end}}"#;
    let volume = docker_cli(&["inspect", "-f", mounts, &format!("hegemon-{}-solo", bed.run)])
        .trim()
        .to_owned();
    assert!(!volume.is_empty(), "the engine has made one for VOLUME");
    let log = bed.finish().await;
    assert!(log.iter().any(|line| line.starts_with("args --dev --base-path ")), "{log:?}");
    assert!(
        !docker_cli(&["image", "inspect", &image.name]).trim_start_matches("[]").trim().is_empty(),
        "the image is not ours to remove"
    );
    let volumes = docker_cli(&["volume", "ls", "-q"]);
    assert!(!volumes.contains(&volume), "the volume that its image wanted is gone");
}

/// Nothing on the way to such an image says so: a container would start, and log that it cannot be
/// executed.
#[tokio::test(flavor = "multi_thread")]
async fn an_image_for_another_processor_is_refused_with_both_named() {
    let image = Foreign::image(r#"["/opt/node"]"#);
    let elsewhere = image.for_another_processor();
    let bed = Bed::new(Kind::Docker).await;
    let refused = bed.reserve(&["solo"], elsewhere.source()).await.unwrap_err();
    let words = refused.to_string();
    assert!(matches!(refused, ProviderError::Binary(_)), "the environment's fault: {words}");
    assert!(words.contains("s390x") && words.contains(std::env::consts::ARCH), "{words}");
    bed.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_profile_can_be_overridden() {
    let image = Foreign::image(r#"["/opt/node"]"#);
    let bed = Bed::with(Kind::Docker, |options| options.profile = Some(NodeProfile::ours())).await;
    assert_eq!(
        bed.reserve(&["solo"], image.source()).await.unwrap()[0].profile,
        NodeProfile::ours()
    );
    bed.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_run_in_a_container_is_refused_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let bed = Bed::new(Kind::Docker).await;
    let missing =
        bed.reserve(&["solo"], NodeSource::Image("no/such:image".to_owned())).await.unwrap_err();
    assert!(
        matches!(&missing, ProviderError::NoImage(name) if name == "no/such:image"),
        "{missing}"
    );
    let shell = NodeSource::Binary(script(dir.path(), "node.sh", "#!/bin/sh\nexit 0\n"));
    let refused = bed.reserve(&["solo"], shell).await.unwrap_err();
    assert!(refused.to_string().contains("is a script"), "{refused}");
    let absent =
        bed.reserve(&["solo"], NodeSource::Binary("/no/such/node".into())).await.unwrap_err();
    assert_eq!(absent.to_string(), "no node binary at `/no/such/node`");
    bed.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_cannot_start_is_removed_all_the_same() {
    let image = Foreign::image(r#"["/opt/nothing"]"#);
    let bed = Bed::new(Kind::Docker).await;
    let slot = bed.reserve(&["solo"], image.source()).await.unwrap().remove(0);
    let error = bed.provider.start(&launch(&slot, &[])).await.unwrap_err();
    assert!(matches!(error, ProviderError::Binary(_)), "{error}");
    assert_ne!(
        engine_objects(&format!("org.hegemon.testbed.run={}", bed.run)),
        "",
        "the engine has kept the container"
    );
    bed.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_find_each_other_by_name_and_strangers_not_at_all() {
    let bed = Bed::new(Kind::Docker).await;
    let slots = bed.reserve(&["seed", "node-1"], source()).await.unwrap();
    for slot in &slots {
        bed.provider.start(&launch(slot, &[])).await.unwrap();
    }
    let (found, _) = split(&bed.ask("node-1", "/resolve/seed").await);
    assert_eq!(found, slots[0].p2p.ip().to_string());
    for stranger in ["example.com", "node-7"] {
        let (found, millis) = split(&bed.ask("node-1", &format!("/resolve/{stranger}")).await);
        assert_eq!(found, "unknown");
        assert!(millis < 2_500, "{stranger} took {millis} ms");
    }
    let internal =
        docker_cli(&["network", "inspect", "-f", "{{.Internal}}", &format!("hegemon-{}", bed.run)]);
    assert_eq!(internal.trim(), "true");
    bed.finish().await;
}

fn split(answer: &str) -> (String, u64) {
    let (found, millis) = answer.split_once(' ').unwrap();
    (found.to_owned(), millis.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chosen_subnet_is_taken_or_its_owner_named() {
    let other = Foreign::network(&[]);
    let bed = Bed::new(Kind::Docker).await;
    let within = other.subnet().replace("/28", "/29");
    let error = bed.reserve_in(&["solo"], source(), Some(&within)).await.unwrap_err();
    assert!(matches!(error, ProviderError::Subnet(_)));
    assert!(error.to_string().contains(&other.name), "{error}");
    let crowd = ["a", "b", "c", "d", "e", "f"];
    let error = bed.reserve_in(&crowd, source(), Some("192.0.2.0/29")).await.unwrap_err();
    assert!(error.to_string().contains("no room for 6 nodes"), "{error}");

    let mut slots = Vec::new();
    for subnet in documentation_subnets(29) {
        match bed.reserve_in(&["solo"], source(), Some(&subnet)).await {
            Ok(reserved) => slots.push((reserved[0].clone(), subnet)),
            Err(error) => assert!(matches!(error, ProviderError::Subnet(_)), "{error}"),
        }
        if !slots.is_empty() {
            break;
        }
    }
    let (slot, subnet) = slots.first().unwrap();
    let network: Ipv4Subnet = subnet.parse().unwrap();
    assert_eq!(slot.p2p.to_string(), format!("{}:30333", network.node(0).unwrap()));
    bed.provider.start(&launch(slot, &[])).await.unwrap();
    bed.ask("solo", "/").await;
    bed.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_of_other_runs_and_other_people_stay() {
    let run = unique_run();
    let ours_but_another_run =
        Foreign::network(&["org.hegemon.testbed=1", &format!("org.hegemon.testbed.run={run}")]);
    let half_labelled = Foreign::network(&["org.hegemon.testbed=1"]);
    let nobodys = Foreign::network(&[]);
    let bed = Bed::new(Kind::Docker).await;
    bed.one(&[]).await;
    bed.finish().await;
    let left = docker_cli(&["network", "ls", "--format", "{{.Name}}"]);
    for network in [&ours_but_another_run, &half_labelled, &nobodys] {
        assert!(left.contains(&network.name), "{} in {left}", network.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_somebody_removed_is_named() {
    let mut bed = Bed::new(Kind::Docker).await;
    // More than is taken before it goes: of a log that was read to its end nothing is missing.
    bed.one(&[("FAKE_LINES", "50000")]).await;
    docker_cli(&["rm", "-f", &format!("hegemon-{}-solo", bed.run)]);
    let error = bed.provider.state("solo").await.unwrap_err();
    assert!(error.to_string().contains("somebody removed its container"), "{error}");
    let provider = std::sync::Arc::clone(&bed.provider);
    let (all_taken, ended) = tokio::join!(bed.log_is_closed(), provider.teardown());
    let error = ended.unwrap_err().to_string();
    assert!(all_taken && error.contains("log of solo incomplete"), "its log went with it: {error}");
    bed.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_run_stays_and_says_how_to_remove_it() {
    let scratch = tempfile::tempdir().unwrap();
    let options = ProviderOptions {
        run_id: unique_run(),
        scratch: scratch.path().to_owned(),
        profile: None,
        keep: true,
        network: NetworkChoice::Auto,
        build: Default::default(),
        program: HARNESS.into(),
    };
    let label = format!("org.hegemon.testbed.run={}", options.run_id);
    let mut bed = Bed::with(Kind::Docker, |given| *given = options.clone()).await;
    bed.one(&[]).await;
    bed.wait_for_line("start 1").await;
    bed.provider.teardown().await.unwrap();
    assert!(bed.log_is_closed().await, "a reader that waits for the end is not left waiting");
    drop(bed.provider);
    assert_eq!(
        docker_cli(&["ps", "-q", "--filter", &format!("label={label}")]).lines().count(),
        1,
        "it runs on"
    );
    let hint = DockerProvider::connect(options, &environment()).await.unwrap().keep_hint();
    assert!(Command::new("sh").args(["-c", &hint]).output().unwrap().status.success(), "{hint}");
    assert_eq!(engine_objects(&label), "", "{hint}");
}

/// An engine that gives every request the same answer, or none.
fn false_engine(dir: &Path, answer: Option<(u16, &'static str)>) -> Environment {
    let path = dir.join("engine.sock");
    let listener = UnixListener::bind(&path).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let _ = stream.read(&mut [0; 4096]);
                let Some((status, body)) = answer else {
                    return thread::sleep(Duration::from_secs(60));
                };
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
            });
        }
    });
    at(&path)
}

/// What says that there is an engine at this socket.
fn at(path: &Path) -> Environment {
    Environment::from([("DOCKER_HOST", format!("unix://{}", path.display()).as_str())])
}

async fn refusal(answer: Option<(u16, &'static str)>) -> String {
    let dir = tempfile::tempdir().unwrap();
    let options = ProviderOptions {
        run_id: unique_run(),
        scratch: dir.path().to_owned(),
        profile: None,
        keep: false,
        network: NetworkChoice::Auto,
        build: Default::default(),
        program: HARNESS.into(),
    };
    let began = Instant::now();
    let error =
        DockerProvider::connect(options, &false_engine(dir.path(), answer)).await.unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(6), "--provider auto waits for this");
    assert!(matches!(error, ProviderError::Unavailable { .. }), "{error}");
    error.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_will_not_do_is_refused_with_a_remedy() {
    const TOO_NEW: &str = r#"{"message":"client version 1.53 is too old. Minimum supported API version is 1.60, please upgrade your client to a newer version"}"#;
    for (answer, reason, remedy) in [
        (
            Some((400, TOO_NEW)),
            "share no API version: client version 1.53 is too old",
            "update the engine or this harness",
        ),
        (
            Some((200, r#"{"ApiVersion":"1.24","MinAPIVersion":"1.12"}"#)),
            "speaks API 1.24 at most",
            "Docker Engine 20.10 or later",
        ),
        (
            Some((200, r#"{"ApiVersion":"1.99","MinAPIVersion":"1.60"}"#)),
            "speaks API 1.60 at least",
            "update the engine or this harness",
        ),
        (
            Some((200, r#"{"ApiVersion":"1.45","OSType":"windows"}"#)),
            "runs windows containers",
            "Linux containers",
        ),
        (
            Some((500, r#"{"message":"out of order"}"#)),
            "cannot be used: Docker responded with status code 500: out of order",
            "start Docker",
        ),
        (
            Some((400, r#"{"message":"Client sent an HTTP request to an HTTPS server."}"#)),
            "the Docker engine wants TLS (unix://",
            "set DOCKER_TLS_VERIFY=1",
        ),
        (None, "does not answer within 5 s", "restart it"),
    ] {
        let error = refusal(answer).await;
        assert!(error.contains(reason) && error.contains(remedy), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_on_which_nobody_listens_is_no_engine() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("engine.sock");
    drop(UnixListener::bind(&path).unwrap());
    let options = ProviderOptions {
        run_id: unique_run(),
        scratch: dir.path().to_owned(),
        profile: None,
        keep: false,
        network: NetworkChoice::Auto,
        build: Default::default(),
        program: HARNESS.into(),
    };
    let error = DockerProvider::connect(options, &at(&path)).await.unwrap_err().to_string();
    let expected = format!(
        "no Docker engine: nobody listens there (unix://{}, by DOCKER_HOST)\n",
        path.display()
    );
    assert!(error.starts_with(&expected), "{error}");
}
