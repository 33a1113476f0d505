//! What holds whatever the bytes are: no panic, no more than the budget allows, and the same report twice.

use std::num::NonZeroUsize;
use std::sync::OnceLock;

use keysieve::blob::{Landmarks, Span};
use keysieve::budget::{Budget, Reason};
use keysieve::decode::Decoded;
use keysieve::detect::Detectors;
use keysieve::document::{DECODERS, Decoder, Sink};
use keysieve::engine::{self, Input, Options, Outcome, Unwatched};
use keysieve::json::{Cursor, Value};
use keysieve::scan::Scanner;
use keysieve::signature;
use keysieve::source::{Memory, ReadAt};

/// Small enough that a bomb is no slow input.
fn scanner() -> &'static Scanner {
    static SCANNER: OnceLock<Scanner> = OnceLock::new();
    SCANNER.get_or_init(|| Scanner {
        detectors: Detectors::new(signature::built_in().iter().collect()),
        budget: Budget {
            depth: 4,
            members: 100,
            ratio_floor: 256 << 10,
            ratio: 4,
            whole: 1 << 20,
            window: 64 << 10,
            ..Budget::default()
        },
        now: 1_795_435_200,
        worker: None,
    })
}

fn run(bytes: &[u8]) -> Outcome {
    let input = Input::Bytes { name: "x".into(), bytes: bytes.into() };
    let options = Options { threads: NonZeroUsize::MIN, ..Options::default() };
    engine::run(&[input], scanner(), &options, &Unwatched).expect("bytes are always there")
}

/// The whole journey of one input.
pub fn scan(bytes: &[u8]) {
    let first = run(bytes);
    let size = bytes.len() as u64;
    let budget = &scanner().budget;
    let expanded = budget.ratio_floor.max(size * budget.ratio);
    // A document's own bytes are looked at beside what was made of them; a stream in windows, some bytes twice.
    let most = 3 * (size + expanded) + (1 << 20);
    assert!(first.coverage.bytes <= most, "{} bytes of {size}", first.coverage.bytes);
    for gap in &first.coverage.gaps {
        assert_ne!(gap.reason, Reason::DecoderFailed, "{gap:?}");
    }
    let second = run(bytes);
    assert_eq!(format!("{first:?}"), format!("{second:?}"));
}

/// JSON where it lies.
pub fn json(bytes: &[u8]) {
    let whole = keysieve::json::is_json(bytes);
    let mut left = 1000;
    for value in keysieve::json::documents(bytes).take(8) {
        descend(value, 0, &mut left);
    }
    let mut cursor = Cursor::default();
    let step = bytes.len() / 100 + 1;
    let forwards: Vec<_> = (0..bytes.len()).step_by(step).map(|at| cursor.seek(bytes, at)).collect();
    for (index, at) in (0..bytes.len()).step_by(step).enumerate().rev() {
        let leaf = Cursor::default().seek(bytes, at);
        assert!(leaf.span.end <= bytes.len());
        assert_eq!(format!("{leaf:?}"), format!("{:?}", forwards[index]));
        assert_eq!(format!("{leaf:?}"), format!("{:?}", cursor.seek(bytes, at)), "going back");
    }
    assert!(!whole || Value::first(bytes).is_some());
}

fn descend(value: Value, depth: usize, left: &mut usize) {
    if depth > 40 || *left == 0 {
        return;
    }
    *left -= 1;
    assert!(value.start() <= value.end());
    let _ = (value.text(), value.boolean(), value.raw().len());
    for (key, member) in value.members().take(50) {
        let _ = (key.text(), key.is("name"));
        descend(member, depth + 1, left);
    }
    value.items().take(50).for_each(|item| descend(item, depth + 1, left));
}

/// Each layer, by its three laws.
pub fn decode(bytes: &[u8]) {
    use keysieve::decode::{
        base32, base64, character_codes, code_page, code_string, entities, hex, json_string, markup, percent,
        quoted_printable, utf16,
    };

    let (Some((&[from, length], text)), 0..4096) = (bytes.split_first_chunk::<2>(), bytes.len()) else {
        return;
    };
    let whole = 0..text.len();
    for decode in [
        base32::decode_bytes,
        base64::decode,
        base64::decode_bytes,
        character_codes::decode,
        code_string::decode,
        entities::decode,
        hex::decode_bytes,
        json_string::decode,
        markup::decode,
        percent::decode,
        quoted_printable::decode,
        utf16::decode,
    ] {
        if let Some(decoded) = decode(text, whole.clone()) {
            check(text, &decoded, from.into(), length.into());
        }
    }
    if let Some(decoded) = code_page::decode(text) {
        check(text, &decoded, from.into(), length.into());
    }
    for at in [0, text.len() / 2, text.len().min(from.into())] {
        regions(text, at, from.into(), length.into());
    }
    for run in utf16::runs(text) {
        let _ = run;
    }
    let _ = utf16::detect(text);
}

