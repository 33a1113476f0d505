//! What base64 holds that is no text: containers and packed data, told by their first bytes. What is in a container is for
//! others to say; here it is only told apart from keys, pictures and hashes, which are not worth a look.

/// The first bytes of containers and of documents that are such. Sources: the formats' own specifications.
const MAGIC: &[&[u8]] = &[
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"PK\x07\x08",
    b"\x28\xb5\x2f\xfd",         // Zstandard (RFC 8878)
    b"7z\xbc\xaf\x27\x1c",       // 7z
    b"Rar!\x1a\x07",             // RAR
    b"\xfd7zXZ\x00",             // xz
    b"\x04\x22\x4d\x18",         // LZ4
    b"MSCF\0\0\0\0",             // cabinet
    b"%PDF-",                    // PDF
    b"\xd0\xcf\x11\xe0\xa1\xb1", // old Office and Outlook files
    b"SQLite format 3\0",        // SQLite
];

/// Where a tar's first header names its format, and how (POSIX.1-1988).
const TAR: (usize, &[u8]) = (257, b"ustar");

/// Whether these bytes begin as a container does.
pub fn is_container(bytes: &[u8]) -> bool {
    let bzip2 = matches!(bytes, [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, ..]);
    bzip2
        || MAGIC.iter().any(|magic| bytes.starts_with(magic))
        || bytes.get(TAR.0..).is_some_and(|rest| rest.starts_with(TAR.1))
}

/// Whether these eight bytes begin what gzip or zlib packed, or may begin a container.
pub(super) fn is_packed(first: &[u8; 8]) -> bool {
    let [a, b, c, d, e, f, ..] = *first;
    (a, b, c) == (0x1f, 0x8b, 8) || super::deflate::is_zlib([a, b]) || may_be_container(&[a, b, c, d, e, f])
}

/// Whether a container may begin with this byte.
pub(super) fn may_begin(byte: u8) -> bool {
    matches!(byte, b'P' | b'(' | b'7' | b'R' | 0xfd | 4 | b'M' | b'%' | 0xd0 | b'S')
}

/// Whether these six bytes may begin a container: the same by as much as is there.
pub(super) fn may_be_container(first: &[u8; 6]) -> bool {
    may_begin(first[0]) && MAGIC.iter().any(|magic| first.starts_with(&magic[..magic.len().min(6)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_containers() {
        assert!(
            is_container(b"PK\x03\x04\x14\0") && is_container(b"BZh91AY&SY") && is_container(b"%PDF-1.7")
        );
        assert!(!is_container(b"\x89PNG\r\n\x1a\n") && !is_container(b"") && !is_container(b"PK and more"));
        assert!(is_container(&[&[b'a'; 257][..], b"ustar\x0000"].concat()));
        assert!(
            MAGIC
                .iter()
                .all(|magic| may_be_container(&std::array::from_fn(|at| *magic.get(at).unwrap_or(&0))))
        );
        assert!(may_be_container(b"SQLite") && !may_be_container(b"SQLit "));
    }
}
