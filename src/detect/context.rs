//! What stands around a value in text: its quotes, what assigns it, its name, and where it ends.
//!
//! Text may be JSON, JSON in a JSON string (quotes escaped once or twice), code, a header line, a query, XML. Nothing is
//! parsed; a few bytes to the left are read backwards, at most [`REACH`] of them.

use memchr::memchr_iter;

use super::names::MAX_NAME;
use crate::blob::Span;

/// How far a look from a value goes, in bytes.
pub const REACH: usize = 4096;

/// The longest run of spaces, quotes and signs between a name and its value.
const GAP: usize = 64;

/// Between a name and its value in Robin, the language of Power Automate Desktop: `SET Password TO $'''…'''`.
pub(super) const ROBIN: &[u8] = b" TO $'''";

/// A quote, and how many backslashes stand before it: 0 in plain JSON or code, 1 in JSON within a JSON string, 3 deeper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    /// `"`, `'` or a backtick; `;` for the XML entity `&quot;`.
    pub mark: u8,
    /// Backslashes before it.
    pub escapes: usize,
}

/// What assigns the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assignment {
    /// `:`, as in JSON, YAML and headers.
    Colon,
    /// `=`, as in code, queries and XML attributes.
    Equals,
    /// `,`, as in `["X-Api-Key", "…"]` and `Set(key, "…")`.
    Comma,
    /// `>`, as in an XML element.
    Element,
    /// A tab or bar, as between the cells of a table.
    Cell,
}

/// What stands to the left of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// Where the text of the string or line begins that the value is in: before a scheme word, after the quote.
    pub whole: usize,
    /// The quote that opened it.
    pub quote: Option<Quote>,
    /// The scheme word before the value: `Bearer`, `Basic`.
    pub scheme: Option<Span>,
    /// What assigns it.
    pub assignment: Option<Assignment>,
    /// The name, without quotes.
    pub name: Option<Span>,
}

const SCHEMES: &[&[u8]] = &[
    b"bearer",
    b"basic",
    b"token",
    b"key",
    b"apikey",
    b"api-key",
    b"api-token",
    b"bot",
    b"zoho-oauthtoken",
    b"oauth",
    b"sso-key",
    b"apptoken",
    b"ssws",
    b"deepl-auth-key",
    b"digest",
    b"jwt",
    b"accesskey",
    b"genie-key",
    b"geniekey",
    b"aivenv1",
];

/// Reads what stands left of the value that begins at `value`.
pub fn left(text: &[u8], value: usize) -> Left {
    let floor = value.saturating_sub(REACH);
    let mut at = value;
    let scheme = scheme_before(text, at);
    if let Some(scheme) = &scheme {
        at = scheme.start;
    }
    // n8n: a leading `=` inside the quotes makes a string an expression; without braces it stays a literal.
    if at >= 2 && text[at - 1] == b'=' && is_quote(text[at - 2]) {
        at -= 1;
    }
    let whole = at;
    let quote = quote_before(text, at);
    if let Some((_, start)) = quote {
        at = start;
    }
    let from = if quote.is_none() { block_before(text, at, floor).unwrap_or(at) } else { at };
    let (assignment, name) = match assignment_before(text, from, quote.is_some(), floor) {
        Some((assignment, end)) => (Some(assignment), name_before(text, end, assignment)),
        None => match quote.is_none().then(|| cell_before(text, at)).flatten() {
            Some(name) => (Some(Assignment::Cell), Some(name)),
            None => match flag_before(text, at) {
                Some(name) => (Some(Assignment::Equals), Some(name)),
                None => (None, None),
            },
        },
    };
    Left { whole, quote: quote.map(|(quote, _)| quote), scheme, assignment, name }
}

/// The words of a line.
pub(super) fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| !byte.is_ascii_alphanumeric()).filter(|word| !word.is_empty())
}

fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}

