//! What can be wrong with a node binary, in words that name the file and the remedy.

use std::path::{Path, PathBuf};

/// Why a binary cannot be built, read, run or packed.
#[derive(Debug, thiserror::Error)]
pub enum BinaryError {
    /// No such file.
    #[error("no node binary at `{0}`")]
    Missing(PathBuf),
    /// A harness without a workspace has no other place to look for it.
    #[error(
        "no `{}`: this harness has no workspace to build it from, and takes the one beside itself; unpack the whole archive, or give another (`--node-bin`, `--node-image`)",
        .0.display()
    )]
    NotBeside(PathBuf),
    /// A directory, a device, a socket.
    #[error("`{0}` is not a file")]
    NotAFile(PathBuf),
    /// No execute permission for anybody.
    #[error("`{0}` is not executable; `chmod +x` it if it is the right file")]
    NotExecutable(PathBuf),
    /// Neither ELF nor `#!`.
    #[error("`{0}` is neither an ELF executable nor a script that starts with `#!`")]
    UnknownFormat(PathBuf),
    /// An ELF file that this host's kernel does not execute.
    #[error("`{path}` is for {found}, this host is {wanted}; build or fetch it for that")]
    WrongArchitecture {
        /// The file.
        path: PathBuf,
        /// What its header says.
        found: String,
        /// What runs here.
        wanted: String,
    },
    /// The loader that the binary asks for, or a library, is not on this host.
    #[error("`{path}` needs `{library}`, which is not on this host")]
    MissingLibrary {
        /// The binary.
        path: PathBuf,
        /// Loader path or library name.
        library: String,
    },
    /// The loader refused to list the binary's libraries.
    #[error("`{path}`: its loader does not list its libraries: {why}")]
    Loader {
        /// The binary.
        path: PathBuf,
        /// What the loader said.
        why: String,
    },
    /// A script has no place in an image that holds nothing else.
    #[error(
        "`{0}` is a script: a container made from it has no interpreter to run it. Give the binary itself, an image (`--node-image`), or use `--provider process`"
    )]
    ScriptInImage(PathBuf),
    /// Cargo did not build our node.
    #[error("cannot build hegemon-node: {why}{}", indented(.tail))]
    Build {
        /// What happened.
        why: String,
        /// Cargo's last lines.
        tail: Vec<String>,
    },
    /// The operating system said no.
    #[error("cannot {doing} `{path}`: {source}")]
    Io {
        /// `read`, `copy`, `run`.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// Its answer.
        source: std::io::Error,
    },
}

impl BinaryError {
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { doing, path: path.to_owned(), source }
    }
}

fn indented(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n  {line}")).collect()
}
