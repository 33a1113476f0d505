//! Making characters visible that act rather than show: controls, direction marks, invisible ones.

/// Returns `text` with each character that acts on a terminal, changes the direction of the text around it, ends a line
/// or cannot be seen replaced by an escape: `\n`, `\r`, `\t`, or `\u{202e}` for all others.
///
/// Backslashes stay as they are, so the result is for reading, not for decoding.
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if acts(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

/// Whether a character acts or hides: the general categories Cc, Cf, Zl and Zp of Unicode 16, and letters and
/// variation selectors that leave no mark. U+FE0F stays: it is what makes an emoji of a sign.
pub(super) fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
            | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0e}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_is_escaped() {
        for c in [
            '\0',
            '\u{7f}',
            '\u{9b}',
            '\u{200e}',
            '\u{202a}',
            '\u{2066}',
            '\u{2028}',
            '\u{feff}',
            '\u{e0041}',
        ] {
            assert_eq!(visible(&format!("a{c}b")), format!("a\\u{{{:x}}}b", c as u32));
        }
    }

    #[test]
    fn what_shows_stays() {
        for text in [
            "Rechnung – Übersicht",
            "請求書",
            "C:\\temp",
            "⚙️ sync",
            "{{ $json.x }}",
            "a\u{a0}b",
        ] {
            assert_eq!(visible(text), text);
        }
    }
}
