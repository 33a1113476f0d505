//! Platforms: whose a place in an export is.