/// The stretches around a place, and what is put together in them.
fn regions(text: &[u8], at: usize, from: usize, length: usize) {
    use keysieve::decode::concatenation::{self, By};
    use keysieve::decode::{
        base32, base64, character_codes, code_string, entities, hex, json_string, markup, percent,
        quoted_printable,
    };

    let (floor, run) = (at / 2, at..(at + 20).min(text.len()));
    for region in [
        json_string::region(text, at, 1 << 10),
        percent::region(text, at, 1 << 10),
        code_string::region(text, at, floor, 1 << 10),
        entities::region(text, at, floor, 1 << 10),
        markup::region(text, at, 1 << 10),
        quoted_printable::region(text, at, floor, 1 << 10),
        base64::region(text, run.clone(), 1 << 10),
        base32::region(text, run.clone(), 1 << 10),
        hex::region(text, run, 1 << 10),
    ] {
        assert!(region.start <= region.end && region.end <= text.len());
    }
    let joined = [
        (concatenation::region(text, at, floor), By::Operator),
        (concatenation::list(text, at), By::List),
        (concatenation::list_before(text, at, floor), By::List),
        (Some(concatenation::template(text, at, floor)), By::Template),
    ];
    for (region, by) in joined {
        let Some(region) = region else { continue };
        assert!(region.start <= region.end && region.end <= text.len());
        if let Some(decoded) = concatenation::decode(text, region, by) {
            check(text, &decoded, from, length);
        }
    }
    let before = character_codes::region_before(text, at, floor);
    for region in character_codes::region(text, at, floor).ok().into_iter().chain(before) {
        if let Some(decoded) = character_codes::decode(text, region) {
            check(text, &decoded, from, length);
        }
    }
}

fn check(parent: &[u8], decoded: &Decoded, from: usize, length: usize) {
    assert_eq!(decoded.map.decoded_len(), decoded.text.len());
    let size = decoded.text.len();
    let start = from.min(size);
    let part: Span = start..(start + length).min(size);
    let cover = decoded.map.encoded(part.clone()).cover();
    assert!(cover.start <= cover.end && cover.end <= parent.len());
    if let Some(rewrite) = decoded.rewrite(parent, part, b"replaced") {
        assert!(rewrite.span.end <= parent.len());
    }
}

/// Takes pieces and looks at none.
struct Taken(usize);

impl Sink for Taken {
    fn text(&mut self, _name: &str, text: &[u8], landmarks: &Landmarks) -> bool {
        assert!(landmarks.iter().all(|(at, _)| at <= text.len()));
        self.0 += text.len();
        self.0 < 1 << 20
    }

    fn member(&mut self, _name: &str, content: &mut dyn std::io::Read) -> bool {
        // An error is what a broken document gives.
        let _ = std::io::copy(content, &mut std::io::sink()).map(|size| self.0 += size as usize);
        self.0 < 1 << 20
    }

    fn gap(&mut self, _reason: Reason, _detail: &str) {}
}

/// Each decoder of documents that is ours, and SQLite's, in this process.
pub fn document(bytes: &[u8]) {
    decoders(bytes, |decoder| !decoder.isolated || decoder.name == "SQLite database");
}

/// Those that others wrote and that run in a process of their own: nothing but what is ours in them must hold.
pub fn isolated(bytes: &[u8]) {
    decoders(bytes, |decoder| decoder.isolated && decoder.name != "SQLite database");
}

fn decoders(bytes: &[u8], wanted: impl Fn(&Decoder) -> bool) {
    for decoder in DECODERS.iter().filter(|decoder| wanted(decoder) && (decoder.begins)(bytes)) {
        let source: std::sync::Arc<dyn ReadAt> = std::sync::Arc::new(Memory(bytes.to_vec()));
        (decoder.decode)(&source, &mut Taken(0));
    }
}

/// Strings of strangers: what is shown holds no control character, and no secret that is known.
pub fn mask(bytes: &[u8]) {
    use keysieve::finding::Secret;
    use keysieve::mask::{Masker, no_detector};

    let text = String::from_utf8_lossy(bytes);
    let (secret, text) = text.split_once('\n').unwrap_or(("", &text));
    let secrets = [Secret::new(secret.as_bytes())];
    let shown = Masker::new(&secrets, &no_detector).text(text);
    let plain = secret.len() >= 4 && secret.bytes().all(|byte| byte.is_ascii_alphanumeric());
    assert!(!plain || !shown.contains(secret), "shown");
    assert!(!shown.contains(['\x1b', '\u{202e}', '\u{7f}']));
}
