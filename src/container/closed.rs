//! Formats that are known and cannot be opened yet. Their bytes are looked at as they stand, which sees little of what is
//! packed; so each is a gap. There is no "nothing found" about what nobody looked at.

/// First bytes and names. Sources: the formats' own specifications, and `file(1)`'s magic.
const CLOSED: &[(&[u8], &str)] = &[
    (b"xar!", "xar archive"),
    (b"MSWIM\0\0\0", "Windows image"),
    (b"hsqs", "squashfs image"),
    (b"ISc(", "InstallShield cabinet"),
    (b"\x1f\x9d\x90", "stream of compress"),
    (b"\x89LZO\0\r\n\x1a\n", "lzop stream"),
    (b"LRZI", "lrzip stream"),
    (b"SIT!", "StuffIt archive"),
    (b"StuffIt (c)", "StuffIt archive"),
    (b"ArC\x01", "FreeArc archive"),
    (b"ZOO ", "Zoo archive"),
    (b"ALZ\x01", "ALZip archive"),
    (b"7kSt\xa0\x31\x83\xd3", "ZPAQ archive"),
    (b"zPQ", "ZPAQ archive"),
    (b"BZ3v1", "bzip3 stream"),
    (b"RZIP", "rzip stream"),
    (b"DMS!", "DMS archive"),
    (b"ITSF\x03\0\0\0", "compiled help file"),
    #[cfg(not(feature = "parquet"))]
    (b"PAR1", "Parquet file"),
];

/// The name of the format that begins so, if it is known and cannot be opened.
pub(super) fn name(head: &[u8]) -> Option<&'static str> {
    if is_lha(head) {
        return Some("LHA archive");
    }
    if is_arj(head) {
        return Some("ARJ archive");
    }
    if head.get(7..14) == Some(b"**ACE**") {
        return Some("ACE archive");
    }
    CLOSED.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, name)| *name)
}

/// The size and checksum of a header, then its method: `-lh5-`.
fn is_lha(head: &[u8]) -> bool {
    matches!(head, [_, _, b'-', b'l', b'h' | b'z', b'0'..=b'9' | b's' | b'd', b'-', ..])
}

/// Two bytes, the size of a header of at most 2600 bytes, that of its first part, and the kind of the first header, 2
/// (ARJ's `technote.txt`).
fn is_arj(head: &[u8]) -> bool {
    let [0x60, 0xea, low, high, first, _, _, _, _, _, 2, ..] = *head else { return false };
    u16::from_le_bytes([low, high]) <= 2600 && (30..=60).contains(&first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_it_cannot_open() {
        assert_eq!(name(b"!!-lh5-"), Some("LHA archive"));
        assert_eq!(name(b""), None);
    }
}
