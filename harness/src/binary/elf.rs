//! What kind of executable a file is, and what a dynamic one needs beside itself. Reads headers;
//! runs nothing of the file, only the host's own loader.

use std::{
    fs::File,
    io::Read,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use object::{
    Endianness, FileKind,
    elf::{self, FileHeader64},
    read::{
        ReadCache, ReadRef,
        elf::{FileHeader, ProgramHeader},
    },
};
use tokio::process::Command;

use super::{BinaryError, subprocess};

/// Time that a loader gets to list libraries; it takes milliseconds.
const LOADER_LIMIT: Duration = Duration::from_secs(10);
/// Output of a loader that is looked at; a line per library, so thousands of them fit.
const LOADER_OUTPUT: u64 = 1024 * 1024;

/// How a file is executed on this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Executable {
    /// ELF, complete in itself.
    Static,
    /// ELF that a loader completes.
    Dynamic {
        /// The loader, as the binary names it (`PT_INTERP`).
        loader: PathBuf,
        /// Everything that the loader maps, transitively, itself excluded.
        libraries: Vec<Library>,
    },
    /// Starts with `#!`.
    Script,
}

/// A shared library that a binary needs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Library {
    /// The name that it is looked for by.
    pub name: String,
    /// Where it was found on this host.
    pub path: PathBuf,
}

impl Executable {
    /// One word for the evidence.
    pub fn linkage(&self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Dynamic { .. } => "dynamic",
            Self::Script => "script",
        }
    }
}

/// Says what a file is.
///
/// # Errors
/// A file that is missing, no file, not executable, of a format or architecture that does not run
/// here, or a dynamic one of which a library is missing.
pub async fn inspect(path: &Path) -> Result<Executable, BinaryError> {
    check_file(path)?;
    if is_script(path)? {
        return Ok(Executable::Script);
    }
    match interpreter(path)? {
        None => Ok(Executable::Static),
        Some(loader) => {
            Ok(Executable::Dynamic { libraries: libraries(path, &loader).await?, loader })
        }
    }
}

fn check_file(path: &Path) -> Result<(), BinaryError> {
    let metadata = match path.metadata() {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(BinaryError::Missing(path.to_owned()));
        }
        Err(error) => return Err(BinaryError::io("read", path)(error)),
    };
    if !metadata.is_file() {
        return Err(BinaryError::NotAFile(path.to_owned()));
    }
    if metadata.permissions().mode() & 0o111 == 0 {
        return Err(BinaryError::NotExecutable(path.to_owned()));
    }
    Ok(())
}

fn is_script(path: &Path) -> Result<bool, BinaryError> {
    let mut head = Vec::with_capacity(2);
    File::open(path)
        .and_then(|file| file.take(2).read_to_end(&mut head))
        .map_err(BinaryError::io("read", path))?;
    Ok(head == b"#!")
}

/// The loader that an ELF executable for this host asks for, if any.
fn interpreter(path: &Path) -> Result<Option<PathBuf>, BinaryError> {
    let unknown = || BinaryError::UnknownFormat(path.to_owned());
    let file = ReadCache::new(File::open(path).map_err(BinaryError::io("read", path))?);
    match FileKind::parse(&file) {
        Ok(FileKind::Elf64) => interpreter_of_elf64(path, &file),
        Ok(FileKind::Elf32) => Err(wrong_architecture(path, "a 32-bit processor".to_owned())),
        Ok(_) | Err(_) => Err(unknown()),
    }
}

fn interpreter_of_elf64<'a>(
    path: &Path,
    data: impl ReadRef<'a>,
) -> Result<Option<PathBuf>, BinaryError> {
    let unknown = |_| BinaryError::UnknownFormat(path.to_owned());
    let header = FileHeader64::<Endianness>::parse(data).map_err(unknown)?;
    let endian = header.endian().map_err(unknown)?;
    if !matches!(header.e_type(endian), elf::ET_EXEC | elf::ET_DYN) {
        return Err(BinaryError::UnknownFormat(path.to_owned()));
    }
    let machine = architecture(header.e_machine(endian));
    if machine != std::env::consts::ARCH {
        return Err(wrong_architecture(path, machine));
    }
    for segment in header.program_headers(endian, data).map_err(unknown)? {
        if let Some(loader) = segment.interpreter(endian, data).map_err(unknown)? {
            return Ok(Some(PathBuf::from(String::from_utf8_lossy(loader).into_owned())));
        }
    }
    Ok(None)
}

/// A machine number in the words of `std::env::consts::ARCH`.
fn architecture(machine: elf::Machine) -> String {
    match machine {
        elf::EM_X86_64 => "x86_64".to_owned(),
        elf::EM_AARCH64 => "aarch64".to_owned(),
        elf::EM_RISCV => "riscv64".to_owned(),
        elf::EM_PPC64 => "powerpc64".to_owned(),
        elf::EM_S390 => "s390x".to_owned(),
        other => format!("ELF machine {other:?}"),
    }
}

fn wrong_architecture(path: &Path, found: String) -> BinaryError {
    BinaryError::WrongArchitecture {
        path: path.to_owned(),
        found,
        wanted: std::env::consts::ARCH.to_owned(),
    }
}

