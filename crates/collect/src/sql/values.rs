//! The tuples behind `VALUES`.

use super::{Cut, SqlReader, Step};

/// More values than this in a tuple are no row of a table (MySQL ends at 4096 columns).
pub(super) const MAX_VALUES: usize = 4096;

/// How a literal is to be read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    None,
    Backslash,
}

impl SqlReader {
    /// Reads the next tuple; `None` at the end of the statement.
    pub(super) fn tuple(&mut self) -> Result<Option<Step>, Cut> {
        loop {
            self.blanks()?;
            match self.bytes.peek() {
                Some(b',') => self.bytes.advance(1),
                Some(b'(') => break,
                Some(b';') => {
                    self.bytes.advance(1);
                    return Ok(None);
                }
                // Without a semicolon before the end or the next statement the tuples were whole all the same.
                None => return Ok(None),
                Some(b) if b.is_ascii_alphabetic() => {
                    let head = self.bytes.look(3);
                    if head
                        .get(..2)
                        .is_some_and(|w| w.eq_ignore_ascii_case(b"ON") || w.eq_ignore_ascii_case(b"AS"))
                    {
                        self.skip_statement()?;
                    }
                    return Ok(None);
                }
                Some(_) => {
                    self.row.clear();
                    self.skip_values()?;
                    return Ok(Some(Step::Refused(
                        "the statement is malformed; the rest of it is left out".to_owned(),
                    )));
                }
            }
        }
        self.bytes.advance(1);
        self.row.clear();
        let mut extra = false;
        loop {
            self.blanks()?;
            let first = self.bytes.peek().ok_or(Cut)?;
            if first == b')' && self.row.len() == 0 {
                self.bytes.advance(1);
                break;
            }
            let null = self.value(first)?;
            if self.row.len() < MAX_VALUES {
                self.row.close_value(null);
            } else {
                extra = true;
            }
            if self.value_end()? {
                break;
            }
        }
        let (values, columns) = (self.row.len(), self.row.columns());
        Ok(Some(if self.row.too_large() {
            Step::Refused("a value is larger than is read; the row is left out".to_owned())
        } else if extra || values != columns {
            Step::Refused(format!("the row has {values} values, but its table {columns} columns"))
        } else {
            Step::Row
        }))
    }

    /// Reads one value into the open value of the row; true for NULL.
    fn value(&mut self, first: u8) -> Result<bool, Cut> {
        if matches!(first, b'\'' | b'"') {
            self.bytes.advance(1);
            let escapes = if self.dialect.backslash { Escapes::Backslash } else { Escapes::None };
            self.literal(first, escapes)?;
            return Ok(false);
        }
        self.bare()?;
        let introducer = self.row.open_value().first() == Some(&b'_');
        if introducer {
            // _binary '…', _utf8mb4 0x…: a character set before the value itself.
            self.blanks()?;
        }
        let next = self.bytes.peek();
        let word = self.row.open_value();
        if introducer && next != Some(b'(') && next != Some(b',') && next != Some(b')') {
            self.row.replace_open(b"");
            return match next.ok_or(Cut)? {
                quote @ (b'\'' | b'"') => self.value(quote),
                _ => self.bare().map(|()| self.finish_bare()),
            };
        }
        match next {
            Some(b'\'') if word.len() <= 2 => {
                let (hex, escaped) = match word {
                    b"x" | b"X" => (true, false),
                    b"e" | b"E" => (false, true),
                    _ => (false, self.dialect.backslash),
                };
                self.row.replace_open(b"");
                self.bytes.advance(1);
                self.literal(b'\'', if escaped { Escapes::Backslash } else { Escapes::None })?;
                if hex {
                    let decoded = unhex(self.row.open_value());
                    self.row.replace_open(&decoded);
                }
                Ok(false)
            }
            Some(b'(') => {
                let function = word.to_ascii_lowercase();
                self.row.replace_open(b"");
                self.call(&function)?;
                Ok(false)
            }
            _ => Ok(self.finish_bare()),
        }
    }

    /// A number, NULL, or hexadecimal digits.
    fn finish_bare(&mut self) -> bool {
        let word = self.row.open_value();
        if word.eq_ignore_ascii_case(b"null") || word.eq_ignore_ascii_case(b"default") {
            self.row.replace_open(b"");
            return true;
        }
        if let [b'0', b'x' | b'X', digits @ ..] = word {
            let decoded = unhex(digits);
            self.row.replace_open(&decoded);
        }
        false
    }

    /// Reads a word into the open value.
    fn bare(&mut self) -> Result<(), Cut> {
        loop {
            let rest = self.bytes.rest();
            if rest.is_empty() {
                return Err(Cut);
            }
            let end = |b: &u8| {
                b.is_ascii_whitespace() || matches!(b, b',' | b'(' | b')' | b'\'' | b'"' | b';' | b':')
            };
            let found = rest.iter().position(end);
            let n = found.unwrap_or(rest.len());
            self.row.push(&rest[..n]);
            self.bytes.advance(n);
            if found.is_some() {
                return Ok(());
            }
        }
    }

