//! The lazy reader against serde_json on valid documents, and against itself on broken ones.

use proptest::prelude::*;
use serde_json::Value as Tree;

use super::*;

/// Builds the tree that serde_json would, by way of the lazy reader.
fn tree(value: Value<'_>) -> Tree {
    if value.is_object() {
        return Tree::Object(
            value.members().map(|(key, value)| (key.text().into_owned(), tree(value))).collect(),
        );
    }
    if value.is_array() {
        return Tree::Array(value.items().map(tree).collect());
    }
    match value.text() {
        Some(text) => Tree::String(text.into_owned()),
        None => serde_json::from_slice(value.raw()).unwrap(),
    }
}

/// The pointer of the byte at `offset`, by way of the cursor.
fn pointer(cursor: &mut Cursor, text: &[u8], offset: usize) -> (String, Leaf) {
    let leaf = cursor.seek(text, offset);
    let mut pointer = String::new();
    for frame in cursor.frames() {
        match &frame.part {
            Some(Part::Item(index)) => pointer += &format!("/{index}"),
            Some(Part::Member(_)) => {
                let key = frame.key(text).unwrap().text().replace('~', "~0").replace('/', "~1");
                pointer += &format!("/{key}");
            }
            None => {}
        }
    }
    (pointer, leaf)
}

fn trees() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        Just(Tree::Null),
        any::<bool>().prop_map(Tree::from),
        any::<i64>().prop_map(Tree::from),
        any::<u32>().prop_map(|number| Tree::from(f64::from(number) / 7.0)),
        text().prop_map(Tree::from),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Tree::from),
            prop::collection::vec((text(), inner), 0..6).prop_map(Tree::from_iter),
        ]
    })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c~/\"\\\\]{0,4}", ".{0,8}", Just("\u{1F600}\n\t\u{1}".to_owned())]
}

/// A document as text: compact, pretty, or with every character beyond ASCII escaped.
fn written() -> impl Strategy<Value = (Tree, String)> {
    (trees(), 0..3).prop_map(|(tree, form)| {
        let text = match form {
            0 => serde_json::to_string(&tree).unwrap(),
            1 => serde_json::to_string_pretty(&tree).unwrap(),
            _ => escaped(&serde_json::to_string(&tree).unwrap()),
        };
        (tree, text)
    })
}

fn escaped(text: &str) -> String {
    let mut units = [0; 2];
    text.chars().fold(String::new(), |out, character| match character.is_ascii() {
        true => out + &character.to_string(),
        false => {
            character.encode_utf16(&mut units).iter().fold(out, |out, unit| out + &format!("\\u{unit:04x}"))
        }
    })
}

proptest! {
    #[test]
    fn reads_what_serde_json_reads((tree_, text) in written()) {
        let value = Value::first(text.as_bytes()).unwrap();
        prop_assert_eq!(tree(value), serde_json::from_str::<Tree>(&text).unwrap());
        prop_assert_eq!(value.end(), text.len());
        prop_assert!(!(tree_.is_object() || tree_.is_array()) || is_json(text.as_bytes()));
    }

    #[test]
    fn pointers_lead_to_their_leaf((tree_, text) in written(), backwards in any::<bool>()) {
        let mut cursor = Cursor::default();
        let mut offsets: Vec<usize> = (0..text.len()).collect();
        if backwards {
            offsets.reverse();
        }
        for offset in offsets {
            let (pointer, leaf) = pointer(&mut cursor, text.as_bytes(), offset);
            let target = tree_.pointer(&pointer);
            prop_assert!(target.is_some(), "{pointer} at {offset} of {text}");
            if leaf.role == Role::Value {
                let read = serde_json::from_str::<Tree>(&text[leaf.span.clone()]).unwrap();
                prop_assert_eq!(target, Some(&read));
                let found = Value::first(text.as_bytes()).unwrap().pointer(&pointer).unwrap();
                prop_assert_eq!(found.start(), leaf.span.start);
            }
        }
    }

    #[test]
    fn decoding_maps_every_byte(content in ".{0,40}") {
        let written = escaped(&serde_json::to_string(&content).unwrap());
        let raw = &written.as_bytes()[1..written.len() - 1];
        let decoded = escape::Unescaped::new(raw);
        prop_assert_eq!(&decoded.text, content.as_bytes());
        let offsets: Vec<usize> = (0..=raw.len()).map(|at| decoded.decoded(raw, at)).collect();
        prop_assert!(offsets.is_sorted());
        prop_assert_eq!(offsets.first(), Some(&0));
        prop_assert_eq!(offsets.last(), Some(&content.len()));
        prop_assert!(offsets.iter().all(|at| content.is_char_boundary(*at)));
    }

    #[test]
    fn hostile_bytes_do_no_harm(text in prop::collection::vec(hostile_byte(), 0..200), seeks in prop::collection::vec(0usize..220, 0..20)) {
        let mut cursor = Cursor::default();
        for offset in seeks {
            let once = pointer(&mut cursor, &text, offset);
            prop_assert_eq!(once, pointer(&mut Cursor::default(), &text, offset));
        }
        for value in documents(&text) {
            prop_assert!(value.end() > value.start());
            let _ = (value.text(), value.members().count(), value.items().count(), value.pointer("/a/0"));
        }
        is_json(&text);
    }
}