/// A scheme word and one space before `at`.
fn scheme_before(text: &[u8], at: usize) -> Option<Span> {
    if at == 0 || text[at - 1] != b' ' {
        return None;
    }
    let mut end = at - 1;
    while end > 0 && text[end - 1] == b' ' && at - end < 4 {
        end -= 1;
    }
    end = fold_before(text, at).unwrap_or(end);
    let mut start = end;
    while start > 0
        && (text[start - 1].is_ascii_alphanumeric() || text[start - 1] == b'-')
        && end - start < 20
    {
        start -= 1;
    }
    if start >= 1 && matches!(text[start - 1], b'\\') && start < end {
        start += 1; // `\nBearer`
    }
    let word = &text[start..end];
    SCHEMES.iter().any(|scheme| word.eq_ignore_ascii_case(scheme)).then_some(start..end)
}

/// Where the line before ends if the one with `at` continues its string: a line break and the indentation in a string in
/// apostrophes, with `\` around both in one in quotes (YAML 1.2 §7.3.1, §7.3.2).
fn fold_before(text: &[u8], at: usize) -> Option<usize> {
    let before = text.get(at.saturating_sub(GAP)..at)?;
    let (before, is_escaped) = match before.strip_suffix(b"\\ ") {
        Some(before) => (before, true),
        None => (before, false),
    };
    let line = before.trim_ascii_end();
    if !before.get(line.len()..)?.contains(&b'\n') {
        return None;
    }
    let line = if is_escaped { line.strip_suffix(b"\\")? } else { line };
    Some(at.saturating_sub(GAP) + line.len())
}

/// The quote right before `at`, and where it (with its backslashes) begins.
fn quote_before(text: &[u8], at: usize) -> Option<(Quote, usize)> {
    if text[..at].ends_with(b"&quot;") || text[..at].ends_with(b"&apos;") {
        // All of an attribute is one literal: `expression="&quot;…&quot;"`.
        let outer = usize::from(text[..at - 6].ends_with(b"=\""));
        return Some((Quote { mark: b';', escapes: 0 }, at - 6 - outer));
    }
    let mark = *text[..at].last()?;
    if !is_quote(mark) {
        return None;
    }
    if at > 1 && is_doubled(text, at - 2) {
        return Some((Quote { mark, escapes: 0 }, at - 2));
    }
    let escapes = backslashes_before(text, at - 1);
    let start = at - 1 - escapes;
    // All of a string is one literal: M's `"expression": "\"…\" meta […]"`.
    let is_literal = escapes == 1 && (text[..start].ends_with(b": \"") || text[..start].ends_with(b":\""));
    Some((Quote { mark, escapes }, start - usize::from(is_literal)))
}

/// Whether two apostrophes at `at` are one in a string in apostrophes, with something behind them (YAML 1.2 §7.3.2).
pub(super) fn is_doubled(text: &[u8], at: usize) -> bool {
    let is_content =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'+' | b'/' | b':' | b']');
    text.get(at..).is_some_and(|rest| rest.starts_with(b"''"))
        && text.get(at + 2).is_some_and(is_content)
        && at.checked_sub(1).and_then(|before| text.get(before)) != Some(&b'\'')
}

/// How many backslashes stand right before `at`, at most 15.
pub fn backslashes_before(text: &[u8], at: usize) -> usize {
    text[..at].iter().rev().take(15).take_while(|byte| **byte == b'\\').count()
}

/// Where the head of a block scalar stands that begins at `at` (YAML 1.2 §8.1): `key: |` and the line's end.
fn block_before(text: &[u8], at: usize, floor: usize) -> Option<usize> {
    let head = skip_space_back(text, at, floor.max(at.saturating_sub(GAP)));
    if head == at || !text[head..at].iter().any(|byte| matches!(byte, b'\n' | b'\\')) {
        return None;
    }
    let head = text[floor..head]
        .strip_suffix(b"-")
        .or(text[floor..head].strip_suffix(b"+"))
        .unwrap_or(&text[floor..head]);
    let key = head.strip_suffix(b"|").or(head.strip_suffix(b">"))?.strip_suffix(b" ")?;
    key.ends_with(b":").then_some(floor + key.len())
}

