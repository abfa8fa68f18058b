//! The control of the node's test of the same name: here there is randomness from a seed, and the
//! same look at the binary finds it.

#[path = "../../tests/implementors/mod.rs"]
mod implementors;

use implementors::Names;

#[test]
fn a_binary_with_randomness_from_a_seed_is_found_out() {
    let names = Names::of(env!("CARGO_BIN_EXE_hegemon-sim"));
    let found = names.implementors("hegemon_node..host..entropy..Entropy", "fill");
    assert!(found.iter().any(|name| name.starts_with("hegemon_sim..")), "{found:?}");
}
