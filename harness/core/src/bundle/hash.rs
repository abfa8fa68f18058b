//! SHA-256 as evidence writes it: 64 small hexadecimal digits, and no other way to write the same.

use std::{
    fmt,
    io::{self, Read},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sha256Hex(pub [u8; 32]);

impl Sha256Hex {
    /// Of parts one after another.
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        parts.iter().for_each(|part| hash.update(part));
        Self(hash.finalize().into())
    }

    /// From 64 digits; capital ones are refused.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let mut bytes = [0; 32];
        if text.len() != 64 {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Sha256Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Sha256Hex> for String {
    fn from(hash: Sha256Hex) -> Self {
        hash.to_string()
    }
}

impl TryFrom<String> for Sha256Hex {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(text.as_bytes()).ok_or("not 64 small hexadecimal digits")
    }
}

/// Size and hash of everything that can be read.
///
/// # Errors
///
/// If it cannot be read to its end.
pub fn hash_all(mut file: impl Read) -> io::Result<(u64, Sha256Hex)> {
    let mut hash = Sha256::new();
    let mut block = vec![0; 256 * 1024];
    let mut bytes = 0;
    loop {
        match file.read(&mut block) {
            Ok(0) => return Ok((bytes, Sha256Hex(hash.finalize().into()))),
            Ok(length) => {
                hash.update(&block[..length]);
                bytes += length as u64;
            }
            Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
            Err(why) => return Err(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Is interrupted before each byte, and fails at the end if it is to.
    struct Slow(&'static [u8], Option<io::ErrorKind>, bool);

    impl Read for Slow {
        fn read(&mut self, block: &mut [u8]) -> io::Result<usize> {
            self.2 = !self.2;
            if self.2 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            match (self.0, self.1) {
                ([], Some(kind)) => Err(kind.into()),
                ([], None) => Ok(0),
                ([first, rest @ ..], _) => {
                    (block[0], self.0) = (*first, rest);
                    Ok(1)
                }
            }
        }
    }

    #[test]
    fn a_reader_that_is_interrupted_is_read_to_its_end_and_one_that_fails_is_not() {
        let (bytes, hash) = hash_all(Slow(b"abc", None, false)).unwrap();
        let of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!((bytes, hash.to_string().as_str()), (3, of_abc));
        assert!(format!("{hash:?}").contains("ba7816bf"));
        let failed = hash_all(Slow(b"abc", Some(io::ErrorKind::PermissionDenied), false));
        assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    }
}
