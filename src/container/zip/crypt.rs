//! Zip members under a password: the traditional encryption (APPNOTE.TXT 6.3.10, 6.1) and WinZip's AE-1 and AE-2
//! (<https://www.winzip.com/en/support/aes-encryption/>, read 2026-11-23). Packed bytes under a password go in, packed
//! bytes come out.

use std::io::{self, Read};

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use hmac::{Hmac, Mac};
use sha1::Sha1;
use zeroize::{Zeroize, Zeroizing};

use super::directory::{extra_field, u16_at};

/// The compression method that says: look at the extra field.
const AES_METHOD: u16 = 99;
const AES_FIELD: u16 = 0x9901;
/// Rounds of PBKDF2, bytes of the check and of the code at the end, as AE-1 and AE-2 have them.
const ROUNDS: u32 = 1000;
const VERIFIER: usize = 2;
const CODE: usize = 10;
/// The header that comes before a member under traditional encryption.
const HEADER: usize = 12;

/// The longest header before the packed bytes.
pub(super) const LONGEST: usize = 16 + VERIFIER;

/// How a member is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lock {
    /// The last byte of the decrypted header is the high byte of the checksum or, by some writers, of the time.
    Traditional { checks: [u8; 2] },
    /// With a key of so many bytes. AE-2 leaves the checksum out.
    Aes { key: usize, has_crc: bool },
    /// By a certificate, or in a way that nobody published.
    Other,
}

impl Lock {
    /// How a member is locked, if it is, and the method that its bytes are packed by.
    pub(super) fn of(flags: u16, method: u16, crc: u32, time: u16, extra: &[u8]) -> (Option<Self>, u16) {
        if flags & 1 == 0 {
            return (None, method);
        }
        if method == AES_METHOD {
            let field = extra_field(extra, AES_FIELD).filter(|field| field.len() >= 7);
            let Some(field) = field else {
                return (Some(Self::Other), method);
            };
            let key = match field[4] {
                1 => 16,
                2 => 24,
                3 => 32,
                _ => return (Some(Self::Other), u16_at(field, 5)),
            };
            return (Some(Self::Aes { key, has_crc: u16_at(field, 0) == 1 }), u16_at(field, 5));
        }
        if flags & 0x40 != 0 {
            return (Some(Self::Other), method);
        }
        let high = |bytes: [u8; 4]| bytes[3];
        let checks = [high(crc.to_le_bytes()), (time >> 8) as u8];
        // Only where the checksum stands behind the member can the time be meant.
        let checks = if flags & 8 != 0 { checks } else { [checks[0]; 2] };
        (Some(Self::Traditional { checks }), method)
    }

    /// Whether the checksum that the archive gives can be right.
    pub(super) fn has_crc(self) -> bool {
        !matches!(self, Self::Aes { has_crc: false, .. })
    }

    /// Bytes before and behind the packed ones.
    pub(super) fn around(self) -> (u64, u64) {
        match self {
            Self::Traditional { .. } => (HEADER as u64, 0),
            Self::Aes { key, .. } => ((key / 2 + VERIFIER) as u64, CODE as u64),
            Self::Other => (0, 0),
        }
    }

    /// The key by a password, if that seems to fit: a wrong one passes once in 256 times (AES: in 65,536).
    pub(super) fn key(self, head: &[u8], password: &[u8]) -> Option<Key> {
        match self {
            Self::Traditional { checks } => {
                let mut keys = Traditional::new(password);
                let mut header: [u8; HEADER] = *head.first_chunk()?;
                keys.decrypt(&mut header);
                checks.contains(&header[HEADER - 1]).then_some(Key::Traditional(keys))
            }
            Self::Aes { key, .. } => Aes::new(head, key, password).map(|aes| Key::Aes(Box::new(aes))),
            Self::Other => None,
        }
    }
}

/// What a member is decrypted with, from its first packed byte on.
pub(super) enum Key {
    Traditional(Traditional),
    Aes(Box<Aes>),
}

/// Packed bytes out of encrypted ones: from behind the header on, `length` of them, then the code, where there is one.
pub(super) struct Decrypted<R> {
    inner: R,
    key: Key,
    left: u64,
    told: bool,
}

impl<R: Read> Decrypted<R> {
    pub(super) fn new(inner: R, key: Key, length: u64) -> Self {
        Self { inner, key, left: length, told: false }
    }

    fn end(&mut self) -> io::Result<usize> {
        if let Key::Aes(aes) = &self.key
            && !std::mem::replace(&mut self.told, true)
        {
            let mut code = [0; CODE];
            self.inner.read_exact(&mut code)?;
            if aes.mac.clone().finalize().into_bytes().get(..CODE) != Some(&code) {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "its authentication code is wrong"));
            }
        }
        Ok(0)
    }
}

