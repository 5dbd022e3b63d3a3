//! The size of what is uploaded.

use crate::{Result, bench::Bench};
use flate2::{Compression, write::DeflateEncoder};
use serde::Serialize;
use std::{fs, io::Write};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    subject: String,
    bytes: usize,
    /// Compressed as in a zip file, at the highest level.
    zip_bytes: usize,
}

pub(crate) fn measure(bench: &Bench) -> Result<Vec<Row>> {
    bench
        .all()
        .iter()
        .map(|subject| {
            let file = fs::read(&subject.file)?;
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(&file)?;
            Ok(Row { subject: subject.name.clone(), bytes: file.len(), zip_bytes: encoder.finish()?.len() })
        })
        .collect()
}
