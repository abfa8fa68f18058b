//! `--node-profile`: a shipped profile by name, else a file.

use std::{fs, io::Read, path::Path, sync::Arc};

use harness_core::{
    document::listed,
    profile::{NodeProfile, SHIPPED},
};

use super::{args::NodeArgs, output};

/// More than a profile may have.
const LARGEST: u64 = 1024 * 1024;

/// What the command line says of nodes, if it does; `None` if that is no profile, and then what is
/// wrong with it was said.
pub(super) fn asked(node: &NodeArgs) -> Option<Option<Box<NodeProfile>>> {
    let Some(given) = &node.node_profile else { return Some(None) };
    match find(given) {
        Ok(profile) => Some(Some(Box::new(profile))),
        Err(why) => {
            output::note(&why);
            None
        }
    }
}

/// The profile, or everything that is wrong with it.
fn find(given: &str) -> Result<NodeProfile, String> {
    if let Some(profile) = NodeProfile::shipped(given) {
        return Ok(Arc::unwrap_or_clone(profile));
    }
    let path = Path::new(given);
    let mut text = String::new();
    fs::File::open(path).and_then(|file| file.take(LARGEST).read_to_string(&mut text)).map_err(
        |why| {
            let names = listed(SHIPPED.iter().map(|(name, _)| *name));
            format!(
                "error: no profile `{given}`: {names} are shipped, and as a file it cannot be read ({why})"
            )
        },
    )?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let (profile, problems) = NodeProfile::read(&name, path, text);
    profile.ok_or_else(|| problems.to_string())
}
