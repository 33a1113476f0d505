//! What a platform's words mean: where values of which storage stand, which values are the platform's own, and how to
//! store a secret there. The tables are made of `<platform>.toml` when the house is built.

use super::trigger::Trigger;
use crate::finding::{Adds, Notation, Reference, Storage};

include!(concat!(env!("OUT_DIR"), "/platforms.rs"));

/// The words of one platform. In each table the first rule that fits decides.
pub(crate) struct Vocabulary {
    /// The name in reports.
    pub name: &'static str,
    /// The name as its makers write it, and which export.
    pub title: &'static str,
    /// How values are stored; hard-coded where no rule fits.
    pub storage: &'static [Rule<Storage>],
    /// Which values the platform makes itself, and why they are no secrets.
    pub own: &'static [Rule<&'static str>],
    /// How to store a secret properly.
    pub store: &'static [Rule<&'static str>],
    /// What a clean copy has in a secret's place; a placeholder where no rule fits.
    pub reference: &'static [Rule<&'static Reference>],
    /// Which steps start their flow, and how.
    pub trigger: &'static [Rule<Trigger>],
}

/// Conditions, all of which must hold, and what follows. An empty list of patterns holds always.
pub(crate) struct Rule<T: 'static> {
    scope: Option<Scope>,
    /// Patterns of a step's type, `*` for any characters.
    kinds: &'static [&'static str],
    /// Patterns of the way to the value: names without indices, `*` for any characters of one, `**` for any names.
    fields: &'static [&'static [&'static str]],
    storages: &'static [Storage],
    shape: Shape,
    then: T,
}

/// What a field is counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The flow: the value stands in no step.
    Flow,
    /// A step.
    Step,
    /// An entry of the platform's store of credentials or variables.
    Store,
}

/// What a value must look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Anything, even no string.
    Any,
    /// Begins with that.
    Prefix(&'static str),
    /// `8-4-4-4-12` hexadecimal digits, in braces or not.
    Uuid,
    /// A UUID in base64: 22 characters.
    ShortUuid,
    /// At most 40 letters, digits, dots, `-` and `_`.
    Id,
    /// Hexadecimal digits alone.
    Hex,
    /// Words of people, none of them long enough for a token.
    Words,
    /// `0x` and 40 hexadecimal digits.
    EvmAddress,
    /// A digest in hexadecimal or base64, perhaps behind the name and version of the method.
    Signature,
    /// A link, in quotes or not, by which Power Apps itself reads the media of an app: a shared access signature that only
    /// reads one blob, has an end, and lies in the app's own container of resources.
    AppMediaLink,
    /// Any text but an empty one.
    Some,
}

/// What is asked about a value.
pub(crate) struct Query<'q> {
    /// Where the field is counted from.
    pub scope: Scope,
    /// The step's type.
    pub kind: Option<&'q str>,
    /// The names on the way to the value.
    pub field: &'q [&'q str],
    /// The text of the value, if it is a string.
    pub value: Option<&'q str>,
}

impl Vocabulary {
    /// How the value is stored.
    pub(crate) fn storage(&self, query: &Query<'_>) -> Storage {
        first(self.storage, query, None).unwrap_or(Storage::HardCoded)
    }

    /// Why the value is the platform's own.
    pub(crate) fn own(&self, query: &Query<'_>) -> Option<&'static str> {
        first(self.own, query, None)
    }

    /// How to store the value properly.
    pub(crate) fn store(&self, query: &Query<'_>, storage: Storage) -> Option<&'static str> {
        first(self.store, query, Some(storage))
    }
}

impl Vocabulary {
    /// What a clean copy has in the value's place.
    pub(crate) fn reference(&self, query: &Query<'_>, storage: Storage) -> Option<&'static Reference> {
        first(self.reference, query, Some(storage))
    }

    /// How a step with such a value starts its flow, and the place of the rule that says so: of all values of the step
    /// the one with the first rule decides.
    pub(crate) fn trigger(&self, query: &Query<'_>) -> Option<(usize, Trigger)> {
        let at = self.trigger.iter().position(|rule| rule.holds(query, None))?;
        Some((at, self.trigger.get(at)?.then))
    }
}

fn first<T: Copy>(rules: &[Rule<T>], query: &Query<'_>, storage: Option<Storage>) -> Option<T> {
    rules.iter().find(|rule| rule.holds(query, storage)).map(|rule| rule.then)
}

impl<T> Rule<T> {
    fn holds(&self, query: &Query<'_>, storage: Option<Storage>) -> bool {
        self.scope.is_none_or(|scope| scope == query.scope)
            && (self.storages.is_empty() || storage.is_some_and(|storage| self.storages.contains(&storage)))
            && (self.kinds.is_empty() || query.kind.is_some_and(|kind| self.has_kind(kind)))
            && (self.fields.is_empty() || self.fields.iter().any(|field| leads_to(field, query.field)))
            && self.shape.fits(query.value)
    }

    fn has_kind(&self, kind: &str) -> bool {
        self.kinds.iter().any(|pattern| is_like(pattern, kind))
    }
}

impl Shape {
    fn fits(self, value: Option<&str>) -> bool {
        let Some(value) = value else {
            return self == Shape::Any;
        };
        match self {
            Shape::Any => true,
            Shape::Prefix(prefix) => value.starts_with(prefix),
            Shape::Uuid => is_uuid(value),
            Shape::ShortUuid => {
                value.len() == 22
                    && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte))
            }
            Shape::Id => {
                value.len() <= 40
                    && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
            }
            Shape::Hex => is_hex(value),
            Shape::Words => is_words(value),
            Shape::EvmAddress => {
                value.strip_prefix("0x").is_some_and(|digits| digits.len() == 40 && is_hex(digits))
            }
            Shape::Signature => is_signature(value),
            Shape::Some => !value.is_empty(),
            Shape::AppMediaLink => is_app_media_link(value),
        }
    }
}

fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Runs of letters, digits and what else tokens are made of, each shorter than twenty characters; not many.
fn is_words(text: &str) -> bool {
    let is_border =
        |letter: char| letter.is_ascii() && !letter.is_ascii_alphanumeric() && !"-_+/=".contains(letter);
    text.len() <= 200 && text.split(is_border).all(|word| word.chars().count() < 20)
}

/// Whether it is a UUID, in braces or not.
pub(crate) fn is_uuid(text: &str) -> bool {
    let text = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(text);
    let digits = [8, 4, 4, 4, 12];
    let mut groups = text.split('-');
    digits.iter().all(|count| groups.next().is_some_and(|group| group.len() == *count && is_hex(group)))
        && groups.next().is_none()
}

/// `sha256=<hex>`, `v0=<hex>`, `t=<time>,v1=<hex>`, `v1,<base64>` or the digest alone.
fn is_signature(text: &str) -> bool {
    let digest = text.trim_end_matches('=').rsplit(['=', ',']).next().unwrap_or_default();
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte);
    (27..=128).contains(&digest.len()) && digest.bytes().all(is_digit)
}

