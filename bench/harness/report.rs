//! The results: a JSON file, and tables.

use crate::Result;
use serde_json::{Map, Value};
use std::{fs, path::Path};

/// A table: the part of the results, its title, and for each column the head and where the value is in a row.
type Table = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const TABLES: [Table; 10] = [
    ("size", "Size", &[("", "/subject"), ("bytes", "/bytes"), ("in a zip file", "/zipBytes")]),
    (
        "instructions",
        "Instructions and allocations",
        &[
            ("", "/subject"),
            ("DynamoDB", "/transport"),
            ("start", "/start"),
            ("start, no endpoint", "/startOnAws"),
            ("first call, new user", "/firstNewUser"),
            ("first call, stored token", "/first"),
            ("later call", "/later"),
            ("its allocations", "/laterBlocks"),
            ("their bytes", "/laterBytes"),
        ],
    ),
    (
        "cold",
        "Cold starts, ms",
        &[
            ("", "/subject"),
            ("DynamoDB", "/transport"),
            ("MB", "/memoryMb"),
            ("limited", "/limited"),
            ("init", "/initMs/p50"),
            ("first response", "/responseMs/p50"),
            ("p90", "/responseMs/p90"),
            ("× empty", "/ratio"),
            ("first call", "/callMs"),
            ("processor", "/processorMs"),
        ],
    ),
    (
        "warm",
        "Later calls, ms",
        &[
            ("", "/subject"),
            ("DynamoDB", "/transport"),
            ("p50", "/ms/p50"),
            ("p99", "/ms/p99"),
            ("× empty", "/ratio"),
            ("× get-item", "/ratioToGetItem"),
            ("processor", "/processorMs"),
        ],
    ),
    (
        "limited",
        "Later calls with the processor of a memory size, ms",
        &[
            ("", "/subject"),
            ("users", "/users"),
            ("MB", "/memoryMb"),
            ("p50", "/p50Ms"),
            ("p99", "/p99Ms"),
            ("billed", "/billedMs"),
        ],
    ),
    (
        "memory",
        "Memory, and processor time",
        &[
            ("", "/subject"),
            ("calls", "/calls"),
            ("resident, MB", "/residentMb"),
            ("peak, MB", "/peakMb"),
            ("start, ms", "/startProcessorMs"),
            ("call, ms", "/callProcessorMs"),
        ],
    ),
    (
        "requests",
        "Requests of a call",
        &[
            ("", "/implementation"),
            ("call", "/call"),
            ("DynamoDB", "/requests"),
            ("read units", "/readUnits"),
            ("write units", "/writeUnits"),
            ("LiveChat", "/livechat"),
        ],
    ),
    ("growth", "Later getToken, ms", &[("users in the table", "/users"), ("p50", "/ms/p50"), ("p99", "/ms/p99")]),
    (
        "callers",
        "Callers at once",
        &[
            ("", "/subject"),
            ("callers", "/callers"),
            ("users", "/users"),
            ("p50, ms", "/ms/p50"),
            ("p99, ms", "/ms/p99"),
            ("failed", "/failed"),
            ("LiveChat calls", "/livechatCalls"),
            ("customers", "/customers"),
        ],
    ),
    (
        "day",
        "A day of 10,000 users on three devices",
        &[
            ("", "/design"),
            ("MB", "/memoryMb"),
            ("page loads", "/pageLoads"),
            ("calls", "/calls"),
            ("LiveChat calls", "/livechatCalls"),
            ("cold starts", "/coldStarts"),
            ("read units", "/readUnits"),
            ("write units", "/writeUnits"),
            ("Lambda, ms", "/lambdaMs"),
            ("$ for 1 M page loads, AWS", "/dollarsPerMillionPageLoads/aws"),
            ("LiveChat", "/dollarsPerMillionPageLoads/livechat"),
        ],
    ),
];

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

/// Prints each part as a Markdown table.
pub(crate) fn print(file: &Path) -> Result<()> {
    let results = read(file)?;
    for (part, title, columns) in TABLES {
        let Some(result) = results.get(part) else { continue };
        let about = |name: &str| text(&result["about"][name]);
        println!("\n## {title}\n");
        println!("{}, commit {}, {}{}\n", about("date"), about("commit"), about("processor"), quick(result));
        let heads: Vec<_> = columns.iter().map(|(head, _)| *head).collect();
        println!("| {} |\n|{}", heads.join(" | "), "---|".repeat(heads.len()));
        for row in result["rows"].as_array().into_iter().flatten() {
            let cells: Vec<_> = columns.iter().map(|(_, place)| row.pointer(place).map_or_else(dash, text)).collect();
            println!("| {} |", cells.join(" | "));
        }
    }
    Ok(())
}

fn quick(result: &Value) -> &'static str {
    if result["about"]["quick"] == true { "; a quick run, not for publication" } else { "" }
}

fn dash() -> String {
    "–".into()
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => dash(),
        Value::String(text) => text.clone(),
        Value::Object(counts) => {
            counts.iter().map(|(name, count)| format!("{count} {name}")).collect::<Vec<_>>().join(", ")
        }
        value => value.to_string(),
    }
}
