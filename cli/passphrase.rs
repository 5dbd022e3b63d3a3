//! The passphrase of a backup: typed, or in a file. Never an argument, which other users of the machine can see.

use crate::failure::Failure;
use clap::Args;
use rpassword::prompt_password;
use secrecy::{ExposeSecret, SecretString};
use std::{fs, io::ErrorKind, path::PathBuf};

/// A backup has cookies that work for two years, so its passphrase must stand a long search.
const FEWEST_CHARACTERS: usize = 12;

/// Where the passphrase comes from.
#[derive(Debug, Args)]
pub(crate) struct Passphrase {
    /// A file with the passphrase in its first line. Without it, you are asked.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl Passphrase {
    /// For a new backup: asked twice, and not too short.
    ///
    /// # Errors
    /// [`Failure::Input`]
    pub(crate) fn choose(&self) -> Result<SecretString, Failure> {
        let passphrase = self.read()?;
        if passphrase.expose_secret().chars().count() < FEWEST_CHARACTERS {
            return Err(Failure::Input(format!("The passphrase needs at least {FEWEST_CHARACTERS} characters.")));
        }
        if self.passphrase_file.is_none()
            && ask("Repeat the passphrase: ")?.expose_secret() != passphrase.expose_secret()
        {
            return Err(Failure::Input("The two passphrases differ.".into()));
        }
        Ok(passphrase)
    }

    /// For an existing backup.
    ///
    /// # Errors
    /// [`Failure::Input`]
    pub(crate) fn read(&self) -> Result<SecretString, Failure> {
        let Some(file) = &self.passphrase_file else { return ask("Passphrase: ") };
        let text = fs::read_to_string(file).map(SecretString::from);
        let text = text.map_err(|error| Failure::Input(format!("{}: {error}", file.display())))?;
        Ok(text.expose_secret().lines().next().unwrap_or_default().into())
    }
}

fn ask(prompt: &str) -> Result<SecretString, Failure> {
    let typed = prompt_password(prompt).map(SecretString::from);
    typed.map_err(|error| match error.kind() {
        ErrorKind::Interrupted => Failure::Interrupted("interrupted".into()),
        // Ctrl-D.
        ErrorKind::UnexpectedEof => Failure::Declined,
        _ => Failure::Input("There is no terminal to ask for the passphrase: use --passphrase-file.".into()),
    })
}
