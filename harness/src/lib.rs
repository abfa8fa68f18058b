//! Harness.
pub mod binary;
pub mod provider;
