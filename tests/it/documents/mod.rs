//! Documents and what else is made of records, looked at by the whole scan: one file per format.

mod git;
#[cfg(feature = "parquet")]
mod parquet;
mod sqlite;
