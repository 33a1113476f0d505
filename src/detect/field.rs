//! Fields: a literal under a telling name, where name and value are a JSON member, a sibling pair, an assignment in
//! code, a header line, a query parameter, an XML element.
//!
//! Two ways lead here: from a value (a run with a digit in it) to its name, and from one of a few rare words in a name
//! to its value, for values too short or too plain to be a run.

use super::context::{self, Assignment, Left, Quote};
use super::names::{Names, Normal, Telling};
use super::pair::{self, Member};
use super::{By, Candidate, beside, generic, spoken};
use crate::blob::Span;
use crate::signature::Signature;

/// The shortest value under a name that says password, and under one that says key or token.
const MIN_PASSWORD: usize = 4;
const MIN_SECRET: usize = 8;

/// A value, its place, and what its name tells.
struct Field {
    value: Span,
    whole: Span,
    name: Option<Span>,
    telling: Telling,
    left: Left,
}

/// The first look, made for every run with a digit: whether a name or a scheme word may stand before it. Right for
/// every value that [`of_run`] finds, and cheap.
#[inline]
pub(super) fn may_be_named(text: &[u8], run: usize, names: &Names) -> bool {
    let Some(before) = run.checked_sub(1) else { return false };
    if text[before] == b':' && text[run] == b'/' {
        return false; // `https://…`
    }
    if let Some(may) = may_json_member_be_named(text, run, names) {
        return may;
    }
    match text[before] {
        b'"' | b'\'' | b'`' | b'=' | b':' => {}
        b'\n' => return before > 0 && matches!(text[before - 1], b'\t' | b'\n'),
        b'\\' | b'/' | b'(' | b'[' | b'{' | b')' | b',' | b'<' | b'\r' => return false,
        // In the middle of a value, or after a blank: the slow way tells.
        _ => return !is_in_address_of_harmless(text, run, names),
    }
    let at = match text[before] {
        b'=' if before > 0 && matches!(text[before - 1], b'"' | b'\'' | b'`') => before - 1,
        _ => before,
    };
    let quoted = matches!(text[at], b'"' | b'\'' | b'`');
    let mut at = if quoted { skip_back(text, at, b"\\") } else { at + 1 };
    // `123:abc` may be one value.
    if text[..at].ends_with(b":") && at > 1 && text[at - 2].is_ascii_alphanumeric() {
        return true;
    }
    at = context::skip_space_back(text, at, at.saturating_sub(64));
    let Some(sign) = at.checked_sub(1) else { return false };
    match text[sign] {
        b':' | b'=' => {}
        // The name of the next object: `}, "…": {`
        b',' if quoted && text[..sign].ends_with(b"}") => return false,
        // What text calls it: `token - '…'`, `token '…'`.
        b',' | b'>' | b'-' => return true,
        byte if byte.is_ascii_alphanumeric() => return quoted,
        b'\'' => return text[..at].ends_with(context::ROBIN.strip_suffix(b"'").unwrap_or_default()),
        _ => return false,
    }
    at = skip_back(text, sign, b"=:!? \t");
    names.may_tell(last_word(&text[at.saturating_sub(32)..at]))
}

/// What stands behind the quote that opened, where `text` ends with one that closes, else all of it: of a name shorter
/// than three letters (`to`) none before it count.
fn last_word(text: &[u8]) -> &[u8] {
    let is_quote = |byte: &u8| matches!(byte, b'"' | b'\'' | b'`');
    let Some((_, name)) = text.split_last().filter(|(last, _)| is_quote(last)) else { return text };
    name.iter().rposition(is_quote).map_or(name, |open| &name[open..])
}

/// The same for `name": "` and `name":"` right before the run, which is what most runs have, also with an `@` that
/// begins the value; `None` for all others.
#[inline]
fn may_json_member_be_named(text: &[u8], run: usize, names: &Names) -> Option<bool> {
    let before = &text[..run];
    let before = before.strip_suffix(b"@").unwrap_or(before);
    let end = end_of_member_name(before)?;
    let letters = last_letters(*text[..end].last_chunk()?)?;
    Some(names.may_end(letters) && names.may_tell(&text[end.saturating_sub(32)..end]))
}

