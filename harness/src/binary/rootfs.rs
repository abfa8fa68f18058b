//! The root of an image that holds one binary and nothing that it does not need, as a tar archive.
//! What is in it is written down in `docker/README.md`.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

pub use harness_core::profile::DATA_DIR;
use tokio_tar::{Builder, EntryType, Header};

use super::{BinaryError, Executable, Library};

/// The binary in the image.
pub const NODE_PATH: &str = "/hegemon-node";
/// Where the libraries of a dynamic binary are; the image's environment points its loader here,
/// since it has no loader cache.
pub const LIBRARY_DIR: &str = "/hegemon-lib";

const ACCOUNTS: [(&str, &str); 2] = [
    ("etc/passwd", "root:x:0:0:root:/:/sbin/nologin\nnode:x:65532:65532:node:/:/sbin/nologin\n"),
    ("etc/group", "root:x:0:\nnode:x:65532:\n"),
];
/// Loaded by name while running and in no list of libraries: name resolution before glibc 2.34, and
/// unwinding of a thread that is cancelled.
const LOADED_LATER: [&str; 4] =
    ["libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2", "libgcc_s.so.1"];

/// Packs a binary, with loader and libraries if it is dynamic. The same input gives the same bytes.
///
/// # Errors
/// A script, or a file that cannot be read.
pub async fn rootfs(binary: &Path, executable: &Executable) -> Result<Vec<u8>, BinaryError> {
    let mut archive = Archive::new();
    archive.dir("tmp", 0o1777).await?;
    archive.dir(DATA_DIR, 0o1777).await?;
    archive.dir("etc", 0o755).await?;
    for (path, text) in ACCOUNTS {
        archive.bytes(path, 0o644, text.as_bytes()).await?;
    }
    archive.file(NODE_PATH, binary).await?;
    match executable {
        Executable::Static => {}
        Executable::Dynamic { loader, libraries } => {
            archive.file(&loader.to_string_lossy(), loader).await?;
            archive.dir(LIBRARY_DIR, 0o755).await?;
            for library in libraries.iter().chain(&loaded_later(libraries)) {
                archive.file(&format!("{LIBRARY_DIR}/{}", library.name), &library.path).await?;
            }
        }
        Executable::Script => return Err(BinaryError::ScriptInImage(binary.to_owned())),
    }
    archive.finish().await
}

/// An archive of one empty directory that every user may write to: the state directory, for images
/// that are not made here.
///
/// # Errors
/// None in practice: it is packed in memory.
pub async fn empty_directory(path: &str) -> Result<Vec<u8>, BinaryError> {
    let mut archive = Archive::new();
    archive.dir(path, 0o1777).await?;
    archive.finish().await
}

fn loaded_later(libraries: &[Library]) -> Vec<Library> {
    let listed: BTreeSet<_> = libraries.iter().map(|library| library.name.as_str()).collect();
    let Some(beside_libc) = libraries
        .iter()
        .find(|library| library.name == "libc.so.6")
        .and_then(|libc| libc.path.parent())
    else {
        return Vec::new();
    };
    LOADED_LATER
        .iter()
        .filter(|name| !listed.contains(*name))
        .map(|name| Library { name: (*name).to_owned(), path: beside_libc.join(name) })
        .filter(|library| library.path.is_file())
        .collect()
}

/// A tar archive in memory that knows which directories it already has.
struct Archive {
    builder: Builder<Vec<u8>>,
    dirs: BTreeSet<PathBuf>,
}

impl Archive {
    fn new() -> Self {
        Self { builder: Builder::new_non_terminated(Vec::new()), dirs: BTreeSet::new() }
    }

    async fn dir(&mut self, path: &str, mode: u32) -> Result<(), BinaryError> {
        let path = path.trim_start_matches('/');
        if self.dirs.insert(path.into()) {
            let mut header = header(EntryType::Directory, mode, 0);
            self.builder
                .append_data(&mut header, format!("{path}/"), &[][..])
                .await
                .map_err(BinaryError::io("pack", Path::new(path)))?;
        }
        Ok(())
    }

    async fn file(&mut self, path: &str, source: &Path) -> Result<(), BinaryError> {
        let content = tokio::fs::read(source).await.map_err(BinaryError::io("read", source))?;
        self.bytes(path, 0o755, &content).await
    }

    async fn bytes(&mut self, path: &str, mode: u32, content: &[u8]) -> Result<(), BinaryError> {
        let path = Path::new(path.trim_start_matches('/'));
        let parents: Vec<_> =
            path.ancestors().skip(1).filter(|dir| !dir.as_os_str().is_empty()).collect();
        for parent in parents.into_iter().rev() {
            self.dir(&parent.to_string_lossy(), 0o755).await?;
        }
        let mut header = header(EntryType::Regular, mode, content.len() as u64);
        self.builder
            .append_data(&mut header, path, content)
            .await
            .map_err(BinaryError::io("pack", path))
    }

    async fn finish(mut self) -> Result<Vec<u8>, BinaryError> {
        self.builder.finish().await.map_err(BinaryError::io("pack", Path::new("/")))?;
        self.builder.into_inner().await.map_err(BinaryError::io("pack", Path::new("/")))
    }
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}