/// The sign that assigns, and where what stands before it ends.
fn assignment_before(text: &[u8], at: usize, quoted: bool, floor: usize) -> Option<(Assignment, usize)> {
    let floor = floor.max(at.saturating_sub(GAP));
    let mut at = skip_space_back(text, at, floor);
    let robin = text[..at].strip_suffix(ROBIN.strip_suffix(b"'").unwrap_or_default()).filter(|_| quoted);
    if let Some(before) = robin {
        return Some((Assignment::Equals, skip_space_back(text, before.len(), floor)));
    }
    let assignment = match text.get(at.checked_sub(1)?)? {
        b':' => Assignment::Colon,
        b'=' => Assignment::Equals,
        b',' if quoted => Assignment::Comma,
        b'>' if at >= 2 && text[at - 2] != b'=' && text[at - 2] != b'-' => Assignment::Element,
        b'>' if at >= 2 && text[at - 2] == b'=' => {
            at -= 1;
            Assignment::Equals
        }
        _ => return None,
    };
    at -= 1;
    // `:=`, `==`, `===`, `!=`, `?=`, PHP's `.=`, `+=`
    while at > floor
        && assignment == Assignment::Equals
        && matches!(text[at - 1], b'=' | b':' | b'!' | b'?' | b'.' | b'+')
    {
        at -= 1;
    }
    // The other way round, `=:` is nobody's; but `::` names a path, not a value.
    if assignment == Assignment::Colon && at > floor && text[at - 1] == b':' {
        return None;
    }
    Some((assignment, skip_space_back(text, at, floor)))
}

/// Skips blanks, line ends and their JSON escapes backwards.
pub(super) fn skip_space_back(text: &[u8], mut at: usize, floor: usize) -> usize {
    while at > floor {
        match text[at - 1] {
            b' ' | b'\t' | b'\r' | b'\n' => at -= 1,
            b'n' | b't' | b'r' if at >= 2 && text[at - 2] == b'\\' => {
                at -= 1 + backslashes_before(text, at - 1)
            }
            _ => break,
        }
    }
    at
}

/// The option before the value at `at`, without its dashes: `--api-token VALUE`.
fn flag_before(text: &[u8], at: usize) -> Option<Span> {
    let end = at.checked_sub(1).filter(|blank| text[*blank] == b' ')?;
    let floor = end.saturating_sub(MAX_NAME);
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let word = text[floor..end].iter().rev().take_while(|byte| is_name(byte)).count();
    let name = text[end - word..end].strip_prefix(b"--")?;
    let before = (end - word).checked_sub(1).map(|before| text[before]);
    let stands = before.is_none_or(|before| before.is_ascii_whitespace() || is_quote(before));
    (stands && name.first().is_some_and(u8::is_ascii_alphanumeric)).then_some(end - name.len()..end)
}

/// The cell before the one that begins at `at`: `API key ⇥ value`, `| API key | value |`.
fn cell_before(text: &[u8], at: usize) -> Option<Span> {
    let floor = at.saturating_sub(MAX_NAME);
    let gap = text[floor..at].iter().rev().take(GAP).take_while(|byte| is_between_cells(**byte)).count();
    let end = at - gap;
    if !is_border(&text[end..at]) {
        return None;
    }
    let is_end = |byte: &u8| matches!(byte, b'\t' | b'|' | b'\n' | b'\r' | b'"');
    let start = text[floor..end].iter().rposition(is_end).map_or(floor, |end| floor + end + 1);
    let blank = text[start..end].iter().take_while(|byte| **byte == b' ').count();
    let name = start + blank..end;
    let is_name = !text[name.clone()].iter().any(|byte| b"=/?&{};,<>\\!".contains(byte));
    // Where nothing ends the cell, its beginning is out of sight.
    (is_name && !name.is_empty() && (start > floor || floor == 0)).then_some(name)
}

