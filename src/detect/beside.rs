//! Siblings outside of JSON, for `<add key="ApiKey" value="…"/>`, `<key>ApiKey</key><string>…</string>` and
//! `- name: API_KEY` with `value: …` in the next line. As in [`super::pair`] nothing is parsed but what stands close by.

use super::context::Assignment;
use super::names::Normal;
use super::pair::Member;
use crate::blob::Span;

/// How far a tag or a line goes, in bytes.
const REACH: usize = 1024;

/// The most attributes or lines that are looked at, and the most elements.
const MOST: usize = 16;
const MOST_ELEMENTS: usize = 8;

/// What stands beside the value at `at` (or the name there) that belongs to the key at `key`: keys with their values,
/// both without quotes.
pub(super) fn members(text: &[u8], key: &Span, at: usize, assignment: Assignment) -> Vec<Member> {
    match assignment {
        Assignment::Equals => attributes(text, key.start),
        Assignment::Element => {
            let mut members = attributes(text, key.end);
            members.extend(elements_before(text, key.start));
            members.extend(elements_behind(text, at));
            members
        }
        Assignment::Colon => lines(text, key),
        Assignment::Comma | Assignment::Cell => Vec::new(),
    }
}

/// The attributes of the tag that `at` stands in.
fn attributes(text: &[u8], at: usize) -> Vec<Member> {
    let from = at.saturating_sub(REACH);
    let Some(open) = text.get(from..at).and_then(|before| memchr::memrchr(b'<', before)) else {
        return Vec::new();
    };
    let limit = text.len().min(at + REACH);
    let mut at = from + open + 1 + run(text, from + open + 1, |byte| !is_end_of_name(byte));
    let mut members = Vec::new();
    while members.len() < MOST {
        at += run(text, at, |byte| byte.is_ascii_whitespace());
        let key = at..at + run(text, at, |byte| !is_end_of_name(byte));
        let sign = key.end + run(text, key.end, |byte| byte.is_ascii_whitespace());
        let quote = sign + 1 + run(text, sign + 1, |byte| byte.is_ascii_whitespace());
        let (Some(b'='), Some(mark @ (b'"' | b'\''))) = (text.get(sign), text.get(quote)) else { break };
        let Some(length) = text.get(quote + 1..limit).and_then(|rest| memchr::memchr(*mark, rest)) else {
            break;
        };
        members.push(Member { key: local(text, key), value: Some(quote + 1..quote + 1 + length) });
        at = quote + length + 2;
    }
    members
}

fn is_end_of_name(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'=' | b'>' | b'/' | b'<' | b'"' | b'\'')
}

/// How many bytes from `at` on are such ones.
fn run(text: &[u8], at: usize, is: impl Fn(u8) -> bool) -> usize {
    text.get(at..).unwrap_or_default().iter().take(REACH).take_while(|byte| is(**byte)).count()
}

/// A name without its prefix.
fn local(text: &[u8], name: Span) -> Span {
    let colon = text.get(name.clone()).and_then(|name| memchr::memrchr(b':', name));
    name.start + colon.map_or(0, |colon| colon + 1)..name.end
}

/// The elements before the tag with its name at `name`, nearest first: its siblings, and those of the element right around it
/// if that is called as a value is (`<value><stringValue>`).
fn elements_before(text: &[u8], name: usize) -> Vec<Member> {
    let from = name.saturating_sub(REACH);
    let mut members = Vec::new();
    let Some(open) = text.get(from..name).and_then(|before| memchr::memrchr(b'<', before)) else {
        return members;
    };
    let mut at = from + open;
    let mut has_left = false;
    for _ in 0..MOST_ELEMENTS {
        let Some(inner) = text.get(from..at).and_then(|before| before.trim_ascii_end().strip_suffix(b">"))
        else {
            break;
        };
        let Some(open) = memchr::memrchr(b'<', inner) else { break };
        let tag = from + open + 1..from + inner.len();
        if text.get(tag.start) == Some(&b'/') {
            let Some((start, member)) = element_ending(text, from, tag) else { break };
            members.extend(member);
            at = start;
            continue;
        }
        at = tag.start - 1;
        if inner.ends_with(b"/") {
            continue;
        }
        if has_left || !is_value(text, tag.start) {
            // What a value's parent is called: `<stage name="ApiKey"><initialvalue>`.
            let of_parent = if is_value(text, name) { attributes(text, tag.end) } else { Vec::new() };
            members.extend(of_parent);
            break;
        }
        has_left = true;
    }
    members
}

/// Whether the tag whose name begins at `at` is called as a value is.
fn is_value(text: &[u8], at: usize) -> bool {
    let name = at..at + run(text, at, |byte| !is_end_of_name(byte));
    Normal::new(text.get(local(text, name)).unwrap_or_default()).is_neutral()
}

