//! Words that the formats for people share: terms as sentences say them, counts, sizes, and things in groups.

use std::collections::HashMap;
use std::hash::Hash;

use crate::budget::Reason;
use crate::finding::{Encoding, LifetimeClass, Storage};
use crate::platform::{self, Platform};

use super::paper::shorten;
use super::{Commit, Page, Reported};

pub(super) fn platform(name: &str) -> &str {
    platform::named(name).map_or(name, |platform: &Platform| platform.brand())
}

pub(super) fn encoding(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Utf16Le | Encoding::Utf16Be => "UTF-16",
        Encoding::JsonString => "a JSON string",
        Encoding::Percent => "percent-encoding",
        Encoding::Markup => "markup",
        Encoding::Base64 => "base64",
        Encoding::Base32 => "base32",
        Encoding::Hex => "hexadecimal",
        Encoding::Deflate => "deflated data",
        Encoding::CodeString => "a string's escapes",
        Encoding::Entities => "character references",
        Encoding::QuotedPrintable => "quoted-printable",
        Encoding::Concatenation => "strings that are put together",
        Encoding::CharacterCodes => "character codes",
        Encoding::Utf32Le | Encoding::Utf32Be => "UTF-32",
        Encoding::CodePage => "a code page",
    }
}

pub(super) fn storage(storage: Storage) -> &'static str {
    match storage {
        Storage::HardCoded => "hard-coded in the step",
        Storage::PlainConfig => "in a variable that is not secret",
        Storage::TriggerUrl => "in the address of a trigger",
        Storage::RunData => "in data of a past run that the export carries along",
        Storage::Note => "in a note or description",
        Storage::Document => "in a file or message that others can read",
        Storage::Code => "in code",
        Storage::Encrypted => "encrypted, but its key is in the same export",
    }
}

/// The longest name of an author that is shown whole, in characters.
const AUTHOR: usize = 120;

/// `commit 1f0c3a5e9b2d by Jane Doe <jane@example.org>, 2026-11-23T12:00:00Z`
pub(super) fn since(page: &Page, commit: &Commit) -> String {
    let id = page.text(&commit.id);
    let id = id.get(..12).unwrap_or(&id);
    let author = shorten(&page.text(&commit.author), AUTHOR);
    format!("commit {id} by {author}, {}", page.text(&commit.date))
}

/// `for good (vendor: never expires)`
pub(super) fn lives(page: &Page, reported: &Reported) -> String {
    let lifetime = &reported.finding.lifetime;
    let until = lifetime.expires.and_then(super::rfc3339);
    let class = match (lifetime.class, until) {
        (LifetimeClass::LongLived, _) => "until someone revokes it".to_owned(),
        (LifetimeClass::Expiring, Some(until)) => format!("until {until}"),
        (LifetimeClass::Expiring, None) => "until a date that it does not show".to_owned(),
        (LifetimeClass::ShortLived, Some(until)) => format!("a day at most, until {until}"),
        (LifetimeClass::ShortLived, None) => "a day at most".to_owned(),
        (LifetimeClass::Expired, Some(until)) => format!("no more, it ended {until}"),
        (LifetimeClass::Expired, None) => "no more, it has ended".to_owned(),
        (LifetimeClass::Unknown, _) => "unknown, so treat it as if it never ends".to_owned(),
    };
    if lifetime.evidence.is_empty() { class } else { format!("{class} ({})", page.text(&lifetime.evidence)) }
}

pub(super) fn revoke(page: &Page, reported: &Reported) -> String {
    match reported.finding.signature.vendor {
        // Words that say where begin with the vendor's name already.
        Some(vendor) if vendor.revoke.starts_with(vendor.name) => page.text(vendor.revoke),
        Some(vendor) => format!("{}: {}", page.text(vendor.name), page.text(vendor.revoke)),
        None => "change it where it was issued, then put the new one in a safe place".to_owned(),
    }
}

pub(super) fn store(page: &Page, reported: &Reported) -> String {
    match reported.finding.place.fix() {
        Some(store) => page.text(&store),
        None => "keep it in a secrets manager or credential store, and refer to it from here".to_owned(),
    }
}

/// `1 file`, `2 files`
pub(super) fn counted(count: impl TryInto<u64>, what: &str) -> String {
    let count = count.try_into().unwrap_or(u64::MAX);
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// `17.8 KiB`
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return counted(bytes, "byte");
    }
    let mut amount = bytes as f64 / 1024.0;
    let mut unit = UNITS[0];
    for larger in &UNITS[1..] {
        if amount < 1024.0 {
            break;
        }
        amount /= 1024.0;
        unit = larger;
    }
    format!("{amount:.1} {unit}")
}

/// Puts findings together that have the same key; groups and findings stay in the order that they were first met.
pub(super) fn grouped<'r, K: Eq + Hash>(
    findings: &[&'r Reported],
    key: impl Fn(&'r Reported) -> K,
) -> Vec<Vec<&'r Reported>> {
    let mut at: HashMap<K, usize> = HashMap::new();
    let mut groups: Vec<Vec<&Reported>> = Vec::new();
    for &finding in findings {
        let index = *at.entry(key(finding)).or_insert(groups.len());
        match groups.get_mut(index) {
            Some(group) => group.push(finding),
            None => groups.push(vec![finding]),
        }
    }
    groups
}

/// Why something was not read, as a sentence.
pub(super) fn why_not_read(reason: Reason) -> &'static str {
    match reason {
        Reason::Encrypted => "A password is needed.",
        Reason::Corrupt => "The bytes contradict their format.",
        Reason::Truncated => "The bytes end too early.",
        Reason::Unsupported => "The format cannot be opened.",
        Reason::BudgetDepth => "Too many containers within containers.",
        Reason::BudgetMembers => "Too many members.",
        Reason::BudgetBytes => "Too many bytes.",
        Reason::BudgetRatio => "It expands to too many times its size.",
        Reason::TooManyFindings => "More findings than are kept of one file.",
        Reason::Unreadable => "The system refused.",
        Reason::Changed => "It changed while it was read.",
        Reason::Deadline => "The time was up.",
        Reason::DecoderFailed => "A decoder failed.",
        Reason::Interrupted => "The run was interrupted.",
    }
}
