//! Deltas between objects (<https://git-scm.com/docs/pack-format>, "Deltified representation").

/// What a delta makes of its base, if that has at most `limit` bytes; `None` if it is broken or makes more.
pub(crate) fn apply(base: &[u8], delta: &[u8], limit: usize) -> Option<Vec<u8>> {
    let mut delta = delta.iter();
    if size(&mut delta)? != base.len() as u64 {
        return None;
    }
    let wanted = usize::try_from(size(&mut delta)?).ok().filter(|wanted| *wanted <= limit)?;
    // Room for what most deltas make, which nobody has to believe.
    let mut result = Vec::with_capacity(wanted.min(base.len().saturating_mul(2)));
    while let Some(&operation) = delta.next() {
        let part = match operation {
            0 => return None, // reserved
            1..0x80 => {
                let rest = delta.as_slice();
                let (part, rest) = rest.split_at_checked(operation.into())?;
                delta = rest.iter();
                part
            }
            _ => copied(base, operation, &mut delta)?,
        };
        if part.len() > wanted - result.len() {
            return None;
        }
        result.extend_from_slice(part);
    }
    (result.len() == wanted).then_some(result)
}

/// A size in groups of seven bits, the lowest first.
fn size(bytes: &mut std::slice::Iter<u8>) -> Option<u64> {
    let (mut size, mut shift) = (0u64, 0);
    loop {
        let byte = *bytes.next()?;
        size |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(size);
        }
        shift += 7;
    }
}

/// A stretch of the base: the operation's bits say which bytes of its offset and size follow.
fn copied<'b>(base: &'b [u8], operation: u8, delta: &mut std::slice::Iter<u8>) -> Option<&'b [u8]> {
    let mut number = |bits: u8, count: u32| {
        (0..count).try_fold(0usize, |number, byte| {
            let given = bits >> byte & 1 == 1;
            let part = if given { usize::from(*delta.next()?) } else { 0 };
            Some(number | part << (8 * byte))
        })
    };
    let offset = number(operation, 4)?;
    let size = match number(operation >> 4, 3)? {
        0 => 0x10000,
        size => size,
    };
    base.get(offset..offset.checked_add(size)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delta_copies_and_inserts() {
        let base = b"0123456789";
        // sizes 10 and 8, copy 3 bytes from 2, insert "ab", copy 3 from 7
        let delta = b"\x0a\x08\x91\x02\x03\x02ab\x91\x07\x03";
        assert_eq!(apply(base, delta, 100).as_deref(), Some(&b"234ab789"[..]));
        assert_eq!(apply(base, delta, 7), None);
        assert_eq!(apply(&base[1..], delta, 100), None);
        for end in 0..delta.len() {
            assert_eq!(apply(base, &delta[..end], 100), None, "{end}");
        }
        for broken in [&b"\x0a\x03\x91\x08\x03"[..], b"\x0a\x03\0", b"\x0a\x02\x91\x02\x03"] {
            assert_eq!(apply(base, broken, 100), None);
        }
    }
}
