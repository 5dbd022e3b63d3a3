//! The format of a backup: [age](https://age-encryption.org/v1) with a passphrase, in it gzip, in it JSON Lines. So
//! `age --decrypt FILE | gunzip` shows it.
//!
//! | line | holds |
//! |---|---|
//! | first | `{"backup": …}`: [`Header`] |
//! | one for each item | `{"item": …}`: the item as DynamoDB's API writes it |
//! | last | `{"end": {"items": …, "sha256": …}}`: [`End`], the number of items, and the SHA-256 of all lines before |

use serde::{Deserialize, Serialize};

/// The version of the format. A higher one cannot be read.
pub(crate) const VERSION: u32 = 1;

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Line {
    Backup(Header),
    Item(serde_dynamo::Item),
    End(End),
}

/// What the backup is of.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Header {
    pub(crate) version: u32,
    /// The release of the program that has written it.
    pub(crate) release: String,
    pub(crate) table: String,
    /// Before the first item was read: Unix time in ms.
    pub(crate) started_at: u64,
}

/// What a complete backup has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct End {
    pub(crate) items: u64,
    /// In hexadecimal.
    pub(crate) sha256: String,
}
