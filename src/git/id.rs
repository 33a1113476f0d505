//! The names of objects, and what kinds of them there are.

use std::fmt;

use data_encoding::HEXLOWER_PERMISSIVE;

/// What an object is called: its SHA-1 or SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Id {
    /// Of SHA-1 the first 20; the rest are zeros.
    bytes: [u8; 32],
    length: u8,
}

impl Id {
    /// Out of 20 or 32 bytes.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        if !matches!(bytes.len(), 20 | 32) {
            return None;
        }
        let mut id = Self { bytes: [0; 32], length: bytes.len() as u8 };
        id.bytes.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        Some(id)
    }

    /// Out of hexadecimal digits.
    pub(super) fn from_hex(text: &[u8]) -> Option<Self> {
        Self::of(&HEXLOWER_PERMISSIVE.decode(text).ok()?)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        out.write_str(&data_encoding::HEXLOWER.encode(self.bytes()))
    }
}

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Commit,
    Tree,
    Blob,
    Tag,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Tree => "tree",
            Self::Blob => "blob",
            Self::Tag => "tag",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        [Self::Commit, Self::Tree, Self::Blob, Self::Tag].into_iter().find(|kind| kind.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_written_as_it_was_read() {
        for text in ["00ff".repeat(10), "0a".repeat(32)] {
            assert_eq!(Id::from_hex(text.as_bytes()).expect("a name").to_string(), text);
        }
        for text in ["", "0", "00", "zz", &"0".repeat(41), &"é".repeat(20)] {
            assert_eq!(Id::from_hex(text.as_bytes()), None, "{text}");
        }
    }
}
