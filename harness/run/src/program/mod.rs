//! Programs of the user's: each is run to its end, and ends with everything that it has started, in whatever
//! session or group that is.
//!
//! Between the harness and the program is a reaper, which is the harness in a hidden mode, and in tests `harness-reaper`. The kernel
//! gives it every process below it that loses its own parent, and so it finds all of them: a session and a
//! group can be left, whose descendant one is cannot. It ends when the harness lets go of it, or is gone.
//!
//! | module | what it is |
//! | --- | --- |
//! | `run` | the harness's side: runs a program, and keeps what it wrote last |
//! | [`reaper`] | the process between the two |
//! | `said` | what it tells the harness |
//!
//! Nothing here knows of runs, nodes or checks.

pub mod reaper;
mod run;
mod said;

pub(crate) use run::Program;
pub(crate) use said::How;
