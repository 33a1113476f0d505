use super::*;
use crate::document::recorder::Recorder;
use crate::source::Memory;

fn decoded(text: &str) -> Recorder {
    let source: Arc<dyn ReadAt> = Arc::new(Memory(text.as_bytes().to_vec()));
    let mut recorder = Recorder::default();
    decode(&source, &mut recorder);
    recorder
}

const DOCUMENT: &str = "{\\rtf1\\ansi\\ansicpg1252\\deff0{\\fonttbl{\\f0\\fswiss Arial;}{\\f1\\fcharset204 Cyr;}}\
    {\\colortbl;\\red0;}{\\*\\generator none}{\\info{\\author someone}}\\f0 key: ab{\\b\r\ncd}{\\*\\bkmkstart x}ef\\par\r\n\
    {\\f1 \\'ea\\'eb\\'fe\\'f7} \\u8364?\\u-10179\\'3f\\u-8704 ?{\\uc2\\u252 ue}\\par a\
    {\\footnote a note}b{\\pict 00ff}\\~c\\_d\\-e\\{\\par\
    {\\field{\\*\\fldinst HYPERLINK \"https://x\"}{\\fldrslt link}}\\par\
    {\\object{\\*\\objdata 01050000 02000000 08000000 5061636b61676500 00000000 00000000 1f000000\r\n\
    0200 612e74787400 622e74787400 00000300 02000000 6300 05000000 68656c6c6f}}}";

// Expected text: LibreOffice 25's conversion to text, but for what stands beside the text, which it drops.
#[test]
fn a_document_in_all_its_parts() {
    let document = decoded(DOCUMENT);
    let text = document.text();
    assert!(text.starts_with("key: abcdef\nключ €😀ü\nab c-de{\nlink\n"), "{text}");
    assert_eq!(document.place("abcdef"), Some("paragraph 1"));
    assert_eq!(document.place("link"), Some("paragraph 4"));
    assert_eq!(document.place("a note"), Some("footnote"));
    assert_eq!(document.place("https://x"), Some("field"));
    assert_eq!(document.place("someone"), Some("properties"));
    assert_eq!(document.member("a.txt").as_deref(), Some("hello"));
    assert!(document.gaps.is_empty() && !text.contains("Arial"));
}

#[test]
fn html_in_rtf_comes_out_as_html() {
    let document = decoded(
        "{\\rtf1\\ansi\\fromhtml1 {\\*\\htmltag64 <p>}\\htmlrtf \\par \\htmlrtf0 a{\\*\\htmltag84 <a href=\"x\">}b{\\*\\htmltag92 </a>}}",
    );
    assert_eq!(document.member("body.html").as_deref(), Some("<p>a<a href=\"x\">b</a>"));
    assert_eq!(document.text(), "\nab\n");
}

#[test]
fn hostile_documents_end() {
    let deep = "{\\rtf1 ".to_owned() + &"{\\b ".repeat(200_000) + "x" + &"}".repeat(200_000) + "y}";
    let document = decoded(&deep);
    assert_eq!((document.text().as_str(), document.gaps.len()), ("xy\n", 0));
    let cut = decoded("{\\rtf1 abc{\\b def\\bin999999 x");
    assert_eq!(cut.text(), "abcdef\n");
    assert_eq!(cut.gaps.first().map(|(reason, _)| *reason), Some(Reason::Truncated));
    let mut seed: u32 = 3;
    let mut next = move || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223); // Numerical Recipes' generator
        (seed >> 8) as usize
    };
    for _ in 0..2000 {
        let mut bytes = DOCUMENT.as_bytes().to_vec();
        for _ in 0..3 {
            let at = next() % bytes.len();
            bytes[at] = next() as u8;
        }
        bytes.truncate(next() % bytes.len() + 1);
        let source: Arc<dyn ReadAt> = Arc::new(Memory(bytes));
        decode(&source, &mut Recorder::default());
    }
}
