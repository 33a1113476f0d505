//! Field names: does a name tell that its value is a credential?
//!
//! A name's last word says what the value is (`apiKeyName` is a name, `userApiKey` a key), so names are judged by their
//! endings. That also makes the first look cheap: the last three letters, in a bitmap.

use super::aliases::Aliases;
use super::index::{Bitmap, Slots};
use crate::signature::Signature;

/// How telling a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Telling {
    /// Services take their key as the user name of Basic authentication; so the value must be a vendor's, by its host.
    Hint,
    /// The value must look random to count: `key`, `code`, `sig`.
    Weak,
    /// A key, token or secret: `apiKey`, `client_secret`, `Authorization`.
    Strong,
    /// A password, which need not look random.
    Password,
}

/// The longest name that is looked at, in bytes.
pub const MAX_NAME: usize = 96;

/// Endings of normalised names, each with what it tells. Later languages: names as users write them.
const ENDINGS: &[(&str, Telling)] = {
    use Telling::{Hint, Password, Strong, Weak};
    &[
        ("password", Password),
        ("passwd", Password),
        ("passwort", Password),
        ("kennwort", Password),
        ("passphrase", Password),
        ("passcode", Password),
        ("pwd", Password),
        ("pass", Password),
        ("psw", Password),
        ("contrasena", Password),
        ("contraseña", Password),
        ("senha", Password),
        ("motdepasse", Password),
        ("mdp", Password),
        ("wachtwoord", Password),
        ("parola", Password),
        ("haslo", Password),
        ("hasło", Password),
        ("パスワード", Password),
        ("密码", Password),
        ("密碼", Password),
        ("token", Strong),
        ("secret", Strong),
        ("secretkey", Strong),
        ("apikey", Strong),
        ("apitoken", Strong),
        ("apisecret", Strong),
        ("accesskey", Strong),
        ("secretaccesskey", Strong),
        ("privatekey", Strong),
        ("authkey", Strong),
        ("appkey", Strong),
        ("applicationkey", Strong),
        ("signingkey", Strong),
        ("encryptionkey", Strong),
        ("masterkey", Strong),
        ("sharedkey", Strong),
        ("accountkey", Strong),
        ("subscriptionkey", Strong),
        ("functionskey", Strong),
        ("functionkey", Strong),
        ("hostkey", Strong),
        ("adminkey", Strong),
        ("servicekey", Strong),
        ("servicerolekey", Strong),
        ("integrationkey", Strong),
        ("clientkey", Strong),
        ("xkey", Strong),
        ("webhookkey", Strong),
        ("credential", Strong),
        ("credentials", Strong),
        ("authorization", Strong),
        ("bearer", Strong),
        ("cookie", Strong),
        ("jwt", Strong),
        ("apischlüssel", Strong),
        ("apischluessel", Strong),
        ("schlüssel", Weak),
        ("schluessel", Weak),
        ("geheimnis", Strong),
        ("clave", Weak),
        ("claveapi", Strong),
        ("chave", Weak),
        ("chaveapi", Strong),
        ("chavedeapi", Strong),
        ("cléapi", Strong),
        ("cleapi", Strong),
        ("chiaveapi", Strong),
        ("segreto", Strong),
        ("zugangsschlüssel", Strong),
        ("zugangsschluessel", Strong),
        ("clésecrète", Strong),
        ("clesecrete", Strong),
        ("jeton", Strong),
        ("clavesecreta", Strong),
        ("llaveapi", Strong),
        ("secreto", Strong),
        ("tokendeacceso", Strong),
        ("chavesecreta", Strong),
        ("chaveprivada", Strong),
        ("segredo", Strong),
        ("tokendeacesso", Strong),
        ("palavrapasse", Password),
        ("chiavesegreta", Strong),
        ("sleutel", Weak),
        ("apisleutel", Strong),
        ("geheim", Strong),
        ("klucz", Weak),
        ("kluczapi", Strong),
        ("sekret", Strong),
        ("シークレット", Strong),
        ("秘密鍵", Strong),
        ("アクセスキー", Strong),
        ("暗証番号", Password),
        ("秘钥", Strong),
        ("金鑰", Strong),
        ("凭证", Weak),
        ("口令", Password),
        ("secretid", Weak),
        ("secretkeybase", Strong),
        ("appcertificate", Strong),
        ("secretstring", Strong),
        ("keystring", Weak),
        ("tokenstring", Strong),
        ("密钥", Strong),
        ("令牌", Strong),
        ("トークン", Strong),
        ("apiキー", Strong),
        ("key", Weak),
        ("api", Weak),
        ("creds", Weak),
        ("auth", Weak),
        ("code", Weak),
        ("sig", Weak),
        ("sas", Weak),
        ("appid", Weak),
        ("authid", Weak),
        ("pat", Weak),
        ("hmac", Weak),
        ("username", Hint),
        ("user", Hint),
    ]
};

