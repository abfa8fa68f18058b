//! The addresses that we know, in the manner of Bitcoin's addrman: a table of *new* ones and one of
//! those *tried* with success, both of buckets with keyed placement.
//!
//! | module | is about |
//! | --- | --- |
//! | [`record`] | one address: the only writer of what we know of it, and the rules for passing it on and for giving its place away |
//! | [`tables`] | the book: which records there are, and in which table |
//! | [`placement`] | in which bucket an address belongs |
//! | `rows` | all records, and by what to find one |
//! | `row`, `contact`, `order` | how a record is kept: a row among others and what there is to say beyond it, in the order of addresses |
//! | `index` | whether there is one, at a glance |
//! | `buckets` | which places are taken, by bucket and by network group |
//! | `hosts` | when a host may be dialled again |
//!
//! Not here: whom to dial or to serve. That is the engine's choice among [`Book::records`].

pub mod placement;
pub mod record;
pub mod tables;

mod buckets;
mod contact;
mod hosts;
mod index;
mod order;
mod row;
mod rows;

pub use buckets::GroupCount;
pub(crate) use contact::Contact;
pub(crate) use hosts::doubled;
pub use placement::{Bucket, Grid, Layout, Table};
pub use record::{Change, Record};
pub(crate) use row::Entry;
pub use tables::{Book, Noted};
