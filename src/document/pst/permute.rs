//! The encoding in which Outlook keeps its data unless told otherwise: each byte stands for another ([MS-PST] 5.1,
//! `NDB_CRYPT_PERMUTE`). It hides nothing, so that what the structure does not lead to can be read all the same.

use std::io::{self, Read};

use super::super::ole::Reader;

/// What each byte stands for: `mpbbI` of the specification.
#[rustfmt::skip]
const MEANING: [u8; 256] = [
    71, 241, 180, 230, 11, 106, 114, 72, 133, 78, 158, 235, 226, 248, 148, 83,
    224, 187, 160, 2, 232, 90, 9, 171, 219, 227, 186, 198, 124, 195, 16, 221,
    57, 5, 150, 48, 245, 55, 96, 130, 140, 201, 19, 74, 107, 29, 243, 251,
    143, 38, 151, 202, 145, 23, 1, 196, 50, 45, 110, 49, 149, 255, 217, 35,
    209, 0, 94, 121, 220, 68, 59, 26, 40, 197, 97, 87, 32, 144, 61, 131,
    185, 67, 190, 103, 210, 70, 66, 118, 192, 109, 91, 126, 178, 15, 22, 41,
    60, 169, 3, 84, 13, 218, 93, 223, 246, 183, 199, 98, 205, 141, 6, 211,
    105, 92, 134, 214, 20, 247, 165, 102, 117, 172, 177, 233, 69, 33, 112, 12,
    135, 159, 116, 164, 34, 76, 111, 191, 31, 86, 170, 46, 179, 120, 51, 80,
    176, 163, 146, 188, 207, 25, 28, 167, 99, 203, 30, 77, 62, 75, 27, 155,
    79, 231, 240, 238, 173, 58, 181, 89, 4, 234, 64, 85, 37, 81, 229, 122,
    137, 56, 104, 82, 123, 252, 39, 174, 215, 189, 250, 7, 244, 204, 142, 95,
    239, 53, 156, 132, 43, 21, 213, 119, 52, 73, 182, 18, 10, 127, 113, 136,
    253, 157, 24, 65, 125, 147, 216, 88, 44, 206, 254, 36, 175, 222, 184, 54,
    200, 161, 128, 166, 153, 152, 168, 47, 14, 129, 101, 115, 228, 194, 162, 138,
    212, 225, 17, 208, 8, 139, 42, 242, 237, 154, 100, 63, 193, 108, 249, 236,
];

/// Whether a file is encoded so: its version tells where that is said ([MS-PST] 2.2.2.6).
pub(super) fn is_used(head: &[u8]) -> bool {
    let wide = head.get(10).is_some_and(|version| *version >= 23);
    head.get(if wide { 513 } else { 461 }) == Some(&1)
}

/// A file with all its bytes as they are meant. Those that were not encoded are spoilt; they are no text.
pub(super) struct Permuted(pub(super) Reader);

impl Read for Permuted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(buffer)?;
        for byte in buffer.iter_mut().take(read) {
            *byte = MEANING.get(usize::from(*byte)).copied().unwrap_or(0);
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Memory;
    use std::sync::Arc;

    #[test]
    fn every_byte_stands_for_another() {
        let mut all = Vec::new();
        let source = Arc::new(Memory((0..=255).collect()));
        Permuted(Reader::new(source)).read_to_end(&mut all).unwrap();
        assert_eq!(all, MEANING);
        all.sort_unstable();
        assert_eq!(all, (0..=255).collect::<Vec<u8>>());
    }
}
