//! Markup: the text of XML and HTML as its reader sees it, so that what formatting has split is one word again. Tags
//! within a word are gone, those of paragraphs and cells are a line break or a tab, entities are characters, any white
//! space is one blank or line break; comments, scripts and attributes are no text (they are looked at as they stand).
//!
//! What a tag or entity stands for is told by its name alone (`names`), never by what stands around it: so the stretch
//! that a part of the text came out of means the same by itself. Rules: XML 1.0 §2 and §4.1; HTML, "Tokenization".

mod names;
mod reader;

use self::names::Tag;
pub use self::reader::Reader;
use super::{Decoded, OffsetMap};
use crate::blob::Span;
use crate::finding::Encoding;

/// Whether a whole text is markup: its first bytes, behind a byte order mark and blanks, are a tag or a declaration.
pub fn begins(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let blank = text.iter().take(256).take_while(|byte| byte.is_ascii_whitespace()).count();
    match text.get(blank..).unwrap_or_default() {
        [b'<', b'!' | b'?', next, ..] => next.is_ascii_alphabetic() || *next == b'-',
        [b'<', next, ..] => next.is_ascii_alphabetic(),
        _ => false,
    }
}

/// Decodes the stretch; `None` where it is plain text already.
pub fn decode(parent: &[u8], span: Span) -> Option<Decoded> {
    let mut reader = Reader::at(span.start);
    reader.read(parent.get(span)?, true);
    let Reader { text, map, decodes, .. } = reader;
    (decodes && !text.is_empty()).then_some(Decoded { text, map, encoding: Encoding::Markup })
}

/// The farthest that tags may go on between two halves of a word, and the most of them.
const SPLIT: usize = 1024;
const TAGS: usize = 8;

/// Whether the tag at `at` (or the one that it closes) stands within a word: `ab</b>cd`, `ab<b>cd</b>`.
pub fn splits(text: &[u8], at: usize) -> bool {
    splits_at(text, at) || {
        let from = at.saturating_sub(SPLIT / 2);
        let opened = text.get(from..at).and_then(|before| memchr::memrchr(b'<', before));
        opened.is_some_and(|opened| splits_at(text, from + opened))
    }
}

fn splits_at(text: &[u8], at: usize) -> bool {
    if !at.checked_sub(1).and_then(|before| text.get(before)).is_some_and(|byte| is_word(*byte)) {
        return false;
    }
    let limit = text.len().min(at + SPLIT);
    let mut next = at;
    for _ in 0..TAGS {
        let rest = text.get(next..limit).unwrap_or_default();
        let (closing, name) = match rest {
            [b'<', b'/', name @ ..] => (true, name),
            [b'<', name @ ..] => (false, name),
            _ => break,
        };
        let len = name.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b':').count();
        let Some(name) = name.get(..len).filter(|name| !name.is_empty()) else { return false };
        if names::tag(name, closing, false) != Tag::Inline {
            return false;
        }
        let Some(end) = memchr::memchr(b'>', rest) else { return false };
        next += end + 1;
    }
    next > at && text.get(next).is_some_and(|byte| is_word(*byte))
}

/// Whether the entity at `at` stands for a byte within a word: `ab&#95;cd`, `?a=1&amp;sig=…`.
pub fn hides(text: &[u8], at: usize) -> bool {
    let rest = text.get(at..).unwrap_or_default();
    let Some((c, len)) = names::entity(rest) else { return false };
    let is_next = |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(|byte| is_word(*byte));
    (c.is_ascii_graphic() || names::is_invisible(c))
        && !matches!(c, '<' | '>' | '"' | '\'')
        && is_next(at.checked_sub(1))
        && is_next(Some(at + len))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+' | b'/' | b'=' | b'.' | b'&' | b'~')
}

/// The line around the tag at `at`, or the stretch without tags around the entity there (which may stand in a tag), at
/// most `limit` bytes to each side.
pub fn region(text: &[u8], at: usize, limit: usize) -> Span {
    let at = at.min(text.len());
    let is_tag = text.get(at) == Some(&b'<');
    let ends = |byte: &u8| *byte == b'\n' || !is_tag && matches!(byte, b'<' | b'>');
    let (from, to) = (at.saturating_sub(limit), text.len().min(at.saturating_add(limit)));
    let before = text.get(from..at).and_then(|before| before.iter().rposition(ends));
    let behind = text.get(at..to).and_then(|behind| behind.iter().position(ends));
    before.map_or(from, |end| from + end + 1)..behind.map_or(to, |end| at + end)
}

