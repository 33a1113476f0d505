//! Filters: a candidate stands, or is dismissed for a reason that can be named.
//!
//! The steps, in the order in which they are asked: the format's own checksum; references and templates; placeholders;
//! things of the platform itself; identifiers by shape; language instead of randomness.

pub mod identifier;
pub mod placeholder;
mod plain;
pub mod reference;
pub mod words;

use crate::detect::names::{Normal, Telling};
use crate::detect::{By, Candidate};
use crate::detect::{generic, randomness};
use crate::finding::{Kind, Place};

/// Why a candidate is no finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dismissal {
    /// The step that dismissed it.
    pub step: Step,
    /// The reason, in words.
    pub why: &'static str,
}

/// The steps in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// The format's own checksum is wrong.
    Checksum,
    /// A reference to a credential held elsewhere, or a template.
    Reference,
    /// A placeholder.
    Placeholder,
    /// The platform itself makes such values.
    Platform,
    /// An identifier by its shape.
    Identifier,
    /// Language, or too plain for a name that only hints.
    Language,
}

/// Judges a candidate. The place is asked for only if the steps before have let it stand: making an outline costs more
/// than all of them.
pub fn judge(candidate: &Candidate, place: impl FnOnce() -> Place) -> Result<Place, Dismissal> {
    let dismiss = |step, why: Option<&'static str>| match why {
        Some(why) => Err(Dismissal { step, why }),
        None => Ok(()),
    };
    dismiss(Step::Checksum, checksum(candidate))?;
    dismiss(Step::Reference, is_reference(candidate))?;
    dismiss(Step::Placeholder, is_placeholder(candidate))?;
    // Asked before the outline is made, and counted after it: the two steps after the platform's need no place.
    let late =
        dismiss(Step::Identifier, identifier(candidate)).and(dismiss(Step::Language, language(candidate)));
    late?;
    let place = place();
    dismiss(Step::Platform, place.own)?;
    Ok(place)
}

/// What each step says of a candidate at its place, in order: why it dismisses it, or nothing. [`judge`] stops at the first
/// one that does.
pub fn steps(candidate: &Candidate, place: &Place) -> [(Step, Option<&'static str>); 6] {
    [
        (Step::Checksum, checksum(candidate)),
        (Step::Reference, is_reference(candidate)),
        (Step::Placeholder, is_placeholder(candidate)),
        (Step::Platform, place.own),
        (Step::Identifier, identifier(candidate)),
        (Step::Language, language(candidate)),
    ]
}

fn checksum(candidate: &Candidate) -> Option<&'static str> {
    let check = candidate.signature.check?;
    (!check.verify(candidate.value.expose())).then_some("the checksum in it is wrong")
}

fn is_reference(candidate: &Candidate) -> Option<&'static str> {
    match candidate.by {
        By::Field(_) | By::Surroundings => reference::reference(candidate.whole.expose()),
        // A key's bytes are random: among them stands whatever opens an expression somewhere.
        By::Structure if matches!(candidate.signature.kind, Kind::PrivateKey | Kind::Keystore) => None,
        By::Structure if candidate.claims.is_none() => reference::reference(candidate.value.expose())
            .or_else(|| reference::reference(candidate.whole.expose())),
        By::Structure | By::Signature => None,
    }
}

fn is_placeholder(candidate: &Candidate) -> Option<&'static str> {
    match candidate.signature.kind {
        Kind::PrivateKey | Kind::Keystore => None,
        _ if candidate.claims.is_some() => None,
        // The samples of documentation are known by their base64.
        _ if candidate.by == By::Structure => placeholder::placeholder(candidate.value.expose())
            .or_else(|| placeholder::placeholder(candidate.whole.expose())),
        _ => placeholder::placeholder(candidate.value.expose()),
    }
}

/// Field values only: what has a vendor's shape is no identifier of others.
fn identifier(candidate: &Candidate) -> Option<&'static str> {
    let By::Field(telling) = candidate.by else { return None };
    let name = candidate.name.as_deref();
    if telling == Telling::Weak && name.is_some_and(is_name_of_app_id) {
        return Some("an app's identifier");
    }
    identifier::identify(candidate.value.expose(), name.map(str::as_bytes))
}

/// `appId`, `app_id`: a key only as OpenWeather spells it, or if a vendor's key has that name, which is known by now.
fn is_name_of_app_id(name: &str) -> bool {
    !matches!(name, "appid" | "APPID") && Normal::new(name.as_bytes()).as_bytes().ends_with(b"appid")
}

/// Values that nobody would have chosen as a key: words, names of things, types.
fn language(candidate: &Candidate) -> Option<&'static str> {
    match candidate.by {
        By::Field(telling) => language_in_field(candidate, telling),
        By::Signature => language_in_shape(candidate).or_else(|| name_of_file(candidate)),
        By::Structure if candidate.signature.kind == Kind::ConnectionString => language_as_key(candidate),
        By::Surroundings | By::Structure => None,
    }
}

