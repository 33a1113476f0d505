//! Labels: what a candidate that stood is worth, how long it lives, and how much of it may be shown.

use std::collections::BTreeMap;

use crate::detect::names::Telling;
use crate::detect::{By, Candidate, randomness};
use crate::finding::{
    Confidence, Finding, Kind, Lifetime, LifetimeClass, Location, Place, Severity, Storage,
};

/// Random bits from which on a digest without a key gives nothing away.
const UNGUESSABLE: u32 = 112;

/// Random characters from which on the last four may be shown, as vendors' consoles do.
const SHOWS_LAST_FOUR: usize = 24;

/// Makes a finding of a candidate that stood. `now`: seconds since 1970-01-01 UTC.
pub(crate) fn finding(candidate: Candidate, place: Place, location: Location, now: i64) -> Finding {
    let signature = candidate.signature;
    let lifetime = lifetime(&candidate, now);
    let guessable = is_guessable(&candidate);
    let storage = place.storage.unwrap_or(Storage::Document);
    Finding {
        signature,
        severity: severity(&candidate, &lifetime),
        confidence: confidence(&candidate),
        location,
        also: Vec::new(),
        place,
        storage,
        parts: candidate
            .user
            .as_ref()
            .filter(|user| !user.is_empty())
            .map(|user| crate::finding::Part { what: "user".to_owned(), shown: user.clone(), secret: None })
            .into_iter()
            .collect(),
        preview: preview(&candidate, guessable),
        public: public(&candidate, now),
        lifetime,
        guessable,
        name: candidate.name,
        secret: candidate.value,
        mark: None,
    }
}

fn severity(candidate: &Candidate, lifetime: &Lifetime) -> Severity {
    let least = |severity: Severity, most: Severity| severity.min(most);
    match lifetime.class {
        _ if candidate.signature.public || candidate.doubt.is_some() => Severity::Info,
        LifetimeClass::ShortLived | LifetimeClass::Expired => {
            least(candidate.signature.severity, Severity::Low)
        }
        _ => candidate.signature.severity,
    }
}

fn confidence(candidate: &Candidate) -> Confidence {
    match candidate.by {
        _ if candidate.doubt.is_some() => Confidence::Low,
        By::Signature | By::Structure => Confidence::High,
        By::Surroundings => Confidence::High,
        By::Field(Telling::Hint | Telling::Weak) => Confidence::Low,
        By::Field(_) => Confidence::Medium,
    }
}

fn lifetime(candidate: &Candidate, now: i64) -> Lifetime {
    let signature = candidate.signature;
    if let Some(expires) = candidate.claims.as_ref().and_then(|claims| claims.expires) {
        let issued = candidate.claims.as_ref().and_then(|claims| claims.issued);
        return until(expires, issued, "jwt: exp", now);
    }
    if candidate.claims.is_some() && signature.lifetime == LifetimeClass::Unknown {
        let evidence = "jwt: no exp, so it does not expire by itself".to_owned();
        return Lifetime { class: LifetimeClass::LongLived, expires: None, evidence };
    }
    if let Some(expires) = signed_until(candidate) {
        return until(expires, None, "sas: se", now);
    }
    Lifetime { class: signature.lifetime, expires: None, evidence: signature.evidence.to_owned() }
}

/// The class of what ends at `expires`.
fn until(expires: i64, issued: Option<i64>, evidence: &str, now: i64) -> Lifetime {
    const DAY: i64 = 86_400;
    let class = match issued {
        _ if expires <= now => LifetimeClass::Expired,
        Some(issued) if expires.saturating_sub(issued) <= DAY => LifetimeClass::ShortLived,
        _ => LifetimeClass::Expiring,
    };
    Lifetime { class, expires: Some(expires), evidence: evidence.to_owned() }
}

