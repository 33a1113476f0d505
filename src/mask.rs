//! Masking: no secret leaves in a string that a stranger named, and no such string does more than be read.
//!
//! Names of files, members, flows, steps and owners, JSON keys, error details: all of it comes out of what was scanned,
//! may hold a secret, and may hold bytes meant for a terminal. A [`Masker`] is made from all secrets of a run; every
//! outgoing string passes [`Masker::text`]. What a particular format needs on top (JSON escapes, percent-encoding, HTML
//! entities) is that format's work.

mod view;
mod visible;

use std::collections::HashSet;

use aho_corasick::MatchKind;
use aho_corasick::automaton::Automaton;
use aho_corasick::nfa::contiguous::NFA;

use crate::blob::Span;
use crate::finding::Secret;
use view::View;
pub use visible::visible;

/// What stands in place of a secret.
pub const MASK: &str = "[secret]";

/// Values shorter than this are not looked for: they would be in every word.
const SHORTEST: usize = 3;
/// Values shorter than this are looked for as whole words only.
const SHORTEST_ANYWHERE: usize = 4;
/// Bytes of a value that are looked for. What follows a longer one's beginning is masked to the end of the string.
const LONGEST: usize = 256;
/// Bytes of a string that are looked at.
const LIMIT: usize = 32 << 10;
/// Bytes before [`LIMIT`] that are not shown, since a secret that begins in them may end beyond it.
const MARGIN: usize = 4 << 10;
/// Encodings upon each other that are looked through.
const DEPTH: usize = 2;

/// Finds credentials in a string by what they look like; spans in bytes of the string.
pub type Detector<'a> = dyn Fn(&str) -> Vec<Span> + 'a;

/// A detector that finds nothing, for strings that only known secrets are to be masked in.
pub fn no_detector(_text: &str) -> Vec<Span> {
    Vec::new()
}

/// Knows the secrets of a run and masks them in text.
pub struct Masker<'a> {
    known: Known,
    detector: &'a Detector<'a>,
}

impl<'a> Masker<'a> {
    /// Takes the secrets of all findings of a run, those that no report shows included, and a detector for what stands
    /// in names and made no finding.
    ///
    /// A value of three bytes is masked where it is a whole word; one of one or two bytes is not, since masking it
    /// would leave no text. Holds a copy of each value (its first 256 bytes), at some 10 times its size.
    pub fn new<'s>(secrets: impl IntoIterator<Item = &'s Secret>, detector: &'a Detector<'a>) -> Self {
        Self {
            known: Known::new(secrets),
            detector,
        }
    }

    /// Returns `text` fit to be shown: secrets replaced by [`MASK`], and characters that do something to a terminal or
    /// to the order of the text as visible escapes (see [`visible`]).
    ///
    /// A secret is found as it is, in the escapes of JSON strings, JSON pointers, URLs and XML, in base64 and hex, with
    /// invisible characters in it, and in two of these upon each other. Where secrets overlap the whole is masked.
    /// A text of more than 28 KiB is cut there and ends in `…`. Takes time linear in the text.
    pub fn text(&self, text: &str) -> String {
        let looked_at = text.get(..text.floor_char_boundary(LIMIT)).unwrap_or(text);
        let shown = if looked_at.len() < text.len() {
            LIMIT - MARGIN
        } else {
            text.len()
        };
        let mut spans = Vec::new();
        self.find(&View::of(looked_at), DEPTH, &mut spans);
        let mut masked = replace(looked_at, merge(looked_at, spans), shown);
        if shown < text.len() {
            masked.push('…');
        }
        masked
    }

    /// Collects the spans of secrets in a view, and in what it decodes to, as spans of the original text.
    fn find(&self, view: &View, depth: usize, spans: &mut Vec<Span>) {
        self.known
            .find(&view.bytes, |span| spans.extend(view.original(span)));
        if depth < DEPTH && !view.is_legible() {
            return;
        }
        spans.extend(
            (self.detector)(&view.text())
                .into_iter()
                .filter_map(|span| view.original(span)),
        );
        if depth > 0 {
            for decoded in view.decoded() {
                self.find(&decoded, depth - 1, spans);
            }
        }
    }
}

