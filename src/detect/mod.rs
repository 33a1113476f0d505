//! Detectors: text → candidates. Pure: no input or output, no platform, nothing of what a candidate will become.
//!
//! Values first, context second. Most credentials are, or hold, a run of 16 letters and digits, and runs are cheap to
//! find ([`runs`]); what stands at or before a run decides what is tried on it: a signature's anchor ([`index`]), a telling
//! name (`field`), base64. What is no run (short passwords, PEM headers, URLs with a password) is found by a few rare
//! words (`words`). So the cost does not grow with the number of signatures.

mod beside;
pub mod context;
mod doubt;
mod field;
pub mod generic;
pub mod index;
mod keystore;
pub mod names;
pub mod pair;
pub mod randomness;
pub mod runs;
mod sieve;
mod spoken;
mod structure;
mod vendor;
mod words;

pub use words::Opener;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::OnceLock;

use regex::bytes::Regex;

use self::index::{Anchors, EYJ, Entry, Index, Target, three};
pub(crate) use self::keystore::keystore;
use self::names::{Names, Telling};
use self::runs::{Batch, Finder, Level};
use self::sieve::{Places, Sieve};
use crate::blob::Span;
use crate::decode::{base64, json_string, percent};
use crate::finding::{Kind, Secret};
use crate::signature::{Signature, pattern};

/// How far left and right of a place any detector looks, in bytes: a window that overlaps its neighbours by this
/// much loses nothing.
pub const REACH: usize = 32 << 10;

/// The shortest run that is decoded as base64: 15 bytes, since a run of 16 holds too little to be a layer of its own.
const MIN_BASE64: usize = 20;

/// Bytes of a regular expression's window before its keyword and after it.
const PATTERN_WINDOW: (usize, usize) = (512, 2048);

/// A suspected secret before the filters. Spans are bytes of the text that was looked at.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// What it looks like.
    pub signature: &'static Signature,
    /// Which detector says so.
    pub by: By,
    /// The whole match.
    pub span: Span,
    /// The secret in it.
    pub secret: Span,
    /// The string or word around it, from its quote or scheme word on: what references and expiries are looked for in.
    pub whole: Secret,
    /// The secret, decoded.
    pub value: Secret,
    /// The name beside it, as it stands there.
    pub name: Option<String>,
    /// The user name of a password.
    pub user: Option<String>,
    /// What a JSON web token says of itself.
    pub claims: Option<Claims>,
    /// Why it is most likely no working credential, though it stands.
    pub doubt: Option<&'static str>,
}

/// Which detector made a candidate; in order of precedence where two see the same value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// A telling name.
    Field(Telling),
    /// The form around it.
    Structure,
    /// A vendor's shape under its name or near its host.
    Surroundings,
    /// A vendor's shape by its own fixed text.
    Signature,
}

/// What a JSON web token says of itself. Times are seconds since 1970-01-01 UTC.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    /// `iss`
    pub issuer: Option<String>,
    /// `iat`
    pub issued: Option<i64>,
    /// `exp`
    pub expires: Option<i64>,
}

/// What one text gave: candidates, and the places where another layer may be decoded.
#[derive(Debug, Default)]
pub struct Found {
    /// Suspected secrets, in no order.
    pub candidates: Vec<Candidate>,
    /// Runs that may be base64 of text.
    pub base64: Vec<Span>,
    /// Runs with a digit that are long enough to be text in other digits, or what is packed in base64.
    pub long: Vec<Span>,
    /// Where an escape begins that may hide a byte of a credential, ascending.
    pub escapes: Vec<u32>,
    /// Where something stands that may encode text in another way, ascending.
    pub openers: Vec<(Opener, u32)>,
    /// Whether the text has a zero byte.
    pub nul: bool,
    /// How many suspected secrets there is room for.
    pub room: usize,
    /// How many there was no room for.
    pub left_out: u64,
    /// Whether of those that see the same all are kept, and hints too: for an explanation.
    pub keep_all: bool,
    /// Boxed, since it is handed to and fro: a look borrows it from here.
    batch: Option<Box<Batch>>,
}

