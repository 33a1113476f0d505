//! Strings that code puts together of literals: `"ab" + "cd"`, `"ab" & "cd"` of formulas, `'ab' . 'cd'` of PHP, neighbours as
//! in Python, lists (`concat('ab','cd')`, `["ab","cd"].join("")`), template literals (`${"ab"}`). What stands between two
//! literals is taken out, all else is copied; so the text is the code with one literal for many.

use super::{Decoded, Replacing, readable};
use crate::blob::Span;
use crate::finding::Encoding;

/// What puts literals together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// A sign between them, or nothing but blanks.
    Operator,
    /// A comma between them, in a list that is joined.
    List,
    /// The braces of a template literal.
    Template,
}

/// The most blanks between a literal and a sign, in bytes.
const GAP: usize = 256;

/// The longest literal that is followed to its end, in bytes.
const LITERAL: usize = 1024;

/// How much is copied before the first literal and behind the last one: their name, and what else tells of them.
const AROUND: usize = 128;

/// What stands between a literal and what its method puts behind it.
const CONCAT: &[u8] = b".concat(";

/// The longest list and template, in bytes.
const LIST: usize = 4096;

/// The stretch around the sign or quote at `at`, from `floor` on at the earliest, if two literals meet there and a word goes
/// on over their meeting: prose and markup in several lines are no credential.
pub fn region(text: &[u8], at: usize, floor: usize) -> Option<Span> {
    let quote = closing_quote(text, at, floor)?;
    let first = join(text.get(quote..)?, By::Operator)?;
    if !in_word(&text[floor.min(quote)..quote]) || !goes_on(*text.get(quote + first)?) {
        return None;
    }
    let from = floor.max(quote.saturating_sub(LITERAL)).min(quote);
    let open = next_quote(&text[quote..]).and_then(|span| text.get(quote + span.end - 1));
    let open =
        open.and_then(|mark| memchr::memrchr(*mark, &text[from..quote])).map_or(from, |open| from + open);
    let start = floor.max(open.saturating_sub(AROUND)).min(quote);
    let line = memchr::memrchr(b'\n', &text[start..quote]).map_or(start, |end| start + end + 1);
    let mut end = quote + first;
    // Over all that is joined; the literal behind the last sign ends it.
    while let Some(quote) = next_quote(&text[end..text.len().min(end + LITERAL)]) {
        match join(&text[end + quote.start..], By::Operator) {
            Some(length) => end += quote.start + length,
            None => {
                end += quote.end;
                break;
            }
        }
    }
    Some(line..text.len().min(end + AROUND))
}

/// Whether a byte goes on with a word, in the sense of credentials.
fn goes_on(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-+/.=:~".contains(&byte)
}

/// Whether a text ends within a word; not with an escaped line end, which is a letter too.
fn in_word(text: &[u8]) -> bool {
    match text {
        [.., b'\\', _] => false,
        [.., last] => goes_on(*last),
        [] => false,
    }
}

/// Where the quote (with its backslashes) begins that ends the literal before the sign at `at`.
fn closing_quote(text: &[u8], at: usize, floor: usize) -> Option<usize> {
    let mut at = at.min(text.len());
    let from = floor.max(at.saturating_sub(GAP));
    if !text.get(at).is_some_and(|byte| is_quote(*byte)) {
        let sign =
            |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'+' | b'&' | b'.' | b'|' | b'\\');
        at -= text.get(from..at)?.iter().rev().take_while(|byte| sign(byte)).count();
        at = at.checked_sub(1).filter(|at| *at >= from && is_quote(text[*at]))?;
    }
    let backslashes = text.get(from..at)?.iter().rev().take_while(|byte| **byte == b'\\').count();
    Some(at - backslashes)
}