impl std::fmt::Debug for Masker<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Masker")
    }
}

/// The values that are looked for.
enum Known {
    /// One automaton over all of them.
    Values(Box<NFA>),
    /// More than an automaton can hold (2³¹ states), so nothing is shown at all.
    TooMany,
}

impl Known {
    fn new<'s>(secrets: impl IntoIterator<Item = &'s Secret>) -> Self {
        let values: HashSet<&[u8]> = secrets
            .into_iter()
            .map(|secret| secret.expose().get(..LONGEST).unwrap_or(secret.expose()))
            .filter(|value| value.len() >= SHORTEST)
            .collect();
        let built = NFA::builder()
            .match_kind(MatchKind::Standard)
            .prefilter(false)
            .build(values);
        built.map_or(Self::TooMany, |automaton| Self::Values(Box::new(automaton)))
    }

    /// Calls `found` with the span of the longest value that ends at each byte: shorter ones there lie within it.
    fn find(&self, bytes: &[u8], mut found: impl FnMut(Span)) {
        let Self::Values(automaton) = self else {
            return found(0..bytes.len());
        };
        let anchored = aho_corasick::Anchored::No;
        let Ok(mut state) = automaton.start_state(anchored) else {
            return;
        };
        for (at, &byte) in bytes.iter().enumerate() {
            state = automaton.next_state(anchored, state, byte);
            if !automaton.is_match(state) {
                continue;
            }
            // A state lists its own value first, then those of its ever shorter suffixes.
            let length = automaton.pattern_len(automaton.match_pattern(state, 0));
            let span = at + 1 - length..at + 1;
            if length >= SHORTEST_ANYWHERE || is_word(bytes, &span) {
                found(if length == LONGEST {
                    span.start..bytes.len()
                } else {
                    span
                });
            }
        }
    }
}

/// Whether neither neighbour of a span is a letter or digit of ASCII.
fn is_word(bytes: &[u8], span: &Span) -> bool {
    let before = span.start.checked_sub(1).and_then(|at| bytes.get(at));
    let after = bytes.get(span.end);
    !before.into_iter().chain(after).any(u8::is_ascii_alphanumeric)
}

/// Returns the spans grown to whole characters, in order, with those that touch or overlap made one.
fn merge(text: &str, mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_by_key(|span| (span.start, span.end));
    let mut merged: Vec<Span> = Vec::new();
    for span in spans {
        let span = text.floor_char_boundary(span.start)..text.ceil_char_boundary(span.end);
        match merged.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => merged.push(span),
        }
    }
    merged
}

