//! Nodes as containers of a Docker engine, on a network of their own with fixed addresses. The
//! engine is found as the Docker command line finds it and talked to through bollard, without
//! testcontainers around it: a testbed needs what that leaves out (contexts, fixed addresses, restarts of
//! the same container, images without a build) and must not have what it adds: containers that
//! vanish with a handle, a reaper, a watchdog. It is also half of what a first build would compile.
//!
//! Every object carries two labels from its creation on, and is removed by them. Whatever changes
//! the engine runs in a task of its own, which ends even if its caller is dropped (an interrupt in
//! the middle of a start); teardown waits for such tasks before it asks the engine what there is.
//!
//! `engine` finds and judges the engine, `neighbours` watches what all containers share, `reach` says how what runs on it is reached, `publish` at which ports, `network`
//! chooses addresses, `image` makes images, `shelf` those that stay,
//! `container` is one node, `volume` its state, `files` what is in that, `starter` makes, starts and replaces it, `helper` works in its network, `maker` makes helpers, `logs` reads, `sweep` removes, `leftovers` is what other runs have
//! left, `hand` acts on a container of one that stays, `isolation` on the lines between them, `labels` is what is ours, `gate` lets changes through, `state` is memory, `provider` is
//! made of them all, and `injector` of what does more to nodes: `freeze` stops and thaws them, `limits` is what they may use.

mod container;
mod engine;
mod files;
mod freeze;
mod gate;
pub(crate) mod hand;
mod helper;
mod image;
mod injector;
pub(crate) mod isolation;
mod labels;
mod leftovers;
mod limits;
mod logs;
mod maker;
mod neighbours;
mod network;
mod provider;
mod publish;
mod reach;
mod shelf;
mod starter;
mod state;
mod sweep;
mod volume;

pub use self::{
    labels::{
        KEPT_LABEL, OWNER_LABEL, Origin, PROFILE_LABEL, RUN_LABEL, SCRATCH_LABEL, TESTBED_LABEL,
    },
    leftovers::{Leftover, Leftovers},
    neighbours::limit as neighbour_limit,
    provider::DockerProvider,
    publish::Published,
    reach::Reach,
    shelf::put,
};
