//! The whole from outside: one binary, a module for each subject.

mod archives;
mod cli;
mod common;
mod containers;
mod deploy;
mod documents;
mod forms;
mod git;
mod platforms;
mod redact;
mod report;
mod repository;
mod robust;
mod scan;
mod signatures;