/// Whether the run is the value of a JSON member whose name tells nothing by its last letters: a part of what
/// [`may_be_named`] asks.
#[inline]
pub(super) fn is_plainly_unnamed(text: &[u8], run: usize, names: &Names) -> bool {
    let letters = end_of_member_name(&text[..run])
        .and_then(|end| text[..end].last_chunk())
        .and_then(|last| last_letters(*last));
    letters.is_some_and(|letters| !names.may_end(letters))
}

/// Where the name ends, if `name": "` or `name":"` stands before a value.
#[inline]
fn end_of_member_name(before: &[u8]) -> Option<usize> {
    match before.last_chunk()? {
        b"\": \"" => Some(before.len() - 4),
        [_, b'"', b':', b'"'] => Some(before.len() - 3),
        _ => None,
    }
}

/// The last four letters of a JSON member's name, or two or three behind the quote, folded, the last one lowest; `None`
/// where other bytes are among them.
#[inline]
fn last_letters(last: [u8; 4]) -> Option<u32> {
    let letters = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_alphabetic);
    let four = u32::from_be_bytes(last) | 0x2020_2020;
    match last {
        [b'"', a, b, c] if letters(&[a, b, c]) => Some(four & 0x00ff_ffff),
        [_, b'"', a, b] if letters(&[a, b]) => Some(four & 0xffff),
        last if letters(&last) => Some(four),
        _ => None,
    }
}

/// Whether the run is in an address that is the whole value of a JSON member, and one whose name tells nothing.
fn is_in_address_of_harmless(text: &[u8], run: usize, names: &Names) -> bool {
    let Some(slashes) = value_start(text, run).filter(|start| text[*start..].starts_with(b"//")) else {
        return false;
    };
    let Some(scheme) = text[..slashes].strip_suffix(b":") else { return false };
    let letters = scheme.iter().rev().take(8).take_while(|byte| byte.is_ascii_alphabetic()).count();
    may_json_member_be_named(text, scheme.len() - letters, names) == Some(false)
}

/// Where the bytes of `set` begin that stand right before `at`.
fn skip_back(text: &[u8], mut at: usize, set: &[u8]) -> usize {
    while at > 0 && set.contains(&text[at - 1]) {
        at -= 1;
    }
    at
}

/// From the run at `run` to its name. `None` where nothing telling stands beside it.
pub(super) fn of_run(text: &[u8], run: Span, names: &Names) -> Option<Candidate> {
    let value = value_start(text, run.start)?;
    let left = context::left(text, value);
    let (value, name, telling, left) = match telling_name(text, value, &left, names) {
        Some((name, telling)) => (value, name, telling, left),
        None => of_first_half(text, value, names).or_else(|| spoken_of(text, value, &run, left, names))?,
    };
    let end = match left.assignment {
        Some(Assignment::Cell) => context::end_of_cell(text, run.end),
        _ => context::end(text, run.start, left.quote).unwrap_or(run.end).max(run.end),
    };
    candidate(text, Field { value: value..end, whole: left.whole..end, name, telling, left })
}

/// A value, the name of it, what that tells, and what stands left of it.
type Named = (usize, Option<Span>, Telling, Left);

/// What ends at a colon or bar may be a value's first half: `Bearer 123:abc`, `access_token=123|abc`.
fn of_first_half(text: &[u8], value: usize, names: &Names) -> Option<Named> {
    let start = joined_start(text, value)?;
    let left = context::left(text, start);
    let (name, telling) = telling_name(text, start, &left, names)?;
    Some((start, name, telling, left))
}