impl<R: Read> Read for Decrypted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if self.left == 0 {
            return self.end();
        }
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.inner.read(&mut buffer[..wanted])?;
        self.left = if read == 0 { 0 } else { self.left - read as u64 };
        match &mut self.key {
            Key::Traditional(keys) => keys.decrypt(&mut buffer[..read]),
            Key::Aes(aes) => aes.decrypt(&mut buffer[..read]),
        }
        Ok(read)
    }
}

/// The three keys of the traditional encryption.
pub(super) struct Traditional([u32; 3]);

impl Drop for Traditional {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Traditional {
    fn new(password: &[u8]) -> Self {
        let mut keys = Self([0x1234_5678, 0x2345_6789, 0x3456_7890]);
        password.iter().for_each(|byte| keys.update(*byte));
        keys
    }

    fn update(&mut self, byte: u8) {
        let [first, second, third] = &mut self.0;
        *first = crc(*first, byte);
        *second = second.wrapping_add(*first & 0xff).wrapping_mul(0x0808_8405).wrapping_add(1);
        *third = crc(*third, (*second >> 24) as u8);
    }

    fn decrypt(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            let word = (self.0[2] | 2) & 0xffff;
            *byte ^= (word.wrapping_mul(word ^ 1) >> 8) as u8;
            self.update(*byte);
        }
    }
}

/// One byte of CRC-32, without the inversions at its ends.
fn crc(crc: u32, byte: u8) -> u32 {
    const TABLE: [u32; 256] = table();
    crc >> 8 ^ TABLE[((crc ^ u32::from(byte)) & 0xff) as usize]
}

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut value = index as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { value >> 1 ^ 0xedb8_8320 } else { value >> 1 };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
}

/// AES in counter mode, the counter with its low byte first, and the code over what is encrypted.
pub(super) struct Aes {
    cipher: Cipher,
    mac: Hmac<Sha1>,
    counter: u128,
    stream: [u8; 16],
    used: usize,
}

enum Cipher {
    Of128(aes::Aes128),
    Of192(aes::Aes192),
    Of256(aes::Aes256),
}

impl Aes {
    fn new(head: &[u8], key: usize, password: &[u8]) -> Option<Self> {
        let salt = head.get(..key / 2)?;
        let mut keys = Zeroizing::new([0; 2 * 32 + VERIFIER]);
        let keys = keys.get_mut(..2 * key + VERIFIER)?;
        pbkdf2::pbkdf2::<Hmac<Sha1>>(password, salt, ROUNDS, keys).ok()?;
        let (cipher, rest) = keys.split_at(key);
        let (mac, verifier) = rest.split_at(key);
        if head.get(key / 2..key / 2 + VERIFIER) != Some(verifier) {
            return None;
        }
        let cipher = match key {
            16 => Cipher::Of128(aes::Aes128::new_from_slice(cipher).ok()?),
            24 => Cipher::Of192(aes::Aes192::new_from_slice(cipher).ok()?),
            _ => Cipher::Of256(aes::Aes256::new_from_slice(cipher).ok()?),
        };
        let mac = <Hmac<Sha1> as KeyInit>::new_from_slice(mac).ok()?;
        Some(Self { cipher, mac, counter: 0, stream: [0; 16], used: 16 })
    }

    fn decrypt(&mut self, bytes: &mut [u8]) {
        self.mac.update(bytes);
        for byte in bytes {
            if self.used == self.stream.len() {
                self.next_block();
            }
            *byte ^= self.stream[self.used];
            self.used += 1;
        }
    }

    fn next_block(&mut self) {
        self.counter += 1;
        let mut block = self.counter.to_le_bytes().into();
        match &self.cipher {
            Cipher::Of128(cipher) => cipher.encrypt_block(&mut block),
            Cipher::Of192(cipher) => cipher.encrypt_block(&mut block),
            Cipher::Of256(cipher) => cipher.encrypt_block(&mut block),
        }
        self.stream = block.into();
        self.used = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_that_of_crc_32() {
        let text = b"any text";
        let sum = text.iter().fold(u32::MAX, |sum, byte| crc(sum, *byte));
        assert_eq!(!sum, crc32fast::hash(text));
    }

    #[test]
    fn a_member_that_is_not_locked_has_no_lock() {
        assert_eq!(Lock::of(8, 8, 0, 0, &[]), (None, 8));
        let strong = Lock::of(0x41, 8, 0, 0, &[]);
        assert_eq!(strong, (Some(Lock::Other), 8));
        let aes = [0x01, 0x99, 7, 0, 2, 0, b'A', b'E', 3, 8, 0];
        assert_eq!(Lock::of(1, 99, 0, 0, &aes), (Some(Lock::Aes { key: 32, has_crc: false }), 8));
        assert_eq!(Lock::of(1, 99, 0, 0, &aes[..8]), (Some(Lock::Other), 99));
        let both = Lock::Traditional { checks: [0x12, 0x56] };
        assert_eq!(Lock::of(9, 0, 0x1234_5678, 0x5678, &[]).0, Some(both));
    }
}
