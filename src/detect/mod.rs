//! Detectors: text to candidates.
