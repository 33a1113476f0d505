//! The engine: paths to a report, over all cores.
