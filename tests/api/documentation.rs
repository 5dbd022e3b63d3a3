//! The documentation, compared with the code.

use std::{collections::BTreeSet, path::Path};

/// Documented with the settings, but no function reads it: it is for the gateway of the template or of `cargo local`.
const OF_THE_GATEWAY: &str = "ALLOWED_HEADERS";

/// The names in headings such as "### `AUTH`".
fn headings(text: &str) -> BTreeSet<&str> {
    text.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`')).collect()
}

#[test]
fn settings_and_headings_of_the_documentation_are_the_same() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let text = std::fs::read_to_string(path).expect("docs/configuration.md");
    let expected: BTreeSet<_> = cip::settings::NAMES.into_iter().chain([OF_THE_GATEWAY]).collect();
    assert_eq!(headings(&text), expected);
}
