//! The scenarios that this program carries: the workspace's, as they were when it was compiled. `build.rs` lists them.

/// A scenario that this program carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Carried {
    /// Its folder's name.
    pub name: &'static str,
    /// Its file's text.
    pub text: &'static str,
}

/// All of them, by name.
pub(super) const ALL: &[Carried] = include!(concat!(env!("OUT_DIR"), "/scenarios.rs"));

impl Carried {
    /// The one of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        ALL.iter().find(|carried| carried.name == name).copied()
    }
}
