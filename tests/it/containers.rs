//! Files, folders and archives made here, walked by the engine with a recorder in the scan's place.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::io::{self, Read, Write};
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use keysieve::blob::{Blob, Package, Provenance};
use keysieve::budget::{Budget, Gap, Reason};
use keysieve::engine::{self, Counters, Input, Options, Outcome, Unwatched, Visit};
use keysieve::finding::Finding;
use keysieve::scan::{BlobScan, Scratch};
use zip::write::SimpleFileOptions;

/// Writes down what it is shown.
#[derive(Default)]
pub(crate) struct Recorder {
    pub(crate) budget: Budget,
    seen: Mutex<Vec<(String, Vec<u8>)>>,
    names: Mutex<Vec<String>>,
    /// Members to read from the package of each blob, and what came of it.
    companions: Vec<&'static str>,
    read: Mutex<Vec<(String, String, Option<String>)>>,
    /// Whether the streams are opened once more, and what they gave then.
    pub(crate) reopen: bool,
}

impl Recorder {
    /// One that opens streams once more.
    pub(crate) fn reopening() -> Self {
        Self { reopen: true, ..Self::default() }
    }

    pub(crate) fn with(budget: Budget) -> Self {
        Self { budget, ..Self::default() }
    }

    /// What was shown by name: text, and for longer things `len × first byte`.
    pub(crate) fn seen(&self) -> Vec<(String, String)> {
        let mut seen: Vec<_> =
            lock(&self.seen).iter().map(|(name, bytes)| (name.clone(), short(bytes))).collect();
        seen.sort();
        seen
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let mut names = lock(&self.names).clone();
        names.sort();
        names
    }

