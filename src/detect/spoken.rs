//! Spoken names: what a line of text calls the random value behind it, where no sign assigns it: `our API key is …`,
//! `token - '…'`, `<secret>{ci …}</secret>`.
//!
//! Text proves less than a field, so what is found here only hints: the value itself must look random.

use super::context::{self, Left};
use super::names::{Names, Normal, Telling};
use crate::blob::Span;

/// How far before a value the words are looked for, in bytes.
const REACH: usize = 96;

/// How many words before a value may be a vendor's name.
const WORDS: usize = 4;

/// Words between a name and its value that change nothing, in the languages that field names are known in.
const LINKS: &[&str] =
    &["is", "was", "are", "as", "to", "ist", "lautet", "est", "es", "e", "is:", "jest", "the", "this"];

/// What the text before the value calls it. `left` is what stands left of the value.
pub(super) fn name(text: &[u8], left: &Left, names: &Names) -> Option<(Span, Telling)> {
    let at = before_quote(left);
    let head = head(text, at);
    let mut words = words_back(text, head.clone());
    let last = words.next();
    if let Some(last) = &last
        && (tells(text, last, names)
            || words.clone().next().is_some_and(|one| tells(text, &(one.start..last.end), names)))
    {
        return Some((last.clone(), Telling::Weak));
    }
    container(text, head.start, names).map(|name| (name, Telling::Weak)).or_else(|| {
        let vendor = |word: &Span| names.of(&Normal::new(&text[word.clone()])).next().is_some();
        let mut first = at;
        let mut near = last.into_iter().chain(words).take(WORDS).inspect(|word| first = word.start);
        let named = near.find(vendor);
        named.or_else(|| names.aliases().last(text, first..at)).map(|name| (name, Telling::Hint))
    })
}

/// The vendor that the last words of the line before the value name, for a value that only its vendor can vouch for.
pub(super) fn vendor(text: &[u8], left: &Left, names: &Names) -> Option<Span> {
    let at = before_quote(left);
    let first = words_back(text, head(text, at)).take(WORDS).last()?;
    names.aliases().last(text, first.start..at)
}

/// Whether the words name a credential.
fn tells(text: &[u8], words: &Span, names: &Names) -> bool {
    let name = &text[words.clone()];
    names.may_tell(name)
        && matches!(names.telling(&Normal::new(name)), Some(Telling::Strong | Telling::Password))
}

/// Where the quote stands that opened the value, with its escapes, or the value itself; a scheme word is one of the words.
fn before_quote(left: &Left) -> usize {
    if let Some(scheme) = &left.scheme {
        return scheme.end;
    }
    let mark = left.quote.map_or(0, |quote| if quote.mark == b';' { 6 } else { 1 + quote.escapes });
    left.whole.saturating_sub(mark)
}

/// The text of the same line, string or element before `at`.
fn head(text: &[u8], at: usize) -> Span {
    let floor = at.saturating_sub(REACH);
    let is_end = |byte: &u8| matches!(byte, b'\n' | b'\r' | b'<' | b'>' | b'"' | b'\\');
    let start = text[floor..at].iter().rposition(is_end).map_or(floor, |end| floor + end + 1);
    start..at
}

/// The words of a stretch from its end on, without those that only link.
fn words_back(text: &[u8], head: Span) -> impl Iterator<Item = Span> + Clone {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-') || *byte >= 0x80;
    let mut end = head.end;
    std::iter::from_fn(move || {
        loop {
            let rest = &text[head.start..end];
            let last = head.start + rest.iter().rposition(u8::is_ascii_alphanumeric)? + 1;
            let before = text[head.start..last].iter().rposition(|byte| !is_part(byte));
            let start = before.map_or(head.start, |at| head.start + at + 1);
            end = start;
            let word = &text[start..last];
            if !LINKS.iter().any(|link| link.as_bytes().eq_ignore_ascii_case(word)) {
                return Some(start..last);
            }
        }
    })
}

/// The telling name of the element or string whose content begins at `start`.
fn container(text: &[u8], start: usize, names: &Names) -> Option<Span> {
    match text.get(start.checked_sub(1)?)? {
        b'>' | b'"' => {}
        _ => return None,
    }
    let name = context::left(text, start).name?;
    tells(text, &name, names).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(line: &str) -> Option<(String, Telling)> {
        let names = Names::new(&[]);
        let value = line.find("VALUE").expect("a value");
        let left = context::left(line.as_bytes(), value);
        name(line.as_bytes(), &left, &names).map(|(name, telling)| (line[name].to_owned(), telling))
    }

    #[test]
    fn lines_name_values() {
        for (line, expected) in [
            ("our API key is VALUE", "key"),
            ("acme token - 'VALUE'", "token"),
            ("Der Token lautet: VALUE", "Token"),
            ("<secret>{ci 12 VALUE}</secret>", "secret"),
            (r#"{"token": "for the shop: VALUE"}"#, "token"),
            ("acme access key VALUE", "key"),
        ] {
            assert_eq!(told(line), Some((expected.to_owned(), Telling::Weak)), "{line}");
        }
        for line in [
            "the key VALUE",
            "no token here, but VALUE",
            "token\nVALUE",
            "<id>{ci VALUE}</id>",
            "VALUE",
            "commit VALUE",
        ] {
            assert_eq!(told(line), None, "{line}");
        }
    }
}
