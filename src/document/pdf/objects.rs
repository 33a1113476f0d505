//! Objects: every string under its key, so that links, comments, form values, scripts and properties are seen whatever
//! they hang on; and streams that no page shows.

use std::collections::BTreeMap;

use hayro_interpret::hayro_syntax::Pdf;
use hayro_interpret::hayro_syntax::object::{Array, Dict, MaybeRef, Name, Object, Stream};

use super::page::{Seen, key};
use crate::document::text::Writer;

/// Dictionaries within dictionaries that are gone into.
const DEPTH: usize = 16;

/// Keys of strings that are no text: identifiers, checksums, keys of the encryption, signatures, tables of colours,
/// names of fonts.
const NO_TEXT: &[&str] = &[
    "ID",
    "O",
    "U",
    "OE",
    "UE",
    "Perms",
    "CheckSum",
    "Cert",
    "ByteRange",
    "Lookup",
    "Panose",
    "CharSet",
    "Registry",
    "Ordering",
    "DA",
    "IDTree",
];

/// Writes all strings, and gives streams as members.
pub(super) fn give(pdf: &Pdf, seen: &Seen, writer: &mut Writer) {
    let names = file_names(pdf);
    for object in pdf.objects() {
        if !writer.wanted() {
            return;
        }
        let place = place(&object, seen);
        let mut strings = Strings { writer: &mut *writer, place: Some(place) };
        strings.object("", &object, 0);
    }
    writer.end_line();
    writer.flush();
    for object in pdf.objects() {
        if let Object::Stream(stream) = object
            && writer.wanted()
        {
            member(&stream, &names, seen, writer);
        }
    }
}

/// Names of embedded files, by the object that holds the file (ISO 32000-2, 7.11.3).
fn file_names(pdf: &Pdf) -> BTreeMap<(u32, i32), String> {
    let mut names = BTreeMap::new();
    for object in pdf.objects() {
        let Object::Dict(dict) = object else { continue };
        let Some(files) = dict.get::<Dict>("EF") else { continue };
        let string = |key: &str| Some(text(&dict.get::<Object>(key)?.into_string()?));
        let name = string("UF").or_else(|| string("F")).unwrap_or_else(|| "attachment".to_owned());
        for name_of in ["UF", "F"] {
            names.extend(files.get_ref(name_of).map(|file| (key(file.into()), name.clone())));
        }
    }
    names
}

/// What landmarks call an object.
fn place(object: &Object, seen: &Seen) -> String {
    let dict = match object {
        Object::Dict(dict) => dict,
        Object::Stream(stream) => stream.dict(),
        _ => return "objects".to_owned(),
    };
    let id = dict.obj_id();
    let is = |key: &str, wanted: &str| dict.get::<Name>(key).is_some_and(|name| name.as_str() == wanted);
    let has = |key: &str| dict.contains_key(key);
    let what = if has("FT") || has("T") && has("V") {
        let name = dict.get::<Object>("T").and_then(Object::into_string).map(|name| text(&name));
        format!("form field \"{}\"", name.unwrap_or_default())
    } else if is("Subtype", "Link") || is("S", "URI") {
        "link".to_owned()
    } else if is("S", "JavaScript") || has("JS") {
        "script".to_owned()
    } else if is("Type", "Annot") || has("Rect") && has("Subtype") {
        "annotation".to_owned()
    } else if has("Title") && has("Parent") {
        "bookmark".to_owned()
    } else if has("Producer") || has("Author") || has("Creator") {
        "properties".to_owned()
    } else {
        id.map_or_else(|| "objects".to_owned(), |id| format!("object {}", id.obj_number))
    };
    match id.and_then(|id| seen.pages.get(&key(id))) {
        Some(page) => format!("page {page}, {what}"),
        None => what,
    }
}

/// The strings of one object on their way.
struct Strings<'w, 's> {
    writer: &'w mut Writer<'s>,
    /// Its landmark, until there is a string.
    place: Option<String>,
}

