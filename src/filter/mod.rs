//! Filters: candidates to findings, or dismissals.

pub mod identifier;
pub mod placeholder;
pub mod reference;
pub mod words;
