use super::*;
use crate::document::recorder::Recorder;
use crate::source::Memory;

const MADE: &str = "%PDF-1.4\n1 0 obj <</Type/Catalog/Pages 2 0 R>> endobj 2 0 obj <</Type/Pages/Count 1/Kids[3 0 R]>> endobj\n\
    3 0 obj <</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>> endobj\n\
    4 0 obj <</Length 130>> stream\nBT /F 10 Tf 1 0 0 1 50 700 Tm [(ab) -100 (cd) -600 (ef)] TJ 0 -14 Td (next) Tj 2 Tr 200 0 Td (far) Tj ET   \n\
    endstream endobj\n5 0 obj <</Type/Font/Subtype/Type1/BaseFont/Courier>> endobj\n\
    6 0 obj <</FT/Tx/T(key)/V<FEFF004100e4>>> endobj 7 0 obj <</S/JavaScript/JS(app.alert\\(1\\))>> endobj\n\
    8 0 obj <</Author(me)/Producer(it)>> endobj trailer <</Root 1 0 R/Info 8 0 R>>";

fn decoded(bytes: &[u8]) -> Recorder {
    let source: Arc<dyn ReadAt> = Arc::new(Memory(bytes.to_vec()));
    let mut recorder = Recorder::default();
    decode(&source, &mut recorder);
    recorder
}

#[test]
fn pages_and_objects() {
    let pdf = decoded(MADE.as_bytes());
    let text = pdf.text();
    assert!(text.starts_with("abcd ef\nnext far\n"), "{text}");
    assert_eq!(pdf.place("abcd"), Some("page 1"));
    assert_eq!(pdf.place("key: Aä\n"), Some("form field \"key\""));
    assert_eq!(pdf.place("JS: app.alert(1)"), Some("script"));
    assert_eq!(pdf.place("Author: me"), Some("properties"));
    assert!(pdf.gaps.is_empty() && pdf.members.is_empty());
}

#[test]
fn what_begins_so() {
    assert!(begins(b"%PDF-1.7") && begins(b"\xef\xbb\xbf\r\n%PDF-2.0") && !begins(b"x%PDF-"));
}

/// In the real run this is in a child; here its panics would fail.
#[test]
fn damaged_files_end() {
    let mut seed: u32 = 11;
    let mut next = move || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223); // Numerical Recipes' generator
        (seed >> 8) as usize
    };
    for _ in 0..300 {
        let mut bytes = MADE.as_bytes().to_vec();
        for _ in 0..3 {
            let at = next() % bytes.len();
            bytes[at] = next() as u8;
        }
        bytes.truncate(next() % bytes.len() + 1);
        decoded(&bytes);
    }
}
