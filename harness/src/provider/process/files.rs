//! Files of a node that is down, in its own directory and nowhere else: links are neither followed nor
//! listed, whatever a node may have made.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use harness_core::state::{Damage, StateChange, StateFile};
use rustix::fs::OFlags;

use super::{executable, state::Nodes};
use crate::provider::{ProviderError, state_files};

/// Every file of its state, by path.
pub(super) async fn list(nodes: &Nodes, name: &str) -> Result<Vec<StateFile>, ProviderError> {
    let base = nodes.state_of_one_down(name)?;
    blocking(name, move |name| {
        let files = Tree::of(&base, name)?.files;
        files
            .into_iter()
            .map(|file| file.describe())
            .collect::<io::Result<_>>()
            .map_err(failed(name))
    })
    .await
}

/// Removes or damages what the change is about; owners and modes stay.
pub(super) async fn change(
    nodes: &Nodes,
    name: &str,
    change: &StateChange,
) -> Result<(), ProviderError> {
    let (base, change) = (nodes.state_of_one_down(name)?, change.clone());
    blocking(name, move |name| {
        let tree = Tree::of(&base, name)?;
        match &change {
            StateChange::Remove(_) => tree.remove(&change),
            StateChange::Damage { how, seed, .. } => tree
                .files
                .iter()
                .filter(|file| change.is_about(&file.name))
                .try_for_each(|file| file.damage(*how, *seed)),
        }
        .map_err(failed(name))
    })
    .await
}

async fn blocking<T: Send + 'static>(
    name: &str,
    act: impl FnOnce(&str) -> Result<T, ProviderError> + Send + 'static,
) -> Result<T, ProviderError> {
    let owned = name.to_owned();
    let done = tokio::task::spawn_blocking(move || act(&owned)).await;
    done.map_err(|why| failed(name)(io::Error::other(why))).flatten()
}

fn failed(name: &str) -> impl Fn(io::Error) -> ProviderError {
    move |why| ProviderError::failed(format!("at the state of {name}"), why)
}

/// Something in the directory.
struct Entry {
    /// Relative to the directory, with `/`.
    name: String,
    path: PathBuf,
}

/// What is in a directory, each folder before what is in it.
#[derive(Default)]
struct Tree {
    /// The directory.
    base: PathBuf,
    files: Vec<Entry>,
    /// Links, sockets and the like.
    others: Vec<Entry>,
    folders: Vec<Entry>,
}

impl Tree {
    fn of(base: &Path, name: &str) -> Result<Self, ProviderError> {
        let mut tree = Self { base: base.to_owned(), ..Self::default() };
        let root = Entry { name: String::new(), path: base.to_owned() };
        if !fs::symlink_metadata(base).is_ok_and(|about| about.is_dir()) {
            return Ok(tree);
        }
        let mut folders = vec![root];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder.path).map_err(failed(name))? {
                let entry = entry.map_err(failed(name))?;
                let own = entry.file_name().to_string_lossy().into_owned();
                let relative =
                    if folder.name.is_empty() { own } else { format!("{}/{own}", folder.name) };
                let kind = entry.file_type().map_err(failed(name))?;
                let found = Entry { name: relative, path: entry.path() };
                if kind.is_dir() {
                    folders.push(found);
                } else if kind.is_file() {
                    tree.files.push(found);
                } else if kind.is_symlink() || kind.is_fifo() || kind.is_socket() {
                    tree.others.push(found);
                }
            }
            if !folder.name.is_empty() {
                tree.folders.push(folder);
            }
            if tree.files.len() + tree.others.len() + tree.folders.len() > state_files::MOST {
                return Err(state_files::too_many(name));
            }
        }
        tree.files.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(tree)
    }

    fn remove(&self, change: &StateChange) -> io::Result<()> {
        let meant = |entry: &&Entry| change.is_about(&entry.name);
        for file in self.files.iter().chain(&self.others).filter(meant) {
            self.must_hold(file)?;
            fs::remove_file(&file.path)?;
        }
        self.folders.iter().rev().filter(meant).try_for_each(|folder| {
            self.must_hold(folder)?;
            fs::remove_dir(&folder.path)
        })
    }

    /// What is removed lies in this very directory once all links on the way to it are followed. Nothing
    /// that was listed should lie elsewhere; but what is removed by mistake is gone.
    fn must_hold(&self, entry: &Entry) -> io::Result<()> {
        let base = fs::canonicalize(&self.base)?;
        let holder = entry.path.parent().map(fs::canonicalize).transpose()?;
        if holder.is_some_and(|holder| holder.starts_with(&base)) {
            return Ok(());
        }
        let what = format!("{} lies outside of {}", entry.path.display(), self.base.display());
        Err(io::Error::other(what))
    }
}

impl Entry {
    fn open(&self, options: &mut OpenOptions) -> io::Result<File> {
        let flags = OFlags::NOFOLLOW.bits().cast_signed();
        options.custom_flags(flags).open(&self.path)
    }

    fn describe(&self) -> io::Result<StateFile> {
        let mut file = self.open(OpenOptions::new().read(true))?;
        let (sha256, bytes) = executable::sha256(&mut file)?;
        Ok(StateFile { path: self.name.clone(), bytes, sha256 })
    }

    fn damage(&self, how: Damage, seed: u64) -> io::Result<()> {
        let file = self.open(OpenOptions::new().read(true).write(true))?;
        let left = how.length(file.metadata()?.len());
        file.set_len(left)?;
        let mut block = vec![0; Damage::BLOCK];
        let size = Damage::BLOCK as u64;
        for number in 0..left.div_ceil(size) {
            let at = number * size;
            let length = usize::try_from(size.min(left - at)).unwrap_or(Damage::BLOCK);
            file.read_exact_at(&mut block[..length], at)?;
            how.block(seed, &self.name, number, &mut block[..length]);
            file.write_all_at(&block[..length], at)?;
        }
        Ok(())
    }
}
