//! Randomness measured against language: is a value more likely what a generator made than what a person wrote?
//!
//! Bare entropy cannot tell: `authorizationHeaderParameters` has as much of it as a hexadecimal key. So two models
//! bid for the value. **Language** pays for each character by the classes of the two before it (lower, upper, digit,
//! other), and for a letter by the two letters before it in its word; a word begins behind all that is no letter and
//! at an upper-case letter behind a lower-case one. **Chance** pays the same for each character of the smallest usual
//! alphabet that holds the value (hexadecimal, base32, base36, base62, …). The difference in bits is the evidence. It
//! grows with length, as it should: eight characters prove little, thirty are plain.
//!
//! # The table
//!
//! `language.bin` holds costs in sixteenths of a bit, one byte each: first 25 × 4 of classes (class before last, last
//! class, class), then 27 × 27 × 26 of letters (letter before last, last letter, letter; the first of the 27 is a
//! word's border). It was made from 160,000 words of English, German, French and Spanish in manual pages and message
//! catalogues (accents taken off, weighted by the logarithm of their number), 39,000 identifiers of Rust crates and
//! the Python library, and 80,000 names of npm and PyPI packages; trigrams were interpolated with bigrams and those
//! with single letters (30 and 20 pseudo-counts).

/// How a value looks to the models of language and of chance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Randomness {
    /// What the model of language pays for a character, in bits. Words and identifiers take 3 to 4.5, random strings
    /// more than 6.
    pub bits_per_char: f32,
    /// By how many bits, over all that was looked at, language explains the value better than chance does: above 0
    /// it is rather language, below rather random.
    pub language: f32,
    /// Whether it passes for random; see [`RANDOM`].
    pub is_random: bool,
}

/// A value is random where [`Randomness::language`] is below this.
///
/// Chosen by these rates (2026-11-23). Random strings that pass for language, of 20,000 each, in per cent:
///
/// | length | hexadecimal | base32 | base36 | a-z only | base62 | base64 | 76 characters of passwords |
/// | --- | --- | --- | --- | --- | --- | --- | --- |
/// | 8 | 2.4 | 1.5 | 4.3 | 10.6 | 1.2 | 1.5 | 4.9 |
/// | 12 | 0.40 | 0.19 | 0.60 | 2.3 | 0.11 | 0.12 | 1.2 |
/// | 16 | 0.05 | 0.03 | 0.10 | 0.47 | 0.01 | 0.01 | 0.24 |
/// | 20 | 0.01 | 0.01 | 0.03 | 0.13 | 0 | 0 | 0.04 |
/// | 32 to 64 | 0 | 0 | 0 | 0 | 0 | 0 | 0 |
///
/// Keys, names, types, paths and words of code and prose in real exports that pass for random: 23 of 25,211 of 16 to
/// 60 characters (0.09 %; seven of them are random ids indeed), 58 of 19,646 of 8 to 15 (0.30 %). The table saw none
/// of these exports. What remains is short and full of capitals: `zohoOAuth2Api`, `X-N8N-API-KEY`.
pub const RANDOM: f32 = -8.0;

/// How much of a value is looked at, in bytes.
const LOOKED_AT: usize = 120;

/// Costs in sixteenths of a bit.
const COMMON_MARK: u32 = 40;
const OTHER_MARK: u32 = 88;
const DIGIT: u32 = 53;
const UNIT: f32 = 16.0;

static LANGUAGE: &Table = &Table(*include_bytes!("language.bin"));

/// Measures a value by its first 120 bytes. Allocates nothing; linear.
///
/// A value without letters is never random: numbers, dates and phone numbers have none, tokens all do.
pub fn score(value: &[u8]) -> Randomness {
    let value = &value[..value.len().min(LOOKED_AT)];
    // Times and ratios have colons and a letter or two.
    let least = if value.contains(&b':') { 6 } else { 1 };
    let letters = value.iter().filter(|byte| byte.is_ascii_alphabetic()).count() >= least;
    let cost = cost_as_language(value);
    let len = value.len().max(1) as f32;
    let language = chance_bits(value) * value.len() as f32 - cost;
    Randomness { bits_per_char: cost / len, language, is_random: letters && language < RANDOM }
}

/// The classes that the model of language tells apart; 0 is the start.
fn class(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' => 1,
        b'A'..=b'Z' => 2,
        b'0'..=b'9' => 3,
        _ => 4,
    }
}

/// What language pays for the value, in bits.
fn cost_as_language(value: &[u8]) -> f32 {
    let mut classes = [0u8; 2];
    let mut letters = [0u8; 2];
    let mut cost = 0u32;
    for &byte in value {
        let class = class(byte);
        cost += LANGUAGE.class(classes, class);
        if classes[1] == 1 && class == 2 || class > 2 {
            letters = [0; 2];
        }
        if class <= 2 {
            let letter = byte.to_ascii_lowercase() - b'a' + 1;
            cost += LANGUAGE.letter(letters, letter);
            letters = [letters[1], letter];
        } else {
            cost += mark_cost(byte);
        }
        classes = [classes[1], class];
    }
    cost as f32 / UNIT
}

/// What language pays for a digit or mark, its class being known. Bytes of other scripts are letters of someone's
/// language, so they cost little.
fn mark_cost(byte: u8) -> u32 {
    match byte {
        b'0'..=b'9' => DIGIT,
        b' ' | b'_' | b'-' | b'.' | b'/' | b':' | 0x80.. => COMMON_MARK,
        _ => OTHER_MARK,
    }
}