/// Asks the binary's own loader, as `ldd` does: it knows search paths, caches and `$ORIGIN` better
/// than we could. `--list` maps libraries and executes nothing of them.
async fn libraries(path: &Path, loader: &Path) -> Result<Vec<Library>, BinaryError> {
    if !loader.exists() {
        return Err(BinaryError::MissingLibrary {
            path: path.to_owned(),
            library: loader.display().to_string(),
        });
    }
    let absolute = std::path::absolute(path).map_err(BinaryError::io("read", path))?;
    let mut command = Command::new(loader);
    command.arg("--list").arg(&absolute);
    let output = subprocess::run(command, LOADER_LIMIT, LOADER_OUTPUT)
        .await
        .map_err(BinaryError::io("run", loader))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let listed = parse_list(&text, loader)
        .map_err(|library| BinaryError::MissingLibrary { path: path.to_owned(), library })?;
    if output.status.is_some_and(|status| status.success()) {
        return Ok(listed);
    }
    let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(BinaryError::Loader {
        path: path.to_owned(),
        why: if why.is_empty() { "no answer".to_owned() } else { why },
    })
}

/// Lines of a loader's list: `name => path (0x…)`, `name => not found`, `/path/to/loader (0x…)`,
/// `linux-vdso.so.1 (0x…)`. An error is the first name that is not found.
fn parse_list(text: &str, loader: &Path) -> Result<Vec<Library>, String> {
    let mut found = Vec::new();
    for line in text.lines() {
        let line = line.trim().rsplit_once(" (0x").map_or(line.trim(), |(before, _)| before);
        let (name, path) = line.split_once(" => ").unwrap_or((line, line));
        if path == "not found" {
            return Err(name.to_owned());
        }
        // The vDSO is the kernel's and has no file; the loader is packed on its own.
        if path.starts_with('/') && Path::new(path) != loader && Path::new(name) != loader {
            let name =
                Path::new(name).file_name().map_or(name.into(), |file| file.to_string_lossy());
            found.push(Library { name: name.into_owned(), path: PathBuf::from(path) });
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GLIBC: &str = "\tlinux-vdso.so.1 (0x00007ffd5f5c9000)\n\tlibgcc_s.so.1 => /lib/x86_64-linux-gnu/libgcc_s.so.1 (0x00007f1)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f2)\n\t/lib64/ld-linux-x86-64.so.2 (0x00007f3)\n";

    #[test]
    fn a_glibc_list_without_vdso_and_loader() {
        let names: Vec<_> = parse_list(GLIBC, Path::new("/lib64/ld-linux-x86-64.so.2"))
            .unwrap()
            .into_iter()
            .map(|library| library.name)
            .collect();
        assert_eq!(names, ["libc.so.6", "libgcc_s.so.1"]);
    }

    #[test]
    fn musls_list_names_the_loader_as_libc() {
        let text = "\t/lib/ld-musl-x86_64.so.1 (0x7f0)\n\tlibc.musl-x86_64.so.1 => /lib/ld-musl-x86_64.so.1 (0x7f0)\n";
        assert_eq!(parse_list(text, Path::new("/lib/ld-musl-x86_64.so.1")), Ok(Vec::new()));
    }

    #[test]
    fn the_first_library_that_is_missing_is_named() {
        assert_eq!(
            parse_list("\tlibzmq.so.5 => not found\n", Path::new("/lib/ld.so")),
            Err("libzmq.so.5".to_owned())
        );
    }

    #[tokio::test]
    async fn the_hosts_shell_is_dynamic_and_complete() {
        let Executable::Dynamic { loader, libraries } =
            inspect(Path::new("/bin/sh")).await.unwrap()
        else {
            panic!("a static shell")
        };
        assert!(loader.exists());
        assert!(
            libraries.iter().any(|library| library.name.starts_with("libc.so")),
            "{libraries:?}"
        );
    }

    #[tokio::test]
    async fn what_cannot_be_run_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &[u8], mode: u32| {
            let path = dir.path().join(name);
            std::fs::write(&path, content).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            path
        };
        let mut arm = std::fs::read("/proc/self/exe").unwrap();
        arm.truncate(4096);
        arm[18..20].copy_from_slice(
            &if cfg!(target_arch = "aarch64") { 62_u16 } else { 183_u16 }.to_le_bytes(),
        );

        assert!(matches!(inspect(&dir.path().join("nothing")).await, Err(BinaryError::Missing(_))));
        assert!(matches!(inspect(dir.path()).await, Err(BinaryError::NotAFile(_))));
        assert!(matches!(
            inspect(&file("plain", b"\x7fELF", 0o644)).await,
            Err(BinaryError::NotExecutable(_))
        ));
        assert!(matches!(
            inspect(&file("text", b"hello", 0o755)).await,
            Err(BinaryError::UnknownFormat(_))
        ));
        assert!(matches!(
            inspect(&file("empty", b"", 0o755)).await,
            Err(BinaryError::UnknownFormat(_))
        ));
        assert!(matches!(
            inspect(&file("cut", b"\x7fELF\x02\x01\x01", 0o755)).await,
            Err(BinaryError::UnknownFormat(_))
        ));
        assert!(matches!(
            inspect(&file("arm", &arm, 0o755)).await,
            Err(BinaryError::WrongArchitecture { .. })
        ));
        assert!(matches!(
            inspect(&file("script", b"#!/bin/sh\n", 0o755)).await,
            Ok(Executable::Script)
        ));
    }
}
