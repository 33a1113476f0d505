//! A corpus as a zip on disk.

use std::io::{Cursor, Write};
use std::path::Path;

use tempfile::NamedTempFile;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::corpus::File;

/// A zip that goes with this value.
pub(crate) struct Zipped {
    file: NamedTempFile,
    /// Bytes of the members before they were packed.
    pub(crate) bytes: usize,
}

impl Zipped {
    /// Packs files by deflate.
    pub(crate) fn new(files: &[File]) -> Self {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for file in files {
            writer.start_file(&*file.path, SimpleFileOptions::default()).expect("names are few and plain");
            writer.write_all(&file.bytes).expect("memory takes it");
        }
        let packed = writer.finish().expect("memory takes it").into_inner();
        let mut file = NamedTempFile::new().expect("a folder for temporary files");
        file.write_all(&packed).expect("the folder is writable");
        Self { file, bytes: files.iter().map(|file| file.bytes.len()).sum() }
    }

    /// Where it stands.
    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }
}
