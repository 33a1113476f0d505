//! The checksums that vendors put into their tokens: a candidate with a wrong one is none.
//!
//! The algorithms are in `signatures/README.md`; each was recomputed over published examples of the vendor.

/// A checksum that a vendor puts into its tokens; see `signatures/README.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// `crc32-base62:last-6`
    Crc32Base62,
    /// `crc32-base36:last-7`
    Crc32Base36,
    /// `crc32-hex-upper:last-8`
    Crc32HexUpper,
    /// `crc32-hex-body:last-8`
    Crc32HexBody,
    /// `crc32-hex-le:last-8`
    Crc32HexLittle,
}

const BASE62: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE36: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const HEX: &[u8] = b"0123456789abcdef";
const UPPER_HEX: &[u8] = b"0123456789ABCDEF";

/// The greatest number of characters that a sum has.
const LONGEST_SUM: usize = 8;

impl Check {
    /// Every check, in the order of `signatures/README.md`.
    pub const ALL: &[Self] = &[
        Self::Crc32Base62,
        Self::Crc32Base36,
        Self::Crc32HexUpper,
        Self::Crc32HexBody,
        Self::Crc32HexLittle,
    ];

    /// The name in signature files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crc32Base62 => "crc32-base62:last-6",
            Self::Crc32Base36 => "crc32-base36:last-7",
            Self::Crc32HexUpper => "crc32-hex-upper:last-8",
            Self::Crc32HexBody => "crc32-hex-body:last-8",
            Self::Crc32HexLittle => "crc32-hex-le:last-8",
        }
    }

    /// The check of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|check| check.name() == name)
    }

    /// Whether the token, whole with its prefix, carries the sum that its other characters have.
    pub fn verify(self, token: &[u8]) -> bool {
        let mut sum = [0; LONGEST_SUM];
        let sum = &mut sum[..self.length()];
        match self.parts(token) {
            Some((covered, given)) => {
                self.write(covered, sum);
                sum == given
            }
            None => false,
        }
    }

    /// Overwrites the place of the sum in a token with the right one; does nothing to a token that has no place for
    /// it. Made for examples.
    pub fn seal(self, token: &mut [u8]) {
        let mut sum = [0; LONGEST_SUM];
        let sum = &mut sum[..self.length()];
        let Some((covered, _)) = self.parts(token) else {
            return;
        };
        self.write(covered, sum);
        if let Some(place) = token.len().checked_sub(sum.len()).and_then(|at| token.get_mut(at..)) {
            place.copy_from_slice(sum);
        }
    }

    /// How many characters the sum has.
    fn length(self) -> usize {
        match self {
            Self::Crc32Base62 => 6,
            Self::Crc32Base36 => 7,
            Self::Crc32HexUpper | Self::Crc32HexBody | Self::Crc32HexLittle => 8,
        }
    }

    /// The bytes that the sum is over, and the sum.
    fn parts(self, token: &[u8]) -> Option<(&[u8], &[u8])> {
        let (before, sum) = token.split_at_checked(token.len().checked_sub(self.length())?)?;
        let covered = match self {
            Self::Crc32Base62 | Self::Crc32HexBody => before.rsplit(|byte| *byte == b'_').next()?,
            Self::Crc32Base36 | Self::Crc32HexUpper => before,
            Self::Crc32HexLittle => before.strip_suffix(b"_")?,
        };
        Some((covered, sum))
    }

    fn write(self, covered: &[u8], sum: &mut [u8]) {
        let crc = crc32fast::hash(covered);
        match self {
            Self::Crc32Base62 => write_number(crc, BASE62, sum),
            Self::Crc32Base36 => write_number(crc, BASE36, sum),
            Self::Crc32HexUpper => write_number(crc, UPPER_HEX, sum),
            Self::Crc32HexBody => write_number(crc, HEX, sum),
            Self::Crc32HexLittle => write_number(crc.swap_bytes(), HEX, sum),
        }
    }
}

/// Writes a number with the digits given, the highest first, padded with the first digit.
fn write_number(mut number: u32, digits: &[u8], place: &mut [u8]) {
    let base = digits.len() as u32;
    for byte in place.iter_mut().rev() {
        *byte = digits[(number % base) as usize];
        number /= base;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sums that zlib's CRC32 gave, one for each check.
    #[test]
    fn known_sums_are_right() {
        let cases = [
            (Check::Crc32Base62, format!("gx_{}{}", "a".repeat(30), "1yLcDB")),
            (Check::Crc32Base62, format!("gx_{}{}", "aa", "08Yk6x")),
            (Check::Crc32Base36, format!("glx-{}{}", "a".repeat(30), "1vdpxp7")),
            (Check::Crc32HexUpper, format!("AX{}{}", "a".repeat(30), "6029F58D")),
            (Check::Crc32HexBody, format!("cx_{}{}", "a".repeat(40), "c95b8a25")),
            (Check::Crc32HexLittle, format!("gx_{}_{}", "a".repeat(32), "cd563a41")),
        ];
        for (check, token) in cases {
            assert!(check.verify(token.as_bytes()), "{}", check.name());
            let mut other = token.into_bytes();
            other[4] ^= 1;
            assert!(!check.verify(&other), "{}", check.name());
            check.seal(&mut other);
            assert!(check.verify(&other), "{}", check.name());
        }
    }

    #[test]
    fn a_token_without_a_place_for_the_sum_is_wrong() {
        for check in Check::ALL {
            for token in ["", "gx_", "1234567"] {
                let mut sealed = token.as_bytes().to_vec();
                assert!(!check.verify(&sealed), "{} {token}", check.name());
                check.seal(&mut sealed);
            }
        }
        let mut unmarked = *b"gx_aaaaaaaaaaaaaaaaaaaaaaa";
        Check::Crc32HexLittle.seal(&mut unmarked);
        assert_eq!(&unmarked, b"gx_aaaaaaaaaaaaaaaaaaaaaaa");
    }

    #[test]
    fn names_lead_back() {
        for check in Check::ALL {
            assert_eq!(Check::from_name(check.name()), Some(*check));
        }
        assert_eq!(Check::from_name("crc32"), None);
    }
}
