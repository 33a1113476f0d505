//! The set that all stores get: what a scan must find in each of them alike.

use std::fs;
use std::io::Write;
use std::path::Path;

use keysieve::signature::{self, examples};
use zip::write::SimpleFileOptions;
use zip::{AesMode, CompressionMethod, ZipWriter};

use super::servers::Server;

/// A vendor's token, another one for each number, made when the test runs.
pub(crate) fn token(number: u64) -> String {
    let signature = signature::built_in().iter().find(|it| it.id == "github-personal-access-token");
    let signature = signature.expect("built in");
    examples::token(signature, &signature.shapes[0], number).0
}

/// Files in a folder.
pub(crate) struct Set {
    folder: tempfile::TempDir,
    names: Vec<&'static str>,
}

impl Set {
    pub(crate) fn new() -> Self {
        let mut set = Self { folder: tempfile::tempdir().expect("a folder"), names: Vec::new() };
        let flow = serde_json::json!({"name": "Order", "id": "wf-1", "active": true, "connections": {}, "nodes": [
            {"id": "00000000-0000-4000-8000-000000000001", "name": "Call", "type": "n8n-nodes-base.httpRequest",
             "parameters": {"headerParameters": {"parameters": [{"name": "X-Api-Key", "value": token(1)}]}}}]});
        set.add("flows/order.json", flow.to_string().as_bytes());
        set.add("deep/a b#c%25/plain.env", format!("TOKEN={}\n", token(2)).as_bytes());
        set.add("deep/ünïcode/日本.txt", format!("TOKEN={}\n", token(3)).as_bytes());
        set.add("deep/er/and/deeper/x", format!("TOKEN={}\n", token(4)).as_bytes());
        let inner = zip(&[("in.txt", format!("TOKEN={}\n", token(10)).as_bytes())]);
        set.add("zips/outer.zip", &zip(&[("inner.zip", &inner), ("clean.txt", b"nothing")]));
        let mut large = vec![b'.'; 5 << 20];
        large.extend_from_slice(format!("\nTOKEN={}\n", token(11)).as_bytes());
        set.add("large.txt", &large);
        let noise: Vec<u8> =
            (0..3_u32 << 20).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let last = format!("TOKEN={}\n", token(12));
        set.add("zips/large.zip", &zip(&[("noise.bin", &noise), ("last.txt", last.as_bytes())]));
        set.add("zips/broken.zip", &zip(&[("x.txt", last.as_bytes())])[..60]);
        let same = [b"a".repeat((1 << 20) - 60), format!("\nTOKEN={}", token(13)).into_bytes()].concat();
        set.add("one-block.txt", &same);
        set.add("empty.txt", b"");
        for number in 0..20 {
            let name: &'static str = Box::leak(format!("many/{number}.txt").into_boxed_str());
            set.add(name, format!("clean {number}").as_bytes());
        }
        set
    }

    fn add(&mut self, name: &'static str, bytes: &[u8]) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, bytes).expect("written");
        self.names.push(name);
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn files(&self) -> usize {
        self.names.len()
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.path().join(name)).expect("read")
    }

    /// Puts all of it into a store.
    pub(crate) fn put(&self, server: &dyn Server) {
        for name in &self.names {
            server.put(name, &self.bytes(name));
        }
    }
}

fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, SimpleFileOptions::default()).expect("begun");
        writer.write_all(bytes).expect("written");
    }
    writer.finish().expect("ended").into_inner()
}

/// A zip with a large member under a password, and a small one with a token behind it.
pub(crate) fn zip_with_an_encrypted_middle(size: usize, token: &str) -> Vec<u8> {
    let mut writer = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    writer.start_file("a.bin", stored.with_aes_encryption(AesMode::Aes256, "VALUE-1")).expect("begun");
    writer.write_all(&vec![0; size]).expect("written");
    writer.start_file("z.txt", stored).expect("begun");
    writer.write_all(format!("TOKEN={token}").as_bytes()).expect("written");
    writer.finish().expect("ended").into_inner()
}
