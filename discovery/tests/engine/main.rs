//! The engine's rules, one by one.
#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

mod bench;
mod hostile;
mod outbound;
mod rules;
