//! Many runs for one question: each is a `harness scenario` of its own, so that none can disturb the next, and what
//! is believed of it is its evidence, verified.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`child`] | one run as a process |
//! | [`gate`] | drives a gate's course, and writes down where it is |
//! | `lines` | the file that it goes on from |

pub mod child;
pub mod gate;
mod lines;