/// What fits a shape by chance: `md-icon-button-icon-color`.
fn language_in_shape(candidate: &Candidate) -> Option<&'static str> {
    let value = candidate.value.expose();
    let body = &value[candidate.signature.prefix(value).len().min(value.len())..];
    let spelled =
        body.len() >= 16 && !body.iter().any(u8::is_ascii_digit) && !randomness::score(body).is_random;
    spelled.then_some("language, not a random value")
}

/// Endings of files that are published, with names that a program gave them.
const ENDINGS: &[&[u8]] = &[
    b"png", b"jpg", b"jpeg", b"gif", b"svg", b"ico", b"webp", b"css", b"js", b"mjs", b"map", b"html",
    b"woff", b"woff2",
];

/// `icon.ico-7a38….png`: part of a file's name.
fn name_of_file(candidate: &Candidate) -> Option<&'static str> {
    let (whole, value) = (candidate.whole.expose(), candidate.value.expose());
    let at = memchr::memmem::find(whole, value)?;
    let behind = whole.get(at + value.len()..)?.strip_prefix(b".")?;
    let length = behind.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    ENDINGS.contains(&&behind[..length]).then_some("part of a file's name")
}

/// The key in a connection string that is described only: letters in words.
fn language_as_key(candidate: &Candidate) -> Option<&'static str> {
    let is_key = candidate.signature.id == generic::CONNECTION_KEY.id;
    let value = candidate.value.expose();
    let spelled = || value.len() >= 16 && !randomness::score(value).is_random;
    (is_key && spelled()).then_some("language, not a random value")
}

fn language_in_field(candidate: &Candidate, telling: Telling) -> Option<&'static str> {
    let value = candidate.value.expose();
    let same_as_name = candidate
        .name
        .as_ref()
        .is_some_and(|name| Normal::new(name.as_bytes()).as_bytes() == Normal::new(value).as_bytes());
    if same_as_name {
        return Some("the value is its own name");
    }
    match telling {
        Telling::Password if plain::is_code(value) => Some("a piece of code"),
        Telling::Password => plain::is_plain_word(value).then_some("a word of the language or of a schema"),
        Telling::Strong => (!randomness::score(value).is_random
            && !has_random_part(value)
            && !has_letters_and_digits(value)
            && !is_long_number(value)
            && !is_long_hexadecimal(value)
            && !is_policy_password(value))
        .then_some("language, not a random value"),
        Telling::Hint | Telling::Weak => {
            (!randomness::score(value).is_random || value.len() < 16 || !value.iter().any(u8::is_ascii_digit))
                .then_some("not random enough for a name that only hints")
        }
    }
}

/// The least length of a random run that is a token by itself.
const LONG_TOKEN: usize = 20;

/// A long random run among words: `default:development.1f0c…`.
fn has_random_part(value: &[u8]) -> bool {
    let mut parts = value.split(|byte| !byte.is_ascii_alphanumeric());
    parts.any(|part| {
        part.len() >= LONG_TOKEN && part.iter().any(u8::is_ascii_digit) && randomness::score(part).is_random
    })
}

/// A password as policies want it: lower and upper case, a digit and a mark, no blank.
fn is_policy_password(value: &[u8]) -> bool {
    let has = |class: fn(&u8) -> bool| value.iter().any(class);
    let is_mark = |byte: &u8| b"!@#$%^&*?~".contains(byte);
    (8..=32).contains(&value.len())
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_digit)
        && has(is_mark)
        && value.iter().all(u8::is_ascii_graphic)
}

/// Three digits among letters, no blank: short keys under a telling name.
fn has_letters_and_digits(value: &[u8]) -> bool {
    let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
    let letters = value.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    digits >= 3 && letters >= 3 && value.len() < 16
}

/// Digits alone, more than any count, time or telephone number has: some services' keys.
fn is_long_number(value: &[u8]) -> bool {
    value.len() >= 24 && value.iter().all(u8::is_ascii_digit)
}

/// Hexadecimal of 16 bytes or more with letters and digits in it, whatever their case: no language spells so.
fn is_long_hexadecimal(value: &[u8]) -> bool {
    let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
    value.len() >= 32 && value.iter().all(u8::is_ascii_hexdigit) && digits >= 4 && value.len() - digits >= 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_of_policies() {
        for (value, expected) in [
            ("Summer2019!", true),
            ("summer2019!", false),
            ("Summer!!", false),
            ("Aa1! word", false),
            ("Aa1!", false),
        ] {
            assert_eq!(is_policy_password(value.as_bytes()), expected, "{value}");
        }
    }

    #[test]
    fn random_runs_among_words() {
        let mut state = 7_u32;
        let run: String = (0..20)
            .filter_map(|_| {
                state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345);
                char::from_digit(state >> 16 & 15, 16)
            })
            .collect();
        assert!(has_random_part(format!("default:development.{run}").as_bytes()));
        assert!(!has_random_part(b"default:development.configuration2"));
        assert!(!has_random_part(format!("{}.{}", &run[..10], &run[10..]).as_bytes()));
    }
}