impl Found {
    /// Empties it and makes room for so many candidates; its memory is kept.
    pub fn clear(&mut self, room: usize) {
        self.room = room;
        self.left_out = 0;
        self.candidates.clear();
        self.base64.clear();
        self.long.clear();
        self.escapes.clear();
        self.openers.clear();
        self.nul = false;
    }
}

impl Found {
    /// Adds what a detector finds, if there is room for it; else it is only counted, and not even looked for.
    fn add(&mut self, find: impl FnOnce() -> Option<Candidate>) {
        if self.candidates.len() < self.room {
            self.candidates.extend(find());
        } else {
            self.left_out += 1;
        }
    }
}

/// All that is looked for, made once and shared by all threads.
pub struct Detectors {
    signatures: Vec<&'static Signature>,
    at_start: Index,
    before: Index,
    alone: Vec<Entry>,
    names: Names,
    surroundings: vendor::Surroundings,
    doubts: doubt::Doubts,
    words: words::Words,
    patterns: Vec<OnceLock<Option<Regex>>>,
    level: Level,
}

impl Detectors {
    /// For these signatures, beside what needs none.
    pub fn new(signatures: Vec<&'static Signature>) -> Self {
        let Anchors { at_start, before, alone } = index::build(&signatures);
        let level = Level::best();
        Self {
            names: Names::new(&signatures),
            surroundings: vendor::Surroundings::new(&signatures),
            doubts: doubt::Doubts::new(&signatures),
            words: words::Words::new(alone.iter().map(|entry| entry.text), level),
            patterns: signatures.iter().map(|_| OnceLock::new()).collect(),
            level,
            signatures,
            at_start,
            before,
            alone,
        }
    }

    /// The signatures that were loaded.
    pub fn signatures(&self) -> &[&'static Signature] {
        &self.signatures
    }

    /// Looks at every byte of `text` (less than 4 GiB) and adds to `found` what it sees.
    pub fn look(&self, text: &[u8], found: &mut Found) {
        let mut finder = Finder::new(text, self.level, self.words.needles());
        let mut batch = found.batch.take().unwrap_or_default();
        while finder.next(&mut batch) {
            self.runs(text, &batch, found);
            found.escapes.extend_from_slice(batch.escapes());
            self.words.each(text, &batch, |word, at| match word {
                words::Word::Anchor => self.anchors(text, &self.alone, at, false, found),
                words::Word::Name => found.add(|| field::of_word(text, at, &self.names)),
                words::Word::Url => found.add(|| structure::url_password(text, at)),
                words::Word::Pem => found.add(|| structure::private_key(text, at)),
                words::Word::Opener(opener) => found.openers.push((opener, at as u32)),
            });
        }
        found.nul |= finder.nul;
        found.batch = Some(batch);
        self.refine(text, &mut found.candidates, found.keep_all);
    }

    /// Tries on each run what may fit it.
    fn runs(&self, text: &[u8], batch: &Batch, found: &mut Found) {
        let sieve = Sieve::new(text, batch, self);
        for number in sieve.anchored {
            self.anchors_of(text, &batch.run(number), found);
        }
        self.joints(text, batch, found);
        found.long.extend(batch.long().into_iter().map(|number| batch.run(number)));
        for run in batch.numbered().without(sieve.unnamed).into_iter().map(|number| batch.run(number)) {
            if field::may_be_named(text, run.start, &self.names) {
                found.add(|| field::of_run(text, run, &self.names));
            }
        }
        for run in sieve.encoded.into_iter().map(|number| batch.run(number)) {
            if base64::promising(&text[run.clone()]).is_some() {
                found.add(|| structure::basic(text, &run));
                if run.len() >= MIN_BASE64 {
                    found.base64.push(run);
                }
            }
        }
    }

