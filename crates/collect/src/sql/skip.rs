//! Passing over blanks, comments and whole statements.

use super::{Cut, SqlReader};

impl SqlReader {
    /// Passes over white space and comments.
    pub(super) fn blanks(&mut self) -> Result<(), Cut> {
        loop {
            let rest = self.bytes.rest();
            if rest.is_empty() {
                return Ok(());
            }
            let blank = rest.iter().take_while(|b| b.is_ascii_whitespace() || **b == 0).count();
            if blank > 0 {
                self.bytes.advance(blank);
                continue;
            }
            match self.bytes.look(2) {
                [b'-', b'-', ..] => self.line(),
                [b'#', ..] if self.dialect.hash_comments => self.line(),
                [b'/', b'*', ..] => {
                    self.bytes.advance(2);
                    self.comment()?;
                }
                _ => return Ok(()),
            }
        }
    }

    /// Passes over the rest of the line.
    pub(super) fn line(&mut self) {
        loop {
            let rest = self.bytes.rest();
            match (memchr::memchr(b'\n', rest), rest.len()) {
                (Some(i), _) => return self.bytes.advance(i + 1),
                (None, 0) => return,
                (None, n) => self.bytes.advance(n),
            }
        }
    }

    fn comment(&mut self) -> Result<(), Cut> {
        loop {
            let rest = self.bytes.rest();
            match (memchr::memchr(b'*', rest), rest.len()) {
                (_, 0) => return Err(Cut),
                (None, n) => self.bytes.advance(n),
                (Some(i), _) => {
                    self.bytes.advance(i + 1);
                    if self.bytes.peek() == Some(b'/') {
                        self.bytes.advance(1);
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Passes over the inside of a literal or quoted name; the opening quote was read.
    pub(super) fn skip_quoted(&mut self, quote: u8) -> Result<(), Cut> {
        let escapes = self.dialect.backslash && quote != b'`';
        loop {
            let pairs = self.dialect.pairs;
            if pairs && self.bytes.peek().ok_or(Cut)? >= 0x80 {
                self.bytes.next();
                self.bytes.next().ok_or(Cut)?;
                continue;
            }
            let rest = self.bytes.rest();
            let rest = if pairs { &rest[..super::values::ascii(rest)] } else { rest };
            let found =
                if escapes { memchr::memchr2(quote, b'\\', rest) } else { memchr::memchr(quote, rest) };
            let (n, byte) = match found {
                Some(i) => (i + 1, rest[i]),
                None if rest.is_empty() => return Err(Cut),
                None => (rest.len(), 0),
            };
            self.bytes.advance(n);
            if byte == quote {
                // A doubled quote opens again at once, which comes to the same.
                return Ok(());
            }
            if byte == b'\\' {
                self.bytes.next().ok_or(Cut)?;
            }
        }
    }

    /// Passes over tuples that nobody wants, up to the end of the statement.
    pub(super) fn skip_values(&mut self) -> Result<(), Cut> {
        loop {
            let rest = self.bytes.rest();
            let (n, byte) = match memchr::memchr3(b'\'', b'"', b';', rest) {
                Some(i) => (i + 1, rest[i]),
                None if rest.is_empty() => return Ok(()),
                None => (rest.len(), 0),
            };
            self.bytes.advance(n);
            match byte {
                b';' => return Ok(()),
                b'\'' | b'"' => self.skip_quoted(byte)?,
                _ => {}
            }
        }
    }

    /// Passes over any statement, up to and with its semicolon.
    pub(super) fn skip_statement(&mut self) -> Result<(), Cut> {
        loop {
            let rest = self.bytes.rest();
            let special = |b: &u8| matches!(b, b'\'' | b'"' | b'`' | b';' | b'-' | b'/' | b'#' | b'$');
            let plain = rest.iter().position(special).unwrap_or(rest.len());
            if rest.is_empty() {
                return Ok(());
            }
            if plain > 0 {
                self.bytes.advance(plain);
                continue;
            }
            match self.bytes.look(2) {
                [b'-', b'-', ..] | [b'#', ..] | [b'/', b'*', ..] => {
                    let before = self.bytes.peek();
                    self.blanks()?;
                    if before == Some(b'#') && !self.dialect.hash_comments {
                        self.bytes.advance(1);
                    }
                }
                [b';', ..] => {
                    self.bytes.advance(1);
                    return Ok(());
                }
                [quote @ (b'\'' | b'"' | b'`'), ..] => {
                    let quote = *quote;
                    self.bytes.advance(1);
                    self.skip_quoted(quote)?;
                }
                [b'$', ..] if !self.dialect.backslash => self.dollar_quoted()?,
                _ => self.bytes.advance(1),
            }
        }
    }

    /// PostgreSQL's `$tag$ … $tag$`, which function bodies are written in.
    fn dollar_quoted(&mut self) -> Result<(), Cut> {
        let head = self.bytes.look(66);
        let name = head[1..].iter().take(64).take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
        if head.get(name + 1) != Some(&b'$') {
            self.bytes.advance(1);
            return Ok(());
        }
        let tag = head[..name + 2].to_vec();
        self.bytes.advance(tag.len());
        loop {
            let rest = self.bytes.rest();
            match (memchr::memchr(b'$', rest), rest.len()) {
                (_, 0) => return Err(Cut),
                (None, n) => self.bytes.advance(n),
                (Some(i), _) => {
                    self.bytes.advance(i);
                    if self.bytes.look(tag.len()).starts_with(&tag) {
                        self.bytes.advance(tag.len());
                        return Ok(());
                    }
                    self.bytes.advance(1);
                }
            }
        }
    }

    /// `DELIMITER ;;` brackets triggers and routines: everything up to `DELIMITER ;` is passed over.
    pub(super) fn delimiter(&mut self) {
        let mut line = Vec::new();
        loop {
            let end = self.bytes.read_line(&mut line, 200);
            let text = line.trim_ascii();
            let text = text.strip_prefix(b"DELIMITER").or(text.strip_prefix(b"delimiter")).unwrap_or(text);
            if end == crate::bytes::Line::End || text.trim_ascii() == b";" {
                return;
            }
        }
    }
}