fn hostile_byte() -> impl Strategy<Value = u8> {
    prop_oneof![any::<u8>(), prop::sample::select(b"{}[]\",:\\/* \nu0a".to_vec())]
}

#[test]
fn tolerates_what_people_write() {
    let text = b"\xEF\xBB\xBF{ // comment\n \"a\": [1, 2,], /* b */ c: {\"d\" : 'x' \"e\": 1}, }";
    let value = Value::first(text).unwrap();
    assert_eq!(value.path(&["c", "e"]).unwrap().raw(), b"1");
    assert_eq!(value.get("a").unwrap().items().count(), 2);
    let cut = br#"{"a": {"b": ["x", "y"#;
    assert_eq!(pointer(&mut Cursor::default(), cut, cut.len() - 1).0, "/a/b/1");
    assert_eq!(Value::first(cut).unwrap().end(), cut.len());
}

#[test]
fn documents_follow_each_other() {
    let text = b"{\"a\":1}\n{\"a\":2} [3]\n";
    let starts: Vec<usize> = documents(text).map(Value::start).collect();
    assert_eq!(starts, [0, 8, 16]);
    assert_eq!(pointer(&mut Cursor::default(), text, 13).0, "/a");
}

#[test]
fn depth_is_bounded() {
    let mut text = vec![b'['; 3 * MAX_DEPTH];
    text.extend_from_slice(b"1");
    text.extend(vec![b']'; 3 * MAX_DEPTH - 1]);
    text.extend_from_slice(b",2]");
    let mut cursor = Cursor::default();
    cursor.seek(&text, 3 * MAX_DEPTH);
    assert_eq!(cursor.frames().len(), MAX_DEPTH);
    cursor.seek(&text, text.len() - 2);
    assert_eq!(cursor.frames().last().unwrap().part, Some(Part::Item(1)));
    assert_eq!(Value::first(&text).unwrap().end(), text.len());
}

#[test]
fn going_back_starts_from_a_mark() {
    let text: Vec<u8> =
        (0..200_000).flat_map(|number| format!("{{\"n\":{number}}}\n").into_bytes()).collect();
    let mut cursor = Cursor::default();
    let last = text.len() - 3;
    assert_eq!(cursor.seek(&text, last).role, Role::Value);
    let middle = text.len() / 2;
    let (leaf, frames) = (cursor.seek(&text, middle), cursor.frames().to_vec());
    let mut fresh = Cursor::default();
    assert_eq!((fresh.seek(&text, middle), fresh.frames().to_vec()), (leaf, frames));
}

#[test]
fn text_that_only_begins_like_json() {
    assert!(begins_like_json(b" {\"a\""));
    assert!(begins_like_json(b"[[1]]"));
    assert!(begins_like_json(b"[-1.5]"));
    for text in ["[section]\nkey = 1", "{{ $json.x }}", "{ return 1 }", "[link](x)", "text", ""] {
        assert!(!begins_like_json(text.as_bytes()), "{text}");
    }
    assert!(!is_json(br#"["a"].map(f)"#));
    assert!(is_json(br#"{"a": {{ $json.x }} }"#));
}