/// The elements in the tag that has the attribute with its value at `at`, in order, as [`elements_behind`] has them.
pub(super) fn children(text: &[u8], at: usize) -> Vec<Member> {
    let limit = text.len().min(at.saturating_add(REACH));
    match text.get(at..limit).and_then(|rest| memchr::memchr(b'>', rest)) {
        Some(end) if !text[..at + end].ends_with(b"/") => elements_from(text, at + end, limit),
        _ => Vec::new(),
    }
}

/// The element with its end tag's name (and the `/` before it) at `closing`: where it begins, and what it holds if that is text.
fn element_ending(text: &[u8], from: usize, closing: Span) -> Option<(usize, Option<Member>)> {
    let name = text.get(closing.start + 1..closing.end)?;
    let before = text.get(from..closing.start - 1)?;
    let mut end = before.len();
    let start = loop {
        let open = memchr::memrchr(b'<', before.get(..end)?)?;
        let behind = before.get(open + 1..)?;
        if behind.starts_with(name) && behind.get(name.len()).is_none_or(|byte| is_end_of_name(*byte)) {
            break open;
        }
        end = open;
    };
    let content = start + memchr::memchr(b'>', before.get(start..)?)? + 1;
    let is_text = !before.get(content..)?.contains(&b'<');
    let key = local(text, from + start + 1..from + start + 1 + name.len());
    Some((from + start, is_text.then_some(Member { key, value: Some(from + content..closing.start - 1) })))
}

/// The elements behind the end tag after `at`, in order; of one that is called as a value is, what it begins with.
fn elements_behind(text: &[u8], at: usize) -> Vec<Member> {
    let limit = text.len().min(at.saturating_add(REACH));
    let closing = text.get(at..limit).and_then(|rest| memchr::memchr(b'<', rest)).map(|open| at + open);
    let end = closing.filter(|at| text.get(at + 1) == Some(&b'/'));
    let end = end.and_then(|at| Some(at + memchr::memchr(b'>', text.get(at..limit)?)?));
    end.map(|end| elements_from(text, end, limit)).unwrap_or_default()
}

/// The elements behind the `>` at `end`.
fn elements_from(text: &[u8], mut end: usize, limit: usize) -> Vec<Member> {
    let mut members = Vec::new();
    for _ in 0..MOST_ELEMENTS {
        let Some(next) = element_from(text, end + 1, limit) else { break };
        let (tag, behind) = (next.key.clone(), next.value.as_ref().map_or(next.key.end, |value| value.end));
        let is_empty = text
            .get(..next.value.as_ref().map_or(0, |value| value.start))
            .is_some_and(|text| text.ends_with(b"/>"));
        if is_empty {
            end = next.value.map_or(behind, |value| value.start - 1);
            continue;
        }
        if text.get(behind + 1) != Some(&b'/') {
            // It holds elements: of those only the first of a value counts, and what is behind them is not known.
            members.extend(element_from(text, behind, limit).filter(|_| is_value(text, tag.start)));
            break;
        }
        members.push(next);
        let Some(closed) = text.get(behind..limit).and_then(|rest| memchr::memchr(b'>', rest)) else { break };
        end = behind + closed;
    }
    members
}

/// The element that begins at `at` but for blanks: its text up to the next tag.
fn element_from(text: &[u8], at: usize, limit: usize) -> Option<Member> {
    let open = at + run(text, at, |byte| byte.is_ascii_whitespace());
    let name = open + 1..open + 1 + run(text, open + 1, |byte| !is_end_of_name(byte));
    if text.get(open) != Some(&b'<') || name.is_empty() {
        return None;
    }
    let content = name.end + memchr::memchr(b'>', text.get(name.end..limit)?)? + 1;
    let end = content + memchr::memchr(b'<', text.get(content..limit)?)?;
    Some(Member { key: local(text, name), value: Some(content..end) })
}

/// The members of the block mapping (YAML 1.2 §8.2.2) that the key at `key` is one of.
fn lines(text: &[u8], key: &Span) -> Vec<Member> {
    if text.get(key.end) != Some(&b':') {
        return Vec::new(); // a member of JSON, whose key has quotes
    }
    let from = key.start.saturating_sub(REACH);
    let start_of = |at: usize| {
        let before = text.get(from..at).unwrap_or_default();
        memchr::memrchr(b'\n', before).map_or(from, |line| from + line + 1)
    };
    let own = start_of(key.start);
    let column = key.start - own;
    let mut members = Vec::new();
    // Upwards, to the line with the dash that begins the item.
    let (mut line, mut begins) = (own, dash(text, own));
    while line > from && !begins && members.len() < MOST {
        line = start_of(line - 1);
        begins = dash(text, line);
        members.extend(member(text, line, column));
    }
    let mut next = own;
    for _ in 0..MOST {
        let Some(end) =
            text.get(next..text.len().min(next + REACH)).and_then(|rest| memchr::memchr(b'\n', rest))
        else {
            break;
        };
        next += end + 1;
        if dash(text, next) {
            break;
        }
        members.extend(member(text, next, column));
    }
    members
}

