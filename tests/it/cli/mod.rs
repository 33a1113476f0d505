//! The real binary: exit statuses, outputs, what is read and what is not, and that no secret leaves.

mod check;
mod explain;
mod formats;
mod interrupt;
mod inventory;
mod journey;
mod leaks;
mod made;
mod options;
mod outputs;
mod pages;
mod reading;
mod redact;
mod report;
mod shares;
mod signatures;
mod statuses;
mod sweep;
mod threads;