    fn keep(&self, provenance: &Provenance, bytes: &[u8], package: &dyn Package) {
        lock(&self.seen).push((shown(provenance), bytes.to_vec()));
        for member in &self.companions {
            let text = package.read(member).map(|bytes| short(&bytes));
            let own = package.own_name().unwrap_or_default().to_owned();
            lock(&self.read).push((own, (*member).to_owned(), text));
        }
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The provenance without the temporary folder.
fn shown(provenance: &Provenance) -> String {
    let text = provenance.to_string();
    text.split_once("/case/").map_or(text.clone(), |(_, rest)| rest.to_owned())
}

pub(crate) fn short(bytes: &[u8]) -> String {
    if bytes.len() < 64 {
        String::from_utf8_lossy(bytes).into_owned()
    } else {
        format!("{} × {}", bytes.len(), bytes[0])
    }
}

impl Visit for Recorder {
    fn budget(&self) -> &Budget {
        &self.budget
    }

    fn blob(&self, blob: &Blob, _scratch: &mut Scratch) -> BlobScan {
        assert!(!blob.bytes.starts_with(b"panic!"), "asked to");
        self.keep(blob.provenance, blob.bytes, blob.package);
        BlobScan { bytes: blob.bytes.len() as u64, ..BlobScan::default() }
    }

    fn stream(
        &self,
        provenance: &Provenance,
        reader: &mut dyn Read,
        reopen: &mut dyn FnMut() -> io::Result<Box<dyn Read>>,
        package: &dyn Package,
        _scratch: &mut Scratch,
    ) -> BlobScan {
        let mut bytes = Vec::new();
        let mut scan = BlobScan::default();
        if let Err(error) = reader.read_to_end(&mut bytes) {
            let reason = match error.kind() {
                io::ErrorKind::UnexpectedEof => Reason::Truncated,
                io::ErrorKind::InvalidData => Reason::Corrupt,
                _ => Reason::Unreadable,
            };
            scan.gaps.push(Gap::new(provenance, reason, error.to_string()));
        }
        if self.reopen {
            let mut again = Vec::new();
            reopen().unwrap().take(bytes.len() as u64).read_to_end(&mut again).unwrap();
            assert!(bytes == again, "the same stream once more");
        }
        scan.bytes = bytes.len() as u64;
        self.keep(provenance, &bytes, package);
        scan
    }

    fn name(&self, provenance: &Provenance, _scratch: &mut Scratch) -> Vec<Finding> {
        lock(&self.names).push(shown(provenance));
        Vec::new()
    }
}

/// A folder that vanishes with the test, named so that reports are the same everywhere.
pub(crate) struct Case(pub(crate) tempfile::TempDir);

impl Case {
    pub(crate) fn new() -> Self {
        let case = Self(tempfile::tempdir().unwrap());
        fs::create_dir(case.0.path().join("case")).unwrap();
        case
    }

    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.0.path().join("case")
    }

    pub(crate) fn file(self, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        self
    }

    pub(crate) fn run(&self, recorder: &Recorder) -> Outcome {
        self.run_with(recorder, &threads(2))
    }

    pub(crate) fn run_with(&self, recorder: &Recorder, options: &Options) -> Outcome {
        engine::visit(&[Input::Path(self.path())], recorder, options, &Unwatched).unwrap()
    }
}

pub(crate) fn threads(threads: usize) -> Options {
    Options { threads: NonZeroUsize::new(threads).unwrap(), ..Options::default() }
}

pub(crate) fn gaps(outcome: &Outcome) -> Vec<(String, Reason)> {
    outcome.coverage.gaps.iter().map(|gap| (shown(&gap.provenance), gap.reason)).collect()
}

pub(crate) fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

#[test]
fn every_file_of_a_tree_is_looked_at() {
    let case = Case::new().file("b/.hidden", "h").file("a", "x").file("b/c/d", "").file(".gitignore", "*");
    let recorder = Recorder::default();
    let counters = Counters::default();
    let input = [Input::Path(case.path())];
    let outcome = engine::visit(&input, &recorder, &threads(2), &counters).unwrap();
    assert_eq!(recorder.seen(), pairs([(".gitignore", "*"), ("a", "x"), ("b/.hidden", "h"), ("b/c/d", "")]));
    assert_eq!(outcome.coverage.files, 4);
    assert_eq!(outcome.coverage.bytes, 3);
    assert_eq!(counters.read(), (4, 3, 0));
    assert!(outcome.coverage.gaps.is_empty());
    let folders = recorder.names().into_iter().filter(|name| ["b", "b/c"].contains(&&**name)).count();
    assert_eq!(folders, 2, "names of folders are text too");
}

#[test]
fn excluded_paths_are_counted() {
    let case = Case::new()
        .file("a.png", "1")
        .file("b/c.png", "2")
        .file("b/node_modules/x", "3")
        .file("docs/old/y", "4")
        .file("b/docs/old/y", "5");
    let recorder = Recorder::default();
    let exclude = engine::excludes(["*.png", "node_modules", "docs/old"]).unwrap();
    let outcome = case.run_with(&recorder, &Options { exclude, ..threads(2) });
    assert_eq!(recorder.seen(), pairs([("b/docs/old/y", "5")]));
    assert_eq!(outcome.coverage.excluded, 4);
    assert!(engine::excludes(["a[b"]).is_err());
}

#[cfg(unix)]
#[test]
fn links_are_counted_and_special_files_are_gaps() {
    let case = Case::new().file("a", "x");
    std::os::unix::fs::symlink("a", case.path().join("l")).unwrap();
    std::os::unix::fs::symlink("..", case.path().join("loop")).unwrap();
    let _listener = std::os::unix::net::UnixListener::bind(case.path().join("s")).unwrap();
    let recorder = Recorder::default();
    let outcome = case.run(&recorder);
    assert_eq!(recorder.seen(), pairs([("a", "x")]));
    assert_eq!(outcome.coverage.links, 2);
    assert_eq!(gaps(&outcome), [("s".to_owned(), Reason::Unreadable)]);

    let recorder = Recorder::default();
    let link = [Input::Path(case.path().join("l"))];
    engine::visit(&link, &recorder, &threads(1), &Unwatched).unwrap();
    assert_eq!(recorder.seen(), pairs([("l", "x")]));
}

#[test]
fn a_missing_argument_is_an_error() {
    let input = [Input::Path("/no/such/file".into())];
    let error = engine::visit(&input, &Recorder::default(), &threads(1), &Unwatched).unwrap_err();
    assert_eq!(error.to_string(), "cannot read /no/such/file");
}

#[test]
fn a_large_file_is_streamed() {
    let case = Case::new().file("a", vec![7; 3 << 20]).file("b", vec![8; 1 << 20]);
    let recorder = Recorder { reopen: true, ..Recorder::default() };
    let outcome = case.run(&recorder);
    assert_eq!(recorder.seen(), pairs([("a", "3145728 × 7"), ("b", "1048576 × 8")]));
    assert!(outcome.coverage.gaps.is_empty());
}

#[test]
fn a_panic_costs_one_file() {
    let case = Case::new().file("a", "x").file("b", "panic!").file("c", "y");
    let recorder = Recorder::default();
    let outcome = case.run(&recorder);
    assert_eq!(recorder.seen(), pairs([("a", "x"), ("c", "y")]));
    assert_eq!(gaps(&outcome), [("b".to_owned(), Reason::DecoderFailed)]);
}

#[test]
fn a_file_argument_has_its_folder_as_package() {
    let case = Case::new().file("src/Workflows/x.json", "{}").file("src/Other/Customizations.xml", "<a/>");
    let recorder = Recorder { companions: vec!["../Other/Customizations.xml"], ..Recorder::default() };
    let input = [Input::Path(case.path().join("src/Workflows/x.json"))];
    engine::visit(&input, &recorder, &threads(1), &Unwatched).unwrap();
    let wanted = ("x.json".to_owned(), "../Other/Customizations.xml".to_owned(), Some("<a/>".to_owned()));
    assert_eq!(*lock(&recorder.read), [wanted]);
}

/// A zip of these members, deflated.
pub(crate) fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    zip_by(zip::CompressionMethod::Deflated, members)
}

