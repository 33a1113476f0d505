//! Real repositories, made by the real git: what is staged, what was committed, hooks, and what is accepted.

mod accepting;
mod history;
mod hooks;
mod hostile;
mod made;
mod staged;
