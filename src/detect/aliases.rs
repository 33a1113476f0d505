//! Aliases: what texts call a vendor. From a stretch of text to the signatures of the vendors that it names: by their ids
//! and names, and by what their field names begin with (`hellosignApiKey`).
//!
//! Words are taken apart where they are written together (`validateApiMetrics`, `new_relic`), and up to three pieces are put
//! together again, since a vendor's name may be written as one.

use std::sync::OnceLock;

use super::index::Bitmap;
use super::names;
use crate::blob::Span;
use crate::signature::Signature;

/// How many pieces of words a vendor's name has at most.
const MOST_PIECES: usize = 3;

/// The shortest alias, in letters and digits: shorter ones are words of texts.
const MIN_ALIAS: usize = 4;

/// What field names end with behind the vendor's name, and what is written together with it in texts. The longer of two
/// with the same end first.
const NOUNS: &[&str] = &[
    "authorization",
    "credentials",
    "credential",
    "application",
    "organization",
    "workspace",
    "personal",
    "password",
    "access",
    "account",
    "project",
    "private",
    "service",
    "signing",
    "webhook",
    "client",
    "server",
    "secret",
    "token",
    "admin",
    "refresh",
    "rest",
    "auth",
    "user",
    "org",
    "app",
    "api",
    "bot",
    "key",
    "pat",
    "id",
];

/// Beginnings of field names that are no vendor's, as what is left of `masterKey` or `publicToken`, and vendors' names that
/// are words of texts; sorted.
#[rustfmt::skip]
const COMMON: &[&str] = &[
    "axiom", "box", "branch", "buddy", "bunny", "checkout", "clockwork", "cloud", "connection", "consumer",
    "data", "database", "deploy", "encryption", "eraser", "fixer", "global", "host", "ingest", "instantly",
    "integration", "lark", "license", "live", "loops", "mail", "management", "master", "merchant", "mobile",
    "oauth", "particle", "partner", "polygon", "prod", "production", "proof", "public", "publishable",
    "query", "recharge", "sandbox", "scale", "search", "shared", "site", "streak", "stream", "subscription",
    "team", "test", "unleash", "upload", "write",
];

/// The vendors' names of all loaded signatures. Made when the first candidate asks: text without any pays nothing for it.
pub(super) struct Aliases {
    signatures: Vec<&'static Signature>,
    known: OnceLock<Known>,
}

struct Known {
    bitmap: Bitmap,
    /// By the hash of the alias, then in the order in which the signatures were loaded.
    entries: Vec<(u64, u32)>,
    signatures: Vec<&'static Signature>,
}

