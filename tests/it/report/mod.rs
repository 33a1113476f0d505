//! Reports: their text, their schemas, and that no secret leaves in them.

mod formats;
mod leaks;
mod made;
pub(crate) mod schemas;