pub(crate) fn zip_by(method: zip::CompressionMethod, members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(method);
    for (name, bytes) in members {
        if name.ends_with('/') {
            zip.add_directory(*name, options).unwrap();
        } else {
            zip.start_file(*name, options).unwrap();
            zip.write_all(bytes).unwrap();
        }
    }
    zip.finish().unwrap().into_inner()
}

/// A zip whose sizes stand behind its members.
pub(crate) fn streamed_zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new_stream(Vec::new());
    for (name, bytes) in members {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

pub(crate) fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, *bytes).unwrap();
    }
    tar.into_inner().unwrap()
}

/// Bytes that do not compress, the same each time.
pub(crate) fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..length).map(|_| next()).collect()
}

/// Where a text first stands.
pub(crate) fn find(bytes: &[u8], text: &[u8]) -> usize {
    bytes.windows(text.len()).position(|window| window == text).unwrap()
}

/// Names with what was shown by them, and names with the reasons of gaps.
pub(crate) type Looked = (Vec<(String, String)>, Vec<(String, Reason)>);

pub(crate) fn look(case: &Case) -> Looked {
    let recorder = Recorder { reopen: true, ..Recorder::default() };
    let outcome = case.run(&recorder);
    (recorder.seen(), gaps(&outcome))
}

#[test]
fn members_of_a_zip_are_looked_at() {
    let case = Case::new().file("x.zip", zip(&[("b", b"two"), ("d/", b""), ("d/a", b"one"), ("e", b"")]));
    let recorder = Recorder::default();
    let outcome = case.run(&recorder);
    assert_eq!(recorder.seen(), pairs([("x.zip!/b", "two"), ("x.zip!/d/a", "one"), ("x.zip!/e", "")]));
    assert!(recorder.names().contains(&"x.zip!/d/".to_owned()));
    assert_eq!((outcome.coverage.members, outcome.coverage.bytes), (3, 6));
    assert!(outcome.coverage.gaps.is_empty(), "{:?}", outcome.coverage.gaps);
}

#[test]
fn containers_lie_in_containers() {
    let inner = zip(&[("a", b"one")]);
    let all = [
        ("inner.zip", &inner[..]),
        ("x.json.gz", &gzip(b"two")[..]),
        ("x.tar.zst", &zstd(&tar(&[("dir/b", b"three"), ("c.zip", &inner)]))),
        ("x.tgz", &gzip(&tar(&[("d", b"four")]))),
        ("plain", b"five"),
    ];
    let wanted = |outer: &str| {
        let mut wanted: Vec<_> = [
            ("inner.zip!/a", "one"),
            ("x.json.gz!/x.json", "two"),
            ("x.tar.zst!/x.tar!/dir/b", "three"),
            ("x.tar.zst!/x.tar!/c.zip!/a", "one"),
            ("x.tgz!/x.tar!/d", "four"),
            ("plain", "five"),
        ]
        .iter()
        .map(|(name, text)| (format!("{outer}!/{name}"), (*text).to_owned()))
        .collect();
        wanted.sort();
        wanted
    };
    let stored = zip_by(zip::CompressionMethod::Stored, &all);
    for (name, bytes) in [("z", zip(&all)), ("s", stored), ("d", streamed_zip(&all)), ("t", tar(&all))] {
        let (seen, gaps) = look(&Case::new().file(name, bytes));
        assert_eq!(seen, wanted(name));
        assert_eq!(gaps, []);
    }
}

#[test]
fn large_members_are_streamed_and_opened_again() {
    let (large, small) = (noise(5 << 18, 1), noise(100, 2));
    let members = [("large", &large[..]), ("small", &small[..])];
    let shown = |outer: &str| {
        let text = |bytes: &[u8]| short(bytes);
        vec![(format!("{outer}!/large"), text(&large)), (format!("{outer}!/small"), text(&small))]
    };
    let zips = [zip(&members), streamed_zip(&members), zip_by(zip::CompressionMethod::Stored, &members)];
    for bytes in &zips {
        assert_eq!(look(&Case::new().file("x", bytes)), (shown("x"), vec![]));
        // Within another stream, first held for its directory, then too large for that.
        assert_eq!(look(&Case::new().file("x", zstd(bytes))), (shown("x!/content"), vec![]));
        assert_eq!(look(&Case::new().file("x", zip(&[("y", bytes)]))), (shown("x!/y"), vec![]));
    }
    let tar = tar(&members);
    assert_eq!(look(&Case::new().file("x", &tar)), (shown("x"), vec![]));
    assert_eq!(look(&Case::new().file("x.gz", gzip(&tar))), (shown("x.gz!/x"), vec![]));
}

