//! What containers are made from: an image that the engine has, or one that holds a single binary,
//! made here.
//!
//! An image is *imported*, not built: one archive and the instructions of
//! `docker/harness.Dockerfile`. It appears whole or not at all, needs no builder and leaves no
//! build cache behind, on any engine. Its tag and labels are the run's own, so removing it takes
//! nothing from a run beside.

use std::{collections::HashMap, sync::Arc};

use bollard::{
    Docker, body_full,
    models::ImageInspect,
    query_parameters::{CreateImageOptionsBuilder, InspectContainerOptions},
};
use futures_util::TryStreamExt;
use harness_core::{profile::NodeProfile, state::Executable as RunsWhat};

use super::{
    engine::{Engine, failed, is_absent},
    labels::{PROFILE_LABEL, PROFILE_OURS, RUN_LABEL},
};
use crate::{
    binary::{self, Artefact, Executable, LIBRARY_DIR},
    provider::ProviderError,
};

/// The recipe; also a Dockerfile that a person can build from an unpacked root.
const RECIPE: &str = include_str!("../../../../docker/harness.Dockerfile");
const REPOSITORY: &str = "hegemon-testbed/node";

/// An image that containers can be created from.
#[derive(Debug, Clone)]
pub(super) struct Image {
    /// Content-addressed: a tag that moves meanwhile changes nothing.
    pub(super) id: String,
    /// What its node may be given.
    pub(super) profile: Arc<NodeProfile>,
    /// For the evidence.
    pub(super) facts: serde_json::Value,
    /// Its name if the run has made it, and so removes it.
    pub(super) made: Option<String>,
}

/// Looks up an image that the engine has.
///
/// # Errors
/// There is none of that name.
pub(super) async fn find(
    engine: &Engine,
    reference: &str,
    profile: Option<&Arc<NodeProfile>>,
) -> Result<Image, ProviderError> {
    let inspect = engine.docker.inspect_image(reference).await.map_err(|error| {
        if is_absent(&error) {
            ProviderError::NoImage(reference.to_owned())
        } else {
            failed(format!("looking at the image {reference}"))(error)
        }
    })?;
    foreign_architecture(engine, &inspect, reference)?;
    names_a_program(&inspect, reference)?;
    let label =
        inspect.config.as_ref().and_then(|config| config.labels.as_ref()?.get(PROFILE_LABEL));
    let found = if label.is_some_and(|value| value == PROFILE_OURS) {
        NodeProfile::ours()
    } else {
        NodeProfile::core()
    };
    let profile = profile.cloned().unwrap_or(found);
    let facts = serde_json::json!({ "source": format!("image {reference}"), "profile": profile.name, "image": image_facts(&inspect) });
    Ok(Image { id: image_id(&inspect, reference)?, profile, facts, made: None })
}

/// Says so before the run if an image leaves open what to execute: it would be our first argument, which
/// takes the place of what a `CMD` says.
fn names_a_program(image: &ImageInspect, reference: &str) -> Result<(), ProviderError> {
    let config = image.config.as_ref();
    if config.and_then(|config| config.entrypoint.as_ref()).is_some_and(|words| !words.is_empty()) {
        return Ok(());
    }
    Err(ProviderError::Binary(format!(
        "the image {reference} has no entrypoint, and a node's flags take the place of a `CMD`: name its program in the image, like ENTRYPOINT [\"/usr/bin/node\"]"
    )))
}

/// Says so before the run if the engine's processor cannot execute the image, and nothing is known
/// to emulate one that can: a container would only say "exec format error", and look like a node that
/// ended.
fn foreign_architecture(
    engine: &Engine,
    image: &ImageInspect,
    reference: &str,
) -> Result<(), ProviderError> {
    let named = image.architecture.as_deref().unwrap_or_default();
    let needed = match named {
        "" => return Ok(()),
        "amd64" => "x86_64",
        "arm64" => "aarch64",
        "386" => "i386",
        other => other,
    };
    let runs_both = engine.architecture == "x86_64" && needed == "i386";
    // Its virtual machine brings emulators along.
    if needed == engine.architecture || runs_both || engine.is_desktop || is_emulated(needed) {
        return Ok(());
    }
    Err(ProviderError::Binary(format!(
        "the image {reference} is for {named} ({needed}), and the engine's processor is {}: build or pull it for that platform, or install an emulator (binfmt_misc) on the engine's host",
        engine.architecture
    )))
}

/// The kernel has an emulator for such programs.
fn is_emulated(architecture: &str) -> bool {
    std::path::Path::new("/proc/sys/fs/binfmt_misc").join(format!("qemu-{architecture}")).exists()
}

/// Makes an image that holds one binary. `source` says in the evidence where that is from, `labels`
/// whose it is.
///
/// # Errors
/// A script, a binary for another machine than the engine's, or the engine's refusal.
pub(super) async fn import(
    engine: &Engine,
    artefact: &Artefact,
    source: &str,
    labels: &HashMap<String, String>,
) -> Result<Image, ProviderError> {
    let run = labels.get(RUN_LABEL).map_or("", String::as_str);
    let tag = format!("{run}-{}", &artefact.sha256[..8]);
    import_as(engine, artefact, (REPOSITORY, &tag), source, labels).await
}

