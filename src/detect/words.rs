//! The few rare words that lead to what is no run: short passwords under their name, PEM headers, URLs with a password.

use std::collections::BTreeSet;

use aho_corasick::packed::{Config, MatchKind, Searcher};

/// What a word leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// A part of a name that says password, secret or API key.
    Name,
    /// `://`
    Url,
    /// `-----BEGIN `
    Pem,
    /// The anchor of a signature that no run leads to.
    Anchor,
}

/// Kept small, so that the search stays one pass with vector instructions, and rare, so that it seldom stops.
const WORDS: &[(&str, Word)] = &[
    ("://", Word::Url),
    ("-----BEGIN ", Word::Pem),
    ("assw", Word::Name),
    ("ASSW", Word::Name),
    ("assphrase", Word::Name),
    ("ennwort", Word::Name),
    ("pwd", Word::Name),
    ("PWD", Word::Name),
    ("Pwd", Word::Name),
    ("ecret", Word::Name),
    ("ECRET", Word::Name),
    ("pi_k", Word::Name),
    ("pi-k", Word::Name),
    ("pi-K", Word::Name),
    ("piK", Word::Name),
    ("PI_K", Word::Name),
    ("pikey", Word::Name),
    ("Pass\"", Word::Name),
    ("pass\"", Word::Name),
    ("senha", Word::Name),
    ("raseña", Word::Name),
];

/// Bytes of an anchor that are searched for: enough to be rare, few enough that a vendor's several anchors are one word.
const ENOUGH: usize = 6;

/// A searcher for them.
pub(super) struct Words {
    words: Vec<(&'static str, Word)>,
    searcher: Option<Searcher>,
}

impl Words {
    /// For [`WORDS`] and the beginnings of these anchors, which the caller compares whole. Where two words begin at one
    /// place only one is seen, the anchors first.
    pub(super) fn new(anchors: impl Iterator<Item = &'static str>) -> Self {
        let beginnings: BTreeSet<&str> = anchors.map(|text| text.get(..ENOUGH).unwrap_or(text)).collect();
        let anchors = beginnings.into_iter().map(|text| (text, Word::Anchor));
        let words: Vec<_> = anchors.chain(WORDS.iter().copied()).collect();
        let mut builder = Config::new().match_kind(MatchKind::LeftmostFirst).builder();
        builder.extend(words.iter().map(|(word, _)| word));
        Self { searcher: builder.build(), words }
    }

    /// Calls `each` for every word in `text`, with the place of its first byte.
    pub(super) fn each(&self, text: &[u8], mut each: impl FnMut(Word, usize)) {
        match &self.searcher {
            Some(searcher) => {
                for found in searcher.find_iter(text) {
                    each(self.words[found.pattern().as_usize()].1, found.start());
                }
            }
            // No vector instructions: one pass for each word, which is slower, and the same in what it finds.
            None => {
                let mut places: Vec<(usize, Word)> = self
                    .words
                    .iter()
                    .flat_map(|(word, kind)| memchr::memmem::find_iter(text, word).map(|at| (at, *kind)))
                    .collect();
                places.sort_by_key(|(at, _)| *at);
                places.into_iter().for_each(|(at, kind)| each(kind, at));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_see_the_same() {
        let text = "a password, x-api-key and https://u:p@h -----BEGIN X apikey";
        let places = |words: Words| {
            let mut places = Vec::new();
            words.each(text.as_bytes(), |word, at| places.push((word, at)));
            places
        };
        let expected = [(Word::Name, 3), (Word::Name, 15), (Word::Url, 31), (Word::Pem, 40), (Word::Name, 54)];
        let words = || Words::new(std::iter::empty());
        assert_eq!(places(words()), expected);
        assert_eq!(places(Words { searcher: None, ..words() }), expected);
    }
}