/// What a line of text calls the value, if that may be random at all: letters and digits that take turns, and no UUID.
fn spoken_of(text: &[u8], value: usize, run: &Span, left: Left, names: &Names) -> Option<Named> {
    const TURNS: usize = 3;
    let bytes = text.get(run.clone())?;
    let turns = bytes.windows(2).filter(|pair| pair[0].is_ascii_digit() != pair[1].is_ascii_digit());
    let is_uuid = bytes.len() == 36 && [8, 13, 18, 23].iter().all(|at| bytes.get(*at) == Some(&b'-'));
    if is_uuid || turns.take(TURNS).count() < TURNS {
        return None;
    }
    let (name, telling) = spoken::name(text, &left, names)?;
    Some((value, Some(name), telling, left))
}

/// From a word inside a name, at `at`, to the value that the name stands for.
pub(super) fn of_word(text: &[u8], at: usize, names: &Names) -> Option<Candidate> {
    let name = name_around(text, at);
    let telling = names.telling(&Normal::new(&text[name.clone()]))?;
    let found = value_after(text, &name).or_else(|| sibling_value(text, &name))?;
    let (value, quote) = found;
    let left = context::left(text, value);
    let is_beside =
        text.get(name.end..value).is_some_and(|gap| gap.iter().all(|byte| context::is_between_cells(*byte)));
    if is_beside && left.assignment != Some(Assignment::Cell) {
        return None;
    }
    let value = left.scheme.as_ref().map_or(value, |scheme| context_skip(text, scheme.end));
    let value = match text[value..].first() {
        Some(b'=') if quote.is_some() => value + 1,
        _ => value,
    };
    let end = match left.assignment {
        Some(Assignment::Cell) => context::end_of_cell(text, value),
        _ => context::end(text, value, quote)?,
    };
    candidate(
        text,
        Field {
            value: value..end,
            whole: left.whole..end,
            name: Some(name),
            telling,
            left: Left { quote, ..left },
        },
    )
}

fn context_skip(text: &[u8], at: usize) -> usize {
    at + text[at..].iter().take_while(|byte| **byte == b' ').count()
}

/// Where the value begins that the run at `run` is in: bytes of a value that are no run bytes may stand before it.
fn value_start(text: &[u8], run: usize) -> Option<usize> {
    let floor = run.saturating_sub(128);
    let mut start = run;
    // The tail of an escape is no part of the value: `\nabc`.
    if start > 0 && text[start - 1] == b'\\' {
        return None;
    }
    while start > floor && is_value_byte(text[start - 1]) {
        start -= 1;
    }
    (start > floor || floor == 0).then_some(start)
}

/// Where a value begins whose later part begins at `part`, behind a colon or bar.
fn joined_start(text: &[u8], part: usize) -> Option<usize> {
    let joint = part.checked_sub(1).filter(|joint| matches!(text[*joint], b':' | b'|'))?;
    let floor = joint.saturating_sub(128);
    let start = (floor..joint).rev().find(|at| !is_value_byte(text[*at])).map_or(floor, |at| at + 1);
    (start < joint && (start > floor || floor == 0)).then_some(start)
}

/// Bytes that stand inside a value without ending it to the left.
fn is_value_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || byte >= 0x80
        || matches!(
            byte,
            b'_' | b'+' | b'/' | b'-' | b'.' | b'~' | b'!' | b'@' | b'#' | b'$' | b'%' | b'^' | b'*'
        )
}

fn telling_name(text: &[u8], value: usize, left: &Left, names: &Names) -> Option<(Option<Span>, Telling)> {
    let Some(name) = &left.name else { return scheme_alone(text, left) };
    let beside = || sibling_beside(text, value, left, names).map(|(name, telling)| (Some(name), telling));
    if left.assignment == Some(Assignment::Element)
        && let Some(told) = beside()
    {
        return Some(told);
    }
    if !names.may_tell(&text[name.clone()]) {
        return scheme_alone(text, left);
    }
    let normal = Normal::new(&text[name.clone()]);
    if normal.is_neutral() {
        let in_object = left.quote.and_then(|quote| sibling_name(text, value, quote, names));
        let told = in_object.map(|(name, telling)| (Some(name), telling)).or_else(beside);
        return told.or_else(|| scheme_alone(text, left));
    }
    match names.telling(&normal) {
        Some(telling) => Some((Some(name.clone()), telling)),
        None => scheme_alone(text, left),
    }
}

