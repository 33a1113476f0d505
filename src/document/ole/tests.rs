use super::*;
use crate::document::recorder::Recorder;
use crate::source::Memory;
use std::io::{Cursor, Write};

/// A compound file of these streams, by the crate that reads it.
fn compound(streams: &[(&str, &[u8])]) -> Vec<u8> {
    let mut file = CompoundFile::create(Cursor::new(Vec::new())).unwrap();
    for (path, bytes) in streams {
        let path = std::path::Path::new(path);
        if let Some(parent) = path.parent() {
            file.create_storage_all(parent).unwrap();
        }
        file.create_stream(path).unwrap().write_all(bytes).unwrap();
    }
    file.flush().unwrap();
    file.into_inner().into_inner()
}

fn decoded(bytes: Vec<u8>) -> Recorder {
    let source: Arc<dyn ReadAt> = Arc::new(Memory(bytes));
    let mut recorder = Recorder::default();
    decode(&source, &mut recorder);
    recorder
}
