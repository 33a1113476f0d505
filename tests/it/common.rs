//! What the tests of the scan share: one scanner, findings in short, tokens made at run time.

use std::io::{self, Write};
use std::sync::LazyLock;

use keysieve::blob::{Alone, Blob, Landmarks, Provenance, Span};
use keysieve::budget::Budget;
use keysieve::detect::Detectors;
use keysieve::finding::Finding;
use keysieve::scan::{self, BlobScan, Scanner, Scratch};
use keysieve::signature::{self, Signature, examples};

/// 2026-11-23T12:00:00Z
pub(crate) const NOW: i64 = 1_795_435_200;

/// All built-in signatures and the default budget.
pub(crate) static SCANNER: LazyLock<Scanner> = LazyLock::new(|| Scanner {
    detectors: Detectors::new(signature::built_in().iter().collect()),
    budget: Budget::default(),
    now: NOW,
    worker: Some(env!("CARGO_BIN_EXE_keysieve").into()),
});

/// Scans bytes as one blob.
pub(crate) fn scan_bytes(bytes: &[u8]) -> BlobScan {
    let provenance = Provenance::file("test");
    let blob = Blob { provenance: &provenance, bytes, package: &Alone, landmarks: Landmarks::NONE };
    scan::blob(&blob, &SCANNER, &mut Scratch::default())
}

/// The findings of a text.
pub(crate) fn findings(text: impl AsRef<[u8]>) -> Vec<Finding> {
    scan_bytes(text.as_ref()).findings
}

/// A finding in short: id, secret, and bytes of the blob.
pub(crate) type Short = (&'static str, String, Span);

/// A finding in short.
pub(crate) fn short(finding: &Finding) -> Short {
    let bytes = finding.location.bytes.as_ref().expect("a place in a blob");
    (finding.signature.id, value(finding), bytes.start as usize..bytes.end as usize)
}

/// The secret as text.
pub(crate) fn value(finding: &Finding) -> String {
    String::from_utf8_lossy(finding.secret.expose()).into_owned()
}

/// The signature of that id.
pub(crate) fn signature(id: &str) -> &'static Signature {
    signature::built_in().iter().find(|signature| signature.id == id).expect("a built-in signature")
}

/// A token of a signature's first shape, the same one each time for a number.
pub(crate) fn token(id: &str, number: u64) -> String {
    let signature = signature(id);
    examples::token(signature, &signature.shapes[0], number).0
}

/// SplitMix64 (Steele, Lea, Flood 2014): the same on every machine.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }

    /// Letters and digits, of each kind one at least.
    pub(crate) fn alnum(&mut self, length: usize) -> String {
        const ALNUM: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let mut text: Vec<u8> = (0..length).map(|_| ALNUM[self.below(62)]).collect();
        let first = self.below(length);
        for (place, kind) in [&ALNUM[..26], &ALNUM[26..52], &ALNUM[52..]].into_iter().enumerate() {
            text[(first + place) % length] = kind[self.below(kind.len())];
        }
        String::from_utf8(text).expect("ASCII")
    }
}

/// Where a text stands, once.
pub(crate) fn place(text: impl AsRef<[u8]>, part: impl AsRef<[u8]>) -> Span {
    let (text, part) = (text.as_ref(), part.as_ref());
    let places: Vec<usize> = memchr::memmem::find_iter(text, part).collect();
    assert_eq!(places.len(), 1, "{} in {}", String::from_utf8_lossy(part), String::from_utf8_lossy(text));
    places[0]..places[0] + part.len()
}

/// A private key in PEM that is none: a body that begins as PKCS #8's DER does (RFC 5958), and is random.
pub(crate) fn pem(bytes: usize, random: &mut Random) -> String {
    let mut der = vec![0x30, 0x82, (bytes >> 8) as u8, bytes as u8, 0x02, 0x01, 0x00];
    der.extend(random.bytes(bytes - 3));
    let digits = data_encoding::BASE64.encode(&der);
    let lines: Vec<&str> =
        digits.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("ASCII")).collect();
    // In two parts: what looks like a key's header is not committed.
    let label = ["PRIVATE", "KEY"].join(" ");
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// A signed JSON web token with these claims; the signature is random.
pub(crate) fn jwt(claims: &serde_json::Value, random: &mut Random) -> String {
    let part = |bytes: &[u8]| data_encoding::BASE64URL_NOPAD.encode(bytes);
    let header = part(br#"{"alg":"HS256","typ":"JWT"}"#);
    format!("{header}.{}.{}", part(claims.to_string().as_bytes()), part(&random.bytes(32)))
}

/// Says what a test left out; past what captures the output of tests that pass.
pub(crate) fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