/// `https://<account>.blob.core.windows.net/<app's uuid>-<number>/resource/<name>?…&se=<end>&sp=r&sig=<signature>`.
fn is_app_media_link(text: &str) -> bool {
    let link = || {
        let (host, rest) = text.trim_matches('"').strip_prefix("https://")?.split_once('/')?;
        let (path, query) = rest.split_once('?')?;
        let (container, path) = path.split_once('/')?;
        let (app, _) = container.split_at_checked(36)?;
        let in_resources = path.starts_with("resource/") || path.starts_with("appdynamicresources/");
        let has = |wanted: &str| query.split('&').any(|pair| pair.starts_with(wanted));
        let reads = query.split('&').any(|pair| pair == "sp=r");
        Some(host.ends_with(".blob.core.windows.net") && is_uuid(app) && in_resources && reads && has("se="))
    };
    link().unwrap_or(false)
}

/// Whether names lead where a pattern does. As long as the product of their lengths at most.
pub(crate) fn leads_to(pattern: &[&str], names: &[&str]) -> bool {
    wildcard(pattern, names, |part| *part == "**", |part, name| is_like(part, name))
}

/// Whether a text is like a pattern with `*` for any characters.
pub(crate) fn is_like(pattern: &str, text: &str) -> bool {
    wildcard(pattern.as_bytes(), text.as_bytes(), |part| *part == b'*', |part, byte| part == byte)
}

/// Matches with jokers that stand for any number of items: goes back to the last one only, so without recursion.
fn wildcard<P, I>(pattern: &[P], items: &[I], joker: fn(&P) -> bool, like: fn(&P, &I) -> bool) -> bool {
    let (mut at, mut part) = (0, 0);
    let mut retry = None;
    while let Some(item) = items.get(at) {
        match pattern.get(part) {
            Some(this) if joker(this) => {
                retry = Some((part, at));
                part += 1;
            }
            Some(this) if like(this, item) => (at, part) = (at + 1, part + 1),
            _ => {
                let Some((star, from)) = retry else { return false };
                retry = Some((star, from + 1));
                (at, part) = (from + 1, star + 1);
            }
        }
    }
    pattern.iter().skip(part).all(joker)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_fields() {
        let is = |pattern: &str, names: &str| {
            let (pattern, names): (Vec<_>, Vec<_>) =
                (pattern.split('.').collect(), names.split('.').collect());
            leads_to(&pattern, &names)
        };
        assert!(is("a.*.c", "a.b.c") && !is("a.*.c", "a.c"));
        assert!(is("a.**", "a") && is("a.**", "a.b.c") && !is("a.**", "b"));
        assert!(is("**.id", "x.y.id") && is("**.id", "id") && !is("**.id", "x.id.y"));
        assert!(is("header*.**.value", "headerParameters.parameters.value"));
    }

    #[test]
    fn shapes_of_values() {
        assert!(Shape::Uuid.fits(Some("{2578e499-0be1-ec11-bb3c-000d3a233a82}")));
        assert!(!Shape::Uuid.fits(Some("2578e499-0be1-ec11-bb3c")));
        assert!(Shape::EvmAddress.fits(Some("0x00000000000000000000000000000000000000aa")));
        assert!(
            Shape::Signature
                .fits(Some("sha256=00000000000000000000000000000000000000000000000000000000000000aa"))
        );
        assert!(Shape::Signature.fits(Some("v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")));
        assert!(Shape::Words.fits(Some("Slack account 2 (jane@example.org)")));
        assert!(!Shape::Words.fits(Some("key VALUE-VALUE-VALUE-VALUE")));
        let link = |path: &str, query: &str| format!("https://x.blob.core.windows.net/{path}/a.png?{query}");
        let app = "4b69e317-4c74-4684-a75d-53cb4d6473a7-1/resource";
        assert!(Shape::AppMediaLink.fits(Some(&link(app, "sv=2017&se=2023-02-01&sp=r&sig=VALUE"))));
        assert!(!Shape::AppMediaLink.fits(Some(&link(app, "sv=2017&se=2023-02-01&sp=rw&sig=VALUE"))));
        assert!(!Shape::AppMediaLink.fits(Some(&link("backups", "sv=2017&se=2023-02-01&sp=r&sig=VALUE"))));
        assert!(!Shape::Signature.fits(Some("hello")) && !Shape::Id.fits(None) && Shape::Any.fits(None));
    }
}