#[test]
fn what_cannot_be_held_is_read_as_it_comes() {
    let (large, small) = (noise(5 << 18, 1), noise(100, 2));
    let members = [("large", &large[..]), ("small", &small[..])];
    let mut wanted = vec![("x!/y!/large".into(), short(&large)), ("x!/y!/small".into(), short(&small))];
    for bytes in [zip(&members), streamed_zip(&members)] {
        let recorder =
            Recorder { reopen: true, ..Recorder::with(Budget { whole: 1 << 20, ..Budget::default() }) };
        let outcome = Case::new().file("x", zip(&[("y", &bytes)])).run(&recorder);
        assert_eq!((recorder.seen(), gaps(&outcome)), (wanted.clone(), vec![]));
    }
    // Three on top of each other: the second has the reserve, the third comes as a stream.
    wanted.iter_mut().for_each(|(name, _)| *name = name.replace("x!/y!", "x!/z!/z!/y!"));
    let once = zip_by(zip::CompressionMethod::Stored, &[("y", &zip(&members))]);
    let twice = zip_by(zip::CompressionMethod::Stored, &[("z", &once)]);
    assert_eq!(look(&Case::new().file("x", zip(&[("z", &twice)]))), (wanted, vec![]));
}

#[test]
fn bytes_outside_of_members_are_looked_at() {
    let mut shifted = b"#!/bin/sh and more before it\n".to_vec();
    shifted.extend(zip(&[("a", b"one")]));
    let (seen, gaps) = look(&Case::new().file("x", shifted));
    assert_eq!(seen, pairs([("x!/(bytes 0 to 29)", "#!/bin/sh and more before it\n"), ("x!/a", "one")]));
    assert_eq!(gaps, []);

    let mut zip = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    zip.start_file("a", SimpleFileOptions::default()).unwrap();
    zip.set_comment("the archive's comment").unwrap();
    let (seen, gaps) = look(&Case::new().file("x", zip.finish().unwrap().into_inner()));
    let names: Vec<_> = seen.iter().map(|(_, text)| &**text).collect();
    assert_eq!(names, ["the archive's comment", ""]);
    assert_eq!(gaps, []);
}

#[test]
fn a_member_that_the_directory_hides_is_looked_at() {
    // Two archives one after the other, the directory of the first one taken out: its member belongs to nobody.
    let mut bytes = zip(&[("hidden", b"one and a little more")]);
    bytes.truncate(find(&bytes, b"PK\x01\x02"));
    bytes.extend(zip(&[("listed", b"two")]));
    let (seen, gaps) = look(&Case::new().file("x", bytes));
    assert_eq!(seen, pairs([("x!/hidden", "one and a little more"), ("x!/listed", "two")]));
    assert_eq!(gaps, []);
}

#[test]
fn members_of_one_name_are_all_looked_at() {
    let mut bytes = zip(&[("a", b"one"), ("b", b"two")]);
    for at in 0..bytes.len() - 1 {
        // The names in both headers: both are followed by nothing that looks like them.
        if &bytes[at..at + 1] == b"b" {
            bytes[at] = b'a';
        }
    }
    let (seen, _) = look(&Case::new().file("x", bytes));
    assert_eq!(seen, pairs([("x!/a", "one"), ("x!/a", "two")]));
}

#[test]
fn a_truncated_zip_gives_what_it_has() {
    let members: [(&str, &[u8]); 3] = [("a", b"one"), ("b", &noise(3000, 1)), ("c", b"three")];
    for bytes in [zip(&members), streamed_zip(&members)] {
        let without_directory = &bytes[..find(&bytes, b"PK\x01\x02") + 30];
        let (seen, gaps) = look(&Case::new().file("x", without_directory));
        let noise = short(members[1].1);
        assert_eq!(seen, pairs([("x!/a", "one"), ("x!/b", &noise), ("x!/c", "three")]));
        assert_eq!(gaps, [("x".to_owned(), Reason::Truncated)]);

        let within_b = &bytes[..2000];
        let (seen, gaps) = look(&Case::new().file("x", within_b));
        assert_eq!(seen[0], ("x!/a".to_owned(), "one".to_owned()));
        assert_eq!(seen[1].0, "x!/b");
        let truncated = Reason::Truncated;
        assert_eq!(gaps, [("x!/b".to_owned(), truncated), ("x".to_owned(), truncated)]);
    }
}

#[test]
fn a_corrupt_member_is_looked_at_and_said() {
    let text = b"a text that is stored, so that a wrong bit stays one wrong bit";
    let stored = zip_by(zip::CompressionMethod::Stored, &[("a", text), ("b", b"two")]);
    let at = find(&stored, text);
    let mut wrong_bit = stored.clone();
    wrong_bit[at] = b'A';
    let (seen, gaps) = look(&Case::new().file("x", wrong_bit));
    assert_eq!(seen[0].1, String::from_utf8_lossy(text).replacen('a', "A", 1));
    assert_eq!(seen.len(), 2);
    assert_eq!(gaps, [("x!/a".to_owned(), Reason::Corrupt)]);

    let mut broken = zip(&[("a", &noise(5000, 1)), ("b", b"two")]);
    broken[2000..2100].fill(0xff);
    let (seen, gaps) = look(&Case::new().file("x", &broken));
    assert_eq!(seen[1], ("x!/b".to_owned(), "two".to_owned()));
    assert_eq!(gaps, [("x!/a".to_owned(), Reason::Corrupt)]);
}

