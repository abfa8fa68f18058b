//! A check's `within` as it is written: a duration, or as long as its blocks need.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// A check's `within`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Within {
    /// So long.
    For(Duration),
    /// As long as it takes a healthy chain to make the blocks that the check waits for, but one time in a
    /// thousand.
    Auto,
}

/// As it is written.
pub(super) const AUTO: &str = "auto";

impl Within {
    /// Its length, where that does not depend on the network.
    pub fn written(self) -> Option<Duration> {
        match self {
            Self::For(length) => Some(length),
            Self::Auto => None,
        }
    }
}

impl Serialize for Within {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::For(length) => serializer.serialize_f64(length.as_secs_f64()),
            Self::Auto => serializer.serialize_str(AUTO),
        }
    }
}

impl<'de> Deserialize<'de> for Within {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Recorded {
            Seconds(f64),
            Word(String),
        }
        match Recorded::deserialize(deserializer)? {
            Recorded::Seconds(seconds) => {
                Duration::try_from_secs_f64(seconds).map(Self::For).map_err(D::Error::custom)
            }
            Recorded::Word(word) if word == AUTO => Ok(Self::Auto),
            Recorded::Word(word) => Err(D::Error::custom(format!("`{word}` is no window"))),
        }
    }
}
