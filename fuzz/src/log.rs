//! Captures the log of a function, so that its content can be checked.

use std::{
    io,
    sync::{Mutex, PoisonError},
};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::{Layer, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// The length of a part of a secret, in bytes.
const PART: usize = 16;

static WRITTEN: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Writer;

impl io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        WRITTEN.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Captures the log from now on, at the finest level that a site can set. Call it once, at init.
pub fn capture() {
    let levels = Targets::new().with_default(LevelFilter::WARN).with_target("cip", LevelFilter::TRACE);
    let lines = fmt::layer().with_ansi(false).without_time().with_writer(|| Writer);
    tracing_subscriber::registry().with(lines.with_filter(levels)).init();
}

/// Returns what was logged since the last call.
pub fn take() -> String {
    let written = std::mem::take(&mut *WRITTEN.lock().unwrap_or_else(PoisonError::into_inner));
    String::from_utf8_lossy(&written).into_owned()
}

/// Whether a text repeats a part of a secret: [`PART`] bytes in a row, which cannot happen by chance.
pub fn repeats(text: &str, secret: &str) -> bool {
    let is_of_a_token = |char: char| char.is_ascii_alphanumeric() || "-_+/=".contains(char);
    let runs = text.split(|char| !is_of_a_token(char)).filter(|run| run.len() >= PART);
    // The name of a setting is not a secret.
    let is_a_name = |part: &str| part.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    let parts = runs.flat_map(|run| (PART..=run.len()).map(|end| &run[end - PART..end]));
    parts.filter(|part| !is_a_name(part)).any(|part| secret.contains(part))
}
