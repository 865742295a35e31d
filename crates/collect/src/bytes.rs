//! A buffered byte stream that the readers look ahead in.

use std::io::{self, Read};

const BUFFER: usize = 256 * 1024;

/// Bytes of an unpacked input. A read error counts as the end of the bytes and is kept for later, so that everything
/// before it is used.
pub(crate) struct ByteStream {
    source: Box<dyn Read + Send>,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    done: bool,
    error: Option<io::Error>,
}

/// How a line ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// There is no further line.
    End,
    /// A whole line.
    Whole,
    /// The last line, without a line feed.
    Last,
    /// A line longer than allowed; only its beginning was kept.
    TooLong,
}

impl ByteStream {
    pub(crate) fn new(source: Box<dyn Read + Send>) -> ByteStream {
        let buffer = vec![0; BUFFER].into_boxed_slice();
        ByteStream { source, buffer, start: 0, end: 0, done: false, error: None }
    }

    fn fill(&mut self) {
        if self.done {
            return;
        }
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            return;
        }
        loop {
            match self.source.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.done = true,
                Ok(n) => self.end += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => {
                    self.done = true;
                    self.error = Some(e);
                }
            }
            return;
        }
    }

    /// The bytes as a reader.
    pub(crate) fn into_read(self) -> impl Read + Send {
        Rest(self)
    }

    /// What is in the buffer; empty only at the end.
    pub(crate) fn rest(&mut self) -> &[u8] {
        if self.start == self.end {
            self.fill();
        }
        &self.buffer[self.start..self.end]
    }

    /// At least `n` bytes (at most the buffer's size) where so many are left.
    pub(crate) fn look(&mut self, n: usize) -> &[u8] {
        while self.end - self.start < n.min(BUFFER) && !self.done {
            self.fill();
        }
        &self.buffer[self.start..self.end]
    }

    pub(crate) fn peek(&mut self) -> Option<u8> {
        self.rest().first().copied()
    }

    /// Goes on by `n` bytes of what [`rest`](Self::rest) or [`look`](Self::look) showed.
    pub(crate) fn advance(&mut self, n: usize) {
        self.start = (self.start + n).min(self.end);
    }

    pub(crate) fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.advance(1);
        Some(byte)
    }

    /// The read error that ended the bytes early.
    pub(crate) fn take_error(&mut self) -> Option<io::Error> {
        self.error.take()
    }

    pub(crate) fn has_error(&self) -> bool {
        self.error.is_some()
    }

    /// Passes over `n` bytes; false when there are fewer.
    pub(crate) fn skip(&mut self, mut n: u64) -> bool {
        while n > 0 {
            let here = self.rest().len();
            if here == 0 {
                return false;
            }
            let step = here.min(usize::try_from(n).unwrap_or(usize::MAX));
            self.advance(step);
            n -= step as u64;
        }
        true
    }

    /// Reads at most `n` bytes into `into`, which is emptied before; false when there are fewer.
    pub(crate) fn take(&mut self, n: usize, into: &mut Vec<u8>) -> bool {
        into.clear();
        while into.len() < n {
            let want = n - into.len();
            let rest = self.rest();
            if rest.is_empty() {
                return false;
            }
            let step = rest.len().min(want);
            into.extend_from_slice(&rest[..step]);
            self.advance(step);
        }
        true
    }

    /// Reads a line into `line`, without its end. Bytes over `cap` are passed over.
    pub(crate) fn read_line(&mut self, line: &mut Vec<u8>, cap: usize) -> Line {
        line.clear();
        let (mut any, mut too_long) = (false, false);
        loop {
            let rest = self.rest();
            if rest.is_empty() {
                return match (any, too_long) {
                    (false, _) => Line::End,
                    (true, true) => Line::TooLong,
                    (true, false) => Line::Last,
                };
            }
            any = true;
            let found = memchr::memchr(b'\n', rest);
            let piece = &rest[..found.unwrap_or(rest.len())];
            let room = cap.saturating_sub(line.len());
            too_long |= piece.len() > room;
            if !too_long {
                line.extend_from_slice(piece);
            }
            let n = piece.len();
            self.advance(n + usize::from(found.is_some()));
            if found.is_some() {
                return if too_long { Line::TooLong } else { Line::Whole };
            }
        }
    }
}

struct Rest(ByteStream);

impl Read for Rest {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = self.0.rest();
        let n = rest.len().min(buffer.len());
        buffer[..n].copy_from_slice(&rest[..n]);
        self.0.advance(n);
        match self.0.take_error() {
            Some(error) if n == 0 => Err(error),
            error => {
                self.0.error = error;
                Ok(n)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_capped() {
        let mut bytes = ByteStream::new(Box::new(&b"one\n\nlonger line\nend"[..]));
        let mut line = Vec::new();
        let mut seen = Vec::new();
        loop {
            let end = bytes.read_line(&mut line, 5);
            seen.push((end, String::from_utf8_lossy(&line).into_owned()));
            if end == Line::End {
                break;
            }
        }
        let ends: Vec<Line> = seen.iter().map(|(end, _)| *end).collect();
        assert_eq!(ends, [Line::Whole, Line::Whole, Line::TooLong, Line::Last, Line::End]);
        assert_eq!(seen[3].1, "end");
    }
}
