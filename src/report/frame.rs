//! The frame of a JSON document: written member by member, so that a long list is never held as text.

use std::io::{self, Write};

use serde::Serialize;

/// An open JSON object. Each member stands on a line of its own, and so does each item of a list.
pub(super) struct Object<'w> {
    out: &'w mut dyn Write,
    empty: bool,
}

impl<'w> Object<'w> {
    /// Opens an object.
    pub(super) fn open(out: &'w mut dyn Write) -> io::Result<Self> {
        out.write_all(b"{")?;
        Ok(Self { out, empty: true })
    }

    /// Writes a member.
    pub(super) fn member(&mut self, name: &str, value: &impl Serialize) -> io::Result<()> {
        self.name(name)?;
        Ok(serde_json::to_writer(&mut *self.out, value)?)
    }

    /// Writes a member that is a list.
    pub(super) fn list<T: Serialize>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
    ) -> io::Result<()> {
        self.name(name)?;
        self.out.write_all(b"[")?;
        let mut empty = true;
        for item in items {
            self.out.write_all(if empty { b"\n" } else { b",\n" })?;
            serde_json::to_writer(&mut *self.out, &item)?;
            empty = false;
        }
        self.out.write_all(if empty { b"]" } else { b"\n]" })
    }

    /// Writes a member that is a list of one object, whose members `write` writes.
    pub(super) fn list_of_one(
        &mut self,
        name: &str,
        write: impl FnOnce(&mut Object) -> io::Result<()>,
    ) -> io::Result<()> {
        self.name(name)?;
        self.out.write_all(b"[")?;
        let mut object = Object::open(self.out)?;
        write(&mut object)?;
        object.out.write_all(b"}]")
    }

    /// Closes the object, and the line.
    pub(super) fn close(self) -> io::Result<()> {
        self.out.write_all(b"}\n")
    }

    fn name(&mut self, name: &str) -> io::Result<()> {
        self.out.write_all(if self.empty { b"\n" } else { b",\n" })?;
        self.empty = false;
        serde_json::to_writer(&mut *self.out, name)?;
        self.out.write_all(b":")
    }
}
