//! What a function writes to its log, for a check of what is in it.

use std::{
    io,
    sync::{Mutex, PoisonError},
};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::{Layer, fmt, layer::SubscriberExt, util::SubscriberInitExt};

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

/// To be called once, at init: keeps what is logged, at the finest level that a site can set.
pub fn keep() {
    let levels = Targets::new().with_default(LevelFilter::WARN).with_target("cip", LevelFilter::TRACE);
    let lines = fmt::layer().with_ansi(false).without_time().with_writer(|| Writer);
    tracing_subscriber::registry().with(lines.with_filter(levels)).init();
}

/// What was logged since the last call.
pub fn taken() -> String {
    let written = std::mem::take(&mut *WRITTEN.lock().unwrap_or_else(PoisonError::into_inner));
    String::from_utf8_lossy(&written).into_owned()
}

/// Whether a text repeats a part of a secret: this many bytes in a row, which no word of ours has in common with it by chance.
pub fn repeats(text: &str, secret: &str) -> bool {
    const PART: usize = 16;
    let is_of_a_token = |char: char| char.is_ascii_alphanumeric() || "-_+/=".contains(char);
    let runs = text.split(|char| !is_of_a_token(char)).filter(|run| run.len() >= PART);
    // The name of a setting is no secret.
    let is_a_name = |part: &str| part.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    let parts = runs.flat_map(|run| (PART..=run.len()).map(|end| &run[end - PART..end]));
    parts.filter(|part| !is_a_name(part)).any(|part| secret.contains(part))
}
