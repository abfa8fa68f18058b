//! The shipped profiles, and how the evidence holds one: as its text.

use std::{path::Path, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use super::kind::NodeProfile;

/// The shipped profiles: name and text.
pub const SHIPPED: &[(&str, &str)] = &[
    ("ours", include_str!("../../profiles/ours.toml")),
    ("core", include_str!("../../profiles/core.toml")),
    ("hegemon-0.10", include_str!("../../profiles/hegemon-0.10.toml")),
    ("hegemon-substrate", include_str!("../../profiles/hegemon-substrate.toml")),
];

impl NodeProfile {
    /// A shipped profile; `None` if none has that name.
    pub fn shipped(name: &str) -> Option<Arc<Self>> {
        let (name, text) = SHIPPED.iter().find(|(shipped, _)| *shipped == name)?;
        let (profile, problems) = Self::read(name, Path::new(name), (*text).to_owned());
        Some(Arc::new(profile.unwrap_or_else(|| panic!("a shipped profile is good: {problems}"))))
    }

    /// This workspace's node.
    pub fn ours() -> Arc<Self> {
        Self::shipped("ours").expect("it is shipped")
    }

    /// Any node of which nothing else is known.
    pub fn core() -> Arc<Self> {
        Self::shipped("core").expect("it is shipped")
    }
}

/// A profile in the evidence.
#[derive(Serialize, Deserialize)]
struct Recorded {
    name: String,
    text: String,
}

impl Serialize for NodeProfile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Recorded { name: self.name.clone(), text: self.text.clone() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for NodeProfile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Recorded { name, text } = Recorded::deserialize(deserializer)?;
        let (profile, problems) = Self::read(&name, Path::new(&name), text);
        let refused = || D::Error::custom(format!("the profile `{name}` is refused: {problems}"));
        profile.ok_or_else(refused)
    }
}