/// Endings that look like one of those and are none.
const HARMLESS: &[&str] = &[
    "publickey",
    "pubkey",
    "publishablekey",
    "primarykey",
    "foreignkey",
    "partitionkey",
    "sortkey",
    "rowkey",
    "cachekey",
    "objectkey",
    "idempotencykey",
    "uniquekey",
    "groupkey",
    "recordkey",
    "issuekey",
    "projectkey",
    "itemkey",
    "lookupkey",
    "translationkey",
    "i18nkey",
    "hotkey",
    "consumerkey",
    "csrftoken",
    "xsrftoken",
    "authenticitytoken",
    "requestverificationtoken",
    "documentkey",
    "postmantoken",
    "csrftoken",
    "xsrftoken",
    "publictoken",
    "forgotpassword",
    "forgetpassword",
    "changepassword",
    "resetpassword",
    "addpassword",
    "passwordlabel",
    "storagekey",
    "orderkey",
    "sitekey",
    "filekey",
    "s3key",
    "pagetoken",
    "nexttoken",
    "continuationtoken",
    "skiptoken",
    "synctoken",
    "carttoken",
    "devicetoken",
    "pushtoken",
    "cancellationtoken",
    "changetoken",
    "publickeytoken",
    "conversationtoken",
    "contexttoken",
    "bypass",
    "compass",
    "statuscode",
    "errorcode",
    "countrycode",
    "currencycode",
    "languagecode",
    "postalcode",
    "zipcode",
    "areacode",
    "phonecode",
    "qrcode",
    "barcode",
    "jscode",
    "pythoncode",
    "functioncode",
    "sourcecode",
    "discountcode",
    "couponcode",
    "promocode",
    "vouchercode",
    "productcode",
    "ordercode",
    "trackingcode",
    "responsecode",
    "colorcode",
    "embedcode",
    "statecode",
    "typecode",
    "referralcode",
    "bincode",
    "indexnowkey",
    "rlkey",
    "sparrowsourcekey",
    "profiletoken",
    "psig",
];

/// Keys that say nothing themselves: the name stands in a sibling.
pub const NEUTRAL: &[&str] = &[
    "value",
    "stringvalue",
    "valuevalue",
    "val",
    "v",
    "to",
    "content",
    "text",
    "data",
    "default",
    "defaultvalue",
    "initialvalue",
    "currentvalue",
    "rightvalue",
    "string",
    "expression",
    // `x-ms-apimTemplateParameter.value` of a custom connector's policy, its last word gone.
    "xmsapimtemplateparameter",
];

/// Keys whose value is the name of the sibling that [`NEUTRAL`] means.
pub const NAMING: &[&str] = &[
    "name",
    "key",
    "keyvalue",
    "label",
    "header",
    "field",
    "p",
    "variable",
    "displayname",
    "id",
    "title",
    "k",
    "schemaname",
    "xmsapimtemplateparametername",
];

/// What counts for nothing at the end of a name.
const VALUE: &[u8] = b"value";

/// A name in the form that names are compared in: lower case, without `-`, `_`, `.`, spaces, brackets and quotes, and
/// without a number or the word `value` or `string` at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Normal {
    bytes: [u8; MAX_NAME],
    len: usize,
}

