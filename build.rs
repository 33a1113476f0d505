//! Turns the data files of the repository into constant tables, so that nothing of them is parsed at start.

#![expect(clippy::print_stdout, reason = "that is how a build script talks to cargo")]

use std::path::Path;

#[path = "build/signatures.rs"]
mod signatures;

fn main() {
    let out = std::env::var_os("OUT_DIR").unwrap_or_default();
    let results = [signatures::write(Path::new("signatures"), Path::new(&out))];
    for message in results.into_iter().filter_map(Result::err).flatten() {
        println!("cargo::error={message}");
    }
}
