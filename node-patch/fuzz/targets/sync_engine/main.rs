//! The sync engine among four peers with chains of their own: two valid ones that fork, one with
//! blocks from the future, one of other parameters. They announce and answer as they should, or
//! late, or not, or anything else, while time passes, imports wait and blocks are mined.
//!
//! Each step is two bytes: what happens to whom, and how much. Whoever only said what is true is
//! never punished; the engine never wants to be woken for nothing; and if one with a valid chain is
//! left in the end who is honest, its chain is here after a while, whatever the others did.
#![no_main]

mod chain;
mod world;

use libfuzzer_sys::fuzz_target;
use world::World;

/// Steps of one input: what matters happens within some dozens.
const MAX_STEPS: usize = 400;

fuzz_target!(|input: &[u8]| {
    let Some((start, mut input)) = input.split_first() else { return };
    let mut world = World::new(*start);
    for _ in 0..MAX_STEPS {
        let [what, how, rest @ ..] = input else { break };
        let (data, _) = rest.split_at(rest.len().min(usize::from(*how) * 16));
        input = &rest[world.step(*what, *how, data)..];
    }
    world.end();
});