/// The `se=` of a shared access signature in the same URL (Azure Storage: "Create a service SAS", field `se`).
fn signed_until(candidate: &Candidate) -> Option<i64> {
    if candidate.signature.kind != Kind::SignedUrl {
        return None;
    }
    let whole = std::str::from_utf8(candidate.whole.expose()).ok()?;
    let value = whole.split(['?', '&']).find_map(|pair| pair.strip_prefix("se="))?;
    let value = value.replace("%3A", ":").replace("%3a", ":");
    if let Ok(seconds) = value.parse() {
        return Some(seconds);
    }
    let full = if value.contains('T') { value } else { format!("{value}T00:00:00Z") };
    time::OffsetDateTime::parse(&full, &time::format_description::well_known::Rfc3339)
        .ok()
        .map(time::OffsetDateTime::unix_timestamp)
}

fn is_guessable(candidate: &Candidate) -> bool {
    match candidate.signature.kind {
        Kind::Password => true,
        Kind::PrivateKey | Kind::Keystore => false,
        _ if candidate.claims.is_some() => false,
        _ if matches!(candidate.by, By::Signature | By::Surroundings)
            && candidate.signature.random_bits > 0 =>
        {
            candidate.signature.random_bits < UNGUESSABLE
        }
        Kind::ConnectionString if candidate.signature.id.ends_with("password") => true,
        _ => !looks_uniform(candidate.value.expose()),
    }
}

/// Whether a value without a format has the length and the look of 128 random bits or more.
pub(crate) fn looks_uniform(value: &[u8]) -> bool {
    let hex = value.iter().filter(|byte| byte.is_ascii_hexdigit()).count();
    let bits_a_byte = if hex + 4 >= value.len() { 4 } else { 5 };
    value.len() * bits_a_byte >= 128 && randomness::score(value).is_random
}

/// The value without the secret: public prefix, `…`, and the last four where the format has enough random ones.
fn preview(candidate: &Candidate, guessable: bool) -> String {
    let value = candidate.value.expose();
    if candidate.signature.kind == Kind::PrivateKey {
        return "-----BEGIN … KEY-----".to_owned();
    }
    if candidate.signature.kind == Kind::Keystore && candidate.by == By::Structure {
        return String::new(); // the file itself
    }
    let prefix = match candidate.by {
        By::Signature => candidate.signature.prefix(value),
        By::Structure if candidate.claims.is_some() => "eyJ",
        _ => "",
    };
    let random = value.len().saturating_sub(prefix.len());
    let last = &value[value.len() - value.len().min(4)..];
    let shows_last = !guessable && random >= SHOWS_LAST_FOUR && last.iter().all(u8::is_ascii_graphic);
    match shows_last {
        true => format!("{prefix}…{}", String::from_utf8_lossy(last)),
        false => format!("{prefix}…"),
    }
}

fn public(candidate: &Candidate, now: i64) -> BTreeMap<&'static str, String> {
    let mut public = BTreeMap::new();
    if let Some(issuer) = candidate.claims.as_ref().and_then(|claims| claims.issuer.clone()) {
        public.insert("jwt-issuer", issuer);
    }
    if let Some(account) = aws_account(candidate.value.expose()) {
        public.insert("aws-account", account);
    }
    if candidate.signature.kind != Kind::Password
        && let Some(made) = made_on(candidate.value.expose(), now)
    {
        public.insert("made-on", made);
    }
    public
}

/// When a token was made, if it holds a UUID of version 7 (RFC 9562 §5.7) or a ULID (github.com/ulid/spec), which begin
/// with the time in milliseconds. A time outside of 2016 to `now` is none: the characters are random.
fn made_on(value: &[u8], now: i64) -> Option<String> {
    const DAY: i64 = 86_400;
    const FIRST: i64 = 1_451_606_400;
    let milliseconds = uuid_time(value).or_else(|| ulid_time(value))?;
    let seconds = i64::try_from(milliseconds / 1000).ok()?;
    let made = time::OffsetDateTime::from_unix_timestamp(seconds).ok()?.date();
    (FIRST..now.saturating_add(DAY)).contains(&seconds).then(|| made.to_string())
}

