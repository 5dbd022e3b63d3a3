//! A day of 10,000 users on three devices each: a simulation of their page loads, multiplied with what the other parts measured.

mod instances;
mod prices;
mod visits;

use crate::{
    Result,
    measures::{Cold, Limited, Units, Users},
    statistics::rounded,
};
use instances::Instances;
use prices::Prices;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use std::path::Path;
use visits::PageLoad;

/// The time that a request to DynamoDB takes in the same region, in ms; the embedded one takes next to nothing.
const DYNAMODB_MS: f64 = 4.0;
/// The time that a call to LiveChat takes, in ms.
const LIVECHAT_MS: f64 = 150.0;
/// A token lives for 8 h, and is usable until 65 min before it expires (docs/architecture.md).
const USABLE_MS: u64 = (8 * 60 - 65) * 60_000;

/// An implementation, its name in the other parts, its memory size, and the number of calls of a page load (docs/sdk.md).
const DESIGNS: [(&str, &str, u32, u32); 4] = [
    ("livechat-cip", "", 128, 1),
    ("livechat-cip", "", 256, 1),
    ("livechat-cip, functions that fetch", "", 128, 3),
    ("node", "node ", 128, 1),
];

/// A day with one design.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row {
    design: String,
    memory_mb: u32,
    page_loads: u64,
    calls: u64,
    livechat_calls: u64,
    cold_starts: u64,
    read_units: f64,
    write_units: f64,
    lambda_ms: f64,
    dollars_per_million_page_loads: Dollars,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Dollars {
    api_gateway: f64,
    lambda: f64,
    dynamodb: f64,
    /// All of these.
    aws: f64,
    livechat: f64,
}

/// What one call costs in each situation.
#[derive(Clone, Copy, Debug)]
struct Call {
    warm_ms: f64,
    cold_ms: f64,
    read_units: f64,
    write_units: f64,
    livechat: f64,
}

/// A day's sums.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    calls: u64,
    cold_starts: u64,
    lambda_ms: f64,
    read_units: f64,
    write_units: f64,
    livechat: f64,
}

/// The rows of the day; none of a design whose figures are missing in `results`.
pub(crate) fn measure(prices: &Path, results: &Map<String, Value>) -> Result<Vec<Row>> {
    let prices = Prices::read(prices)?;
    let loads = visits::day();
    let mut rows = vec![];
    for (design, prefix, memory_mb, calls_of_load) in DESIGNS {
        let stored = call(results, (prefix, memory_mb), Users::Stored)?;
        let renewal = call(results, (prefix, memory_mb), Users::New)?;
        let (Some(stored), Some(renewal)) = (stored, renewal) else {
            eprintln!("left out, as the parts cold, limited and requests have no figures: a day with {design}");
            continue;
        };
        let sums = simulate(&loads, calls_of_load, [stored, renewal]);
        rows.push(row((design, memory_mb), &loads, &sums, &prices));
    }
    Ok(rows)
}

/// What `getToken` costs, for a user with or without a usable token.
fn call(results: &Map<String, Value>, (prefix, memory_mb): (&str, u32), users: Users) -> Result<Option<Call>> {
    let name = format!("{prefix}get-token");
    let limited: Vec<Limited> = rows(results, "limited")?;
    let cold: Vec<Cold> = rows(results, "cold")?;
    let units: Vec<Units> = rows(results, "requests")?;
    let (implementation, call) = (
        if prefix.is_empty() { "livechat-cip" } else { "node" },
        if users == Users::New { "getToken, new user" } else { "getToken, stored token" },
    );
    let warm =
        |users| limited.iter().find(|row| row.subject == name && row.memory_mb == memory_mb && row.users == users);
    let cold = cold.iter().find(|row| row.is_as_on_lambda(&name, memory_mb));
    let units = units.iter().find(|row| row.implementation == implementation && row.call == call);
    let (Some(warm_stored), Some(warm), Some(cold), Some(units)) = (warm(Users::Stored), warm(users), cold, units)
    else {
        return Ok(None);
    };
    let network_ms = f64::from(units.requests.values().sum::<u32>()) * DYNAMODB_MS + units.livechat * LIVECHAT_MS;
    // The first call was measured with a stored token only: a renewal adds what it adds to a warm call.
    let more_ms = warm.billed_ms - warm_stored.billed_ms;
    Ok(Some(Call {
        warm_ms: warm.billed_ms + network_ms,
        cold_ms: cold.billed_ms() + more_ms + network_ms,
        read_units: units.read_units,
        write_units: units.write_units,
        livechat: units.livechat,
    }))
}

