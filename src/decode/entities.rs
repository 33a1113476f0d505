//! Character references of XML (XML 1.0 §4.1) and HTML: by number, and the names of ASCII's signs and of Western European
//! letters. Only those with their semicolon; what is no reference is kept as it stands.

use super::{Decoded, Replacing, readable, with_first_escaped};
use crate::blob::Span;
use crate::finding::Encoding;

/// The longest reference that is read: `&CounterClockwise…;` is nobody's way to write a letter.
const LONGEST: usize = 12;

/// Names of characters (HTML Living Standard, §13.5), sorted.
const NAMES: &[(&str, char)] = &[
    ("Auml", 'Ä'),
    ("Hat", '^'),
    ("NewLine", '\n'),
    ("Ouml", 'Ö'),
    ("Tab", '\t'),
    ("Uuml", 'Ü'),
    ("aacute", 'á'),
    ("agrave", 'à'),
    ("amp", '&'),
    ("apos", '\''),
    ("aring", 'å'),
    ("ast", '*'),
    ("auml", 'ä'),
    ("bsol", '\\'),
    ("ccedil", 'ç'),
    ("colon", ':'),
    ("comma", ','),
    ("commat", '@'),
    ("dollar", '$'),
    ("eacute", 'é'),
    ("egrave", 'è'),
    ("equals", '='),
    ("excl", '!'),
    ("grave", '`'),
    ("gt", '>'),
    ("iacute", 'í'),
    ("lbrace", '{'),
    ("lbrack", '['),
    ("lcub", '{'),
    ("lowbar", '_'),
    ("lpar", '('),
    ("lsqb", '['),
    ("lt", '<'),
    ("nbsp", '\u{a0}'),
    ("ntilde", 'ñ'),
    ("num", '#'),
    ("oacute", 'ó'),
    ("oslash", 'ø'),
    ("ouml", 'ö'),
    ("percnt", '%'),
    ("period", '.'),
    ("plus", '+'),
    ("quest", '?'),
    ("quot", '"'),
    ("rbrace", '}'),
    ("rbrack", ']'),
    ("rcub", '}'),
    ("rpar", ')'),
    ("rsqb", ']'),
    ("semi", ';'),
    ("sol", '/'),
    ("szlig", 'ß'),
    ("uacute", 'ú'),
    ("uuml", 'ü'),
    ("verbar", '|'),
    ("vert", '|'),
];

/// Whether at `at` stands a reference to what a credential, its name or its quotes can have.
pub fn hides_ascii(text: &[u8], at: usize) -> bool {
    let reference = reference(text.get(at..).unwrap_or_default());
    reference.is_some_and(|(c, _)| c.is_ascii_graphic() && !matches!(c, '<' | '>'))
}

/// The stretch around the reference at `at`, from `floor` on at the earliest: at most `reach` bytes before it, and on as
/// long as not more than `reach` bytes have no reference. A tag ends it.
pub fn region(text: &[u8], at: usize, floor: usize, reach: usize) -> Span {
    let at = at.min(text.len());
    let from = floor.max(at.saturating_sub(reach)).min(at);
    let start = memchr::memrchr2(b'<', b'>', &text[from..at]).map_or(from, |tag| from + tag + 1);
    let (mut end, mut bound) = (at, at.saturating_add(reach));
    while let Some(&byte) = text.get(end).filter(|byte| !matches!(byte, b'<' | b'>'))
        && end < bound
    {
        if byte == b'&' {
            bound = end.saturating_add(reach);
        }
        end += 1;
    }
    start..end
}

/// Decodes the stretch; `None` where no reference stands in it or what comes out is no text.
pub fn decode(parent: &[u8], span: Span) -> Option<Decoded> {
    decode_bytes(parent, span).filter(|decoded| readable(&decoded.text))
}

fn decode_bytes(parent: &[u8], span: Span) -> Option<Decoded> {
    let mut text = Replacing::new(parent, span)?;
    while let Some(sign) = memchr::memchr(b'&', text.rest()) {
        text.copy(sign);
        match reference(text.rest()) {
            Some((c, length)) => text.replace_char(length, c),
            None => text.copy(1),
        }
    }
    text.finish(Encoding::Entities)
}

