//! Plans for tests.

use std::path::Path;

use super::{Origin, Overrides, Plan, load};

/// The plan of a text that is good.
pub(crate) fn plan(text: &str) -> Plan {
    let origin = Origin { name: "test", path: Path::new("test/scenario.toml") };
    let (plan, problems) = load(origin, text.to_owned(), &Overrides::default());
    plan.unwrap_or_else(|| panic!("{problems}"))
}

/// The shipped acceptance scenario.
pub(crate) fn three_node() -> Plan {
    let plan = plan(include_str!("../../../../scenarios/three-node/scenario.toml"));
    Plan { scenario: "three-node".to_owned(), ..plan }
}
