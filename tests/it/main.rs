//! The whole from outside: one binary, a module for each subject.

mod containers;
mod report;
