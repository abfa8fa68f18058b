//! aws-lc's random generator, ready by the time that somebody needs it.

use std::thread;

/// Has the generator seeded on a thread of its own. At its first use in a process aws-lc gathers a
/// seed from the jitter of the processor, which takes 60 ms of a core; begun as early as this, the
/// state directory, the database and the sockets are made meanwhile. Whoever needs randomness before
/// it is ready waits for the same seed.
pub fn prepare() {
    let seed = || {
        // Should it fail, whoever needs some meets the same and says so.
        let _ = aws_lc_rs::rand::fill(&mut [0; 8]);
    };
    // Without a thread the first use seeds it: later, and as well.
    let _ = thread::Builder::new().name("randomness".to_owned()).spawn(seed);
}