    /// Tries the anchors behind each `+ - / _`. There are many such places and hardly an anchor, so they are gathered
    /// first.
    fn joints(&self, text: &[u8], batch: &Batch, found: &mut Found) {
        let mut places = Places::default();
        for number in batch.jointed() {
            batch.joints(text, number, |from, bits| {
                places.add(from + 1, bits, batch.level());
                if places.is_full() {
                    places.begin(text, self, batch.level()).for_each(|at| self.anchor_at(text, at, found));
                    places.clear();
                }
            });
        }
        places.begin(text, self, batch.level()).for_each(|at| self.anchor_at(text, at, found));
    }

    /// Where in a short text credentials stand, by whatever detector: for masking.
    pub fn spans(&self, text: &str) -> Vec<Span> {
        let mut found = Found { room: usize::MAX, ..Found::default() };
        self.look(text.as_bytes(), &mut found);
        found.candidates.into_iter().map(|candidate| candidate.secret).collect()
    }

    /// The anchors at a run's start, right before it, and behind the tail of an escape that glues to it: `\nghp_…`,
    /// `\u003dAKIA…`, `%3DAKIA…`.
    fn anchors_of(&self, text: &[u8], run: &Span, found: &mut Found) {
        let start = run.start;
        self.anchor_at(text, start, found);
        if let Some(before) = start.checked_sub(3).map(|at| three(text, at))
            && self.before.may_have(before)
        {
            self.anchors(text, self.before.get(before), start, true, found);
        }
        match start.checked_sub(1).map(|before| text[before]) {
            Some(b'\\') => {
                self.anchor_at(text, start + 1, found);
                self.anchor_at(text, start + 5, found);
            }
            Some(b'%') => self.anchor_at(text, start + 2, found),
            _ => {}
        }
    }

    fn anchor_at(&self, text: &[u8], at: usize, found: &mut Found) {
        let (bytes, four) = (three(text, at), index::four(text, at));
        if self.at_start.may_begin(four) && self.at_start.may_have(bytes) {
            self.anchors(text, self.at_start.get_long(four), at, false, found);
            self.anchors(text, self.at_start.get(bytes), at, false, found);
        }
        if bytes == EYJ {
            self.jwt(text, at, found);
        }
    }

    #[cold]
    fn jwt(&self, text: &[u8], at: usize, found: &mut Found) {
        found.add(|| structure::jwt(text, at));
    }

    /// Tries the signatures of these anchors. `at`: the byte after the anchor (`before`), else its first byte.
    #[cold]
    fn anchors(&self, text: &[u8], entries: &[Entry], at: usize, before: bool, found: &mut Found) {
        for entry in entries {
            let start = if before { at.wrapping_sub(entry.text.len()) } else { at };
            if !entry.stands_at(text, start) {
                continue;
            }
            match entry.target {
                Target::Shape(signature, shape) => {
                    found.add(|| {
                        let matched = shape.match_at_anchor(text, start)?;
                        Some(by_signature(text, signature, matched.whole, matched.secret))
                    });
                }
                Target::Pattern(signature) => self.pattern(text, signature, start, found),
            }
        }
    }

    /// Runs a signature's regular expression around its keyword at `at`.
    fn pattern(&self, text: &[u8], signature: &'static Signature, at: usize, found: &mut Found) {
        let Some(number) = self.signatures.iter().position(|own| std::ptr::eq(*own, signature)) else {
            return;
        };
        let pattern = self.patterns[number].get_or_init(|| pattern::compile(signature.pattern?).ok());
        let from = at.saturating_sub(PATTERN_WINDOW.0);
        let window = &text[from..text.len().min(at + PATTERN_WINDOW.1)];
        for captures in pattern.iter().flat_map(|pattern| pattern.captures_iter(window)) {
            let (Some(whole), Some(secret)) = (captures.get(0), captures.name("secret")) else { continue };
            if (whole.start()..whole.end()).contains(&(at - from)) {
                let shift = |span: regex::bytes::Match| from + span.start()..from + span.end();
                found.add(|| Some(by_signature(text, signature, shift(whole), shift(secret))));
                return;
            }
        }
    }

