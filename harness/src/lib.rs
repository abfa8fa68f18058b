//! Harness.
pub mod provider;