/// `Bearer` says that a token follows even where no name stands; the other scheme words are too common for that.
fn scheme_alone(text: &[u8], left: &Left) -> Option<(Option<Span>, Telling)> {
    let scheme = left.scheme.as_ref()?;
    text[scheme.clone()].eq_ignore_ascii_case(b"bearer").then_some((None, Telling::Strong))
}

/// The sibling that names the value at `value`.
fn sibling_name(text: &[u8], value: usize, quote: Quote, names: &Names) -> Option<(Span, Telling)> {
    let quote = Quote { mark: b'"', ..quote };
    pair::members(text, value, quote).into_iter().find_map(|Member { key, value }| {
        let value = value.filter(|_| Normal::new(&text[key]).is_naming())?;
        let telling = names.telling(&Normal::new(&text[value.clone()]))?;
        Some((value, telling))
    })
}

/// The same outside of JSON.
fn sibling_beside(text: &[u8], value: usize, left: &Left, names: &Names) -> Option<(Span, Telling)> {
    let key = left.name.as_ref()?;
    let told = |Member { key, value }: Member| {
        let value = value.filter(|_| Normal::new(&text[key]).is_naming())?;
        let telling = names.telling(&Normal::new(&text[value.clone()]))?;
        // What only hints may be anything: `<property name="key">`.
        matches!(telling, Telling::Strong | Telling::Password).then_some((value, telling))
    };
    beside::members(text, key, value, left.assignment?).into_iter().find_map(told)
}

/// The value of the sibling that holds what the string at `name` names: `{"name": "password", "value": "…"}`.
fn sibling_value(text: &[u8], name: &Span) -> Option<(usize, Option<Quote>)> {
    let left = context::left(text, name.start);
    let key = left.name?;
    let assignment = left.assignment.filter(|_| Normal::new(&text[key.clone()]).is_naming())?;
    let quote = left.quote.filter(|quote| assignment == Assignment::Colon && quote.mark == b'"');
    let in_object = quote.and_then(|quote| value_in_object(text, name, quote));
    in_object.or_else(|| value_beside(text, &key, name.start, assignment))
}

/// The same in a JSON object.
fn value_in_object(text: &[u8], name: &Span, quote: Quote) -> Option<(usize, Option<Quote>)> {
    pair::members(text, name.start, quote).into_iter().find_map(|Member { key, value }| {
        let value = value.filter(|_| Normal::new(&text[key]).is_neutral())?;
        Some((value.start, Some(quote)))
    })
}

/// The same outside of JSON.
fn value_beside(
    text: &[u8],
    key: &Span,
    name: usize,
    assignment: Assignment,
) -> Option<(usize, Option<Quote>)> {
    let start =
        beside::members(text, key, name, assignment).into_iter().find_map(|Member { key, value }| {
            let neutral = Normal::new(&text[key]);
            // A property list says what type a value has, and nothing else.
            value.filter(|_| neutral.is_neutral() || neutral.as_bytes() == b"string").map(|value| value.start)
        })?;
    let mark = start.checked_sub(1).map(|before| text[before]).filter(|mark| matches!(mark, b'"' | b'\''));
    Some((start, mark.map(|mark| Quote { mark, escapes: 0 })))
}

/// The name that the byte at `at` is in.
fn name_around(text: &[u8], at: usize) -> Span {
    let is_name =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.') || *byte >= 0x80;
    let before = text[at.saturating_sub(64)..at].iter().rev().take_while(|byte| is_name(byte)).count();
    let after = text[at..].iter().take(64).take_while(|byte| is_name(byte)).count();
    let mut start = at - before;
    if start > 0 && text[start - 1] == b'\\' && start < at {
        start += 1; // `\npassword`
    }
    start..at + after
}

