//! What is measured: a program that handles one operation.

use crate::event::Operation;
use std::path::{Path, PathBuf};

/// The program of a Lambda function.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    /// Its name in the results.
    pub(crate) name: String,
    pub(crate) command: Vec<PathBuf>,
    /// What is uploaded: the binary, or the bundle.
    pub(crate) file: PathBuf,
    pub(crate) operation: Operation,
    pub(crate) kind: Kind,
}

/// How a subject is built, which decides how it can be measured and which certificates it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One of our functions, or the empty function. On AWS it reads no certificates from files.
    Compiled,
    /// A function with the SDK's own HTTP client, which reads the system's certificates at start.
    WithSystemCertificates,
    /// A function on Node.
    Node,
}

impl Subject {
    pub(crate) fn compiled(binary: &Path, operation: Operation) -> Self {
        let name = binary.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let kind = if name == "get-item" { Kind::WithSystemCertificates } else { Kind::Compiled };
        Self { name, command: vec![binary.to_owned()], file: binary.to_owned(), operation, kind }
    }

    /// A function of `bench/peers/node`, on AWS's runtime interface client.
    pub(crate) fn node(folder: &Path, function: &str, operation: Operation) -> Self {
        let client = folder.join("node_modules/aws-lambda-ric/bin/index.mjs");
        let handler = folder.join("dist").join(format!("{function}.handler"));
        let command = vec!["node".into(), client, handler];
        let file = folder.join("dist").join(format!("{function}.mjs"));
        Self { name: format!("node {function}"), command, file, operation, kind: Kind::Node }
    }

    /// The event of the next of many calls.
    pub(crate) fn event(&self, user: &str) -> String {
        self.operation.event(&self.operation.caller(user))
    }

    /// Whether the subject stores tokens, so that a user can have one.
    pub(crate) fn has_tokens(&self) -> bool {
        self.is_ours() || self.kind == Kind::Node
    }

    /// Whether it is one of our functions.
    pub(crate) fn is_ours(&self) -> bool {
        self.kind == Kind::Compiled && self.name != "empty"
    }
}