#[test]
fn a_member_that_lies_about_its_size_is_looked_at_whole() {
    let text = "text ".repeat(1000);
    let mut bytes = zip(&[("a", text.as_bytes())]);
    let entry = find(&bytes, b"PK\x01\x02");
    bytes[entry + 24..entry + 28].copy_from_slice(&3_u32.to_le_bytes());
    let (seen, gaps) = look(&Case::new().file("x", &bytes));
    assert_eq!(seen, pairs([("x!/a", "5000 × 116")]));
    assert_eq!(gaps, [("x!/a".to_owned(), Reason::Corrupt)]);
}

#[test]
fn what_cannot_be_opened_is_said() {
    let mut bytes = zip(&[("locked", b"one"), ("odd", b"two"), ("open", b"three")]);
    let first = find(&bytes, b"PK\x01\x02");
    bytes[first + 8] |= 1;
    let second = first + 4 + find(&bytes[first + 4..], b"PK\x01\x02");
    bytes[second + 10] = 13;
    let (seen, gaps) = look(&Case::new().file("x", &bytes));
    assert_eq!(seen, pairs([("x!/open", "three")]));
    let wanted = [("x!/locked", Reason::Encrypted), ("x!/odd", Reason::Unsupported)];
    assert_eq!(gaps, wanted.map(|(name, reason)| (name.to_owned(), reason)));
}

#[test]
fn broken_streams_give_what_comes_before() {
    let text = noise(5000, 3);
    for (name, bytes, corrupt) in [("a.gz", gzip(&text), 0xff), ("a.zst", zstd(&text), 0xff)] {
        let (seen, gaps) = look(&Case::new().file(name, &bytes[..3000]));
        assert_eq!(seen.len(), 1);
        assert_eq!(gaps, [(format!("{name}!/a"), Reason::Truncated)], "{name}");
        let mut broken = bytes.clone();
        let end = broken.len();
        broken[end - 8..].fill(corrupt); // the checksum of gzip; the end of the block of zstd, which has none
        if name == "a.gz" {
            assert_eq!(look(&Case::new().file(name, &broken)).1, [(format!("{name}!/a"), Reason::Corrupt)]);
        }
    }
    let mut more = gzip(b"one ");
    more.extend(gzip(b"two"));
    assert_eq!(look(&Case::new().file("a.gz", more)), (pairs([("a.gz!/a", "one two")]), vec![]));
    let mut more = zstd(b"one ");
    more.extend(zstd(b"two"));
    assert_eq!(look(&Case::new().file("a.zst", more)), (pairs([("a.zst!/a", "one two")]), vec![]));
    let tar = tar(&[("a", b"one"), ("b", &text)]);
    let (seen, gaps) = look(&Case::new().file("x", &tar[..3000]));
    assert_eq!((seen.len(), gaps), (2, vec![("x!/b".to_owned(), Reason::Truncated)]));
    let mut broken = tar.clone();
    broken[1024..1100].fill(b'x');
    assert_eq!(look(&Case::new().file("x", &broken)).1, [("x".to_owned(), Reason::Corrupt)]);
}

#[test]
fn what_a_gzip_header_says_is_looked_at() {
    let mut encoder = flate2::GzBuilder::new()
        .filename("name")
        .comment("comment")
        .extra("extra")
        .write(Vec::new(), flate2::Compression::fast());
    encoder.write_all(b"one").unwrap();
    let mut bytes = encoder.finish().unwrap();
    bytes.extend([0; 512]);
    let wanted = pairs([("x.gz!/(header)", "name\ncomment"), ("x.gz!/x", "one")]);
    assert_eq!(look(&Case::new().file("x.gz", &bytes)), (wanted.clone(), vec![]));
    bytes.push(b'x');
    let corrupt = vec![("x.gz!/x".to_owned(), Reason::Corrupt)];
    assert_eq!(look(&Case::new().file("x.gz", &bytes)), (wanted, corrupt));
}

#[test]
fn long_names_of_tars_are_read() {
    let long = format!("{}/end", "long".repeat(60));
    let mut pax = tar::Builder::new(Vec::new());
    pax.append_pax_extensions([("path", long.as_bytes()), ("size", b"3")]).unwrap();
    let mut header = tar::Header::new_ustar();
    header.set_path("short").unwrap();
    header.set_size(0); // the extension knows better
    header.set_cksum();
    pax.append(&header, &b""[..]).unwrap();
    let mut pax = pax.into_inner().unwrap();
    pax.truncate(pax.len() - 1024);
    pax.extend(b"two");
    pax.resize(pax.len().next_multiple_of(512) + 1024, 0);
    for (bytes, text) in [(tar(&[(&long, b"one")]), "one"), (pax, "two")] {
        let wanted = pairs([(&format!("x!/{long}"), text)]);
        assert_eq!(look(&Case::new().file("x", bytes)), (wanted, vec![]));
    }
}

