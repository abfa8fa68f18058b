//! Lists the workspace's scenarios for the library, which carries them. They are compiled in as they are.

use std::{env, error::Error, fmt::Write, fs, path::PathBuf};

/// The file inside a scenario's folder.
const FILE: &str = "scenario.toml";

fn main() -> Result<(), Box<dyn Error>> {
    // Looked through at every build, so a new scenario is found without anybody's doing.
    println!("cargo::rerun-if-changed=../scenarios");
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
        let file = folder.join(&name).join(FILE);
        writeln!(list, "    Carried {{ name: {name:?}, text: include_str!({file:?}) }},")?;
    }
    list.push_str("]\n");
    fs::write(of_cargo("OUT_DIR")?.join("scenarios.rs"), list)?;
    Ok(())
}
