//! What is measured of each node.

use std::fmt;

use super::{asked::Limits, seen::Sample};

/// What is measured of each node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quantity {
    /// Resident bytes.
    Memory,
    /// Open descriptors.
    Descriptors,
    /// Bytes logged.
    Log,
}

impl Quantity {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Memory, Self::Descriptors, Self::Log];

    pub(super) fn of(self, sample: &Sample) -> Option<u64> {
        match self {
            Self::Memory => sample.1,
            Self::Descriptors => sample.2,
            Self::Log => Some(sample.3),
        }
    }

    /// What must not be reached.
    pub fn limit(self, limits: &Limits) -> u64 {
        match self {
            Self::Memory => limits.memory,
            Self::Descriptors => limits.descriptors,
            Self::Log => limits.log,
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Memory => "memory",
            Self::Descriptors => "descriptors",
            Self::Log => "log",
        })
    }
}