#[test]
fn members_see_their_siblings() {
    let members: [(&str, &[u8]); 2] = [("src/flow.json", b"{}"), ("names.xml", b"<a/>")];
    let zipped = zip(&members);
    for (name, bytes) in [
        ("x", zipped.clone()),
        ("x", tar(&members)),
        ("x.gz", gzip(&tar(&members))),
        ("x", zip(&[("y", &zipped)])),
    ] {
        let recorder = Recorder { companions: vec!["names.xml", "none"], ..Recorder::default() };
        let outcome = Case::new().file(name, bytes).run(&recorder);
        assert!(outcome.coverage.gaps.is_empty());
        let read = lock(&recorder.read).clone();
        for own in ["src/flow.json", "names.xml"] {
            let wanted = (own.to_owned(), "names.xml".to_owned(), Some("<a/>".to_owned()));
            assert!(read.contains(&wanted), "{name}: {read:?}");
            assert!(read.contains(&(own.to_owned(), "none".to_owned(), None)));
        }
    }
}

#[test]
fn empty_archives_hold_nothing() {
    for bytes in [zip(&[]), gzip(b""), zstd(b""), tar(&[])] {
        let (_, gaps) = look(&Case::new().file("x", &bytes));
        assert_eq!(gaps, []);
    }
}

/// Counts only: for what would not fit into memory.
pub(crate) struct Counter(pub(crate) Budget);

impl Visit for Counter {
    fn budget(&self) -> &Budget {
        &self.0
    }

    fn blob(&self, blob: &Blob, _scratch: &mut Scratch) -> BlobScan {
        BlobScan { bytes: blob.bytes.len() as u64, ..BlobScan::default() }
    }

    fn stream(
        &self,
        provenance: &Provenance,
        reader: &mut dyn Read,
        _reopen: &mut dyn FnMut() -> io::Result<Box<dyn Read>>,
        _package: &dyn Package,
        _scratch: &mut Scratch,
    ) -> BlobScan {
        let mut scan = BlobScan::default();
        let mut window = vec![0; 64 << 10];
        loop {
            match reader.read(&mut window) {
                Ok(0) => return scan,
                Ok(read) => scan.bytes += read as u64,
                Err(error) => {
                    scan.gaps.push(Gap::new(provenance, Reason::Corrupt, error.to_string()));
                    return scan;
                }
            }
        }
    }

    fn name(&self, _provenance: &Provenance, _scratch: &mut Scratch) -> Vec<Finding> {
        Vec::new()
    }
}

/// A budget that is used up quickly, since nothing is optimised here.
pub(crate) fn tight() -> Budget {
    Budget { ratio_floor: 4 << 20, ratio: 1, members: 500, ..Budget::default() }
}

/// Runs a bomb with 1, 2 and 5 threads: the same coverage each time, no more bytes than allowed, and the gap.
pub(crate) fn defuse(name: &str, bytes: &[u8], reason: Reason) -> Vec<(String, Reason)> {
    let case = Case::new().file(name, bytes).file("beside", "still read");
    let coverage = |count| case.run_with_counter(&threads(count)).coverage;
    let first = coverage(1);
    assert!(first.gaps.iter().any(|gap| gap.reason == reason), "{name}: {:?}", first.gaps);
    assert!(first.gaps.len() < 40, "{name}: {} gaps", first.gaps.len());
    let allowed = tight().ratio_floor.max(tight().ratio * bytes.len() as u64);
    assert!(first.bytes <= allowed + bytes.len() as u64 + 10, "{name}: {} bytes", first.bytes);
    assert_eq!(first.files, 2);
    for count in [2, 5] {
        assert_eq!(coverage(count), first, "{name} with {count} threads");
    }
    first.gaps.iter().map(|gap| (shown(&gap.provenance), gap.reason)).collect()
}

impl Case {
    fn run_with_counter(&self, options: &Options) -> Outcome {
        engine::visit(&[Input::Path(self.path())], &Counter(tight()), options, &Unwatched).unwrap()
    }
}

/// A deflate stream of so many MiB of zeros.
fn zeros(mebibytes: usize) -> Vec<u8> {
    let mut state = flate2::Compress::new(flate2::Compression::best(), false);
    let mut piece = vec![0; 64 << 10];
    let mut length = 0;
    for _ in 0..2 {
        let before = state.total_out();
        state.compress(&vec![0; 1 << 20], &mut piece, flate2::FlushCompress::Full).unwrap();
        length = (state.total_out() - before) as usize;
    }
    let mut stream = piece[..length].repeat(mebibytes);
    stream.extend([3, 0]); // the last block, empty
    stream
}

