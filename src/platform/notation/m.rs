//! Sections of Power Query M: `section Section1; shared Orders = let … in …;`. Only the members' names are read; what they are
//! is a string, `expression`. <https://learn.microsoft.com/powerquery-m/m-spec-sections>

use super::{Transcript, Writer};

const SHARED: &[u8] = b"shared ";

/// The transcript, if the text is a section.
pub(super) fn transcript(text: &[u8], start: usize) -> Option<Transcript> {
    let body = text.get(start..)?;
    let head = body.get(..256).unwrap_or(body);
    let end = head.strip_prefix(b"section ").and_then(|rest| memchr::memchr(b';', rest))? + b"section ".len();
    let name = body.get(b"section ".len()..end)?.trim_ascii();
    let mut writer = Writer::default();
    writer.open(start, b'{');
    writer.key(start, b"section");
    writer.string([(start + b"section ".len(), name)]);
    writer.key(start + end, b"members");
    writer.open(start + end, b'{');
    let mut at = next(text, start + end);
    while let Some(member) = at.filter(|_| !writer.is_full()) {
        at = next(text, member + SHARED.len());
        let all = text.get(member + SHARED.len()..at.unwrap_or(text.len())).unwrap_or_default();
        let Some(sign) = sign(all) else { continue };
        let from = member + SHARED.len();
        writer.key(from, quoted(all.get(..sign).unwrap_or_default().trim_ascii()));
        writer.open(from + sign, b'{');
        writer.key(from + sign, b"expression");
        writer.string([(from + sign + 1, all.get(sign + 1..).unwrap_or_default())]);
        writer.close(b'}');
    }
    writer.close(b'}');
    // No member has such a name: so this is told from JSON with the same members.
    writer.key(text.len(), b"~m");
    writer.bare(text.len(), b"true");
    writer.close(b'}');
    Some(writer.finish())
}

/// Where the next member begins, in a line of its own.
fn next(text: &[u8], from: usize) -> Option<usize> {
    let rest = text.get(from..)?;
    memchr::memmem::find_iter(rest, SHARED)
        .find(|at| {
            matches!(at.checked_sub(1).and_then(|before| rest.get(before)), Some(b'\n' | b'\r' | b';' | b' '))
        })
        .map(|at| from + at)
}

/// Where the `=` of a member stands, behind its name.
fn sign(member: &[u8]) -> Option<usize> {
    match member.strip_prefix(b"#\"") {
        Some(rest) => {
            let close = memchr::memchr(b'"', rest)? + 2;
            Some(close + memchr::memchr(b'=', member.get(close..)?)?)
        }
        None => memchr::memchr(b'=', member),
    }
}

/// A name without `#"…"`.
fn quoted(name: &[u8]) -> &[u8] {
    name.strip_prefix(b"#\"").and_then(|name| name.strip_suffix(b"\"")).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_a_section() {
        let text = b"section Section1;\r\n\r\nshared Orders = let a = 1 in a;\r\n\r\nshared #\"My = key\" = \"VALUE\" meta [];\r\n";
        let transcript = transcript(text, 0).expect("a transcript");
        let said: serde_json::Value = serde_json::from_slice(&transcript.text).expect("JSON");
        assert_eq!(said["members"]["Orders"]["expression"].as_str().map(str::trim), Some("let a = 1 in a;"));
        assert!(
            said["members"]["My = key"]["expression"].as_str().is_some_and(|text| text.contains("VALUE"))
        );
        let value = memchr::memmem::find(text, b"VALUE").expect("a value");
        assert_eq!(
            transcript.text.get(transcript.marks.transcribed(&(value..value + 5))),
            Some(b"VALUE".as_slice())
        );
        assert!(super::transcript(b"section of a text", 0).is_none());
    }
}
