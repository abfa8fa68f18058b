//! Processes that are to live in a namespace: they join it between fork and exec, when they have one
//! thread.

use std::{
    ffi::{CStr, CString},
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::process::CommandExt,
    },
    process::Command,
    sync::Arc,
};

use rustix::{
    mount::{MountPropagationFlags, mount_bind, mount_change},
    thread::{LinkNameSpaceType, move_into_link_name_space},
};

use super::sys;

/// A network namespace, and the user namespace that owns it unless that is the machine's own.
#[derive(Debug)]
pub struct Join {
    /// Whoever joins it may do everything to what it owns, and nothing more than before to all else.
    pub(super) user: Option<Arc<OwnedFd>>,
    /// The node's.
    pub(super) network: OwnedFd,
    /// What it is to see as its table of names, if that is ours to say.
    pub(super) hosts: Option<Arc<CString>>,
}

impl Join {
    /// What is executed lives in the namespace.
    pub fn before_exec(self: Arc<Self>, command: &mut Command) {
        let arrange = move || -> io::Result<()> {
            if let Some(user) = &self.user {
                move_into_link_name_space(user.as_fd(), Some(LinkNameSpaceType::User))?;
            }
            move_into_link_name_space(self.network.as_fd(), Some(LinkNameSpaceType::Network))?;
            match &self.hosts {
                Some(hosts) => see_as_hosts(hosts),
                None => Ok(()),
            }
        };
        #[expect(
            unsafe_code,
            reason = "runs between fork and exec; it makes a few system calls and allocates nothing, which is all that is allowed there"
        )]
        // SAFETY: the calls are async-signal-safe, and the closure neither allocates nor takes a lock;
        // the descriptors live as long as it does.
        unsafe {
            command.pre_exec(arrange);
        }
    }
}

/// This process, which must have one thread, sees another file as the system's table of names. Nobody else
/// does, and nothing is written.
pub(super) fn see_as_hosts(file: &CStr) -> io::Result<()> {
    sys::unshare_mounts()?;
    // What is mounted here is to be seen nowhere else.
    mount_change(c"/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    mount_bind(file, c"/etc/hosts")?;
    Ok(())
}
