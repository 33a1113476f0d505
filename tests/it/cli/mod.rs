//! The real binary: exit statuses, outputs, what is read and what is not, and that no secret leaves.

mod leaks;
mod made;
mod options;
mod outputs;
mod reading;
mod statuses;
mod sweep;
mod threads;