/// The time of the UUID of version 7 that a value ends with.
fn uuid_time(value: &[u8]) -> Option<u64> {
    let (_, uuid) = value.split_at_checked(value.len().checked_sub(36)?)?;
    let is_uuid = uuid.iter().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        14 => *byte == b'7',
        _ => byte.is_ascii_hexdigit(),
    });
    let digits = uuid.iter().take(13).filter_map(|byte| char::from(*byte).to_digit(16));
    is_uuid.then(|| digits.fold(0, |time, digit| time << 4 | u64::from(digit)))
}

/// The time of the ULID that a value is, or that stands behind its prefix.
fn ulid_time(value: &[u8]) -> Option<u64> {
    const DIGITS: &[u8] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let (before, ulid) = value.split_at_checked(value.len().checked_sub(26)?)?;
    let digit = |byte: &u8| DIGITS.iter().position(|digit| *digit == byte.to_ascii_uppercase());
    let in_one_case = !(ulid.iter().any(u8::is_ascii_lowercase) && ulid.iter().any(u8::is_ascii_uppercase));
    let is_ulid = in_one_case
        && before.last().is_none_or(|byte| !byte.is_ascii_alphanumeric())
        && ulid.iter().all(|byte| digit(byte).is_some());
    let time = ulid.iter().take(10).filter_map(digit);
    is_ulid.then(|| time.fold(0, |time, digit| time << 5 | digit as u64))
}

/// The account number inside an AWS key id: 40 bits after the first base32 byte, shifted by seven. Found by Aidan
/// Steele, "AWS Access Key ID formats" (2020), and Tal Be'ery, "A short note on AWS KEY ID" (2023).
fn aws_account(id: &[u8]) -> Option<String> {
    if id.len() != 20 || !(id.starts_with(b"AKIA") || id.starts_with(b"ASIA")) {
        return None;
    }
    let bytes = data_encoding::BASE32.decode(&id[4..]).ok()?;
    let number = bytes.get(..6)?.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    Some(format!("{:012}", (number & 0x7fff_ffff_ff80) >> 7))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made backwards from an account number by the published layout: account << 7 in the low 47 of 48 bits.
    #[test]
    fn reads_the_account_of_an_aws_key_id() {
        let account = 123_456_789_012_u64;
        let bytes = (1u64 << 47 | account << 7).to_be_bytes();
        let mut ten = [0u8; 10];
        ten[..6].copy_from_slice(&bytes[2..]);
        let id = format!("AKIA{}", data_encoding::BASE32.encode(&ten));
        assert_eq!(aws_account(id.as_bytes()).as_deref(), Some("123456789012"));
        assert_eq!(aws_account(b"AKIASHORT"), None);
    }

    /// Expected: Python's `datetime.fromtimestamp(milliseconds / 1000)`; 1_700_000_000_000 ms is 2023-11-14.
    #[test]
    fn reads_when_a_token_was_made() {
        let now = 1_790_000_000;
        let milliseconds = 1_700_000_000_000_u64;
        let hex = format!("{milliseconds:012x}");
        let uuid = |version: char| format!("key_{}-{}-{version}abc-8def-0123456789ab", &hex[..8], &hex[8..]);
        assert_eq!(made_on(uuid('7').as_bytes(), now).as_deref(), Some("2023-11-14"));
        assert_eq!(made_on(uuid('4').as_bytes(), now), None);
        assert_eq!(made_on(uuid('7').as_bytes(), 1_600_000_000), None, "in the future");
        let digit = |shift: u64| {
            char::from(b"0123456789abcdefghjkmnpqrstvwxyz"[(milliseconds >> shift & 31) as usize])
        };
        let time: String = (0..10).rev().map(|place| digit(place * 5)).collect();
        assert_eq!(
            made_on(format!("retool_{time}zyxwvtsrqpnmkjhg").as_bytes(), now).as_deref(),
            Some("2023-11-14")
        );
        assert_eq!(made_on(format!("retool{time}zyxwvtsrqpnmkjhg").as_bytes(), now), None);
        assert_eq!(made_on(format!("{time}zyxwvtsrqpnmkjhl").as_bytes(), now), None, "no l in a ULID");
    }
}
