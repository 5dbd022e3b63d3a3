//! Writes a backup, item by item.

use super::format::{End, Header, Line};
use age::{Encryptor, stream::StreamWriter};
use cip::store::operator::Attributes;
use flate2::{Compression, write::GzEncoder};
use ring::digest::{Context, SHA256};
use secrecy::SecretString;
use std::io::{self, Write};

/// A backup that is being written. Without [`finish`](Self::finish) it is incomplete, and cannot be read.
pub(crate) struct Writer<W: Write> {
    out: GzEncoder<StreamWriter<W>>,
    digest: Context,
    items: u64,
}

impl<W: Write> Writer<W> {
    /// A new backup in `out`. Deriving the key from the passphrase takes about a second.
    ///
    /// # Errors
    /// Those of `out`.
    pub(crate) fn new(out: W, passphrase: SecretString, header: Header) -> io::Result<Self> {
        let out = Encryptor::with_user_passphrase(passphrase).wrap_output(out)?;
        let out = GzEncoder::new(out, Compression::default());
        let mut writer = Self { out, digest: Context::new(&SHA256), items: 0 };
        writer.line(&Line::Backup(header))?;
        Ok(writer)
    }

    /// Adds an item.
    ///
    /// # Errors
    /// Those of `out`.
    pub(crate) fn item(&mut self, item: Attributes) -> io::Result<()> {
        self.items += 1;
        self.line(&Line::Item(item.into()))
    }

    /// Ends the backup.
    ///
    /// # Errors
    /// Those of `out`.
    pub(crate) fn finish(mut self) -> io::Result<(W, End)> {
        let sha256 = hex::encode(self.digest.clone().finish());
        let end = End { items: self.items, sha256 };
        self.line(&Line::End(end.clone()))?;
        Ok((self.out.finish()?.finish()?, end))
    }

    fn line(&mut self, line: &Line) -> io::Result<()> {
        let mut line = serde_json::to_vec(line)?;
        line.push(b'\n');
        self.digest.update(&line);
        self.out.write_all(&line)
    }
}
