//! Reports: consume events or the verdict that follows from them, and decide nothing.

pub mod jsonl;
pub mod junit;
#[cfg(feature = "docker")]
pub mod terminal;
pub mod verdict;

mod text;

pub(crate) use text::{plain, printable};