/// A zip of one member by its parts: what stands in its headers is not held against its bytes.
fn zip_of(entries: usize, packed: &[u8], size: u32) -> Vec<u8> {
    let header = |signature: &[u8], middle: &[u8]| {
        let mut header = signature.to_vec();
        header.extend(middle);
        header.extend([20, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        header.extend((packed.len() as u32).to_le_bytes());
        header.extend(size.to_le_bytes());
        header.extend([1, 0, 0, 0]);
        header
    };
    let mut zip = header(b"PK\x03\x04", &[]);
    zip.push(b'a');
    zip.extend(packed);
    let directory = zip.len() as u32;
    for _ in 0..entries {
        zip.extend(header(b"PK\x01\x02", &[20, 0]));
        zip.extend([0; 14]);
        zip.push(b'a');
    }
    let size = zip.len() as u32 - directory;
    zip.extend(b"PK\x05\x06\0\0\0\0");
    zip.extend([(entries as u16).to_le_bytes(); 2].concat());
    zip.extend(size.to_le_bytes());
    zip.extend(directory.to_le_bytes());
    zip.extend([0, 0]);
    zip
}

#[test]
fn ten_gigabytes_of_zeros_are_cut() {
    let ratio = Reason::BudgetRatio;
    let stream = zeros(10_000);
    assert!(stream.len() < 12 << 20);
    let zip = zip_of(1, &stream, u32::MAX);
    assert_eq!(defuse("x", &zip, ratio), [("x!/a".to_owned(), ratio)]);

    let mut gz = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0];
    gz.extend(&stream);
    assert_eq!(defuse("x.gz", &gz, ratio), [("x.gz!/x".to_owned(), ratio)]);

    // 80,000 blocks, each 128 KiB of one byte (RFC 8878, 3.1.1.2).
    let mut zst = [&0xfd2f_b528_u32.to_le_bytes()[..], &[0, 0x58]].concat();
    let block = (128_u32 << 10 << 3) | 2;
    zst.extend([&block.to_le_bytes()[..3], &[0]].concat().repeat(80_000));
    assert_eq!(defuse("x.zst", &zst, ratio), [("x.zst!/x".to_owned(), ratio)]);
}

#[test]
fn a_tar_of_zeros_is_cut() {
    let mut header = tar::Header::new_gnu();
    header.set_path("a").unwrap();
    header.set_size(8 << 30);
    header.set_cksum();
    let mut gz = gzip(header.as_bytes());
    gz.extend(gzip(&vec![0; 1 << 20]).repeat(100));
    let ratio = Reason::BudgetRatio;
    assert_eq!(defuse("x.gz", &gz, ratio), [("x.gz!/x".to_owned(), ratio)]);
}

#[test]
fn zips_of_zips_of_zips_are_cut() {
    let mut level = zip_of(1, &zeros(4), 4 << 20);
    for _ in 0..5 {
        let members: Vec<(String, Vec<u8>)> = (0..16).map(|n| (n.to_string(), level.clone())).collect();
        let members: Vec<(&str, &[u8])> = members.iter().map(|(name, bytes)| (&**name, &**bytes)).collect();
        level = zip(&members);
    }
    let gaps = defuse("x", &level, Reason::BudgetRatio);
    let innermost = gaps.iter().map(|(name, _)| name).max_by_key(|name| name.len()).unwrap();
    assert!(innermost.starts_with("x!/0!/0!/0!/0!/"), "the depths come first: {gaps:?}");
}

#[test]
fn members_that_lie_on_each_other_are_cut() {
    let gaps = defuse("x", &zip_of(400, &zeros(1), 1 << 20), Reason::BudgetRatio);
    assert_eq!(gaps.last(), Some(&("x".to_owned(), Reason::BudgetRatio)));
}

#[test]
fn too_many_members_are_cut() {
    let members = Reason::BudgetMembers;
    assert_eq!(defuse("x", &zip_of(60_000, &[3, 0], 0), members), [("x".to_owned(), members)]);
    let mut header = tar::Header::new_gnu();
    header.set_path("a").unwrap();
    header.set_size(0);
    header.set_cksum();
    let tar = header.as_bytes().repeat(3000);
    assert_eq!(defuse("x", &tar, members), [("x".to_owned(), members)]);
    let local_only = zip(&[("a", b"")]);
    let local_only = local_only[..find(&local_only, b"PK\x01\x02")].repeat(3000);
    assert!(defuse("x", &local_only, members).contains(&("x".to_owned(), members)));
}

#[test]
fn too_deep_a_nest_is_cut_and_looked_at_as_it_is() {
    let depth = Reason::BudgetDepth;
    let mut nest = b"the end".to_vec();
    for _ in 0..20 {
        nest = zip_by(zip::CompressionMethod::Stored, &[("n", &nest)]);
    }
    let gaps = defuse("x", &nest, depth);
    assert_eq!(gaps, [(format!("x{}", "!/n".repeat(12)), depth)]);
    let mut nest = b"the end".to_vec();
    (0..300).for_each(|_| nest = gzip(&nest));
    assert_eq!(defuse("x", &nest, depth).len(), 1);
}

#[test]
fn threads_change_nothing() {
    let parts: Vec<(String, Vec<u8>)> =
        (0..60).map(|n| (format!("{n}"), noise(if n % 20 == 3 { 5 << 18 } else { 40_000 }, n))).collect();
    let members: Vec<(&str, &[u8])> = parts.iter().map(|(name, bytes)| (&**name, &**bytes)).collect();
    let mut bytes = zip_by(zip::CompressionMethod::Stored, &members);
    let at = find(&bytes, &parts[30].1);
    bytes[at] ^= 1;
    let case = Case::new().file("x", bytes).file("y/a", "a").file("y/b", "b");
    let run = |count| {
        let recorder = Recorder::default();
        let outcome = case.run_with(&recorder, &threads(count));
        (outcome.coverage, recorder.seen(), recorder.names())
    };
    let first = run(1);
    assert_eq!(first.0.members, 60);
    assert_eq!(first.0.gaps.len(), 1);
    for count in [2, 3, 8] {
        assert!(run(count) == first);
    }
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 300, ..Default::default() })]

    /// Whatever is done to an archive: no decoder fails, and the budget holds.
    #[test]
    fn broken_archives_are_survived(
        kind in 0..8_usize,
        flips in proptest::collection::vec((0..4000_usize, 0..=255_u8), 0..12),
        cut in 0..12_000_usize,
    ) {
        let text = noise(900, 5);
        let members: [(&str, &[u8]); 3] = [("a", b"some text, some text, some text"), ("dir/b", &text), ("c", b"")];
        let mut bytes = match kind {
            0 => zip(&members),
            1 => streamed_zip(&members),
            2 => tar(&members),
            3 => gzip(&tar(&members)),
            4 => zstd(&zip(&members)),
            5 => zip(&[("z", &zip(&members)), ("t", &tar(&members))]),
            6 => zip_by(zip::CompressionMethod::Stored, &[("z", &zip(&members)), ("t", &tar(&members))]),
            _ => noise(4000, 9),
        };
        let length = bytes.len();
        for (at, value) in flips {
            bytes[at % length] = value;
        }
        bytes.truncate(cut);
        let case = Case::new().file("x", &bytes);
        let budget = Budget { ratio_floor: 1 << 20, ..tight() };
        let input = [Input::Path(case.path().join("x"))];
        let outcome = engine::visit(&input, &Counter(budget), &threads(1), &Unwatched).unwrap();
        proptest::prop_assert!(outcome.coverage.bytes <= 2 * (1 << 20) + 2 * bytes.len() as u64);
        let failed = outcome.coverage.gaps.iter().find(|gap| gap.reason == Reason::DecoderFailed);
        proptest::prop_assert!(failed.is_none(), "{:?}", failed);
    }
}