/// What follows a name: the sign that assigns, and where the value begins after its quote.
fn value_after(text: &[u8], name: &Span) -> Option<(usize, Option<Quote>)> {
    if text[name.end..].starts_with(context::ROBIN) {
        return Some((name.end + context::ROBIN.len(), Some(Quote { mark: b'\'', escapes: 0 })));
    }
    let limit = text.len().min(name.end + 96);
    let mut at = name.end;
    if text.get(at) == Some(&b'>') && name.start > 0 && text[name.start - 1] == b'<' {
        return Some((at + 1, None));
    }
    let closing = skip_quote(text, at, limit);
    let quoted = closing.is_some();
    at = closing.map_or(at, |(_, after)| after);
    while matches!(text.get(at), Some(b']' | b')' | b'?' | b'!')) {
        at += 1;
    }
    at = skip_blank(text, at, limit);
    let signs = text[at..limit].iter().take_while(|byte| matches!(byte, b':' | b'=' | b'>')).count();
    let pair = signs == 0 && quoted && text.get(at) == Some(&b',') && opens_pair(text, name.start);
    if !(1..=3).contains(&signs) && !pair {
        return next_cell(text, name.end, limit);
    }
    at = skip_blank(text, at + signs.max(1), limit);
    if let Some(cell) = next_cell(text, at, limit) {
        return Some(cell);
    }
    at = skip_block_head(text, at).unwrap_or(at);
    match skip_quote(text, at, limit) {
        Some((quote, after)) => Some((after, Some(quote))),
        None if pair => None,
        None => (at < limit).then_some((at, None)),
    }
}

/// Where the first line of a block scalar begins whose head is at `at`: `|`, `>-`.
fn skip_block_head(text: &[u8], at: usize) -> Option<usize> {
    let rest = text.get(at..)?;
    let rest = rest.strip_prefix(b"|").or(rest.strip_prefix(b">"))?;
    let rest = rest.strip_prefix(b"-").or(rest.strip_prefix(b"+")).unwrap_or(rest);
    let blank = rest.iter().take(64).take_while(|byte| byte.is_ascii_whitespace()).count();
    rest[..blank].contains(&b'\n').then_some(text.len() - rest.len() + blank)
}

/// Where the cell begins that follows the one that ends at `end`.
fn next_cell(text: &[u8], end: usize, limit: usize) -> Option<(usize, Option<Quote>)> {
    let gap = text[end..limit].iter().take_while(|byte| context::is_between_cells(**byte)).count();
    let is_border = context::is_border(&text[end..end + gap]);
    (is_border && end + gap < limit).then_some((end + gap, None))
}

/// Whether the quoted name at `name` is the first of a list or of a call's arguments.
fn opens_pair(text: &[u8], name: usize) -> bool {
    let quote = name.saturating_sub(1);
    let open = quote.saturating_sub(context::backslashes_before(text, quote));
    matches!(text[..open].iter().rev().find(|byte| !byte.is_ascii_whitespace()), Some(b'[' | b'('))
}

/// A quote at `at` with its backslashes, and the byte after it.
fn skip_quote(text: &[u8], at: usize, limit: usize) -> Option<(Quote, usize)> {
    let escapes = text[at.min(limit)..limit].iter().take(15).take_while(|byte| **byte == b'\\').count();
    let mark = *text.get(at + escapes)?;
    matches!(mark, b'"' | b'\'' | b'`').then_some((Quote { mark, escapes }, at + escapes + 1))
}

fn skip_blank(text: &[u8], mut at: usize, limit: usize) -> usize {
    while at < limit {
        match text[at] {
            b' ' | b'\t' => at += 1,
            _ => break,
        }
    }
    at
}

/// Judges the value's form and makes a candidate of it.
fn candidate(text: &[u8], field: Field) -> Option<Candidate> {
    let Field { value, whole, name, telling, left } = field;
    let value = if left.quote.is_some() { trimmed(text, value) } else { value };
    let raw = text.get(value.clone())?;
    let least = if telling == Telling::Password { MIN_PASSWORD } else { MIN_SECRET };
    if raw.len() < least || raw.iter().any(u8::is_ascii_whitespace) && !is_cookie(text, &name) {
        return None;
    }
    if left.quote.is_none() && !is_plain_literal(text, raw, &left) {
        return None;
    }
    if left.assignment == Some(Assignment::Comma) && is_identifier(raw) {
        return None;
    }
    if left.assignment == Some(Assignment::Cell)
        && !name.as_ref().is_some_and(|name| context::in_row(text, name, &value))
    {
        return None;
    }
    let decoded = decoded(raw, &left);
    let signature = signature(text, &name, telling, &left);
    Some(Candidate {
        signature,
        by: By::Field(telling),
        span: value.clone(),
        secret: value,
        whole: text[whole].to_vec().into(),
        value: decoded.into(),
        name: name.map(|name| String::from_utf8_lossy(&text[name]).into_owned()),
        user: None,
        claims: None,
        doubt: None,
    })
}

