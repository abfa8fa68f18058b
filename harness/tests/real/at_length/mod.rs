//! What takes longest. The test runner begins with what stands first in the alphabet: so all others run beside these;
//! last, these would run alone, and wait.
//!
//! | module | what it shows |
//! | --- | --- |
//! | `controls` | each check and fault failing for its own reason |
//! | `three_node` | the shipped scenario on real nodes |
//! | `soak` | a network that stays up passes, leaks, is killed and goes on |
//! | `shrink` | generated scenarios, and failing ones made smaller |

mod controls;
mod shrink;
mod soak;
mod three_node;