/// Returns the first `shown` bytes of `text` with the mask in place of each span, and the rest made visible.
fn replace(text: &str, spans: Vec<Span>, shown: usize) -> String {
    let mut out = String::with_capacity(text.len().min(shown));
    let mut from = 0;
    for span in spans.into_iter().filter(|span| span.start < shown) {
        out.push_str(&visible(text.get(from..span.start).unwrap_or_default()));
        out.push_str(MASK);
        from = span.end;
    }
    let end = text.floor_char_boundary(shown);
    out.push_str(&visible(text.get(from..end).unwrap_or_default()));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};

    fn masked(secrets: &[&str], text: &str) -> String {
        let secrets: Vec<Secret> = secrets
            .iter()
            .map(|value| Secret::new(value.as_bytes()))
            .collect();
        Masker::new(&secrets, &no_detector).text(text)
    }

    #[test]
    fn values_are_masked_where_they_stand() {
        assert_eq!(masked(&["tok/en+1"], "a tok/en+1 b"), "a [secret] b");
        assert_eq!(masked(&["hunter2"], "ünhunter2ü"), "ün[secret]ü");
        assert_eq!(masked(&["pass"], "bypassed"), "by[secret]ed");
        assert_eq!(masked(&[], "plain"), "plain");
    }

    #[test]
    fn the_shortest_are_masked_as_words_or_not_at_all() {
        assert_eq!(masked(&["abc"], "abc abcd x.abc"), "[secret] abcd x.[secret]");
        assert_eq!(masked(&["ab"], "ab abc"), "ab abc");
    }

    #[test]
    fn overlapping_values_are_masked_as_a_whole() {
        assert_eq!(masked(&["abcdef", "defghi"], "xabcdefghix"), "x[secret]x");
        assert_eq!(
            masked(&["abcdefgh", "cdef"], "-abcdefgh-cdef-"),
            "-[secret]-[secret]-"
        );
        assert_eq!(
            masked(&["cdef", "bcdefg", "abcdefgh"], "abcdefgh zbcdefgz"),
            "[secret] z[secret]z"
        );
        assert_eq!(masked(&["aaaa", "aaaaaa"], "aaaaaaaaab"), "[secret]b");
    }

    #[test]
    fn encoded_values_are_masked() {
        let value = "tök/en~1\"<&%x+y";
        let json = serde_json::to_string(value).expect("a string");
        let ascii: String = value
            .encode_utf16()
            .map(|unit| format!("\\u{unit:04x}"))
            .collect();
        let percent: String = value.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let twice = percent.replace('%', "%25");
        let pointer = value.replace('~', "~0").replace('/', "~1");
        let xml = value
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('"', "&quot;");
        let numeric: String = value.chars().map(|c| format!("&#x{:x};", c as u32)).collect();
        let invisible: String = value.chars().flat_map(|c| [c, '\u{200b}']).collect();
        for form in [
            json.trim_matches('"'),
            &ascii,
            &percent,
            &twice,
            &pointer,
            &xml,
            &numeric,
            &invisible,
        ] {
            let text = masked(&[value], &format!("a/{form}/b"));
            assert!(
                text.starts_with("a/[secret]") && text.ends_with("/b"),
                "{form}: {text}"
            );
        }
        for before in ["", "u", "us", "user:"] {
            let whole = format!("{before}{value}");
            let forms = [
                BASE64.encode(whole.as_bytes()),
                BASE64URL_NOPAD.encode(whole.as_bytes()),
                HEXLOWER.encode(whole.as_bytes()),
                HEXUPPER.encode(whole.as_bytes()),
                BASE64
                    .encode(whole.as_bytes())
                    .replace('+', "%2B")
                    .replace('/', "%2f"),
            ];
            for form in forms {
                for glued in ["", "x", "xy", "xyz"] {
                    let text = masked(&[value], &format!("{glued}{form}"));
                    assert!(
                        text.contains(MASK) && text.len() < glued.len() + 24,
                        "{form}: {text}"
                    );
                }
            }
        }
    }

    #[test]
    fn detected_tokens_are_masked() {
        let detect = |text: &str| text.find("tok_").map(|at| at..at + 8).into_iter().collect();
        let masker = Masker::new([], &detect);
        assert_eq!(masker.text("x tok_1234 y"), "x [secret] y");
        assert_eq!(masker.text("x tok%5f1234 y"), "x [secret] y");
        let beyond = |_: &str| vec![2..999, Span { start: 5, end: 3 }, 1..1];
        assert_eq!(Masker::new([], &beyond).text("aöbc"), "a[secret]");
    }

    #[test]
    fn long_values_are_masked_to_the_end() {
        let value = "0123456789".repeat(60);
        assert_eq!(masked(&[&value], &format!("a {value} b")), "a [secret]");
        assert_eq!(masked(&[&value], &format!("a {}", &value[..300])), "a [secret]");
    }

    #[test]
    fn long_texts_are_cut_without_showing_half_a_value() {
        let value = "0123456789abcdef";
        for at in [LIMIT - MARGIN - 8, LIMIT - 8, LIMIT - MARGIN] {
            let text = format!("{}{value}{}", "-".repeat(at), "-".repeat(LIMIT));
            let shown = masked(&[value], &text);
            assert!(!shown.contains("012"), "{at}");
            assert!(shown.ends_with('…') && shown.len() < LIMIT);
        }
    }

    #[test]
    fn characters_that_do_something_are_shown() {
        assert_eq!(masked(&[], "a\x1b[31m\u{202e}b\n"), "a\\u{1b}[31m\\u{202e}b\\n");
    }
}