fn rows<T: DeserializeOwned>(results: &Map<String, Value>, part: &str) -> Result<Vec<T>> {
    match results.get(part) {
        Some(part) => Ok(serde_json::from_value(part["rows"].clone())?),
        None => Ok(vec![]),
    }
}

/// All calls of the day, in order. The first call of a page load renews the token, if there is no usable one.
fn simulate(loads: &[PageLoad], calls_of_load: u32, [stored, renewal]: [Call; 2]) -> Sums {
    let mut sums = Sums::default();
    let mut instances = Instances::default();
    let mut issued_ms: Vec<Option<u64>> = vec![None; visits::USERS];
    for load in loads {
        for _ in 0..calls_of_load {
            let is_usable = issued_ms[load.user].is_some_and(|issued| load.at_ms < issued + USABLE_MS);
            if !is_usable {
                issued_ms[load.user] = Some(load.at_ms);
            }
            let call = if is_usable { stored } else { renewal };
            let is_cold = !instances.serve(load.at_ms, (call.warm_ms, call.cold_ms));
            sums.add(&call, is_cold);
        }
    }
    sums
}

impl Sums {
    fn add(&mut self, call: &Call, is_cold: bool) {
        self.calls += 1;
        self.cold_starts += u64::from(is_cold);
        self.lambda_ms += if is_cold { call.cold_ms } else { call.warm_ms };
        self.read_units += call.read_units;
        self.write_units += call.write_units;
        self.livechat += call.livechat;
    }
}

fn row((design, memory_mb): (&str, u32), loads: &[PageLoad], sums: &Sums, prices: &Prices) -> Row {
    let millions_of_loads = loads.len() as f64 / 1e6;
    let each = |dollars: f64| rounded(dollars / millions_of_loads);
    let gb_s = sums.lambda_ms / 1000.0 * f64::from(memory_mb) / 1024.0;
    let calls = sums.calls as f64;
    let api_gateway = each(calls / 1e6 * prices.api_gateway.per_million_requests);
    let lambda = each(calls / 1e6 * prices.lambda.per_million_requests + gb_s * prices.lambda.per_gb_second);
    let dynamodb = &prices.dynamodb;
    let dynamodb =
        each((sums.read_units * dynamodb.per_million_reads + sums.write_units * dynamodb.per_million_writes) / 1e6);
    let livechat = each(sums.livechat / 1e3 * prices.livechat.per_thousand_calls);
    let aws = rounded(api_gateway + lambda + dynamodb);
    Row {
        design: design.into(),
        memory_mb,
        page_loads: loads.len() as u64,
        calls: sums.calls,
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of calls")]
        livechat_calls: sums.livechat.round() as u64,
        cold_starts: sums.cold_starts,
        read_units: sums.read_units,
        write_units: sums.write_units,
        lambda_ms: sums.lambda_ms.round(),
        dollars_per_million_page_loads: Dollars { api_gateway, lambda, dynamodb, aws, livechat },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORED: Call = Call { warm_ms: 10.0, cold_ms: 50.0, read_units: 1.0, write_units: 0.0, livechat: 0.0 };
    const RENEWAL: Call = Call { warm_ms: 200.0, cold_ms: 250.0, read_units: 2.0, write_units: 2.0, livechat: 1.0 };

    fn loads(at_min: &[u64]) -> Vec<PageLoad> {
        at_min.iter().map(|minutes| PageLoad { at_ms: minutes * 60_000, user: 0 }).collect()
    }

    #[test]
    fn a_token_is_renewed_when_it_is_no_longer_usable() {
        let sums = simulate(&loads(&[0, 414, 415, 416]), 1, [STORED, RENEWAL]);
        assert_eq!((sums.calls, sums.livechat.to_string().as_str()), (4, "2"));
    }

    #[test]
    fn a_call_after_a_long_pause_is_a_cold_start() {
        let sums = simulate(&loads(&[0, 1, 2, 60]), 1, [STORED, RENEWAL]);
        assert_eq!(sums.cold_starts, 2);
        assert_eq!(sums.lambda_ms.to_string(), "320");
    }
}
