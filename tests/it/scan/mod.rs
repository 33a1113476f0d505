//! The scan of one blob: windows, layers, fields, structures, and what is no finding.

mod encodings;
mod fields;
mod layers;
mod nothing;
mod structures;
mod windows;
