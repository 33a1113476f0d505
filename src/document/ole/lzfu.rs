//! Compressed RTF ([MS-OXRTFCP]): LZ77 over a ring of 4096 bytes that begins with words of RTF.

use super::bytes::{part, u32_at};

/// What the ring begins with ([MS-OXRTFCP] 2.1.2.1).
const INITIAL: &[u8] =
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \
\\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \
\\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx";

const RING: usize = 4096;

/// The most that is decompressed, in bytes. One reference of two bytes gives at most 17, so the input bounds it as well.
const LIMIT: usize = 64 << 20;

/// The RTF in a compressed stream; `None` if it is none.
pub(in crate::document) fn decompress(stream: &[u8]) -> Option<Vec<u8>> {
    let body = stream.get(16..)?;
    match u32_at(stream, 8)? {
        0x414c_454d => Some(body.to_vec()), // "MELA": as it is
        0x7546_5a4c => Some(expand(body)),  // "LZFu"
        _ => None,
    }
}

fn expand(body: &[u8]) -> Vec<u8> {
    let mut ring = [b' '; RING];
    ring.iter_mut().zip(INITIAL).for_each(|(place, byte)| *place = *byte);
    let mut write = INITIAL.len();
    let mut out = Vec::new();
    let mut put = |ring: &mut [u8; RING], out: &mut Vec<u8>, byte: u8| {
        if let Some(place) = ring.get_mut(write) {
            *place = byte;
        }
        write = (write + 1) % RING;
        out.push(byte);
        write
    };
    let mut at = 0;
    let mut end = INITIAL.len();
    while let Some(control) = body.get(at) {
        at += 1;
        for bit in 0..8 {
            if control >> bit & 1 == 0 {
                let Some(byte) = body.get(at) else { return out };
                at += 1;
                end = put(&mut ring, &mut out, *byte);
                continue;
            }
            let [high, low] = *part(body, at, 2) else { return out };
            at += 2;
            let token = usize::from(high) << 8 | usize::from(low);
            let (offset, length) = (token >> 4, (token & 0xf) + 2);
            if offset == end || out.len() > LIMIT {
                return out;
            }
            for step in 0..length {
                let byte = ring.get((offset + step) % RING).copied().unwrap_or(b' ');
                end = put(&mut ring, &mut out, byte);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of [MS-OXRTFCP] 4.1.1 and 4.1.2.
    #[test]
    fn the_examples_of_the_specification() {
        let simple = data_encoding::HEXLOWER
            .decode(b"2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0")
            .unwrap();
        assert_eq!(decompress(&simple).unwrap(), b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n");
        let crossing = data_encoding::HEXLOWER
            .decode(b"1a0000001c0000004c5a4675e2d44b51410004205758595a0d6e7d010eb0")
            .unwrap();
        assert_eq!(decompress(&crossing).unwrap(), b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}");
        for cut in 16..crossing.len() {
            decompress(&crossing[..cut]);
        }
        assert_eq!(decompress(b"short"), None);
    }
}