/// Whether name and value are two cells of a row: with a tab between them, or with bars on all sides.
pub(super) fn in_row(text: &[u8], name: &Span, value: &Span) -> bool {
    if text[name.end..value.start].contains(&b'\t') {
        return true;
    }
    let before = &text[name.start.saturating_sub(MAX_NAME)..name.start];
    let open = before.iter().rev().find(|byte| matches!(byte, b'|' | b'\n'));
    let close = text[value.end..].iter().find(|byte| **byte != b' ');
    open == Some(&b'|') && close == Some(&b'|')
}

/// What may stand between two cells.
pub(super) fn is_between_cells(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'|' | b'\n')
}

/// Whether what stands between two words parts two cells of one row: a tab or bar. What is made of markup has line ends
/// as well: of paragraphs in both cells, and one between the cells; but indented text is no table.
pub(super) fn is_border(gap: &[u8]) -> bool {
    if gap.windows(2).any(|pair| pair == b"||") {
        return false; // `!user || !password`
    }
    let is_border = |byte: &u8| matches!(byte, b'\t' | b'|');
    let (Some(first), Some(last)) = (gap.iter().position(is_border), gap.iter().rposition(is_border)) else {
        return false;
    };
    let lines = |part: &[u8]| memchr_iter(b'\n', part).count();
    let (before, between, behind) = (lines(&gap[..first]), lines(&gap[first..last]), lines(&gap[last..]));
    between <= 1 && (before == 0 || last > first && behind > 0) && (behind == 0 || last > first)
}

/// Where the cell ends that `from` is in.
pub(super) fn end_of_cell(text: &[u8], from: usize) -> usize {
    let limit = text.len().min(from + REACH);
    let is_end = |byte: &u8| matches!(byte, b'\t' | b'|' | b'\n' | b'\r' | b'"' | b'\\' | b'<');
    let cell = &text[from..limit];
    let cell = &cell[..cell.iter().position(is_end).unwrap_or(cell.len())];
    from + cell.trim_ascii_end().len()
}

/// The name that ends at `end`, without its quotes.
fn name_before(text: &[u8], end: usize, assignment: Assignment) -> Option<Span> {
    let mut end = end;
    if assignment == Assignment::Element {
        return element_before(text, end);
    }
    // `headers["X-Api-Key"] = `, `$x['key'] =>`
    if end > 0 && text[end - 1] == b']' {
        end -= 1;
    }
    if let Some((quote, close)) = quote_before(text, end) {
        let start = open_quote(text, close, quote)?;
        return (start < close).then_some(start..close);
    }
    let start = word_start(text, end);
    match declared_before(text, start, end) {
        Some(name) => Some(name),
        None => (start < end).then_some(start..end),
    }
}

/// Types that stand between a name and its value: Go's `var token string = …`, TypeScript's `token: string = …`.
const TYPES: &[&[u8]] = &[b"string", b"String", b"str", b"String?", b"Text"];

/// The name that is declared with the type at `start`.
fn declared_before(text: &[u8], start: usize, end: usize) -> Option<Span> {
    if !TYPES.contains(&&text[start..end]) {
        return None;
    }
    let floor = start.saturating_sub(GAP);
    let at = skip_space_back(text, start, floor);
    let at = match text[..at].last() {
        Some(b':') => skip_space_back(text, at - 1, floor),
        _ => at,
    };
    let name = word_start(text, at);
    let keyword = |word: &[u8]| {
        matches!(word, b"const" | b"static" | b"final" | b"private" | b"public" | b"let" | b"var")
    };
    (name < at && at < start && !keyword(&text[name..at])).then_some(name..at)
}

/// The tag's name, where `end` is right after the tag's last byte before `>`.
fn element_before(text: &[u8], end: usize) -> Option<Span> {
    let from = end.saturating_sub(MAX_NAME * 2);
    let open = from + memchr::memrchr(b'<', &text[from..end])? + 1;
    let tag = &text[open..end];
    if matches!(tag.first(), None | Some(b'/' | b'!' | b'?')) {
        return None;
    }
    let length = tag.iter().position(|byte| byte.is_ascii_whitespace()).unwrap_or(tag.len());
    let colon = tag[..length].iter().rposition(|byte| *byte == b':').map_or(0, |at| at + 1);
    Some(open + colon..open + length)
}