    /// Reads a literal into the open value; the opening quote was read.
    fn literal(&mut self, quote: u8, escapes: Escapes) -> Result<(), Cut> {
        loop {
            if self.dialect.pairs && self.bytes.peek().ok_or(Cut)? >= 0x80 {
                // The first byte of a character of two; GB18030 writes those of four as two such pairs.
                for _ in 0..2 {
                    let byte = self.bytes.next().ok_or(Cut)?;
                    self.row.push_byte(byte);
                }
                continue;
            }
            let pairs = self.dialect.pairs;
            let rest = self.bytes.rest();
            let rest = if pairs { &rest[..ascii(rest)] } else { rest };
            let found = match escapes {
                Escapes::Backslash => memchr::memchr2(quote, b'\\', rest),
                Escapes::None => memchr::memchr(quote, rest),
            };
            let Some(i) = found else {
                let n = rest.len();
                if n == 0 {
                    return Err(Cut);
                }
                self.row.push(rest);
                self.bytes.advance(n);
                continue;
            };
            let byte = rest[i];
            self.row.push(&rest[..i]);
            self.bytes.advance(i + 1);
            if byte == quote {
                if self.bytes.peek() != Some(quote) {
                    return Ok(());
                }
                self.bytes.advance(1);
                self.row.push_byte(quote);
                continue;
            }
            match self.bytes.next().ok_or(Cut)? {
                b'n' => self.row.push_byte(b'\n'),
                b't' => self.row.push_byte(b'\t'),
                b'r' => self.row.push_byte(b'\r'),
                b'0' => self.row.push_byte(0),
                b'b' => self.row.push_byte(8),
                b'Z' => self.row.push_byte(0x1a),
                // MySQL keeps the backslash of its search wildcards.
                wildcard @ (b'%' | b'_') => self.row.push(&[b'\\', wildcard]),
                other => self.row.push_byte(other),
            }
        }
    }

    /// Reads a function call: its first literal is the value. sqlite writes line breaks as
    /// `replace('a\nb','\n',char(10))`, others write `CAST('…' AS …)` or `unhex('…')`.
    fn call(&mut self, function: &[u8]) -> Result<(), Cut> {
        let (mut depth, mut first) = (0usize, true);
        let mut pairs: Vec<Vec<u8>> = Vec::new();
        let mut number = Vec::new();
        loop {
            let byte = self.bytes.next().ok_or(Cut)?;
            match byte {
                b'(' => {
                    depth += 1;
                    number.clear();
                }
                b')' => {
                    depth = depth.saturating_sub(1);
                    if !number.is_empty() && !first {
                        let code = std::str::from_utf8(&number).ok().and_then(|n| n.parse::<u8>().ok());
                        pairs.push(code.into_iter().collect());
                    }
                    number.clear();
                    if depth == 0 {
                        break;
                    }
                }
                b'\'' if first => {
                    first = false;
                    let escapes = if self.dialect.backslash { Escapes::Backslash } else { Escapes::None };
                    self.literal(byte, escapes)?;
                }
                b'\'' => {
                    let mut literal = Vec::new();
                    loop {
                        let byte = self.bytes.next().ok_or(Cut)?;
                        if byte == b'\'' {
                            break;
                        }
                        if literal.len() < 64 {
                            literal.push(byte);
                        }
                    }
                    pairs.push(literal);
                }
                b'0'..=b'9' if number.len() < 8 => number.push(byte),
                _ => number.clear(),
            }
            // Calls do not nest deeply in any dump; a hostile one only loses its replacements.
            pairs.truncate(16);
        }
        match function {
            b"replace" => {
                let mut text = self.row.open_value().to_vec();
                for pair in pairs.chunks_exact(2).filter(|pair| !pair[0].is_empty()) {
                    text = replace(&text, &pair[0], &pair[1]);
                }
                self.row.replace_open(&text);
            }
            b"unhex" => {
                let decoded = unhex(self.row.open_value());
                self.row.replace_open(&decoded);
            }
            b"unistr" => {
                let text = unistr(self.row.open_value());
                self.row.replace_open(&text);
            }
            _ => {}
        }
        Ok(())
    }

    /// Passes over what may follow a value (casts, concatenation); true at the end of the tuple.
    fn value_end(&mut self) -> Result<bool, Cut> {
        let mut depth = 0usize;
        loop {
            self.blanks()?;
            let byte = self.bytes.next().ok_or(Cut)?;
            match byte {
                b',' if depth == 0 => return Ok(false),
                b')' if depth == 0 => return Ok(true),
                b'(' => depth += 1,
                b')' => depth -= 1,
                b'\'' | b'"' => self.skip_quoted(byte)?,
                _ => {}
            }
        }
    }
}

/// How many bytes at the beginning are ASCII.
pub(super) fn ascii(bytes: &[u8]) -> usize {
    bytes.iter().position(|b| *b >= 0x80).unwrap_or(bytes.len())
}

fn unhex(digits: &[u8]) -> Vec<u8> {
    let value = |b: u8| (b as char).to_digit(16).unwrap_or(0) as u8;
    digits.chunks_exact(2).map(|pair| value(pair[0]) << 4 | value(pair[1])).collect()
}

fn replace(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut last = 0;
    for found in memchr::memmem::find_iter(text, from) {
        out.extend_from_slice(&text[last..found]);
        out.extend_from_slice(to);
        last = found + from.len();
    }
    out.extend_from_slice(&text[last..]);
    out
}

/// sqlite's `\XXXX`, `\uXXXX`, `\+XXXXXX`, `\UXXXXXXXX` and `\\`.
fn unistr(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(place) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..place]);
        rest = &rest[place + 1..];
        let (skip, digits) = match rest.first() {
            Some(b'\\') => {
                out.push(b'\\');
                rest = &rest[1..];
                continue;
            }
            Some(b'u') => (1, 4),
            Some(b'+') => (1, 6),
            Some(b'U') => (1, 8),
            _ => (0, 4),
        };
        let code = rest.get(skip..skip + digits).and_then(|hex| std::str::from_utf8(hex).ok());
        match code.and_then(|hex| u32::from_str_radix(hex, 16).ok()).and_then(char::from_u32) {
            Some(c) => {
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                rest = &rest[skip + digits..];
            }
            None => out.push(b'\\'),
        }
    }
    out.extend_from_slice(rest);
    out
}
