//! Fingerprints of secrets and of findings.
