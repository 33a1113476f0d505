//! The yardsticks: the least that any scanner must do with an input. `read_floor PATH` walks a folder, opens each file and
//! reads it to its end; of a zip it inflates each member and checks its CRC-32. Nothing else, on one thread.

#![expect(clippy::print_stdout, reason = "a tool of the house, for a person at a terminal")]

use std::error::Error;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::{self, Read};
use std::path::Path;

#[path = "../yardstick/mod.rs"]
mod yardstick;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: read_floor FOLDER-OR-ZIP")?;
    let path = Path::new(&path);
    let (files, bytes) = if path.is_dir() {
        let mut floor = Floor { buffer: vec![0; 1 << 20], files: 0, bytes: 0 };
        floor.folder(path)?;
        (floor.files, floor.bytes)
    } else {
        yardstick::inflate(File::open(path)?)?
    };
    println!("{{\"files\": {files}, \"bytes\": {bytes}}}");
    Ok(())
}

struct Floor {
    /// Reused, as a scanner would: a fresh one for each file costs more than reading it.
    buffer: Vec<u8>,
    files: u64,
    bytes: u64,
}

impl Floor {
    fn folder(&mut self, folder: &Path) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                self.folder(&entry.path())?;
            } else if kind.is_file() {
                self.file(&entry.path())?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path) -> io::Result<()> {
        let mut file = File::open(path)?;
        self.files += 1;
        loop {
            let read = file.read(&mut self.buffer)?;
            self.bytes += read as u64;
            black_box(&self.buffer[..read]);
            if read == 0 {
                return Ok(());
            }
        }
    }
}