/// Whether an item of a list begins in that line.
fn dash(text: &[u8], line: usize) -> bool {
    let blank = run(text, line, |byte| byte == b' ');
    text.get(line + blank..).is_some_and(|rest| rest.starts_with(b"- "))
}

/// The member whose key stands in that column of the line.
fn member(text: &[u8], line: usize, column: usize) -> Option<Member> {
    let lead = text.get(line..line + column)?;
    if !lead.iter().all(|byte| matches!(byte, b' ' | b'-')) {
        return None;
    }
    let start = line + column;
    let key =
        start..start + run(text, start, |byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if key.is_empty() || text.get(key.end) != Some(&b':') {
        return None;
    }
    let value = key.end + 1 + run(text, key.end + 1, |byte| byte == b' ');
    let end = value + run(text, value, |byte| byte != b'\n' && byte != b'\r');
    let value = match text.get(value) {
        Some(mark @ (b'"' | b'\'')) => {
            let length = memchr::memchr(*mark, text.get(value + 1..end)?)?;
            value + 1..value + 1 + length
        }
        _ => value..value + text.get(value..end)?.trim_ascii_end().len(),
    };
    Some(Member { key, value: Some(value) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str, key: &str, assignment: Assignment) -> Vec<(String, String)> {
        let start = text.find(key).expect("a key in the test");
        let at = text.find("VALUE").expect("a value in the test");
        members(text.as_bytes(), &(start..start + key.len()), at, assignment)
            .into_iter()
            .map(|member| (text[member.key].to_owned(), text[member.value.expect("a value")].to_owned()))
            .collect()
    }

    fn is(pairs: &[(String, String)], expected: &[(&str, &str)]) {
        let pairs: Vec<_> = pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(pairs, expected);
    }

    #[test]
    fn attributes_of_a_tag() {
        let text = r#"<a><add key="ApiKey" x:b = 'c' value="VALUE"/><b c="d"/></a>"#;
        is(&pairs(text, "value", Assignment::Equals), &[("key", "ApiKey"), ("b", "c"), ("value", "VALUE")]);
        is(&pairs(r#"<p name="ApiKey">VALUE</p>"#, "p", Assignment::Element), &[("name", "ApiKey")]);
        is(&pairs(r#"x value="VALUE""#, "value", Assignment::Equals), &[]);
    }

    #[test]
    fn elements_beside_each_other() {
        let text = "<d>\n <key>A</key>\n <string>VALUE</string>\n <key>B</key></d>";
        is(&pairs(text, "string", Assignment::Element), &[("key", "A"), ("key", "B")]);
        let text = "<d><v>VALUE</v></d>";
        is(&pairs(text, "v", Assignment::Element), &[]);
        // What has nothing to do with either may stand between them, and a value may stand in an element of its own.
        let text = "<c><name>A</name><dataType>String</dataType>\n<value><stringValue>VALUE</stringValue></value></c>";
        is(&pairs(text, "stringValue", Assignment::Element), &[("dataType", "String"), ("name", "A")]);
        let text = "<c><key>VALUE</key><type>x</type><value><string>B</string></value></c>";
        is(&pairs(text, "key", Assignment::Element), &[("type", "x"), ("string", "B")]);
        let text = "<stage name=\"A\"><display x=\"1\"/><datatype>text</datatype><initialvalue>VALUE</initialvalue></stage>";
        let expected = [("datatype", "text"), ("name", "A")];
        is(&pairs(text, "initialvalue", Assignment::Element), &expected);
        let found = children(text.as_bytes(), text.find("A\"").expect("a name"))
            .into_iter()
            .map(|member| &text[member.key]);
        assert_eq!(found.collect::<Vec<_>>(), ["datatype", "initialvalue"]);
        let text = "<c><name>A</name><other><stringValue>VALUE</stringValue></other></c>";
        is(&pairs(text, "stringValue", Assignment::Element), &[]);
    }

    #[test]
    fn lines_of_an_item() {
        let text = "env:\n  - name: A\n    value: VALUE\n  - name: \"B\"\n    value: x\n";
        is(&pairs(text, "value", Assignment::Colon), &[("name", "A")]);
        let text = "env:\n  - value: VALUE\n    name: 'A'\n    other:\n      name: C\n  - name: B\n";
        is(&pairs(text, "value", Assignment::Colon), &[("name", "A"), ("other", "")]);
    }
}