impl Strings<'_, '_> {
    fn object(&mut self, key: &str, object: &Object, depth: usize) {
        match object {
            Object::String(string) if !NO_TEXT.contains(&key) => self.string(key, &text(string)),
            Object::Dict(dict) if depth < DEPTH => self.dict(dict, depth),
            Object::Array(array) if depth < DEPTH => self.array(key, array, depth),
            Object::Stream(stream) if depth == 0 => self.dict(stream.dict(), depth),
            _ => {}
        }
    }

    fn dict(&mut self, dict: &Dict, depth: usize) {
        let signature = dict.contains_key("ByteRange");
        // The value of a form's field has the field's name.
        let field = dict.get::<Object>("T").and_then(Object::into_string).map(|field| text(&field));
        for (name, value) in dict.entries() {
            let key = match (name.as_str(), &field) {
                ("V" | "DV", Some(field)) => field,
                (name, _) => name,
            };
            if let MaybeRef::NotRef(value) = value
                && !(signature && name.as_str() == "Contents")
            {
                self.object(key, &value, depth + 1);
            }
        }
    }

    fn array(&mut self, key: &str, array: &Array, depth: usize) {
        for value in array.raw_iter() {
            if let MaybeRef::NotRef(value) = value {
                self.object(key, &value, depth + 1);
            }
        }
    }

    fn string(&mut self, key: &str, text: &str) {
        if text.trim().is_empty() {
            return;
        }
        if let Some(place) = self.place.take() {
            self.writer.landmark(place);
        }
        if !key.is_empty() {
            self.writer.push(format!("{key}: ").as_bytes());
        }
        self.writer.push(text.replace('\r', "\n").as_bytes());
        self.writer.end_line();
    }
}

/// A text string (ISO 32000-2, 7.9.2.2): UTF-16 or UTF-8 behind a byte order mark, else 8-bit characters.
fn text(bytes: &[u8]) -> String {
    match bytes {
        [0xfe, 0xff, rest @ ..] => encoding_rs::UTF_16BE.decode_without_bom_handling(rest).0.into_owned(),
        [0xff, 0xfe, rest @ ..] => encoding_rs::UTF_16LE.decode_without_bom_handling(rest).0.into_owned(),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

/// Gives a stream, unless it is part of what pages show.
fn member(stream: &Stream, names: &BTreeMap<(u32, i32), String>, seen: &Seen, writer: &mut Writer) {
    let (id, dict) = (stream.obj_id(), stream.dict());
    let name = names.get(&key(id));
    let file = name.is_some() || is(dict, "Type", &["EmbeddedFile"]);
    if !file && (is_shown(dict) || seen.shown.contains(&key(id))) {
        return;
    }
    // What cannot be unpacked stands in the file as it is, and is looked at there.
    let Ok(content) = stream.decoded_data() else { return };
    if !file && content.starts_with(b"/CIDInit") {
        return; // which character a glyph is
    }
    let name = match name {
        Some(name) => name.clone(),
        None if is(dict, "Type", &["Metadata"]) => "metadata.xml".to_owned(),
        None => format!("object {}", id.obj_number),
    };
    writer.member(&name, &mut &*content);
}

fn is(dict: &Dict, key: &str, wanted: &[&str]) -> bool {
    dict.get::<Name>(key).is_some_and(|name| wanted.contains(&name.as_str()))
}

/// Streams of the file's own structure, pictures, fonts, colours, and forms, which the pages that show them include.
fn is_shown(dict: &Dict) -> bool {
    const KEYS: &[&str] = &[
        "Length1",
        "Length2",
        "PatternType",
        "ShadingType",
        "FunctionType",
        "CMapName",
        "Alternate",
        "BitsPerComponent",
    ];
    is(dict, "Type", &["XRef", "ObjStm"])
        || is(dict, "Subtype", &["Image", "Form", "Type1C", "CIDFontType0C", "OpenType"])
        || KEYS.iter().any(|key| dict.contains_key(key))
        || dict.contains_key("N") && !dict.contains_key("Type")
}