/// What chance pays for each character: the logarithm of the size of the smallest usual alphabet that holds them all.
fn chance_bits(value: &[u8]) -> f32 {
    let mut seen = Seen::default();
    value.iter().for_each(|&byte| seen.add(byte));
    (seen.alphabet().max(10) as f32).log2()
}

/// Which kinds of characters a value has.
#[derive(Default)]
struct Seen {
    lower: bool,
    upper: bool,
    digit: bool,
    /// A letter beyond `f`.
    beyond_hex: bool,
    /// The marks of base64, base64url and of tokens in several parts, one bit each.
    token_marks: u8,
    other_mark: bool,
    no_ascii: bool,
}

impl Seen {
    fn add(&mut self, byte: u8) {
        self.lower |= byte.is_ascii_lowercase();
        self.upper |= byte.is_ascii_uppercase();
        self.digit |= byte.is_ascii_digit();
        self.beyond_hex |= byte.is_ascii_alphabetic() && !byte.is_ascii_hexdigit();
        self.no_ascii |= !byte.is_ascii();
        match b"-_+/=.:|".iter().position(|&mark| mark == byte) {
            Some(mark) => self.token_marks |= 1 << mark,
            None => self.other_mark |= byte.is_ascii() && !byte.is_ascii_alphanumeric(),
        }
    }

    fn alphabet(&self) -> u32 {
        const PRINTABLE: u32 = 95;
        let letters = match (self.lower, self.upper) {
            (true, true) => 52,
            (false, false) => 0,
            _ if self.digit && !self.beyond_hex => 6,
            _ => 26,
        };
        match (self.no_ascii, self.other_mark) {
            (true, _) => 256,
            (_, true) => PRINTABLE,
            _ => letters + if self.digit { 10 } else { 0 } + self.token_marks.count_ones(),
        }
    }
}

/// The costs of classes and letters, as the module's documentation lays them out.
struct Table([u8; Table::CLASSES + 27 * 27 * 26]);

impl Table {
    const CLASSES: usize = 5 * 5 * 4;

    /// What class `next` (1 to 4) costs behind two classes (0 to 4).
    fn class(&self, before: [u8; 2], next: u8) -> u32 {
        let [first, second] = before.map(usize::from);
        self.0[(first * 5 + second) * 4 + usize::from(next) - 1].into()
    }

    /// What letter `next` (1 to 26) costs behind two letters (0 to 26).
    fn letter(&self, before: [u8; 2], next: u8) -> u32 {
        let [first, second] = before.map(usize::from);
        self.0[Self::CLASSES + (first * 27 + second) * 26 + usize::from(next) - 1].into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn language() {
        for value in [
            "n8n-nodes-base",
            "genericCredentialType",
            "authorizationHeaderParameters",
            "my-super-secret-password",
            "predefinedCredentialType",
            "MAX_RETRY_COUNT",
            "the quick brown fox jumps over it",
            "src/filter/mod.rs",
            "2026-11-23T14:00:00Z",
            "@n8n/n8n-nodes-langchain.lmChatOpenAi",
            "Zugriffsberechtigung fehlt",
            "paramètres de connexion",
            "contraseña del usuario",
            "Authorization",
            "httpHeaderAuth",
            "HTTPServerError",
            "C:\\Program Files\\Common",
            "Отправка поста на валидацию",
            "1234567890123456",
            "+49 (30) 123456",
            "getElementsByClassName",
            "application/x-www-form-urlencoded",
            "",
            "a",
        ] {
            assert!(!score(value.as_bytes()).is_random, "{value}: {:?}", score(value.as_bytes()));
        }
    }

    #[test]
    fn random() {
        for value in [
            "3UXMD9AQU9IHP0TDQDY7W25C2WSIVC",
            "sjU9V7SxH2BN2eYZc7Dahe",
            "839087d8be8a1cf3cc47250976d3ead6",
            "VrFaDFM0ISizNUfhHq78UxS2KNMyDCJoVKK3CFLuUUGbZPAmShqbMJXLUJDAUfCeYV==",
            "o1cs4ubyv8jvw54610cs031btjk3klw2",
            "dBcQKoCOKOLa2AkgMZH3EGvt",
            "qD~1Z~VRPMZIW3RH4DncbzcrF8t_MEQXpfFhK0na7",
            "D+EdQ-gs$-%@2Nu7",
        ] {
            assert!(score(value.as_bytes()).is_random, "{value}: {:?}", score(value.as_bytes()));
        }
    }

    #[test]
    fn random_strings_of_every_alphabet() {
        let alphabets: [&[u8]; 7] = [
            b"0123456789abcdef",
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
            b"abcdefghijklmnopqrstuvwxyz0123456789",
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
        ];
        for alphabet in alphabets {
            let missed = missed(alphabet, 16..=64, 20_000);
            assert!(missed < 40, "{missed} of 20,000 of {}", String::from_utf8_lossy(alphabet));
        }
    }

    /// How many random strings of an alphabet do not pass for random. A fixed generator (xorshift), so that it is the
    /// same each time.
    fn missed(alphabet: &[u8], lens: std::ops::RangeInclusive<usize>, count: usize) -> usize {
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        let mut next = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 20) as usize
        };
        let lens: Vec<usize> = lens.collect();
        let mut string = |len| (0..len).map(|_| alphabet[next() % alphabet.len()]).collect::<Vec<u8>>();
        (0..count).filter(|n| !score(&string(lens[n % lens.len()])).is_random).count()
    }

    proptest! {
        #[test]
        fn takes_any_bytes(value in proptest::collection::vec(any::<u8>(), 0..200)) {
            let score = score(&value);
            prop_assert!(score.bits_per_char.is_finite() && score.language.is_finite());
        }
    }
}
