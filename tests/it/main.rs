//! The whole from outside: one binary, a module for each subject.

mod archives;
mod cli;
mod common;
mod containers;
mod platforms;
mod report;
mod repository;
mod scan;
mod signatures;
