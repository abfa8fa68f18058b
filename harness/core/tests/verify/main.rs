//! What `verify` says of a bundle that passed, and of the same bundle changed in every way that its
//! code speaks of: in memory, since whoever decides needs no disk.
//!
//! `bundle/` was recorded once, by a run over the fake network of the harness's own tests: that it
//! still verifies shows that the format has stayed. `page`: how it is shown; `live`: how an onlooker saw it; `excerpt`: what stands beside its verdict. `files`: what is wrong with files. `paced`: the block time that a run says. `rederived`:
//! events that could not have happened in this order, or do not lead to what was found.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod excerpt;
mod files;
mod live;
mod memory;
mod paced;
mod page;
mod rederived;
