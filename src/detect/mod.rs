//! Detectors: text to candidates.

pub mod randomness;