/// The character of the reference at the start of `text`, and the reference's length.
fn reference(text: &[u8]) -> Option<(char, usize)> {
    let head = text.get(..text.len().min(LONGEST))?;
    let in_name = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'#';
    let end = 1 + head.iter().skip(1).take_while(in_name).count();
    if head.get(end) != Some(&b';') {
        return None;
    }
    let name = std::str::from_utf8(head.get(1..end)?).ok()?;
    let c = match name.strip_prefix('#') {
        Some(number) => number_of(number).and_then(char::from_u32)?,
        None => NAMES.binary_search_by(|(known, _)| (*known).cmp(name)).ok().map(|at| NAMES[at].1)?,
    };
    Some((c, end + 1)).filter(|_| head.first() == Some(&b'&'))
}

fn number_of(number: &str) -> Option<u32> {
    let hex = number.strip_prefix(['x', 'X']);
    // The standard library would take a sign too.
    let digits = hex.unwrap_or(number);
    let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let value = u32::from_str_radix(digits, if hex.is_some() { 16 } else { 10 }).ok()?;
    (plain && value > 0).then_some(value)
}

/// Encodes what would end a text or an attribute's value.
pub fn encode(text: &[u8]) -> Vec<u8> {
    text.iter().fold(Vec::with_capacity(text.len()), |mut out, &byte| {
        match byte {
            b'&' => out.extend(b"&amp;"),
            b'<' => out.extend(b"&lt;"),
            b'>' => out.extend(b"&gt;"),
            b'"' => out.extend(b"&quot;"),
            b'\'' => out.extend(b"&#39;"),
            _ => out.push(byte),
        }
        out
    })
}

/// Encodes for a place behind `before`: a reference cut short there must not go on in the first characters.
pub(super) fn encode_after(text: &[u8], before: &[u8]) -> Vec<u8> {
    let tail = &before[before.len().saturating_sub(LONGEST)..];
    let goes_on = |first: &u8| first.is_ascii() && tail.contains(&b'&');
    let push = |out: &mut Vec<u8>, first| out.extend(format!("&#{first};").into_bytes());
    with_first_escaped(text, goes_on, push, encode)
}

#[cfg(test)]
mod tests {
    use super::super::laws;
    use super::*;
    use proptest::prelude::*;

    fn decoded(text: &str) -> Option<String> {
        laws::text_of(decode, text)
    }

    #[test]
    fn decodes_numbers_and_names() {
        assert_eq!(decoded("a&#45;b&#x2d;c&#X2D;d").as_deref(), Some("a-b-c-d"));
        assert_eq!(decoded("&quot;x&quot; &amp; &lowbar;&sol;&uuml;").as_deref(), Some("\"x\" & _/ü"));
        assert_eq!(decoded("&amp;#45;").as_deref(), Some("&#45;"));
        assert_eq!(decoded("a & b; &unknown; &#; &#x; &#+5; &#0; &#1114112; &quot"), None);
    }

    #[test]
    fn names_are_sorted() {
        assert!(NAMES.is_sorted());
    }

    #[test]
    fn regions_end_at_tags() {
        let text = format!("<p>see <b>a&#45;b {} c&#45;d</b>", "x".repeat(50));
        let at = text.find('&').expect("a reference");
        assert!(text[region(text.as_bytes(), at, 0, 100)].ends_with("x c&#45;d"));
        assert!(text[region(text.as_bytes(), at, 0, 100)].starts_with("a&#45;b"));
        assert_eq!(&text[region(text.as_bytes(), at, 0, 8)], "a&#45;b x");
    }

    proptest! {
        #[test]
        fn keeps_the_laws(
            pieces in proptest::collection::vec(
                prop_oneof![
                    Just("&#65;"), Just("&#x41;"), Just("&"), Just("&#"), Just("&#6"), Just("5"), Just(";"), Just("a"),
                    Just("&amp;"), Just("&quot;"), Just("é"), Just("&uuml;"), Just("&am"), Just("p"),
                ],
                1..40,
            ),
            with in "[a-f0-9&#;pé\"<]{1,6}",
            ends in any::<[proptest::sample::Index; 2]>(),
        ) {
            let stretch = pieces.concat();
            let text = decode_bytes(stretch.as_bytes(), 0..stretch.len()).map_or(stretch.clone().into_bytes(), |decoded| decoded.text);
            laws::check(&stretch, decode_bytes, laws::characters(&text, ends), with.as_bytes())?;
        }
    }
}
