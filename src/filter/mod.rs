//! Filters: candidates to findings, or dismissals.
