//! What containers need: an engine, networks, and a way from here into them, which is tried.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::PermissionsExt,
    path::Path,
    time::{Duration, Instant},
};

use harness_core::{
    doctor::{self, Diagnosis},
    node::NodeSource,
    place::Environment,
    profile::NodeProfile,
    subnet::Range,
    text::short,
};
use harness_run::evidence;

use super::{
    host,
    question::{Question, Where},
};
use crate::{
    binary,
    provider::{
        NetworkChoice, NodeLaunch, NodeRequest, Provider, ProviderError, ProviderOptions,
        docker::{DockerProvider, neighbour_limit},
    },
};

/// Nobody sees its name but an engine.
const NAME: &str = "doctor";

pub(super) async fn examine(question: &Question, environment: &Environment) -> Vec<Diagnosis> {
    let needed = question.place == Where::Docker;
    let scratch = match tempfile::tempdir() {
        Ok(scratch) => scratch,
        Err(why) => {
            let why = format!("no temporary directory: {why}");
            return vec![doctor::engine(Err((why, "make room for one".to_owned())), needed)];
        }
    };
    let options = ProviderOptions {
        run_id: format!("{NAME}{:x}", evidence::draw_seed()),
        scratch: scratch.path().to_owned(),
        profile: Some(NodeProfile::ours()),
        keep: false,
        network: NetworkChoice::Auto,
        build: Default::default(),
        program: Default::default(),
    };
    let provider = match DockerProvider::connect(options, environment).await {
        Ok(provider) => provider,
        Err(why) => return vec![doctor::engine(Err(words(why)), needed)],
    };
    let facts = provider.facts();
    let fact = |name: &str| facts["engine"][name].as_str().unwrap_or_default().to_owned();
    let mut diagnoses = vec![
        doctor::engine(Ok(provider.engine()), needed),
        doctor::architecture(
            std::env::consts::ARCH,
            &fact("architecture").replace("arm64", "aarch64"),
        ),
    ];
    if let Ok(taken) = provider.taken().await {
        let (free, of) = Range::Benchmark.free(&taken);
        diagnoses.push(doctor::subnets(free, of, &Range::Benchmark.holders(&taken)));
    }
    diagnoses.push(doctor::neighbours(question.nodes, neighbour_limit()));
    // An engine that is not on this host's file system has its room elsewhere.
    let root = fact("root");
    let disk = Path::new(&root).exists().then(|| host::disk("containers", Path::new(&root)));
    diagnoses.extend(disk.flatten().map(|disk| doctor::disk(&disk)));
    let tried = match try_container(&provider, scratch.path()).await {
        Ok(says) => Ok(says),
        Err(why) => Err(words(why)),
    };
    let removed = provider.teardown().await;
    diagnoses.push(doctor::containers(match removed {
        Ok(()) => tried,
        Err(why) => tried.and(Err(words(why))),
    }));
    diagnoses
}

/// As a run does it: a network, an image, a container, and a knock at its address.
async fn try_container(provider: &DockerProvider, scratch: &Path) -> Result<String, ProviderError> {
    let Some(program) = binary::idle() else {
        return Ok("not tried: there is no program for this processor to try it with".to_owned());
    };
    let path = scratch.join("idle");
    write(&path, &program).map_err(|why| ProviderError::Failed {
        what: format!("writing {}", path.display()),
        why: why.to_string(),
    })?;
    let request = NodeRequest {
        name: NAME.to_owned(),
        source: NodeSource::Binary(path),
        upgrades: Vec::new(),
    };
    let began = Instant::now();
    provider.reserve(&[request], None, &|_| ()).await?;
    let (name, args) = (NAME.to_owned(), vec!["wait".to_owned(), "here".to_owned()]);
    provider.start(&NodeLaunch { name, args, env: BTreeMap::new() }).await?;
    let network = &provider.facts()["network"];
    let said = |name: &str| network[name].as_str().unwrap_or_default().to_owned();
    Ok(format!(
        "one was started in {} and reached at its {} ({}){}",
        short(Duration::from_millis(began.elapsed().as_millis() as u64)),
        said("rpc"),
        said("subnet"),
        if network["internal"] == true { "" } else { "; networks have a way out" }
    ))
}

fn write(path: &Path, program: &[u8]) -> io::Result<()> {
    fs::write(path, program)?;
    fs::set_permissions(path, PermissionsExt::from_mode(0o755))
}

/// What went wrong, and what to do.
fn words(error: ProviderError) -> (String, String) {
    match error {
        ProviderError::Unavailable { what, remedy } => (what, remedy),
        other @ (ProviderError::NoImage(_)
        | ProviderError::Binary(_)
        | ProviderError::Subnet(_)
        | ProviderError::Unsupported(_)
        | ProviderError::Disturbed(_)
        | ProviderError::Failed { .. }) => {
            (other.to_string(), "a run with --provider process needs no engine".to_owned())
        }
    }
}
