//! What the harness decides and describes, without IO, clock or runtime: the same events give the same
//! verdict.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`markup`] | pages for people, of text that anybody may have said |
//! | [`text`], [`exit`], [`node`], [`subnet`] | words, exit codes, what is known of a node from outside, networks |
//! | [`line`](mod@line), [`state`] | lines between nodes, and their state on disk, as they are seen and changed from outside |
//! | [`place`], [`limits`], [`doctor`] | where Docker engines are; what a machine may be too small for; what it is like before a run |
//! | [`hostile`] | adversaries beside a network, by their own word |
//! | [`event`], [`history`] | the stream that everything in a run writes, and what was observed |
//! | [`document`], `seconds` | a TOML document, read strictly; durations in the evidence |
//! | [`check`], [`fault`] | pure decisions about observations, and proofs of what was done |
//! | [`control`], [`selftest`] | what makes each check and fault fail for its own reason, and whether it did |
//! | [`profile`] | what a kind of node takes and promises |
//! | [`attached`] | nodes that run already, and how often they may be asked |
//! | [`scenario`], [`needs`] | from a text to a plan, and what a plan needs |
//! | [`script`], [`generate`] | a scenario's text as programs write it; scenarios from a seed |
//! | [`stepwise`] | a scenario whose phases come one by one, from a program |
//! | [`shrink`] | a failing scenario made smaller |
//! | [`explain`], [`schema`] | checks and faults as people read them, and scenario files as editors do |
//! | [`statistics`] | what so many runs, blocks or samples can say, and how surely |
//! | [`verdict`], [`report`], [`record`] | what follows from a run's events, how it is shown, what was asked for |
//! | [`tone`], [`live`] | lines for a terminal; a run or network as it is now |
//! | [`page`] | a run as people see it: one file of HTML |
//! | [`export`] | a scenario's network for other tools |
//! | [`gate`], [`compare`], [`soak`] | what follows from many runs, for a release; of two builds; of one network that stays up |
//! | [`bundle`], [`verify`] | what makes evidence show a change, and the verdict from it alone |
//!
//! A pass needs observations; whatever is missing is never one.

pub mod attached;
pub mod bundle;
pub mod check;
pub mod compare;
pub mod control;
pub mod doctor;
pub mod document;
pub mod event;
pub mod exit;
pub mod explain;
pub mod export;
pub mod fault;
pub mod gate;
pub mod generate;
pub mod history;
pub mod hostile;
pub mod limits;
pub mod line;
pub mod live;
pub mod markup;
pub mod needs;
pub mod node;
pub mod page;
pub mod place;
pub mod profile;
pub mod record;
pub mod report;
pub mod scenario;
pub mod schema;
pub mod script;
mod seconds;
pub mod selftest;
pub mod shrink;
pub mod soak;
pub mod state;
pub mod statistics;
pub mod stepwise;
pub mod subnet;
pub mod text;
pub mod tone;
pub mod verdict;
pub mod verify;