/// Where the string begins that `quote` closes at `close` (which is before the quote's own backslashes).
fn open_quote(text: &[u8], close: usize, quote: Quote) -> Option<usize> {
    let floor = close.saturating_sub(MAX_NAME);
    let entity: &[u8] = b"&quot;";
    if quote.mark == b';' {
        return (floor..close).rev().find(|at| text[..*at].ends_with(entity));
    }
    (floor..close).rev().find_map(|at| match text[at] {
        byte if byte == quote.mark => Some(at + 1),
        _ => None,
    })
}

/// Where the word begins that ends at `end`: an identifier, a header's or a query parameter's name, a path of names.
fn word_start(text: &[u8], end: usize) -> usize {
    let floor = end.saturating_sub(MAX_NAME);
    let mut start = end;
    while start > floor && is_word(text[start - 1]) {
        start -= 1;
    }
    // The tail of an escape is no part of the word: `\nAPI_KEY=`, `%26apikey=`, `\u0026sig=`.
    match text[..start].last() {
        Some(b'\\') if text[start..end].starts_with(b"u00") && end - start > 5 => start + 5,
        Some(b'\\') if start < end && matches!(text[start], b'n' | b't' | b'r') => start + 1,
        Some(b'%') if end - start > 2 && text[start..start + 2].iter().all(u8::is_ascii_hexdigit) => {
            start + 2
        }
        Some(b' ') => phrase_start(text, start, floor),
        _ => start,
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'_' | b'-' | b'.' | b'$' | b'@' | b'[' | b']')
        || byte >= 0x80
}

/// One word more to the left, as in `API Key: …`; what a declaration has there (`const key =`) does no harm.
fn phrase_start(text: &[u8], start: usize, floor: usize) -> usize {
    let mut at = start - 1;
    while at > floor && text[at - 1].is_ascii_alphabetic() {
        at -= 1;
    }
    match &text[at..start - 1] {
        b"API" | b"Api" | b"api" | b"Access" | b"access" | b"Secret" | b"secret" | b"Auth" | b"auth"
        | b"Private" => at,
        _ => start,
    }
}

/// Where the value that begins at `from` ends: at its closing quote, or at what cannot be in an unquoted value. At most
/// [`REACH`] bytes on.
pub fn end(text: &[u8], from: usize, quote: Option<Quote>) -> Option<usize> {
    let limit = text.len().min(from + REACH);
    match quote {
        Some(quote) => closing_quote(text, from, limit, quote),
        None => {
            let stop =
                |byte: &u8| byte.is_ascii_whitespace() || byte.is_ascii_control() || STOPS.contains(byte);
            Some(text[from..limit].iter().position(stop).map_or(limit, |length| from + length))
        }
    }
}

/// Bytes that end an unquoted value.
const STOPS: &[u8] = b"\"'`&;,)]}<>|\\#";