/// The list whose bracket opens at or behind `at`, up to its other bracket. Literals are followed, at most `LIST` bytes
/// in all.
pub fn list(text: &[u8], at: usize) -> Option<Span> {
    let bound = text.len().min(at.saturating_add(LIST));
    let open = at + text.get(at..bound)?.iter().position(|byte| is_open(*byte))?;
    let mut start = open;
    // `"".join([`
    while text.get(start + 1).is_some_and(|byte| is_open(*byte)) {
        start += 1;
    }
    let from = method_of(text, at).unwrap_or(start);
    let (mut end, mut depth) = (start, 0usize);
    while let Some(&byte) = text.get(end).filter(|_| end < bound) {
        end += 1;
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            byte if is_quote(byte) => {
                end += memchr::memchr(byte, &text[end..bound]).map_or(0, |close| close + 1)
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    Some(from..end)
}

/// Where the literal begins whose method stands at `at`: `'ab'.concat('cd')`.
fn method_of(text: &[u8], at: usize) -> Option<usize> {
    let close = at.checked_sub(2).filter(|close| text.get(close + 1) == Some(&b'.'))?;
    let mark = text.get(close).filter(|mark| is_quote(**mark))?;
    let from = close.saturating_sub(LITERAL);
    memchr::memrchr(*mark, text.get(from..close)?).map(|open| from + open)
}

/// The list that ends before the method's name at `at`, if it begins with a literal.
pub fn list_before(text: &[u8], at: usize, floor: usize) -> Option<Span> {
    let from = floor.max(at.saturating_sub(LIST)).min(at);
    let before = text.get(from..at)?.strip_suffix(b".")?.trim_ascii_end();
    let start = from + memchr::memrchr(b'[', before.strip_suffix(b"]")?)?;
    quote_behind(text, start + 1)?;
    Some(start..from + before.len())
}

/// The quote at `at`, or behind blanks there.
fn quote_behind(text: &[u8], at: usize) -> Option<usize> {
    let rest = text.get(at..)?;
    quote(rest.get(blanks(rest)..)?)
}

/// The template literal around `at`, from its backtick or `floor` on.
pub fn template(text: &[u8], at: usize, floor: usize) -> Span {
    let at = at.min(text.len());
    let from = floor.max(at.saturating_sub(LITERAL)).min(at);
    let start = memchr::memrchr(b'`', &text[from..at]).map_or(from, |tick| from + tick);
    let rest = &text[at..text.len().min(at.saturating_add(LIST))];
    start..at + memchr::memchr(b'`', rest).map_or(rest.len(), |tick| tick + 1)
}

fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}

fn is_open(byte: u8) -> bool {
    matches!(byte, b'(' | b'[' | b'{')
}

/// Decodes the stretch; `None` where nothing is put together in it or what comes out is no text.
pub fn decode(parent: &[u8], span: Span, by: By) -> Option<Decoded> {
    decode_bytes(parent, span, by).filter(|decoded| readable(&decoded.text))
}

fn decode_bytes(parent: &[u8], span: Span, by: By) -> Option<Decoded> {
    let mut text = Replacing::new(parent, span)?;
    while let Some(quote) = next_place(text.rest(), by) {
        text.copy(quote.start);
        match join(text.rest(), by) {
            Some(length) => text.replace(length, b""),
            // A quote keeps its backslashes, so that they are always counted from the first.
            None => text.keep(quote.len()),
        }
    }
    text.finish(Encoding::Concatenation)
}

/// The next place where something may be taken out.
fn next_place(text: &[u8], by: By) -> Option<Span> {
    let quote = next_quote(text);
    let before = quote.as_ref().map_or(text.len(), |quote| quote.start);
    match memchr::memchr(b'$', &text[..before]).filter(|_| by == By::Template) {
        Some(dollar) => Some(dollar..dollar + 1),
        None => quote,
    }
}

/// The next quote, with its backslashes.
fn next_quote(text: &[u8]) -> Option<Span> {
    let quote = memchr::memchr3(b'"', b'\'', b'`', text)?;
    let backslashes = text[..quote].iter().rev().take_while(|byte| **byte == b'\\').count();
    Some(quote - backslashes..quote + 1)
}

/// The length of what stands between two literals, from the closing quote of the one to the opening quote of the other.
fn join(text: &[u8], by: By) -> Option<usize> {
    if by == By::Template {
        return brace(text);
    }
    let close = quote(text)?;
    let gap = blanks(text.get(close..)?);
    let sign = sign(text.get(close + gap..)?, by);
    if sign == 0 && (gap == 0 || by == By::List) {
        return None;
    }
    let mut at = close + gap + sign;
    at += blanks(text.get(at..)?);
    at += prefix(text.get(at..)?);
    let open = quote(text.get(at..)?)?;
    (open == close).then_some(at + open)
}

/// The length of the quote at the start of `text`, with its backslashes.
fn quote(text: &[u8]) -> Option<usize> {
    let backslashes = text.iter().take(16).take_while(|byte| **byte == b'\\').count();
    is_quote(*text.get(backslashes)?).then_some(backslashes + 1)
}

/// The length of the blanks and line ends, raw or escaped, at the start of `text`; a line may go on behind `_`.
fn blanks(text: &[u8]) -> usize {
    let mut length = 0;
    while length < GAP {
        length += match text.get(length..).unwrap_or_default() {
            [b' ' | b'\t' | b'\r' | b'\n', ..] => 1,
            [b'\\', b'n' | b'r' | b't', ..] => 2,
            [b'_' | b'\\', b'\r' | b'\n', ..] => 2,
            [b'_', b'\\', b'n' | b'r', ..] => 3,
            _ => break,
        }
    }
    length
}

/// The length of the sign at the start of `text`.
fn sign(text: &[u8], by: By) -> usize {
    match (by, text) {
        (By::List, [b',' | b';', ..]) => 1,
        (By::List, _) if text.starts_with(CONCAT) => CONCAT.len(),
        (By::List, _) => 0,
        (_, [b'.', b'.', ..] | [b'|', b'|', ..]) => 2,
        (_, [b'+' | b'&' | b'.', ..]) => 1,
        _ => 0,
    }
}

/// The length of a literal's prefix at the start of `text`: `f"`, `rb'`, `L"`, `@"`.
fn prefix(text: &[u8]) -> usize {
    let letters = text.iter().take(3).take_while(|byte| b"rRbBuUfFLN@$".contains(byte)).count();
    if letters <= 2 { letters } else { 0 }
}

/// The length of `${"` or of `"}` at the start of `text`.
fn brace(text: &[u8]) -> Option<usize> {
    match text {
        [b'$', b'{', rest @ ..] => quote(rest).map(|quote| quote + 2),
        _ => quote(text).filter(|quote| text.get(*quote) == Some(&b'}')).map(|quote| quote + 1),
    }
}

/// The text itself, if it means the same within a literal of any language; and something of it must be such that it cannot
/// be taken for what stands between two literals.
pub(super) fn encode(text: &[u8]) -> Option<Vec<u8>> {
    let plain = text
        .iter()
        .all(|byte| (b' '..0x7f).contains(byte) && !is_quote(*byte) && !matches!(byte, b'\\' | b'$'));
    let telling = text.iter().any(|byte| byte.is_ascii_alphanumeric() && !b"rRbBuUfFLNnt".contains(byte));
    (plain && telling).then(|| text.to_vec())
}

#[cfg(test)]
mod tests {
    use super::super::laws;
    use super::*;
    use proptest::prelude::*;

    fn operators(text: &str) -> Option<String> {
        let at = text.find(['+', '&', '.', '|']).or_else(|| text.find("' '"))?;
        let decoded = decode(text.as_bytes(), region(text.as_bytes(), at, 0)?, By::Operator)?;
        Some(String::from_utf8_lossy(&decoded.text).into_owned())
    }

    #[test]
    fn joins_by_signs() {
        for (text, joined) in [
            (r#"k = "ab" + "cd";"#, r#"k = "abcd";"#),
            (r#"k = "ab"+"cd"+"ef";"#, r#"k = "abcdef";"#),
            (r#"=A("ab"&"cd" & "ef")"#, r#"=A("abcdef")"#),
            ("$k = 'ab' . 'cd';", "$k = 'abcd';"),
            ("k = 'ab' || 'cd'", "k = 'abcd'"),
            ("k = ('ab' 'cd')", "k = ('abcd')"),
            ("k = \"ab\" & _\r\n    \"cd\"", "k = \"abcd\""),
            ("k = \"ab\" + \\\n    \"cd\"", "k = \"abcd\""),
            ("k = 'ab'\n  + f'cd' + x", "k = 'abcd' + x"),
            (r#""js": "k = \"ab\" +\n  \"cd\";""#, r#""js": "k = \"abcd\";""#),
            ("k = 'ab' + \"cd\"", "k = 'abcd\""),
        ] {
            assert_eq!(operators(text).as_deref(), Some(joined), "{text}");
        }
    }

    #[test]
    fn prose_is_left_alone() {
        for text in [
            r#""first line, " + "second""#,
            r#""ab" + x + "cd""#,
            r#"{"a": "+", "b": 1}"#,
            r#"\"ab\" + "cd""#,
            "+",
        ] {
            assert_eq!(operators(text), None, "{text}");
        }
    }

    #[test]
    fn joins_lists_and_templates() {
        let text = r#"@{concat('ab', 'cd','ef')} and "x", "y""#;
        let span = list(text.as_bytes(), text.find("concat").expect("it stands there")).expect("a list");
        let decoded = decode(text.as_bytes(), span, By::List).expect("a list");
        assert_eq!(decoded.text, b"('abcdef')");
        let text = r#"k = 'ab'.concat('cd', 'ef')"#;
        let span = list(text.as_bytes(), text.find("concat").expect("it stands there")).expect("a list");
        assert_eq!(decode(text.as_bytes(), span, By::List).expect("a list").text, b"'abcdef')");
        let text = r#"x = ["q"]; k = ["ab","c(d"].join("")"#;
        let at = text.find("join").expect("it stands there");
        let decoded = decode(text.as_bytes(), list_before(text.as_bytes(), at, 0).expect("a list"), By::List);
        assert_eq!(decoded.expect("a list").text, br#"["abc(d"]"#);
        let text = r#"k = `ab${"cd"}e${'f'}g`;"#;
        let span = template(text.as_bytes(), text.find('$').expect("it stands there"), 0);
        assert_eq!(decode(text.as_bytes(), span, By::Template).expect("a template").text, b"`abcdefg`");
    }

    proptest! {
        #[test]
        fn keeps_the_laws(
            pieces in proptest::collection::vec(
                prop_oneof![
                    Just("\""), Just("'"), Just(" "), Just("+"), Just("&"), Just("."), Just(","), Just("ab"), Just("é"), Just("\\"),
                    Just("\n"), Just("b"), Just("\" + \""), Just("','"), Just("${\""), Just("\"}"), Just("_\n"), Just("$"),
                ],
                1..40,
            ),
            with in "[a-f0-9 +&.,]{0,3}e",
            ends in any::<[proptest::sample::Index; 2]>(),
            by in prop_oneof![Just(By::Operator), Just(By::List), Just(By::Template)],
        ) {
            let stretch = pieces.concat();
            let decode = |parent: &[u8], span| decode_bytes(parent, span, by);
            let text = decode(stretch.as_bytes(), 0..stretch.len()).map_or(stretch.clone().into_bytes(), |decoded| decoded.text);
            // What is written anew must be plain itself.
            let mut part = laws::characters(&text, ends);
            let length = text[part.clone()].iter().take_while(|byte| byte.is_ascii_graphic() && !b"\"'\\$".contains(byte)).count();
            part.end = part.start + length;
            laws::check(&stretch, decode, part, with.as_bytes())?;
        }
    }
}
