//! Masking: no secret leaves in a string that a stranger named.
