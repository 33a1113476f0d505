<<<<<<< HEAD
//! The whole from outside: one binary, a module for each subject.

mod containers;
=======
//! Integration tests: one binary, a module a topic.

mod report;
>>>>>>> rep
