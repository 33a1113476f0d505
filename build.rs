//! Turns the data files of the house into const tables, so that nothing of them is parsed at start.

use std::path::PathBuf;

#[path = "build/platforms.rs"]
mod platforms;

fn main() {
    let out_dir = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it"));
    platforms::generate(&out_dir);
}
