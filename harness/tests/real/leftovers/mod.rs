//! Nothing is left behind: whatever ends the harness, what it made is removed, by itself, by its
//! watchdog or by `gc`, and nothing of anybody else. Real binary, fake nodes, both providers; an
//! engine that is missing fails these tests.
//!
//! `ended`: signals. `lost`: what a run needs goes away. `gc`: what was left after all. `places`: a
//! harness that is not on its engine's host. `programs`: what a check's program has started. `doctor` leaves nothing either. `trial` runs the harness, `engine` stands between it and Docker.

mod doctor;
mod ended;
pub(crate) mod engine;
mod gc;
mod lost;
mod places;
mod programs;
mod trial;

use harness::provider::Owner;

/// What a dead process of this host would have left: a number that is no process's any more.
fn dead() -> String {
    let this = Owner::this();
    this.to_string().replacen(&format!(",{},", this.pid()), ",1,", 1)
}

fn labels(run: &str, owner: &str) -> Vec<String> {
    let label = |name: &str, value: &str| format!("org.hegemon.testbed{name}={value}");
    vec![label("", "1"), label(".run", run), label(".node", "seed"), label(".owner", owner)]
}
