//! Where the files of a bundle are: a directory, or memory.

use std::io;

/// What a bundle has in it.
#[derive(Debug, Default)]
pub struct Found {
    /// Files by path, sorted; without the manifest and what is no evidence.
    pub files: Vec<String>,
    /// What is neither a file nor a folder, or cannot be named or entered.
    pub strange: Vec<String>,
}

/// Where the files of a bundle are.
pub trait Bundle {
    /// What is in it. Links are not followed.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    fn found(&self) -> io::Result<Found>;

    /// Opens a file by its path in the bundle, and never anything outside.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`] if it is not there; others if it is no plain file of the bundle.
    fn open(&self, path: &str) -> io::Result<Box<dyn io::Read>>;
}
