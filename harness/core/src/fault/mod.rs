//! Faults: the proof from outside that one happened, and its negative controls.

mod controls;
pub mod evidence;

pub use controls::FAULTS;
pub(crate) use controls::registration;
