//! The programs of an archive lie beside each other: a harness that has no workspace finds its node there.

use std::path::{Path, PathBuf};

use super::BinaryError;

/// The program of this name beside this one.
///
/// # Errors
/// It is not there.
pub(super) fn beside(name: &str) -> Result<PathBuf, BinaryError> {
    let own = std::env::current_exe().map_err(|source| BinaryError::Io {
        doing: "find",
        path: "the file of this program".into(),
        source,
    })?;
    beside_of(&own, name)
}

fn beside_of(program: &Path, name: &str) -> Result<PathBuf, BinaryError> {
    let path = program.with_file_name(name);
    if path.is_file() { Ok(path) } else { Err(BinaryError::NotBeside(path)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_beside_is_taken_and_one_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("harness");
        let node = folder.path().join("hegemon-node");
        let missing = beside_of(&own, "hegemon-node").unwrap_err().to_string();
        assert!(missing.contains(&format!("no `{}`", node.display())), "{missing}");
        assert!(missing.contains("unpack the whole archive"), "{missing}");
        std::fs::write(&node, "").unwrap();
        assert_eq!(beside_of(&own, "hegemon-node").unwrap(), node);
    }
}
