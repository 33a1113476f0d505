//! Documents: what is found in them, and where their readers would look for it.

mod markup;
mod office;
mod packed;
mod tables;