    /// Gives field candidates the vendor that their surroundings name, and keeps the best of those that see the same.
    fn refine(&self, text: &[u8], candidates: &mut Vec<Candidate>, keep_all: bool) {
        for candidate in candidates.iter_mut().filter(|candidate| matches!(candidate.by, By::Field(_))) {
            self.surroundings.attribute(text, candidate, &self.names);
            if candidate.signature.kind == Kind::SignedUrl {
                candidate.whole = query_around(text, &candidate.secret).into();
            }
            structure::in_connection_string(text, candidate);
            candidate.doubt = self.doubts.about(text, candidate);
        }
        if keep_all {
            return;
        }
        candidates.retain(|candidate| candidate.by != By::Field(Telling::Hint));
        keep_best(candidates);
    }
}

/// The query that a signature stands in, which says until when it holds; `&` as `&`, however it is escaped.
fn query_around(text: &[u8], secret: &Span) -> Vec<u8> {
    const REACH: usize = 2048;
    let is_end = |at: &usize| {
        text[*at].is_ascii_whitespace()
            || b"\"'`<>?".contains(&text[*at])
            || text[*at] == b'\\' && !text[*at..].starts_with(br"\u0026")
    };
    let floor = secret.start.saturating_sub(REACH);
    let start = (floor..secret.start).rev().find(is_end).map_or(floor, |at| at + 1);
    let limit = text.len().min(secret.end + REACH);
    let end = (secret.end..limit).find(is_end).unwrap_or(limit);
    let query = String::from_utf8_lossy(&text[start..end]);
    query.replace(r"\u0026", "&").replace("&amp;", "&").into_bytes()
}

fn by_signature(text: &[u8], signature: &'static Signature, span: Span, secret: Span) -> Candidate {
    let left = context::left(text, span.start);
    let end = context::end(text, span.end, left.quote).unwrap_or(span.end);
    Candidate {
        signature,
        by: By::Signature,
        whole: text[left.whole..end].to_vec().into(),
        // Addresses have their secrets percent-encoded, or not.
        value: unpercent(&text[secret.clone()]).into(),
        span,
        secret,
        name: left.name.map(|name| String::from_utf8_lossy(&text[name]).into_owned()),
        user: None,
        claims: None,
        doubt: None,
    }
}

/// Of candidates whose secrets overlap the strongest detector's stays; of equal ones the longer, then the one whose
/// shape says more, then the first by id.
fn keep_best(candidates: &mut Vec<Candidate>) {
    candidates.sort_by(|a, b| {
        (b.by, b.secret.len())
            .cmp(&(a.by, a.secret.len()))
            .then_with(|| b.signature.fixed_chars().cmp(&a.signature.fixed_chars()))
            .then_with(|| (a.signature.id, a.secret.start).cmp(&(b.signature.id, b.secret.start)))
    });
    keep_disjoint(candidates, |candidate| candidate.secret.start as u64..candidate.secret.end as u64);
}

/// Keeps of a ranked list what overlaps nothing before it, and puts it in the order of its places.
pub fn keep_disjoint<T>(ranked: &mut Vec<T>, place: impl Fn(&T) -> Range<u64>) {
    let mut taken: BTreeMap<u64, u64> = BTreeMap::new();
    ranked.retain(|one| {
        let Range { start, end } = place(one);
        let overlaps = taken.range(..end).next_back().is_some_and(|(_, taken_end)| *taken_end > start);
        if !overlaps {
            taken.insert(start, end);
        }
        !overlaps
    });
    ranked.sort_by_key(|one| place(one).start);
}

/// The escapes of one level of a JSON string taken out.
fn unescape(value: &[u8]) -> Vec<u8> {
    json_string::decode(value, 0..value.len()).map_or_else(|| value.to_vec(), |decoded| decoded.text)
}

/// Percent-encoding taken out.
fn unpercent(value: &[u8]) -> Vec<u8> {
    percent::decode(value, 0..value.len()).map_or_else(|| value.to_vec(), |decoded| decoded.text)
}

impl From<Vec<u8>> for Secret {
    fn from(value: Vec<u8>) -> Self {
        Secret::new(value)
    }
}
