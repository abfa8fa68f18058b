//! Where this user's runs are written down.

use std::path::PathBuf;

use crate::lease::Registry;

/// By the environment of the user.
pub(super) fn registry() -> Registry {
    let path = |name| std::env::var_os(name).map(PathBuf::from);
    Registry::of_user(path("XDG_STATE_HOME"), path("HOME"))
}
