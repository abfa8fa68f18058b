//! Randomness for choices: which peers, which nonces. Keys, signatures and handshakes have that of
//! the cryptographic library, whatever is handed in here.

/// There is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gave no randomness")]
pub struct NoEntropy;

/// A source of randomness.
pub trait Entropy: Send + Sync + 'static {
    /// Fills all of `bytes`.
    ///
    /// # Errors
    ///
    /// [`NoEntropy`]; then nothing in `bytes` may be used.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy>;
}

/// The operating system's, through aws-lc's generator. The only one in the binary.
#[derive(Debug, Clone, Copy)]
pub struct System;

impl Entropy for System {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        aws_lc_rs::rand::fill(bytes).map_err(|_| NoEntropy)
    }
}
