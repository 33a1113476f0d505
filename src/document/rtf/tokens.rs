//! The grammar of RTF (Rich Text Format Specification 1.9.1, "RTF Syntax"): bytes → groups, control words and text.

use std::io::{self, BufRead};

use crate::document::mail::hex;

/// The longest name of a control word; the specification allows 32 letters.
const NAME: usize = 32;

/// One thing of the grammar.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token {
    Open,
    Close,
    /// A control word and its number.
    Word(String, Option<i32>),
    /// A control symbol.
    Symbol(u8),
    /// A byte of text; true if it was written as `\'hh`.
    Byte(u8, bool),
}

/// Reads tokens one after the other.
pub(super) struct Tokens<R> {
    reader: R,
}

impl<R: BufRead> Tokens<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader }
    }

    /// The next token; ends of lines are none.
    pub(super) fn next(&mut self) -> io::Result<Option<Token>> {
        loop {
            let token = match self.byte()? {
                None => return Ok(None),
                Some(b'{') => Token::Open,
                Some(b'}') => Token::Close,
                Some(b'\r' | b'\n') => continue,
                Some(b'\\') => match self.control()? {
                    Some(token) => token,
                    None => return Ok(None),
                },
                Some(byte) => Token::Byte(byte, false),
            };
            return Ok(Some(token));
        }
    }

    /// Raw bytes behind `\bin`.
    pub(super) fn binary(&mut self, length: u64, take: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        let mut left = length;
        while left > 0 {
            let bytes = self.reader.fill_buf()?;
            let taken = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            if taken == 0 {
                return Ok(());
            }
            take(bytes.get(..taken).unwrap_or_default());
            self.reader.consume(taken);
            left -= taken as u64;
        }
        Ok(())
    }

    fn control(&mut self) -> io::Result<Option<Token>> {
        let Some(first) = self.byte()? else { return Ok(None) };
        if first == b'\'' {
            let (high, low) = (self.digit()?, self.digit()?);
            return Ok(Some(Token::Byte(high << 4 | low, true)));
        }
        if !first.is_ascii_alphabetic() {
            return Ok(Some(Token::Symbol(first)));
        }
        let mut name = String::from(char::from(first));
        while let Some(letter) = self.peek()?.filter(u8::is_ascii_alphabetic) {
            self.reader.consume(1);
            if name.len() < NAME {
                name.push(char::from(letter));
            }
        }
        let number = self.number()?;
        if self.peek()? == Some(b' ') {
            self.reader.consume(1);
        }
        Ok(Some(Token::Word(name, number)))
    }

    fn number(&mut self) -> io::Result<Option<i32>> {
        let negative = self.peek()? == Some(b'-');
        if negative {
            self.reader.consume(1);
        }
        let mut number: Option<i32> = None;
        while let Some(digit) = self.peek()?.filter(u8::is_ascii_digit) {
            self.reader.consume(1);
            number = Some(number.unwrap_or(0).saturating_mul(10).saturating_add((digit - b'0').into()));
        }
        Ok(number.map(|number| if negative { -number } else { number }))
    }

    fn digit(&mut self) -> io::Result<u8> {
        let digit = self.peek()?.and_then(hex);
        if digit.is_some() {
            self.reader.consume(1);
        }
        Ok(digit.unwrap_or(0))
    }

    fn peek(&mut self) -> io::Result<Option<u8>> {
        Ok(self.reader.fill_buf()?.first().copied())
    }

    fn byte(&mut self) -> io::Result<Option<u8>> {
        let byte = self.peek()?;
        if byte.is_some() {
            self.reader.consume(1);
        }
        Ok(byte)
    }
}
