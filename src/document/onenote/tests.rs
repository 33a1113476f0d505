use super::*;
use crate::document::recorder::Recorder;
use crate::source::Memory;

const GUID: [u8; 16] =
    [0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff];

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn reference(start: usize, length: usize) -> Vec<u8> {
    [u32::try_from(start).unwrap().to_le_bytes(), u32::try_from(length).unwrap().to_le_bytes()].concat()
}

/// A node whose reference, if it has one, is of twice 4 bytes ([MS-ONESTORE] 2.4.3).
fn node(id: u32, base: u32, data: &[u8]) -> Vec<u8> {
    let size = u32::try_from(data.len() + 4).unwrap();
    [&(id | size << 10 | 1 << 23 | base << 27 | 1 << 31).to_le_bytes()[..], data].concat()
}

fn fragment(nodes: &[Vec<u8>]) -> Vec<u8> {
    let magic = 0xa456_7ab1_f5f7_f4c4_u64.to_le_bytes();
    let end = [&[0xff; 8][..], &[0; 4], &0x8bc2_15c3_8233_ba4b_u64.to_le_bytes()].concat();
    [&magic[..], &[1, 0, 0, 0, 0, 0, 0, 0], &nodes.concat(), &node(0xff, 0, &[]), &end].concat()
}

fn string(text: &str) -> Vec<u8> {
    [&u32::try_from(text.encode_utf16().count()).unwrap().to_le_bytes()[..], &wide(text)].concat()
}

/// Properties of an object ([MS-ONESTORE] 2.6.1): no identifiers, then a number, and these texts.
fn properties(texts: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = 0x8000_0000_u32.to_le_bytes().to_vec();
    bytes.extend(u16::try_from(texts.len() + 1).unwrap().to_le_bytes());
    bytes.extend(0x1400_1234_u32.to_le_bytes());
    texts.iter().for_each(|(id, _)| bytes.extend(id.to_le_bytes()));
    bytes.extend([9, 9, 9, 9]);
    for (_, text) in texts {
        bytes.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
        bytes.extend(text);
    }
    bytes
}

/// A section with one page and one file.
fn section() -> Vec<u8> {
    let mut file = vec![0; 1024];
    file[..16].copy_from_slice(SECTION);
    file[48..64].copy_from_slice(REVISION_STORE);
    let mut add = |bytes: Vec<u8>| {
        let place = reference(file.len(), bytes.len());
        file.extend(bytes);
        place
    };
    let object = add(properties(&[
        (0x1c00_1cf3, wide("Keys\0")),
        (0x1c00_1c22, wide("a ключ")),
        (0x1c00_3498, b"narrow".to_vec()),
        (0x1c00_1c22, wide("a ключ")),
        (0x1c00_9999, wide("something else")),
    ]));
    let magic =
        [0xe7, 0x16, 0xe3, 0xbd, 0x65, 0x26, 0x11, 0x45, 0xa4, 0xc4, 0x8d, 0x4d, 0x0b, 0x7a, 0x9e, 0xac];
    let embedded = add([&magic[..], &5_u64.to_le_bytes(), &[0; 12], b"hello", &[0; 19]].concat());
    let declared =
        [vec![0; 9], string("<ifndf>{00112233-4455-6677-8899-aabbccddeeff}"), string(".txt")].concat();
    let page = add(fragment(&[
        node(0x0a4, 1, &[&object[..], &[0; 9]].concat()),
        node(0x072, 0, &declared),
        node(0x094, 1, &[&embedded[..], &GUID].concat()),
    ]));
    let root = add(fragment(&[node(0x008, 2, &[&page[..], &[0; 20]].concat()), node(0x004, 0, &[0; 20])]));
    file[172..176].copy_from_slice(&root[..4]);
    file[180..184].copy_from_slice(&root[4..]);
    file
}

fn decoded(bytes: Vec<u8>) -> Recorder {
    let source: Arc<dyn ReadAt> = Arc::new(Memory(bytes));
    let mut recorder = Recorder::default();
    decode(&source, &mut recorder);
    recorder
}

#[test]
fn pages_and_files() {
    let section = decoded(section());
    assert_eq!(section.text(), "Keys\na ключ\nnarrow\n");
    assert_eq!(section.place("narrow"), Some("page \"Keys\""));
    assert_eq!(section.member("file 1.txt").as_deref(), Some("hello"));
    assert_eq!(section.gaps, []);
}

#[test]
fn what_cannot_be_read_is_told() {
    let reasons = |bytes| decoded(bytes).gaps.iter().map(|(reason, _)| *reason).collect::<Vec<_>>();
    let whole = section();
    assert_eq!(reasons(whole[..1200].to_vec()), [Reason::Corrupt]);
    let mut other = whole.clone();
    other[48] ^= 1;
    assert_eq!(reasons(other), [Reason::Unsupported]);
    // A list that contains itself.
    let mut circle = whole.clone();
    let root = usize::try_from(u32::from_le_bytes(*whole[172..].first_chunk().unwrap())).unwrap();
    circle[root + 20..root + 24].copy_from_slice(&whole[172..176]);
    assert!(decoded(circle).texts.is_empty());
    let mut seed: u32 = 13;
    let mut next = move || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223); // Numerical Recipes' generator
        (seed >> 8) as usize
    };
    for _ in 0..2000 {
        let mut bytes = whole.clone();
        for _ in 0..3 {
            let at = next() % bytes.len();
            bytes[at] = next() as u8;
        }
        bytes.truncate(next() % bytes.len() + 1);
        decoded(bytes);
    }
}
