//! Files of a node that is down, through the engine: as an archive that it makes of a container's
//! directory, and takes into another's. Neither needs anything inside of the image.

use std::{
    collections::BTreeMap,
    io,
    path::{Component, Path},
};

use bollard::{
    Docker, body_try_stream,
    query_parameters::{DownloadFromContainerOptionsBuilder, UploadToContainerOptionsBuilder},
};
use futures_util::{StreamExt, TryStreamExt, future, stream};
use harness_core::state::{Damage, StateChange, StateFile};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio_tar::{Archive, Builder, Entry};
use tokio_util::{
    bytes::Bytes,
    io::{ReaderStream, StreamReader},
};

use super::engine::failed;
use crate::{
    binary::DATA_DIR,
    provider::{
        ProviderError,
        state_files::{self, Hash},
    },
};

/// What waits on the way from one archive into the other.
const PIPE: usize = 256 << 10;

/// Every file of the state that a container mounts, by path.
pub(super) async fn list(
    docker: &Docker,
    id: &str,
    name: &str,
) -> Result<Vec<StateFile>, ProviderError> {
    let what = || format!("reading the state of {name}");
    let broken = |why: io::Error| ProviderError::failed(what(), why);
    let mut archive = Archive::new(download(docker, id));
    let mut entries = archive.entries().map_err(broken)?;
    let mut files: BTreeMap<String, StateFile> = BTreeMap::new();
    while let Some(entry) = entries.next().await {
        let mut entry = entry.map_err(broken)?;
        let path = relative(&entry.path().map_err(broken)?);
        let kind = entry.header().entry_type();
        let file = if kind.is_file() {
            Some(describe(&path, &mut entry).await.map_err(broken)?)
        } else if kind.is_hard_link() {
            // Another name for one that came before.
            let other = entry.link_name().map_err(broken)?.map(|other| relative(&other));
            let known = other.and_then(|other| files.get(&other));
            known.map(|known| StateFile { path: path.clone(), ..known.clone() })
        } else {
            None
        };
        files.extend(file.map(|file| (path, file)));
        if files.len() > state_files::MOST {
            return Err(state_files::too_many(name));
        }
    }
    Ok(files.into_values().collect())
}

/// Whose the files of a state are (`uid:gid`), if there are any.
pub(super) async fn owner(
    docker: &Docker,
    id: &str,
    name: &str,
) -> Result<Option<String>, ProviderError> {
    let broken =
        |why: io::Error| ProviderError::failed(format!("reading the state of {name}"), why);
    let mut archive = Archive::new(download(docker, id));
    let mut entries = archive.entries().map_err(broken)?;
    while let Some(entry) = entries.next().await {
        let entry = entry.map_err(broken)?;
        let header = entry.header();
        if header.entry_type().is_file() {
            let (user, group) = (header.uid().map_err(broken)?, header.gid().map_err(broken)?);
            return Ok(Some(format!("{user}:{group}")));
        }
    }
    Ok(None)
}

/// Takes what the container `from` has of a node's state into `to`, but for what the change says.
/// Owners, modes and times stay.
pub(super) async fn rewrite(
    docker: &Docker,
    (from, to): (&str, &str),
    name: &str,
    change: &StateChange,
) -> Result<(), ProviderError> {
    let (sink, source) = tokio::io::duplex(PIPE);
    let options = UploadToContainerOptionsBuilder::new().path("/").build();
    let body = body_try_stream(ReaderStream::new(source));
    let upload = docker.upload_to_container(to, Some(options), body);
    let copy = copy(download(docker, from), sink, change);
    let (copied, uploaded) = future::join(copy, upload).await;
    // An archive that breaks off fails both, and this is why.
    copied.map_err(|why| ProviderError::failed(format!("changing the state of {name}"), why))?;
    uploaded.map_err(failed(format!("changing the state of {name}")))
}

fn download(docker: &Docker, id: &str) -> impl AsyncRead + Send + Unpin + use<> {
    let options = DownloadFromContainerOptionsBuilder::new().path(DATA_DIR).build();
    let stream = docker.download_from_container(id, Some(options)).map_err(io::Error::other);
    StreamReader::new(Box::pin(stream))
}

/// The engine's archive of a directory has the directory's own name first.
fn relative(path: &Path) -> String {
    let parts = path.components().filter_map(|part| {
        if let Component::Normal(part) = part { Some(part.to_string_lossy()) } else { None }
    });
    parts.skip(1).collect::<Vec<_>>().join("/")
}

async fn describe(path: &str, content: &mut (impl AsyncRead + Unpin)) -> io::Result<StateFile> {
    let (mut hash, mut bytes, mut block) = (Hash::default(), 0, vec![0; 64 << 10]);
    loop {
        let length = content.read(&mut block).await?;
        if length == 0 {
            return Ok(StateFile { path: path.to_owned(), bytes, sha256: hash.text() });
        }
        hash.feed(&block[..length]);
        bytes += length as u64;
    }
}

async fn copy(
    from: impl AsyncRead + Send + Unpin,
    to: impl AsyncWrite + Send + Unpin,
    change: &StateChange,
) -> io::Result<()> {
    let mut archive = Archive::new(from);
    let mut entries = archive.entries()?;
    let mut copy = Builder::new_non_terminated(to);
    while let Some(entry) = entries.next().await {
        let entry = entry?;
        let path = relative(&entry.path()?);
        let is_meant = !path.is_empty() && change.is_about(&path);
        match change {
            StateChange::Remove(_) if is_meant => {}
            StateChange::Damage { how, seed, .. }
                if is_meant && entry.header().entry_type().is_file() =>
            {
                damage(&mut copy, entry, &path, (*how, *seed)).await?;
            }
            StateChange::Remove(_) | StateChange::Damage { .. } => keep(&mut copy, entry).await?,
        }
    }
    copy.finish().await?;
    let mut end = copy.into_inner().await?;
    tokio::io::AsyncWriteExt::shutdown(&mut end).await
}

async fn keep<R: AsyncRead + Unpin>(
    to: &mut Builder<impl AsyncWrite + Send + Unpin>,
    entry: Entry<R>,
) -> io::Result<()> {
    let (mut header, path) = (entry.header().clone(), entry.path()?.into_owned());
    if let Some(target) = entry.link_name()? {
        header.set_link_name(target)?;
    }
    to.append_data(&mut header, path, entry).await
}

async fn damage<R: AsyncRead + Unpin>(
    to: &mut Builder<impl AsyncWrite + Send + Unpin>,
    entry: Entry<R>,
    name: &str,
    (how, seed): (Damage, u64),
) -> io::Result<()> {
    let (mut header, path) = (entry.header().clone(), entry.path()?.into_owned());
    let left = how.length(header.size()?);
    header.set_size(left);
    let blocks = stream::try_unfold((entry.take(left), 0), async |(mut content, number)| {
        let mut block = Vec::with_capacity(Damage::BLOCK);
        (&mut content).take(Damage::BLOCK as u64).read_to_end(&mut block).await?;
        if block.is_empty() {
            return io::Result::Ok(None);
        }
        how.block(seed, name, number, &mut block);
        Ok(Some((Bytes::from(block), (content, number + 1))))
    });
    to.append_data(&mut header, path, StreamReader::new(Box::pin(blocks))).await
}
