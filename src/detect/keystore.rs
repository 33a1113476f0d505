//! Keystores: files that are credentials as a whole, under a password that mostly stands close by.

use super::{By, Candidate, generic};
use crate::signature::Signature;

/// A keystore with a private or secret key in it. The value is its end, which no two share: the digest over its
/// content and password.
pub(crate) fn keystore(bytes: &[u8]) -> Option<Candidate> {
    let signature = if is_java(bytes) {
        &generic::JAVA_KEYSTORE
    } else if is_pkcs12(bytes) {
        &generic::PKCS12
    } else {
        return None;
    };
    Some(candidate(bytes, signature))
}

fn candidate(bytes: &[u8], signature: &'static Signature) -> Candidate {
    let digest = bytes.len().saturating_sub(32);
    Candidate {
        signature,
        by: By::Structure,
        span: 0..bytes.len(),
        secret: 0..bytes.len(),
        whole: Vec::new().into(),
        value: bytes.get(digest..).unwrap_or_default().to_vec().into(),
        name: None,
        user: None,
        claims: None,
        doubt: None,
    }
}

/// The most entries of a store that are looked at.
const ENTRIES: u32 = 10_000;

/// Whether it is a Java keystore, of either kind, with more in it than certificates to trust (the layout is that of
/// `sun.security.provider.JavaKeyStore.engineStore` in the OpenJDK).
fn is_java(bytes: &[u8]) -> bool {
    let Some(rest) = bytes.strip_prefix(b"\xfe\xed\xfe\xed").or(bytes.strip_prefix(b"\xce\xce\xce\xce"))
    else {
        return false;
    };
    let mut rest = rest;
    let (Some(1 | 2), Some(count)) = (number(&mut rest), number(&mut rest)) else { return false };
    for _ in 0..count.min(ENTRIES) {
        match number(&mut rest) {
            Some(1 | 3) => return true,
            Some(2) => {}
            _ => return false,
        }
        // A name, a date, a type, a certificate.
        let skipped =
            skip_short(&mut rest).and_then(|()| skip(&mut rest, 8)).and_then(|()| skip_short(&mut rest));
        let length = skipped.and_then(|()| number(&mut rest));
        if length.and_then(|length| skip(&mut rest, length as usize)).is_none() {
            return false;
        }
    }
    false
}

fn number(rest: &mut &[u8]) -> Option<u32> {
    let (number, behind) = rest.split_first_chunk::<4>()?;
    *rest = behind;
    Some(u32::from_be_bytes(*number))
}

fn skip(rest: &mut &[u8], bytes: usize) -> Option<()> {
    *rest = rest.get(bytes..)?;
    Some(())
}

fn skip_short(rest: &mut &[u8]) -> Option<()> {
    let (length, behind) = rest.split_first_chunk::<2>()?;
    *rest = behind;
    skip(rest, u16::from_be_bytes(*length).into())
}

/// Whether it is a PKCS#12 file (RFC 7292 §4): a sequence as long as the file, with version 3 and another sequence.
fn is_pkcs12(bytes: &[u8]) -> bool {
    let [0x30, 0x82, high, low, 0x02, 0x01, 0x03, 0x30, ..] = bytes else { return false };
    usize::from(u16::from_be_bytes([*high, *low])) + 4 == bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn java(entries: &[(u32, &[u8])]) -> Vec<u8> {
        let mut bytes = [&b"\xfe\xed\xfe\xed\0\0\0\x02"[..], &(entries.len() as u32).to_be_bytes()].concat();
        for (tag, content) in entries {
            bytes.extend(tag.to_be_bytes());
            bytes.extend(b"\0\x02ab\0\0\0\0\0\0\0\0");
            if *tag == 2 {
                bytes.extend(b"\0\x05X.509");
            }
            bytes.extend((content.len() as u32).to_be_bytes());
            bytes.extend(*content);
        }
        bytes.extend([7; 20]);
        bytes
    }

    #[test]
    fn stores_of_keys_are_told_from_those_of_trust() {
        let is = |bytes: &[u8]| keystore(bytes).map(|candidate| candidate.signature.id);
        assert_eq!(is(&java(&[(2, b"cert"), (1, b"key")])), Some("java-keystore"));
        assert_eq!(is(&java(&[(2, b"cert"), (2, b"cert")])), None);
        assert_eq!(is(&java(&[])), None);
        let pkcs12 = [&b"\x30\x82\x01\x00\x02\x01\x03\x30\x81\xf9"[..], &[0; 250]].concat();
        assert_eq!(is(&pkcs12), Some("pkcs12-keystore"));
        assert_eq!(is(&pkcs12[..200]), None);
        for length in 0..60 {
            let _ = is(&java(&[(2, b"cert"), (1, b"key")])[..length]);
        }
    }
}
