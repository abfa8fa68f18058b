//! What the user's environment says: where runs are written down, and where an engine is.

use std::path::PathBuf;

use harness_core::place::Environment;

use crate::lease::Registry;

/// Where this user's runs are written down.
pub(crate) fn registry() -> Registry {
    let path = |name| std::env::var_os(name).map(PathBuf::from);
    Registry::of_user(path("XDG_STATE_HOME"), path("HOME"))
}

/// What says where an engine is.
pub(crate) fn environment() -> Environment {
    Environment::read(|name| std::env::var_os(name))
}