/// A quoted value without blanks at its ends.
fn trimmed(text: &[u8], value: Span) -> Span {
    let Some(raw) = text.get(value.clone()) else { return value };
    let start = value.end - raw.trim_ascii_start().len();
    start..start + raw.trim_ascii().len()
}

fn is_cookie(text: &[u8], name: &Option<Span>) -> bool {
    name.as_ref().is_some_and(|name| Normal::new(&text[name.clone()]).as_bytes() == b"cookie")
}

/// Unquoted values: in a query, a header, an environment file or XML they are literals, in code they are expressions.
fn is_plain_literal(text: &[u8], raw: &[u8], left: &Left) -> bool {
    let spaced = left.whole > 0 && text[left.whole - 1].is_ascii_whitespace();
    let has_digit = raw.iter().any(u8::is_ascii_digit);
    match left.assignment {
        Some(Assignment::Element) => true,
        _ if raw.contains(&b'(') || raw.contains(&b'[') || raw.contains(&b'{') => false,
        Some(Assignment::Equals) if spaced => has_digit && !is_member_path(raw),
        Some(Assignment::Colon) if spaced => has_digit && !is_member_path(raw),
        _ => has_digit || !is_identifier(raw),
    }
}

/// `user.password`, `this.config.apiKey2`
fn is_member_path(raw: &[u8]) -> bool {
    raw.contains(&b'.') && raw.split(|byte| *byte == b'.').all(is_identifier)
}

/// A word as programs name things.
fn is_identifier(raw: &[u8]) -> bool {
    !raw.is_empty()
        && !raw[0].is_ascii_digit()
        && raw.iter().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'$'))
        || raw.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
            && raw.iter().filter(|byte| byte.is_ascii_digit()).count() <= 1
            && !raw.first().is_some_and(u8::is_ascii_digit)
}

/// The value as the program that reads it sees it: escapes of its string, or of its query, taken out.
fn decoded(raw: &[u8], left: &Left) -> Vec<u8> {
    match left.quote {
        Some(quote) if raw.contains(&b'\\') => {
            let levels = (quote.escapes + 1).ilog2() as usize + 1;
            (0..levels).fold(raw.to_vec(), |value, _| super::unescape(&value))
        }
        None if left.assignment == Some(Assignment::Equals) && raw.contains(&b'%') => super::unpercent(raw),
        _ => raw.to_vec(),
    }
}

/// Which of the general signatures fits the name best.
fn signature(text: &[u8], name: &Option<Span>, telling: Telling, left: &Left) -> &'static Signature {
    let Some(name) = name else { return &generic::BEARER };
    let normal = Normal::new(&text[name.clone()]);
    let ends = |ending: &str| normal.as_bytes().ends_with(ending.as_bytes());
    match telling {
        Telling::Password => &generic::PASSWORD_FIELD,
        Telling::Hint | Telling::Weak => &generic::RANDOM,
        Telling::Strong if ends("clientsecret") || ends("appsecret") => &generic::CLIENT_SECRET,
        Telling::Strong if ends("refreshtoken") => &generic::REFRESH_TOKEN,
        Telling::Strong if ends("accesstoken") || ends("sessiontoken") => &generic::ACCESS_TOKEN,
        Telling::Strong if ends("cookie") => &generic::COOKIE,
        Telling::Strong if left.scheme.is_some() => &generic::BEARER,
        Telling::Strong => &generic::API_KEY,
    }
}
