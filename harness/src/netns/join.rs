//! Processes that are to live in a namespace: they join it between fork and exec, when they have one
//! thread.

use std::{
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::process::CommandExt,
    },
    process::Command,
    sync::Arc,
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// A network namespace, and the user namespace that owns it unless that is the machine's own.
#[derive(Debug)]
pub struct Join {
    /// Whoever joins it may do everything to what it owns, and nothing more than before to all else.
    pub(super) user: Option<Arc<OwnedFd>>,
    /// The node's.
    pub(super) network: OwnedFd,
}

impl Join {
    /// What is executed lives in the namespace.
    pub fn before_exec(self: Arc<Self>, command: &mut Command) {
        let arrange = move || -> io::Result<()> {
            if let Some(user) = &self.user {
                move_into_link_name_space(user.as_fd(), Some(LinkNameSpaceType::User))?;
            }
            move_into_link_name_space(self.network.as_fd(), Some(LinkNameSpaceType::Network))?;
            Ok(())
        };
        #[expect(
            unsafe_code,
            reason = "runs between fork and exec; it makes two system calls and allocates nothing, which is all that is allowed there"
        )]
        // SAFETY: `setns` is async-signal-safe, and the closure neither allocates nor takes a lock;
        // the descriptors live as long as it does.
        unsafe {
            command.pre_exec(arrange);
        }
    }
}
