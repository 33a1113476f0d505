//! Formats that are known and cannot be opened yet. Their bytes are looked at as they stand, which sees little of what is
//! packed; so each is a gap. There is no "nothing found" about what nobody looked at.

/// First bytes and names. Sources: the formats' own specifications, and `file(1)`'s magic.
const CLOSED: &[(&[u8], &str)] = &[
    (b"7z\xbc\xaf\x27\x1c", "7z archive"),
    (b"Rar!\x1a\x07\x01\x00", "RAR archive"),
    (b"Rar!\x1a\x07\x00", "RAR archive"),
    (b"\xfd7zXZ\x00", "xz stream"),
    (b"LZIP\x01", "lzip stream"),
    (b"\x04\x22\x4d\x18", "LZ4 stream"),
    (b"MSCF\0\0\0\0", "cabinet archive"),
    (b"!<arch>\n", "ar archive"),
    (b"\xed\xab\xee\xdb", "RPM package"),
    (b"070701", "cpio archive"),
    (b"SQLite format 3\0", "SQLite database"),
    (b"PAR1", "Parquet file"),
];

/// The name of the format that begins so, if it is known and cannot be opened.
pub(super) fn name(head: &[u8]) -> Option<&'static str> {
    if is_bzip2(head) {
        return Some("bzip2 stream");
    }
    CLOSED.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, name)| *name)
}

/// `BZh`, a level, and the digits of pi with which each block begins.
fn is_bzip2(head: &[u8]) -> bool {
    matches!(head, [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_it_cannot_open() {
        assert_eq!(name(b"BZh91AY&SY"), Some("bzip2 stream"));
        assert_eq!(name(b"SQLite format 3\0"), Some("SQLite database"));
        assert_eq!(name(b"BZhello"), None);
        assert_eq!(name(b""), None);
    }
}
