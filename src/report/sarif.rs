//! stub
use std::io::{self, Write};
pub(super) fn write(_page: &super::Page, _out: &mut dyn Write) -> io::Result<()> {
    Ok(())
}
