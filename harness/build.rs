//! Lists the workspace's scenarios for the library, which carries them, and says whether this is a release.
//!
//! No path of this machine is in what it writes: a release is the same, byte for byte, wherever it is compiled.

use std::{env, error::Error, fmt::Write, fs, path::PathBuf};

/// The file inside a scenario's folder.
const FILE: &str = "scenario.toml";

fn main() -> Result<(), Box<dyn Error>> {
    // Looked through at every build, so a new scenario is found without anybody's doing.
    println!("cargo::rerun-if-changed=../scenarios");
    println!("cargo::rerun-if-env-changed=HARNESS_RELEASE");
    println!("cargo::rustc-check-cfg=cfg(release)");
    if env::var_os("HARNESS_RELEASE").is_some() {
        println!("cargo::rustc-cfg=release");
    }
    let of_cargo = |name: &str| env::var_os(name).map(PathBuf::from).ok_or("cargo sets it");
    let folder = of_cargo("CARGO_MANIFEST_DIR")?.join("../scenarios").canonicalize()?;
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let entry = entry?;
        if entry.path().join(FILE).is_file() {
            names.push(entry.file_name().into_string().map_err(|_| "a name that is no text")?);
        }
    }
    // The order of a directory is nobody's promise, and two builds give the same bytes.
    names.sort();
    let mut list = "&[\n".to_owned();
    for name in names {
        let text = fs::read_to_string(folder.join(&name).join(FILE))?;
        writeln!(list, "    Carried {{ name: {name:?}, text: {text:?} }},")?;
    }
    list.push_str("]\n");
    fs::write(of_cargo("OUT_DIR")?.join("scenarios.rs"), list)?;
    Ok(())
}
