//! Reads a backup, item by item, and checks that it is complete.

use super::format::{End, Header, Line, VERSION};
use crate::failure::Failure;
use age::{DecryptError, Decryptor, scrypt, stream::StreamReader};
use cip::store::operator::Attributes;
use flate2::bufread::GzDecoder;
use ring::digest::{Context, SHA256};
use secrecy::SecretString;
use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
};

/// The most work for a passphrase that a file may ask for: 2^22, some seconds and 4 GB. A usual file asks for 2^18.
const MOST_WORK: u8 = 22;

/// A backup that is being read.
pub(crate) struct Reader {
    lines: BufReader<GzDecoder<BufReader<StreamReader<BufReader<File>>>>>,
    name: String,
    digest: Context,
    items: u64,
    /// What the first line says.
    pub(crate) header: Header,
    /// What the last line says, once it has been read.
    pub(crate) end: Option<End>,
}

impl Reader {
    /// Whether the file can be opened and is encrypted with a passphrase.
    ///
    /// # Errors
    /// [`Failure::Input`] that says why not.
    pub(crate) fn check(file: &Path) -> Result<(), Failure> {
        decryptor(file, &file.display().to_string()).map(drop)
    }

    /// # Errors
    /// [`Failure::Input`] that tells a wrong passphrase from a damaged file.
    pub(crate) fn open(file: &Path, passphrase: SecretString) -> Result<Self, Failure> {
        let name = file.display().to_string();
        let decryptor = decryptor(file, &name)?;
        let mut identity = scrypt::Identity::new(passphrase);
        identity.set_max_work_factor(MOST_WORK);
        let decrypted = decryptor
            .decrypt(std::iter::once(&identity as &dyn age::Identity))
            .map_err(|error| undecryptable(&name, &error))?;
        let mut lines = BufReader::new(GzDecoder::new(BufReader::new(decrypted)));
        let mut first = Vec::new();
        lines.read_until(b'\n', &mut first).map_err(|_| damaged(&name))?;
        let Ok(Line::Backup(header)) = serde_json::from_slice(&first) else {
            return Err(Failure::Input(format!("{name} is not a backup of cip.")));
        };
        if header.version > VERSION {
            let (version, release) = (header.version, &header.release);
            return Err(Failure::Input(format!("{name} has format {version}: use cip {release} or later.")));
        }
        let mut digest = Context::new(&SHA256);
        digest.update(&first);
        Ok(Self { lines, name, digest, items: 0, header, end: None })
    }

    /// The next item. `None` at the end, if everything was there.
    ///
    /// # Errors
    /// [`Failure::Input`] if the file is damaged.
    pub(crate) fn next(&mut self) -> Result<Option<Attributes>, Failure> {
        let mut line = Vec::new();
        self.lines.read_until(b'\n', &mut line).map_err(|_| damaged(&self.name))?;
        match serde_json::from_slice(&line) {
            Ok(Line::Item(item)) => {
                self.digest.update(&line);
                self.items += 1;
                Ok(Some(item.into()))
            }
            Ok(Line::End(end)) if end == self.read() && self.is_at_end() => {
                self.end = Some(end);
                Ok(None)
            }
            _ => Err(damaged(&self.name)),
        }
    }

    /// Reads what is left, and returns what the whole backup has.
    ///
    /// # Errors
    /// [`Failure::Input`] if the file is damaged.
    pub(crate) fn verify(mut self, mut each: impl FnMut(Attributes)) -> Result<End, Failure> {
        while let Some(item) = self.next()? {
            each(item);
        }
        Ok(self.read())
    }

    fn read(&self) -> End {
        End { items: self.items, sha256: hex::encode(self.digest.clone().finish()) }
    }

    /// Reads to the end of each layer, which also checks gzip's checksum and age's last chunk.
    fn is_at_end(&mut self) -> bool {
        let mut more = [0];
        let mut ends = |layer: &mut dyn Read| layer.read(&mut more).is_ok_and(|bytes| bytes == 0);
        ends(&mut self.lines) && ends(self.lines.get_mut().get_mut())
    }
}

fn damaged(name: &str) -> Failure {
    Failure::Input(format!("{name} is truncated or was altered."))
}

fn decryptor(file: &Path, name: &str) -> Result<Decryptor<BufReader<File>>, Failure> {
    let opened = File::open(file).map_err(|error| Failure::Input(format!("{name}: {error}")))?;
    let decryptor = Decryptor::new_buffered(BufReader::new(opened)).map_err(|error| undecryptable(name, &error))?;
    if !decryptor.is_scrypt() {
        return Err(Failure::Input(format!("{name} is not encrypted with a passphrase.")));
    }
    Ok(decryptor)
}

fn undecryptable(name: &str, error: &DecryptError) -> Failure {
    match error {
        DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed | DecryptError::NoMatchingKeys => {
            Failure::Input(format!("The passphrase is not that of {name}."))
        }
        DecryptError::InvalidMac => damaged(name),
        DecryptError::InvalidHeader | DecryptError::UnknownFormat | DecryptError::Io(_) => {
            Failure::Input(format!("{name} is not a backup of cip, or is truncated."))
        }
        DecryptError::ExcessiveWork { .. } => Failure::Input(format!("{name}: {error}")),
    }
}