/// Encodes for a place behind `before`: what has a meaning in markup as a reference, and white space too, since any
/// amount of it is one blank. A stray `&` or `<` before it must not take the first character as its own.
fn encode_after(text: &[u8], before: &[u8]) -> Vec<u8> {
    let tail = before.iter().rev().take(names::LONGEST);
    let name = tail.take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'#').count();
    let stray = before.len().checked_sub(name + 1).and_then(|at| before.get(at));
    let stray = stray == Some(&b'&') || matches!(before.last(), Some(b'<')) || before.ends_with(b"</");
    let mut out = Vec::with_capacity(text.len() + 8);
    for (number, &byte) in text.iter().enumerate() {
        match byte {
            b'&' => out.extend(b"&amp;"),
            b'<' => out.extend(b"&lt;"),
            b'>' => out.extend(b"&gt;"),
            _ if byte.is_ascii_whitespace() => out.extend(format!("&#{byte};").into_bytes()),
            _ if number == 0 && stray && byte.is_ascii() => out.extend(format!("&#{byte};").into_bytes()),
            _ => out.push(byte),
        }
    }
    out
}

/// What is written for `text` where the part `of` of the decoded text came from. Tags within that word stay; so does
/// the meaning of white space beside it, which depends on whether a tag is next to it.
pub(super) fn write(text: &[u8], parent: &[u8], map: &OffsetMap, of: Span) -> Vec<u8> {
    const NOTHING: &[u8] = b"<!---->";
    let is_blank = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_whitespace);
    let pieces = map.encoded(of);
    let cover = pieces.cover();
    let before = parent.get(..cover.start).unwrap_or_default();
    let mut bytes = Vec::new();
    if is_blank(before.last()) && parent.get(cover.start) == Some(&b'<') {
        bytes.extend(NOTHING);
    }
    bytes.extend(encode_after(text, before));
    let written = bytes.len();
    for pair in pieces.spans().windows(2) {
        if let [left, right] = pair {
            bytes.extend(parent.get(left.end..right.start).unwrap_or_default());
            bytes.extend(NOTHING.iter().filter(|_| is_blank(parent.get(right.start.saturating_sub(1)))));
        }
    }
    if bytes.len() > written && is_blank(parent.get(cover.end)) {
        bytes.extend(NOTHING);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::super::laws;
    use super::*;
    use proptest::prelude::*;

    fn text_of(markup: &str) -> Option<String> {
        let decoded = decode(markup.as_bytes(), 0..markup.len())?;
        Some(String::from_utf8_lossy(&decoded.text).into_owned())
    }

    #[test]
    fn runs_of_a_paragraph_are_one_word() {
        for (markup, text) in [
            (
                "<w:p><w:r><w:t>sk_li</w:t></w:r><w:r><w:rPr><w:b/></w:rPr><w:t>ve_1</w:t></w:r></w:p>",
                "\nsk_live_1\n",
            ),
            ("<w:p>\n  <w:r>\n <w:t>a</w:t>\n </w:r> \n<w:r><w:t>b</w:t></w:r></w:p>", "\nab\n"),
            ("<w:r><w:t>a</w:t><w:noBreakHyphen/><w:t>b</w:t><w:tab/><w:t>c</w:t></w:r>", "a-b\tc"),
            ("<a:p><a:r><a:rPr lang=\"en\"/><a:t>a</a:t></a:r><a:r><a:t>b</a:t></a:r></a:p>", "\nab\n"),
            ("<text:p>a<text:span text:style-name=\"T1\">b</text:span><text:s/>c</text:p>", "\nab c\n"),
            ("<si><r><rPr><b/><sz val=\"11\"/></rPr><t>a</t></r><r><t>b</t></r></si>", "\nab\n"),
            ("<Text><cp IX='0'/>a<cp IX='1'/>b</Text>", "\nab\n"),
            ("<p>a<b>b</b>c<wbr>d<br>e &#x5f;&lowbar;&amp;x&shy;y</p>", "\nabcd\ne __&xy\n"),
            ("<tr><td>a</td><td>b</td></tr>", "\n\ta\t\tb\t\n"),
            (
                "x<!-- c --><script>if (a<b) {}</script>y<![CDATA[<b>z</b>&lt;]]> &unknown; 1<2",
                "xyz<]]> &unknown; 1<2",
            ),
            ("<a title=\"1>0\">b</a>", "b"),
            ("<name>X</name>\n<value>y</value>", "\nX\n\n\ny\n"),
        ] {
            assert_eq!(text_of(markup).as_deref(), Some(text), "{markup}");
        }
        assert_eq!(text_of("plain"), None);
    }

    #[test]
    fn markup_is_told_by_its_first_bytes() {
        for text in ["<?xml version", "\u{feff}<?xml", " \n<html>", "<!DOCTYPE html>", "<!-- x -->", "<a>"] {
            assert!(begins(text.as_bytes()), "{text}");
        }
        for text in ["", "<", "< a>", "{\"a\":\"<b>\"}", "a<b>", "<3"] {
            assert!(!begins(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn tags_and_entities_within_words_are_worth_a_step() {
        let at = |text: &str, what: &str| text.find(what).expect("it stands there");
        for text in ["ab</b>cd", "ab<b>cd</b>", "ab</span><span style=\\\"x: y\\\">cd", "ab<wbr>cd"] {
            let place = if text.contains("</") { at(text, "</") } else { at(text, "<") };
            assert!(splits(text.as_bytes(), place), "{text}");
        }
        for text in ["<b>ab</b> cd", "ab</td><td>cd", "ab</p>cd", "ab</", "ab</b"] {
            assert!(!splits(text.as_bytes(), at(text, "</")), "{text}");
        }
        for (text, is) in [
            ("a&#95;b", true),
            ("a=1&amp;b", true),
            ("a &amp; b", false),
            ("a&quot;b", false),
            ("a&b;c", false),
        ] {
            assert_eq!(hides(text.as_bytes(), at(text, "&")), is, "{text}");
        }
    }

    fn pieces() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("<w:t>"),
            Just("</w:t>"),
            Just("<w:p>"),
            Just("</w:p>"),
            Just("<b>"),
            Just("</b>"),
            Just("<td x='1'>"),
            Just("&amp;"),
            Just("&#95;"),
            Just("&"),
            Just("<"),
            Just("a"),
            Just("m"),
            Just("p;"),
            Just("#9"),
            Just("é"),
            Just(" "),
            Just("\n"),
            Just("<![CDATA["),
            Just("]]>"),
            Just("]"),
            Just(">"),
            Just("<!-- - -->"),
            Just("/"),
            Just("<br/>"),
            Just("&shy;"),
            Just("<script>"),
            Just("</script>"),
        ];
        proptest::collection::vec(piece, 1..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn keeps_the_laws(stretch in pieces(), with in "[a-f0-9&<>\\]; é#/!]{1,6}", ends in any::<[proptest::sample::Index; 2]>()) {
            let text = decode(stretch.as_bytes(), 0..stretch.len()).map_or(stretch.clone().into_bytes(), |decoded| decoded.text);
            laws::check(&stretch, decode, laws::characters(&text, ends), with.as_bytes())?;
        }

        #[test]
        fn pieces_may_be_cut_anywhere(stretch in pieces(), cuts in proptest::collection::vec(0..200usize, 0..8)) {
            let bytes = stretch.as_bytes();
            let whole = decode(bytes, 0..bytes.len());
            let mut reader = Reader::default();
            let (mut read, mut cuts) = (0, cuts);
            cuts.sort_unstable();
            for cut in cuts {
                let cut = cut.min(bytes.len());
                read += reader.read(&bytes[read.min(cut)..cut], false);
            }
            reader.read(&bytes[read..], true);
            if let Some(whole) = whole {
                prop_assert_eq!(String::from_utf8_lossy(&reader.text), String::from_utf8_lossy(&whole.text));
                prop_assert_eq!(reader.map, whole.map);
            }
        }
    }
}