impl Normal {
    /// Of a name of at most [`MAX_NAME`] bytes; of a longer one the end.
    pub fn new(name: &[u8]) -> Self {
        let mut normal = Self { bytes: [0; MAX_NAME], len: 0 };
        for &byte in &name[name.len().saturating_sub(MAX_NAME)..] {
            if is_name_letter(byte) {
                normal.bytes[normal.len] = byte.to_ascii_lowercase();
                normal.len += 1;
            }
        }
        while normal.len > 1 && normal.bytes[normal.len - 1].is_ascii_digit() {
            normal.len -= 1;
        }
        // `apiKeyValue`, `mySecretString`
        let told = [VALUE, b"string"].into_iter().find(|ending| normal.as_bytes().ends_with(ending));
        if let Some(ending) =
            told.filter(|ending| normal.len > ending.len() && !is_listed(NEUTRAL, normal.as_bytes()))
        {
            normal.len -= ending.len();
        }
        normal
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// As text; empty where it is no UTF-8.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// Whether the name stands for its sibling's.
    pub fn is_neutral(&self) -> bool {
        is_listed(NEUTRAL, self.as_bytes())
    }

    /// Whether its value is the name of a sibling.
    pub fn is_naming(&self) -> bool {
        is_listed(NAMING, self.as_bytes())
    }
}

/// The shortest vendor's name that is a field's name as well; shorter ones are words (`line`, `make`).
const MIN_VENDOR: usize = 4;

/// Vendors whose names are words that fields and texts have for other reasons; sorted.
pub(super) const WORDS: &[&str] = &[
    "apollo",
    "baseten",
    "beamer",
    "bitbucket",
    "brave",
    "bubble",
    "canvas",
    "clay",
    "clerk",
    "close",
    "column",
    "copper",
    "courier",
    "crisp",
    "cursor",
    "daily",
    "deputy",
    "drone",
    "elastic",
    "envoy",
    "etsy",
    "exact",
    "fair",
    "float",
    "flow",
    "front",
    "ghost",
    "github",
    "gitlab",
    "glide",
    "google",
    "guru",
    "harness",
    "harvest",
    "heap",
    "hive",
    "hunter",
    "iterative",
    "keap",
    "leonardo",
    "line",
    "linear",
    "lokalise",
    "loom",
    "make",
    "mercury",
    "miro",
    "modal",
    "neon",
    "notion",
    "odoo",
    "paddle",
    "persona",
    "phrase",
    "polar",
    "portkey",
    "postman",
    "prefect",
    "ramp",
    "readme",
    "refiner",
    "render",
    "replicate",
    "resend",
    "retool",
    "rootly",
    "runway",
    "segment",
    "serper",
    "shortcut",
    "square",
    "stack",
    "stripe",
    "swell",
    "temporal",
    "tines",
    "together",
    "twist",
    "upwave",
    "vector",
    "wave",
    "wise",
    "yelp",
];

/// The vendor's own name, under which a key without a shape of its own may stand: `assemblyai = …`.
fn of_vendor(signature: &'static Signature) -> Option<&'static str> {
    let vendor = signature.vendor?.id;
    let is_shapeless = signature.shapes.iter().any(|shape| shape.anchor.is_none());
    let is_plain =
        vendor.len() >= MIN_VENDOR && !vendor.contains('-') && WORDS.binary_search(&vendor).is_err();
    (is_shapeless && is_plain).then_some(vendor)
}

fn is_listed(list: &[&str], name: &[u8]) -> bool {
    list.iter().any(|entry| entry.as_bytes() == name)
}

/// Letters and digits of any script: what is left of a name when it is normalised.
fn is_name_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}

/// An ending by its last three bytes, and what it tells; `None` for a harmless one.
type Ending = ([u8; 3], &'static [u8], Option<Telling>);

/// The names that tell something: the endings above, and those of the loaded signatures.
pub struct Names {
    /// Of all of them, and of those that count as endings too.
    last_letters: LastLetters,
    last_of_endings: LastLetters,
    /// Telling and harmless endings by their last three bytes, in order; a harmless one outweighs.
    endings: Vec<Ending>,
    /// The last three bytes of those endings, and the signatures' names as a whole: first looks, since most names have none.
    ends: Bitmap,
    whole: Bitmap,
    /// The signatures' names by their hashes.
    own: Slots<(u32, &'static str, &'static Signature)>,
    aliases: Aliases,
}

impl Names {
    /// With the names of these signatures beside the general ones.
    pub fn new(signatures: &[&'static Signature]) -> Self {
        let own: Vec<_> = signatures
            .iter()
            .flat_map(|signature| {
                let vendor = of_vendor(signature).filter(|vendor| !signature.names.contains(vendor));
                let names = signature.names.iter().copied().chain(vendor);
                names.map(|name| (hash(name.bytes()), name, *signature))
            })
            .collect();
        let mut last_of_endings = LastLetters::default();
        ENDINGS.iter().for_each(|(ending, _)| last_of_endings.insert_ending(ending.as_bytes()));
        last_of_endings.insert(VALUE);
        let mut last_letters = last_of_endings.clone();
        let whole_names = || own.iter().map(|(_, name, _)| *name).chain(NEUTRAL.iter().copied());
        whole_names().for_each(|name| last_letters.insert(name.as_bytes()));
        let mut endings: Vec<Ending> = Vec::with_capacity(ENDINGS.len() + HARMLESS.len());
        let (mut ends, mut whole) = (Bitmap::default(), Bitmap::default());
        let telling = ENDINGS.iter().map(|(ending, telling)| (ending.as_bytes(), Some(*telling)));
        for (ending, telling) in HARMLESS.iter().map(|ending| (ending.as_bytes(), None)).chain(telling) {
            if let Some(last) = ending.last_chunk() {
                ends.insert(end_of(last));
                endings.push((*last, ending, telling));
            }
        }
        endings.sort_unstable_by_key(|(last, ..)| *last);
        whole_names().for_each(|name| whole.insert(hash(name.bytes())));
        let own = Slots::new(&own, |(hash, ..)| *hash);
        let aliases = Aliases::new(signatures);
        Self { last_letters, last_of_endings, endings, ends, whole, own, aliases }
    }

    /// What texts call the vendors.
    pub(super) fn aliases(&self) -> &Aliases {
        &self.aliases
    }

    /// The first look, made for every value candidate: may the name at the end of `name` tell anything? What stands before
    /// it, from a quote or another delimiter on, does not matter. Digits at the end count for nothing, as in [`Normal`].
    #[inline]
    pub fn may_tell(&self, name: &[u8]) -> bool {
        let letters = last_letters(name);
        self.last_letters.may_have(letters) && self.may_tell_whole(letters, name)
    }

    /// The same by the last two, three or four letters alone, for names that have as many; the last one lowest.
    #[inline]
    pub fn may_end(&self, letters: u32) -> bool {
        self.last_letters.may_have(letters)
    }

    /// What [`Names::may_end`] looks into, by the `mix` of the letters.
    pub fn last_letters(&self) -> &Bitmap {
        &self.last_letters.0
    }

    /// The second look: what is no telling ending must be a telling name as a whole, if a quote shows where it begins:
    /// `linode`, but not `node`.
    fn may_tell_whole(&self, letters: u32, name: &[u8]) -> bool {
        if self.last_of_endings.may_have(letters) {
            return true;
        }
        let is_part = |byte: &u8| is_name_letter(*byte) || matches!(byte, b'_' | b'-' | b'.');
        match name.iter().rposition(|byte| !is_part(byte)) {
            Some(quote) if matches!(name[quote], b'"' | b'\'' | b'`') => {
                let name = &name[quote + 1..];
                let letters = name.iter().filter(|byte| is_name_letter(**byte));
                // What does not count at a name's end is none of its letters.
                let is_plain = name.last().is_some_and(|last| !last.is_ascii_digit());
                !is_plain || self.whole.has(hash(letters.map(u8::to_ascii_lowercase)))
            }
            _ => true,
        }
    }

    /// What a normalised name tells by itself.
    pub fn telling(&self, name: &Normal) -> Option<Telling> {
        let bytes = name.as_bytes();
        let mut best = None;
        let last = bytes.last_chunk()?;
        let may_end = self.ends.has(end_of(last));
        let first =
            if may_end { self.endings.partition_point(|(own, ..)| own < last) } else { self.endings.len() };
        for (_, ending, telling) in self.endings[first..].iter().take_while(|(own, ..)| own == last) {
            if bytes.ends_with(ending) {
                best = best.max(Some((*telling)?));
            }
        }
        // A vendor's name tells nothing of a value that is none of its keys.
        best.or_else(|| self.of(name).next().map(|_| Telling::Hint))
    }

    /// The signatures that have this very name among theirs, in the order in which they were loaded.
    pub fn of<'s>(&'s self, name: &'s Normal) -> impl Iterator<Item = &'static Signature> + 's {
        let hash = hash(name.as_bytes().iter().copied());
        let own = if self.whole.has(hash) { self.own.get(hash) } else { &[] };
        own.iter().filter(|(_, own, _)| own.as_bytes() == name.as_bytes()).map(|(.., signature)| *signature)
    }
}

/// Three bytes as a number.
#[inline]
fn end_of([a, b, c]: &[u8; 3]) -> u32 {
    u32::from_le_bytes([*a, *b, *c, 0])
}

/// 24 bits of a name (FNV-1a).
#[inline]
fn hash(name: impl Iterator<Item = u8>) -> u32 {
    let hash = name.fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash ^ hash >> 24
}

/// The last four letters or digits of names, folded: a set with false positives.
#[derive(Clone, Default)]
struct LastLetters(Bitmap);

impl LastLetters {
    /// Adds a name.
    fn insert(&mut self, name: &[u8]) {
        self.0.insert(mix(last_letters(name)));
    }

    /// Adds all names that end so.
    fn insert_ending(&mut self, ending: &[u8]) {
        self.insert(ending);
        if last_letters(ending) >> 24 == 0 {
            (1..=255u32).for_each(|before| self.0.insert(mix(last_letters(ending) | before << 24)));
        }
    }

    #[inline]
    fn may_have(&self, letters: u32) -> bool {
        self.0.has(mix(letters))
    }
}

/// Four bytes to the three that a bitmap tells apart.
#[inline]
fn mix(letters: u32) -> u32 {
    letters ^ letters >> 24 << 11 ^ letters >> 24
}

/// The last four letters or digits of the name that ends here, folded, the last one lowest; digits at the very end are
/// left out.
#[inline]
fn last_letters(name: &[u8]) -> u32 {
    let (mut letters, mut shift) = (0, 0);
    for &byte in name.iter().rev() {
        if shift == 32 || shift > 0 && is_delimiter(byte) {
            break;
        }
        if is_name_letter(byte) && !(shift == 0 && byte.is_ascii_digit()) {
            letters |= u32::from(byte.to_ascii_lowercase()) << shift;
            shift += 8;
        }
    }
    letters
}

/// No name goes on beyond these.
#[inline]
fn is_delimiter(byte: u8) -> bool {
    matches!(
        byte,
        b'"' | b'\''
            | b'`'
            | b'{'
            | b'}'
            | b','
            | b'?'
            | b'&'
            | b';'
            | b'('
            | b'<'
            | b'='
            | b':'
            | b'\\'
            | b'\n'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_in_order() {
        assert!(WORDS.is_sorted());
    }

    fn telling(name: &str) -> Option<Telling> {
        let names = Names::new(&[]);
        let normal = Normal::new(name.as_bytes());
        let telling = names.telling(&normal);
        assert!(
            telling.is_none() || names.may_tell(name.as_bytes()),
            "{name}: the first look must not lose it"
        );
        telling
    }

    #[test]
    fn the_last_word_tells() {
        for name in [
            "apiKey",
            "X-API-Key",
            "client_secret",
            "auth[access_token]",
            "Authorization",
            "xApiKey2",
            "apiKeyValue",
            "jeton",
            "chave_secreta",
            "chiave-segreta",
            "api-sleutel",
            "klucz API",
            "シークレット",
            "金鑰",
        ] {
            assert_eq!(telling(name), Some(Telling::Strong), "{name}");
        }
        for name in [
            "password",
            "DB_PASSWORD",
            "userPass",
            "Passwort",
            "contraseña",
            "senha",
            "palavra-passe",
            "口令",
        ] {
            assert_eq!(telling(name), Some(Telling::Password), "{name}");
        }
        for name in ["key", "sig", "code", "appid", "someKey"] {
            assert_eq!(telling(name), Some(Telling::Weak), "{name}");
        }
        for name in [
            "apiKeyName",
            "maxTokens",
            "tokenType",
            "publicKey",
            "partition_key",
            "id",
            "author",
            "documentKey",
            "keyboard",
            "nextPageToken",
            "csrfToken",
            "forgotPassword",
            "change_password",
        ] {
            assert_eq!(telling(name), None, "{name}");
        }
    }
}
