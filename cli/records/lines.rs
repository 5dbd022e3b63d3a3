//! The lines of a file or of stdin. Empty lines are left out, but counted.

use super::skipped::Reason;
use std::io::{BufRead, Read, Result};

/// U+FEFF in UTF-8, with which some editors begin a file.
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads lines.
pub(crate) struct Lines<R> {
    reader: R,
    at: u64,
    buffer: Vec<u8>,
}

/// A line with content.
pub(crate) struct Line<'a> {
    /// Its number, from 1 on.
    pub(crate) at: u64,
    /// Without its end (LF or CRLF), and without a byte order mark.
    pub(crate) content: std::result::Result<&'a [u8], Reason>,
}

impl<R: BufRead> Lines<R> {
    /// In bytes. A longer line is no record, and is not kept in memory.
    const LONGEST: usize = 64 * 1024;

    pub(crate) fn new(reader: R) -> Self {
        Self { reader, at: 0, buffer: Vec::new() }
    }

    /// The next line that is not empty.
    pub(crate) fn next(&mut self) -> Result<Option<Line<'_>>> {
        loop {
            self.buffer.clear();
            let most = Self::LONGEST as u64 + 1;
            if self.reader.by_ref().take(most).read_until(b'\n', &mut self.buffer)? == 0 {
                return Ok(None);
            }
            self.at += 1;
            let is_cut = self.buffer.len() > Self::LONGEST && !self.buffer.ends_with(b"\n");
            if is_cut {
                self.reader.skip_until(b'\n')?;
                return Ok(Some(Line { at: self.at, content: Err(Reason::LongLine) }));
            }
            if self.at == 1 && self.buffer.starts_with(BYTE_ORDER_MARK) {
                self.buffer.drain(..BYTE_ORDER_MARK.len());
            }
            while let Some(b'\n' | b'\r') = self.buffer.last() {
                self.buffer.pop();
            }
            if !self.buffer.trim_ascii().is_empty() {
                return Ok(Some(Line { at: self.at, content: Ok(&self.buffer) }));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Vec<(u64, std::result::Result<Vec<u8>, Reason>)> {
        let mut lines = Lines::new(text);
        let mut read = Vec::new();
        while let Some(Line { at, content }) = lines.next().expect("no I/O") {
            read.push((at, content.map(<[u8]>::to_vec)));
        }
        read
    }

    #[test]
    fn ends_of_lines_and_a_byte_order_mark_belong_to_no_line() {
        let read = read(b"\xef\xbb\xbfalice\r\n\r\n \t\nbob\n\xef\xbb\xbfcarol");
        let lines: [(u64, &[u8]); 3] = [(1, b"alice"), (4, b"bob"), (5, b"\xef\xbb\xbfcarol")];
        assert_eq!(read, lines.map(|(at, line)| (at, Ok(line.to_vec()))));
    }

    #[test]
    fn a_line_that_is_too_long_does_not_hide_the_next_one() {
        let longest = "x".repeat(Lines::<&[u8]>::LONGEST);
        let read = read(format!("{longest}\n{longest}x\nbob").as_bytes());
        let reasons: Vec<_> = read.iter().map(|(at, line)| (*at, line.is_ok())).collect();
        assert_eq!(reasons, [(1, true), (2, false), (3, true)]);
    }
}
