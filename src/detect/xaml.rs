//! Assignments of XAML workflows (UiPath's `Assign`), whose name and value stand in two elements:
//! `<Assign.To><OutArgument …>[apiKey]</OutArgument></Assign.To><Assign.Value><InArgument …>["…"]</InArgument></Assign.Value>`.
//! Brackets enclose an expression of Visual Basic or C# (Windows Workflow Foundation, "XAML and VB expressions").

use super::context::{Left, Quote};
use crate::blob::Span;

/// How far the two may stand from one another, in bytes.
const REACH: usize = 512;

/// The name of what the expression is assigned to that stands right of `left`.
pub(super) fn name_assigned(text: &[u8], left: &Left) -> Option<Span> {
    let quote = left.quote.filter(|quote| matches!(quote.mark, b'"' | b';'))?;
    let width = if quote.mark == b';' { b"&quot;".len() } else { 1 };
    let before = text.get(..left.whole.checked_sub(width)?)?;
    let from = before.len().saturating_sub(REACH);
    let tag = before.get(from..)?.strip_suffix(b"[")?.strip_suffix(b">")?;
    let tags = tag.get(..memchr::memrchr(b'<', tag)?)?;
    let behind = from + memchr::memmem::rfind(tags, b"</")?;
    // The last end tag before is that of `Assign.To`; what it holds ends before the end tag within.
    let target = text.get(from..behind)?.trim_ascii_end();
    let ends_so = text.get(behind..).is_some_and(|rest| rest.starts_with(b"</Assign.To>"));
    let name = target.get(..memchr::memmem::rfind(target, b"</")?)?.strip_suffix(b"]")?;
    let open = memchr::memrchr(b'[', name).filter(|_| ends_so)?;
    Some(from + open + 1..from + name.len())
}

/// The literal that is assigned to the variable at `name`.
pub(super) fn value_assigned(text: &[u8], name: &Span) -> Option<(usize, Option<Quote>)> {
    let rest = text.get(name.end..text.len().min(name.end.saturating_add(REACH)))?;
    if !rest.starts_with(b"]</") {
        return None;
    }
    let value = memchr::memmem::find(rest, b"Assign.Value>")?;
    let head = rest.get(..value)?;
    memchr::memmem::find(head, b"</Assign.To>")?;
    let open = value + memchr::memmem::find(rest.get(value..)?, b">[")? + 2;
    [("\"", b'"'), ("&quot;", b';')].into_iter().find_map(|(quote, mark)| {
        let is_it = rest.get(open..)?.starts_with(quote.as_bytes());
        is_it.then_some((name.end + open + quote.len(), Some(Quote { mark, escapes: 0 })))
    })
}

#[cfg(test)]
mod tests {
    use super::super::context;
    use super::*;

    const ASSIGN: &str = "<Assign.To><OutArgument x:TypeArguments=\"x:String\">[apiKey]</OutArgument></Assign.To>\n \
                          <Assign.Value>\n <InArgument x:TypeArguments=\"x:String\">[\"VALUE\"]</InArgument></Assign.Value>";

    #[test]
    fn the_name_of_a_value_and_the_value_of_a_name() {
        for text in [ASSIGN.to_owned(), ASSIGN.replace("[\"VALUE\"]", "[&quot;VALUE&quot;]")] {
            let value = text.find("VALUE").expect("a value");
            let left = context::left(text.as_bytes(), value);
            let name = name_assigned(text.as_bytes(), &left).expect("a name");
            assert_eq!(&text[name.clone()], "apiKey");
            assert_eq!(value_assigned(text.as_bytes(), &name).map(|(at, _)| at), Some(value), "{text}");
        }
    }

    #[test]
    fn nothing_else() {
        let text = ASSIGN.replace("Assign.To", "Other.To");
        let value = text.find("VALUE").expect("a value");
        assert_eq!(name_assigned(text.as_bytes(), &context::left(text.as_bytes(), value)), None);
        assert_eq!(value_assigned(b"[apiKey]", &(1..7)), None);
    }
}
