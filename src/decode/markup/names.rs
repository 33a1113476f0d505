//! What elements and entities stand for in running text. By name alone, so that a stretch of a document means the same as
//! in the whole of it.

/// What a tag gives to the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    /// Nothing: what stands before and after it is one word.
    Inline,
    /// This byte.
    Gives(u8),
    /// Nothing, and what follows up to its end tag is no text.
    Hides(&'static [u8]),
}

/// Elements of HTML, of rich text in sheets (ECMA-376 part 1, 18.4) and of ENML that stand within a word.
const INLINE: &[&[u8]] = &[
    b"a", b"abbr", b"acronym", b"b", b"bdi", b"bdo", b"big", b"cite", b"code", b"data", b"del", b"dfn",
    b"em", b"font", b"i", b"ins", b"kbd", b"label", b"mark", b"nobr", b"q", b"r", b"rpr", b"ruby", b"s",
    b"samp", b"small", b"span", b"strike", b"strong", b"sub", b"sup", b"t", b"time", b"tspan", b"tt", b"u",
    b"var", b"wbr",
];

/// Cells of a table.
const CELLS: &[&[u8]] = &[b"td", b"th", b"tc", b"c", b"table-cell", b"covered-table-cell"];

/// Prefixes of the vocabularies of which all elements stand within a word but for [`BLOCKS`] and [`CELLS`]: those of
/// word processing and drawing (ECMA-376 parts 1 and 4), of OpenDocument's text, and what Outlook writes into HTML.
const OFFICE: &[&[u8]] = &[
    b"w", b"w14", b"w15", b"w16se", b"w16cid", b"a", b"mc", b"wp", b"wps", b"m", b"text", b"o", b"v",
    b"draw", b"xdr", b"p14",
];

/// Local names in those that end a line.
const BLOCKS: &[&[u8]] = &[
    b"p",
    b"tr",
    b"tbl",
    b"sectpr",
    b"body",
    b"txbody",
    b"h",
    b"list-item",
    b"line-break",
    b"br",
    b"cr",
    b"comment",
    b"footnote",
    b"endnote",
    b"txbxcontent",
    b"table-row",
    b"note-body",
    b"annotation",
];

/// What the tag of this name gives. `empty`: it has no content, as `<br/>`.
pub(super) fn tag(name: &[u8], closing: bool, empty: bool) -> Tag {
    let name = name.to_ascii_lowercase();
    let (prefix, local) = match name.iter().position(|byte| *byte == b':') {
        Some(colon) => (name.get(..colon).unwrap_or_default(), name.get(colon + 1..).unwrap_or_default()),
        None => (&b""[..], &name[..]),
    };
    match local {
        // What hides and what shows again give nothing, so that they stay or go together.
        b"script" | b"style" if prefix.is_empty() && (closing || empty) => return Tag::Inline,
        b"script" if prefix.is_empty() => return Tag::Hides(b"</script"),
        b"style" if prefix.is_empty() => return Tag::Hides(b"</style"),
        b"br" | b"hr" => return Tag::Gives(b'\n'),
        b"tab" | b"ptab" if !prefix.is_empty() => return Tag::Gives(b'\t'),
        b"nobreakhyphen" if !prefix.is_empty() => return Tag::Gives(b'-'),
        b"s" if prefix == b"text" => return Tag::Gives(b' '),
        b"wbr" => return Tag::Inline,
        _ if CELLS.contains(&local) => return Tag::Gives(b'\t'),
        _ => {}
    }
    let is_word = match is_office(&name) {
        true => !BLOCKS.contains(&local),
        false => empty || prefix.is_empty() && INLINE.contains(&local),
    };
    if is_word { Tag::Inline } else { Tag::Gives(b'\n') }
}

/// Whether white space between tags is how a program has written the file, and no text of it.
pub(super) fn is_office(name: &[u8]) -> bool {
    let prefix = name.iter().position(|byte| *byte == b':').and_then(|colon| name.get(..colon));
    prefix.is_some_and(|prefix| OFFICE.iter().any(|office| prefix.eq_ignore_ascii_case(office)))
}

/// The longest entity, with `&` and `;`.
pub(super) const LONGEST: usize = 20;

/// Names of HTML (the standard's table of named character references) that stand for ASCII or for nothing.
const ENTITIES: &[(&[u8], char)] = &[
    (b"amp", '&'),
    (b"lt", '<'),
    (b"gt", '>'),
    (b"quot", '"'),
    (b"apos", '\''),
    (b"nbsp", '\u{a0}'),
    (b"AMP", '&'),
    (b"LT", '<'),
    (b"GT", '>'),
    (b"QUOT", '"'),
    (b"shy", '\u{ad}'),
    (b"ZeroWidthSpace", '\u{200b}'),
    (b"zwnj", '\u{200c}'),
    (b"zwj", '\u{200d}'),
    (b"NoBreak", '\u{2060}'),
    (b"lowbar", '_'),
    (b"UnderBar", '_'),
    (b"sol", '/'),
    (b"bsol", '\\'),
    (b"plus", '+'),
    (b"equals", '='),
    (b"colon", ':'),
    (b"semi", ';'),
    (b"comma", ','),
    (b"period", '.'),
    (b"excl", '!'),
    (b"quest", '?'),
    (b"num", '#'),
    (b"dollar", '$'),
    (b"percnt", '%'),
    (b"ast", '*'),
    (b"midast", '*'),
    (b"lpar", '('),
    (b"rpar", ')'),
    (b"lsqb", '['),
    (b"lbrack", '['),
    (b"rsqb", ']'),
    (b"rbrack", ']'),
    (b"lcub", '{'),
    (b"lbrace", '{'),
    (b"rcub", '}'),
    (b"rbrace", '}'),
    (b"vert", '|'),
    (b"verbar", '|'),
    (b"VerticalLine", '|'),
    (b"grave", '`'),
    (b"DiacriticalGrave", '`'),
    (b"Hat", '^'),
    (b"commat", '@'),
    (b"Tab", '\t'),
    (b"NewLine", '\n'),
    (b"ensp", ' '),
    (b"emsp", ' '),
    (b"thinsp", ' '),
];

/// The character of the entity whose `&` `text` begins with, and the entity's length; `None` if it is none, or one of
/// a character that no credential has.
pub(super) fn entity(text: &[u8]) -> Option<(char, usize)> {
    let head = text.get(..LONGEST.min(text.len()))?;
    let end = memchr::memchr(b';', head)?;
    let name = head.get(1..end)?;
    let c = match name {
        [b'#', b'x' | b'X', digits @ ..] => number(digits, 16)?,
        [b'#', digits @ ..] => number(digits, 10)?,
        _ => ENTITIES.iter().find(|(known, _)| *known == name)?.1,
    };
    Some((c, end + 1))
}

fn number(digits: &[u8], radix: u32) -> Option<char> {
    let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with(['+', '-']))?;
    char::from_u32(u32::from_str_radix(digits, radix).ok()?)
}

/// Whether a character is not seen and takes no room.
pub(super) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
}