#[test]
fn the_budget_of_the_run_is_spent_in_the_order_of_the_walk() {
    let mut case = Case::new();
    for name in ["a", "b/1", "b/2", "c", "d", "e"] {
        let text = format!("{name}: {}", "some text ".repeat(500));
        case = case.file(&format!("{name}.gz"), gzip(text.as_bytes()));
    }
    let case = case.file("f", "plain text is read");
    let budget = Budget { run_expanded: 14_000, ..Budget::default() };
    let run = |count| {
        let recorder = Recorder::with(budget.clone());
        let outcome = case.run_with(&recorder, &threads(count));
        (gaps(&outcome), outcome.coverage.bytes, outcome.coverage.members)
    };
    let first = run(1);
    let cut = ["b/2.gz!/2", "c.gz!/c", "d.gz!/d", "e.gz!/e"];
    assert_eq!(first.0, cut.map(|name| (name.to_owned(), Reason::BudgetBytes)));
    assert_eq!(first.1, 14_000 + 18);
    for count in [2, 3, 7] {
        for _ in 0..5 {
            assert_eq!(run(count), first, "{count} threads");
        }
    }
    let budget = Budget { run_expanded: 6 * 5010, ..Budget::default() };
    assert_eq!(gaps(&case.run(&Recorder::with(budget))), [], "all of it is enough");
}

#[test]
fn what_is_not_begun_before_the_deadline_is_a_gap() {
    let case = Case::new().file("a", "x").file("b/c", "y");
    let recorder = Recorder::default();
    let options = Options { deadline: Some(std::time::Duration::ZERO), ..threads(2) };
    let input = [Input::Path(case.path().join("a")), Input::Path(case.path())];
    let outcome = engine::visit(&input, &recorder, &options, &Unwatched).unwrap();
    let reasons: Vec<_> = outcome.coverage.gaps.iter().map(|gap| gap.reason).collect();
    assert_eq!(reasons, [Reason::Deadline, Reason::Deadline]);
    assert_eq!((outcome.coverage.files, recorder.seen()), (0, Vec::new()));
    let options = Options { deadline: Some(std::time::Duration::from_secs(3600)), ..threads(2) };
    assert_eq!(case.run_with(&recorder, &options).coverage.gaps, []);
}
