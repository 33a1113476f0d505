//! The whole from outside: one binary, a module for each subject.

mod cli;
mod common;
mod containers;
mod documents;
mod report;
mod repository;
mod scan;
mod signatures;
