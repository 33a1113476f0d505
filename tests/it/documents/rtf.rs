//! RTF, made here by its definition.

use super::{TOKEN, at, places, reasons, scan};
use crate::common::token;

#[test]
fn runs_are_joined() {
    let token = token(TOKEN, 1);
    let (head, tail) = token.split_at(12);
    let (middle, tail) = tail.split_at(9);
    let text = format!(
        "{{\\rtf1\\ansi\\deff0{{\\fonttbl{{\\f0 Arial;}}}}\\f0 One.\\par\r\nKey: {head}{{\\b {middle}}}\r\n\
         {{\\*\\bkmkstart x}}\\rtlch\\fs22 {tail}\\par end}}"
    );
    let outcome = scan("a.rtf", text);
    assert_eq!((places(&outcome), reasons(&outcome)), (vec![at("(text): paragraph 2", 1)], vec![]));
}
