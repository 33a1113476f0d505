//! keysieve finds long-lived credentials in the exports of no-code platforms and in dumps of shared workspaces, and
//! says which flow, step, field and owner each one belongs to.

pub mod accept;
pub mod blob;
pub mod budget;
pub mod cli;
pub mod container;
pub mod decode;
pub mod detect;
pub mod document;
pub mod engine;
pub mod filter;
pub mod finding;
pub mod fingerprint;
pub mod git;
pub mod hook;
pub mod inventory;
pub mod json;
mod label;
pub mod mark;
pub mod mask;
pub mod platform;
pub mod policy;
pub mod redact;
pub mod report;
pub mod scan;
pub mod signature;
pub mod source;
pub mod sweep;
pub mod terms;
pub mod trial;

/// The README's examples, as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