/// The same under a name of the caller's.
pub(super) async fn import_as(
    engine: &Engine,
    artefact: &Artefact,
    (repository, tag): (&str, &str),
    source: &str,
    labels: &HashMap<String, String>,
) -> Result<Image, ProviderError> {
    if engine.architecture != std::env::consts::ARCH {
        let what = format!(
            "the engine is {}, the binary {}; give an image that it can run (--node-image)",
            engine.architecture,
            std::env::consts::ARCH
        );
        return Err(ProviderError::Binary(what));
    }
    let root = binary::rootfs(&artefact.path, &artefact.executable).await?;
    let options = CreateImageOptionsBuilder::new()
        .from_src("-")
        .repo(repository)
        .tag(tag)
        .changes(changes(artefact, labels))
        .build();
    let reference = format!("{repository}:{tag}");
    let what = format!("importing the image {reference}");
    let import = engine.docker.create_image(Some(options), Some(body_full(root.into())), None);
    import.try_collect::<Vec<_>>().await.map_err(failed(&what))?;
    let inspect = engine.docker.inspect_image(&reference).await.map_err(failed(what))?;
    let mut facts = artefact.facts(source);
    facts["image"] = image_facts(&inspect);
    Ok(Image {
        id: image_id(&inspect, &reference)?,
        profile: Arc::clone(&artefact.profile),
        facts,
        made: Some(reference),
    })
}

/// What a container was made from.
pub(super) async fn of_container(
    docker: &Docker,
    id: &str,
    name: &str,
) -> Result<RunsWhat, ProviderError> {
    let what = format!("looking at what {name} executes");
    let inspected = docker.inspect_container(id, None::<InspectContainerOptions>).await;
    let container = inspected.map_err(failed(&what))?;
    let id =
        container.image.ok_or_else(|| ProviderError::failed(what, "the engine gives no image"))?;
    Ok(RunsWhat { id })
}

/// The recipe's instructions for what the archive cannot say, and the run's labels.
fn changes(artefact: &Artefact, labels: &HashMap<String, String>) -> Vec<String> {
    let mut changes: Vec<String> = recipe_changes().map(str::to_owned).collect();
    if let Executable::Dynamic { .. } = artefact.executable {
        changes.push(format!("ENV LD_LIBRARY_PATH={LIBRARY_DIR}"));
    }
    if artefact.profile == NodeProfile::ours() {
        changes.push(format!("LABEL {PROFILE_LABEL}={PROFILE_OURS}"));
    }
    changes.extend(labels.iter().map(|(name, value)| format!("LABEL {name}={value}")));
    changes
}

/// `FROM scratch` and `COPY` are what the archive is.
fn recipe_changes() -> impl Iterator<Item = &'static str> {
    RECIPE.lines().map(str::trim).filter(|line| {
        !line.is_empty() && !["#", "FROM ", "COPY "].iter().any(|start| line.starts_with(start))
    })
}

fn image_id(inspect: &ImageInspect, reference: &str) -> Result<String, ProviderError> {
    inspect.id.clone().ok_or_else(|| {
        ProviderError::failed(format!("looking at the image {reference}"), "the engine gives no ID")
    })
}

fn image_facts(inspect: &ImageInspect) -> serde_json::Value {
    let config = inspect.config.clone().unwrap_or_default();
    serde_json::json!({
        "id": inspect.id,
        "tags": inspect.repo_tags,
        "digests": inspect.repo_digests,
        "size_bytes": inspect.size,
        "architecture": inspect.architecture,
        "entrypoint": config.entrypoint,
        "cmd": config.cmd,
        "env": config.env,
        "working_dir": config.working_dir,
        "user": config.user,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::NODE_PATH;

    #[test]
    fn the_evidence_has_what_an_image_brings_along() {
        let inspect: ImageInspect = serde_json::from_value(serde_json::json!({
            "Config": { "Entrypoint": ["/node"], "Cmd": ["--x"], "Env": ["RUST_LOG=debug"], "WorkingDir": "/srv", "User": "1:1" }
        }))
        .unwrap();
        let facts = image_facts(&inspect);
        let expected = serde_json::json!([["/node"], ["--x"], ["RUST_LOG=debug"], "/srv", "1:1"]);
        assert_eq!(
            serde_json::json!([
                facts["entrypoint"],
                facts["cmd"],
                facts["env"],
                facts["working_dir"],
                facts["user"]
            ]),
            expected
        );
    }

    #[test]
    fn the_recipe_starts_the_binary_as_nobody_special() {
        let changes: Vec<_> = recipe_changes().collect();
        assert!(changes.contains(&format!("ENTRYPOINT [\"{NODE_PATH}\"]").as_str()), "{changes:?}");
        assert!(changes.contains(&"USER 65532:65532"), "{changes:?}");
        assert!(RECIPE.contains("FROM scratch\n"));
    }
}