/// The closing quote: the same mark after as many backslashes. A quote with fewer closes an outer string.
pub fn closing_quote(text: &[u8], from: usize, limit: usize, quote: Quote) -> Option<usize> {
    if quote.mark == b';' {
        return memchr::memmem::find(&text[from..limit], b"&quot;").map(|at| from + at);
    }
    for at in memchr_iter(quote.mark, &text[from..limit]) {
        let at = from + at;
        let escapes = backslashes_before(text, at).min(at - from);
        if escapes <= quote.escapes {
            return Some(at - escapes.min(quote.escapes));
        }
        // `\\` before a plain quote is an escaped backslash at the end of the string.
        if quote.escapes == 0 && escapes.is_multiple_of(2) {
            return Some(at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_of(text: &str) -> Option<String> {
        let value = text.find("VALUE").expect("a value in the test");
        left(text.as_bytes(), value).name.map(|span| text[span].to_owned())
    }

    #[test]
    fn names_of_many_grammars() {
        for (text, name) in [
            (r#"{"apiKey": "VALUE"}"#, "apiKey"),
            (r#"{"body": "{\"apiKey\": \"VALUE\"}"}"#, "apiKey"),
            (r#""{\\\"a\\\":\\\"VALUE\\\"}""#, "a"),
            ("const apiKey = 'VALUE'", "apiKey"),
            ("var token string = \"VALUE\"", "token"),
            ("private token: string = 'VALUE'", "token"),
            ("const string = 'VALUE'", "string"),
            ("$header .= 'VALUE'", "$header"),
            ("TOKEN ?= VALUE", "TOKEN"),
            ("headers[\"X-Api-Key\"] = `VALUE`", "X-Api-Key"),
            ("X-Api-Key: VALUE", "X-Api-Key"),
            ("https://x.example/?a=1&apikey=VALUE", "apikey"),
            (r"https://x.example/?a=1\u0026sig=VALUE", "sig"),
            (r"code\nAPI_KEY=VALUE", "API_KEY"),
            (r#"["x-api-key", "VALUE"]"#, "x-api-key"),
            ("Set(gblApiKey, \"VALUE\")", "gblApiKey"),
            ("<defaultvalue>VALUE</defaultvalue>", "defaultvalue"),
            ("{&quot;token&quot;:&quot;VALUE&quot;}", "token"),
            (r#"{"Authorization": "Bearer VALUE"}"#, "Authorization"),
            (r#"{"Authorization": "=Bearer VALUE"}"#, "Authorization"),
            ("curl -H 'Authorization: Bearer VALUE'", "Authorization"),
            ("{'key' => 'VALUE'}", "key"),
            ("SET Password TO $'''VALUE'''", "Password"),
            ("API Key: VALUE", "API Key"),
            ("key :=\n  \"VALUE\"", "key"),
            ("a\tAPI key\t\tVALUE\t", "API key"),
            ("key: |\n    VALUE\n", "key"),
            ("key: >-\n    VALUE\n", "key"),
            ("| a | API key | VALUE |", "API key"),
            ("tool --api-token VALUE", "api-token"),
            ("tool --token \"VALUE", "token"),
        ] {
            assert_eq!(name_of(text).as_deref(), Some(name), "{text}");
        }
        for (gap, is) in [
            ("\t", true),
            ("\t\t", true),
            (" | ", true),
            ("\t\n\t", true),
            ("\n\t\t\n", true),
            ("\t\n\n\t", false),
            ("\n\t", false),
            ("\n\t\t", false),
            ("\t\n", false),
            (" ", false),
            ("\n\t\n\n\t\n", false),
        ] {
            assert_eq!(is_border(gap.as_bytes()), is, "{gap:?}");
        }
        for text in ["the VALUE", "a::VALUE", "\"VALUE\"", "x > VALUE", "f(VALUE)", "\t\tVALUE", "a\n\tVALUE"]
        {
            assert_eq!(name_of(text), None, "{text}");
        }
    }

    #[test]
    fn values_end_at_their_quote() {
        for (text, quote, rest) in [
            (r#"abc" x"#, Some(Quote { mark: b'"', escapes: 0 }), r#"" x"#),
            (r#"a\"c" x"#, Some(Quote { mark: b'"', escapes: 0 }), r#"" x"#),
            (r#"ac\\" x"#, Some(Quote { mark: b'"', escapes: 0 }), r#"" x"#),
            (r#"abc\" x""#, Some(Quote { mark: b'"', escapes: 1 }), r#"\" x""#),
            (r#"abc" x"#, Some(Quote { mark: b'"', escapes: 1 }), r#"" x"#),
            ("abc&b=1", None, "&b=1"),
            ("abc def", None, " def"),
        ] {
            let end = end(text.as_bytes(), 0, quote).expect("an end");
            assert_eq!(&text[end..], rest, "{text}");
        }
    }
}
