//! What takes longest. The test runner begins with what stands first in the alphabet: so all others run beside these;
//! last, these would run alone, and wait.

mod controls;
mod shrink;
mod soak;
mod three_node;
