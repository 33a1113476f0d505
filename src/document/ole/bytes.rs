//! Numbers at places of little-endian structures, where there are any.

pub(in crate::document) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

pub(in crate::document) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// A length, a count or an offset.
pub(in crate::document) fn size_at(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32_at(bytes, at)?).ok()
}

/// So many bytes from a place on, or those of them that there are.
pub(in crate::document) fn part(bytes: &[u8], start: usize, length: usize) -> &[u8] {
    let rest = bytes.get(start..).unwrap_or_default();
    rest.get(..length).unwrap_or(rest)
}
