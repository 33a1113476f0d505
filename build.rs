//! Turns the data files of the house into const tables, so that nothing of them is parsed at start.

use std::path::{Path, PathBuf};

#[path = "build/platforms.rs"]
mod platforms;
#[path = "build/signatures.rs"]
mod signatures;

fn main() {
    let out_dir = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it"));
    platforms::generate(&out_dir);
    for message in signatures::write(Path::new("signatures"), &out_dir).err().into_iter().flatten() {
        println!("cargo::error={message}");
    }
}