impl Aliases {
    pub(super) fn new(signatures: &[&'static Signature]) -> Self {
        Self { signatures: signatures.to_vec(), known: OnceLock::new() }
    }

    /// Whether the stretch names a vendor, and where it does so last.
    pub(super) fn last(&self, text: &[u8], span: Span) -> Option<Span> {
        let mut last = None;
        self.each(text, span, |place, _| last = Some(place));
        last
    }

    /// Calls `see` for every signature of a vendor that the stretch names, with the place, in the order of the places.
    pub(super) fn each(&self, text: &[u8], span: Span, mut see: impl FnMut(Span, &'static Signature)) {
        let known = self.known.get_or_init(|| Known::new(&self.signatures));
        let mut recent = [const { 0..0 }; MOST_PIECES];
        each_piece(text, span, |piece| {
            if piece.start > recent[0].end + 1 {
                recent = [const { 0..0 }; MOST_PIECES];
            }
            recent.rotate_right(1);
            recent[0] = piece.clone();
            for first in recent.iter().take_while(|first| first.end > 0) {
                known
                    .of(hash(&text[first.start..piece.end]))
                    .for_each(|one| see(first.start..piece.end, one));
            }
            if let Some(stem) = stem(&text[piece.clone()]) {
                known.of(hash(stem)).for_each(|one| see(piece.start..piece.start + stem.len(), one));
            }
        });
    }
}

impl Known {
    fn new(signatures: &[&'static Signature]) -> Self {
        let mut entries: Vec<(u64, u32)> = Vec::new();
        for (number, signature) in (0..).zip(signatures) {
            let Some(vendor) = signature.vendor else { continue };
            if signature.shapes.is_empty() || !signature.claims.is_empty() {
                continue;
            }
            let own = [vendor.id, vendor.name].into_iter().filter(|name| is_alias(name.as_bytes()));
            entries.extend(own.map(|name| (hash(name.as_bytes()), number)));
            let begins = signature.names.iter().filter_map(|name| beginning(name.as_bytes()));
            entries.extend(begins.map(|name| (hash(name), number)));
        }
        entries.sort_unstable();
        entries.dedup();
        let mut bitmap = Bitmap::default();
        entries.iter().for_each(|(hash, _)| bitmap.insert(*hash as u32));
        Self { bitmap, entries, signatures: signatures.to_vec() }
    }

    fn of(&self, hash: u64) -> impl Iterator<Item = &'static Signature> {
        let len = self.entries.len();
        let first = match self.bitmap.has(hash as u32) {
            true => self.entries.partition_point(|(own, _)| *own < hash),
            false => len,
        };
        let same = self.entries.iter().skip(first).take_while(move |(own, _)| *own == hash);
        same.filter_map(|(_, number)| self.signatures.get(*number as usize).copied())
    }
}

fn is_alias(name: &[u8]) -> bool {
    let letters = name.iter().filter(|byte| byte.is_ascii_alphanumeric());
    let letters: Vec<u8> = letters.map(u8::to_ascii_lowercase).collect();
    let is_in = |words: &[&str]| words.binary_search_by(|word| word.as_bytes().cmp(&letters)).is_ok();
    letters.len() >= MIN_ALIAS && !is_in(names::WORDS) && !is_in(COMMON)
}

/// What is left of a vendor's field name without the nouns at its end.
fn beginning(name: &'static [u8]) -> Option<&'static [u8]> {
    let mut rest = name;
    while let Some(noun) = NOUNS.iter().find(|noun| rest.ends_with(noun.as_bytes())) {
        rest = &rest[..rest.len() - noun.len()];
    }
    (rest.len() < name.len() && is_alias(rest)).then_some(rest)
}

/// A piece without the noun that it ends with: `codakey`.
fn stem(piece: &[u8]) -> Option<&[u8]> {
    let ends = |noun: &&&str| {
        let at = piece.len().checked_sub(noun.len()).filter(|at| *at >= MIN_ALIAS);
        at.is_some_and(|at| piece[at..].eq_ignore_ascii_case(noun.as_bytes()))
    };
    NOUNS.iter().find(ends).map(|noun| &piece[..piece.len() - noun.len()])
}

/// FNV-1a of the letters and digits, folded.
fn hash(name: &[u8]) -> u64 {
    let letters = name.iter().filter(|byte| byte.is_ascii_alphanumeric());
    letters.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Calls `see` with each piece of a word: letters and digits, up to where a capital begins another.
fn each_piece(text: &[u8], span: Span, mut see: impl FnMut(Span)) {
    let Some(stretch) = text.get(span.clone()) else { return };
    let mut start = None;
    for (at, byte) in stretch.iter().enumerate() {
        let at_border = start.is_some_and(|start| at > start && is_hump(stretch, at));
        if let Some(from) = start.filter(|_| at_border || !byte.is_ascii_alphanumeric()) {
            see(span.start + from..span.start + at);
            start = None;
        }
        if start.is_none() && byte.is_ascii_alphanumeric() {
            start = Some(at);
        }
    }
    if let Some(from) = start {
        see(span.start + from..span.end);
    }
}

/// Whether a capital begins a piece at `at`: behind a small letter, or before one behind a capital.
fn is_hump(text: &[u8], at: usize) -> bool {
    let is = |at: usize, class: fn(&u8) -> bool| text.get(at).is_some_and(class);
    is(at, u8::is_ascii_uppercase)
        && (is(at - 1, u8::is_ascii_lowercase)
            || is(at - 1, u8::is_ascii_uppercase) && is(at + 1, u8::is_ascii_lowercase))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(text: &str) -> Vec<&'static str> {
        let aliases = Aliases::new(&crate::signature::built_in().iter().collect::<Vec<_>>());
        let mut vendors = Vec::new();
        aliases.each(text.as_bytes(), 0..text.len(), |_, one| {
            vendors.extend(one.vendor.map(|vendor| vendor.id))
        });
        vendors.sort_unstable();
        vendors.dedup();
        vendors
    }

    #[test]
    fn words_are_in_order() {
        assert!(COMMON.is_sorted());
    }

    #[test]
    fn texts_call_vendors() {
        for (text, vendor) in [
            ("telegram_api_token", "telegram"),
            ("validateDeepgramKey()", "deepgram"),
            ("NEW_RELIC key", "newrelic"),
            ("twiliotoken", "twilio"),
            ("the HELLOSIGN thing", "dropbox-sign"),
        ] {
            assert_eq!(called(text), [vendor], "{text}");
        }
        for text in ["", "the key", "new york relic", "stripe of linear notion", "master key, cloud token"] {
            assert_eq!(called(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn words_are_taken_apart() {
        let text = b"getHTTPServer_v2-x 7";
        let mut pieces = Vec::new();
        each_piece(text, 0..text.len(), |piece| {
            pieces.push(String::from_utf8_lossy(&text[piece]).into_owned())
        });
        assert_eq!(pieces, ["get", "HTTP", "Server", "v2", "x", "7"]);
    }
}
