//! The command: see `keysieve --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    keysieve::cli::main()
}
