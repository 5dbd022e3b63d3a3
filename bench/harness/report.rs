//! The results: a JSON file, and tables.

use crate::Result;
use serde_json::{Map, Value};
use std::{fs, path::Path};

/// The results so far; none if there is no file.
pub(crate) fn read(file: &Path) -> Result<Map<String, Value>> {
    if !file.exists() {
        return Ok(Map::new());
    }
    Ok(serde_json::from_slice(&fs::read(file)?)?)
}

pub(crate) fn write(file: &Path, results: &Map<String, Value>) -> Result<()> {
    Ok(fs::write(file, format!("{}\n", serde_json::to_string_pretty(results)?))?)
}

/// Prints each part as a Markdown table, with a column for each value of its rows.
pub(crate) fn print(file: &Path) -> Result<()> {
    for (part, result) in &read(file)? {
        let about = &result["about"];
        println!(
            "\n## {part}\n\n{}, commit {}, {}\n",
            text(&about["date"]),
            text(&about["commit"]),
            text(&about["processor"])
        );
        let rows: Vec<_> = result["rows"].as_array().into_iter().flatten().map(flat).collect();
        let Some(first) = rows.first() else { continue };
        let names: Vec<_> = first.iter().map(|(name, _)| name.as_str()).collect();
        println!("| {} |\n|{}", names.join(" | "), "---|".repeat(names.len()));
        for row in &rows {
            let values: Vec<_> = row.iter().map(|(_, value)| value.as_str()).collect();
            println!("| {} |", values.join(" | "));
        }
    }
    Ok(())
}

/// The values of a row. A distribution becomes one column for each of its values.
fn flat(row: &Value) -> Vec<(String, String)> {
    let mut columns = vec![];
    for (name, value) in row.as_object().into_iter().flatten() {
        match value {
            Value::Object(parts) if name == "requests" => columns.push((name.clone(), counts(parts))),
            Value::Object(parts) => {
                columns.extend(parts.iter().map(|(part, value)| (format!("{name} {part}"), text(value))));
            }
            value => columns.push((name.clone(), text(value))),
        }
    }
    columns
}

fn counts(requests: &Map<String, Value>) -> String {
    let counts: Vec<_> = requests.iter().map(|(name, count)| format!("{count} {name}")).collect();
    counts.join(", ")
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "–".into(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}
