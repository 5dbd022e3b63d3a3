//! The partitions of AWS: which domain a region's endpoints have.
//!
//! Each service's client of the SDK first parses a list of all partitions with their regions and regular expressions: 0.35 million
//! instructions of a cold start. The SDK takes another list from the file that the variable [`VARIABLE`] names. If the template sets it to
//! [`FILE`], a function writes this file before it creates a client, with only the partition of its region.
//!
//! Source of the data: `partitions.json` of the SDK. A test compares the endpoints.

use std::{env, fs, io, os::unix::process::CommandExt, process};

/// The variable of the SDK.
const VARIABLE: &str = "SMITHY_CLIENT_SDK_CUSTOM_PARTITION";

/// The file that is written. `/tmp` is the only folder on Lambda that can be written, and each function has its own.
const FILE: &str = "/tmp/livechat-cip-partition.json";

/// A partition's name, the prefix of its regions, its domain, and its domain with IPv6 (dual-stack).
type Partition = (&'static str, &'static str, &'static str, &'static str);

/// The first whose prefix fits applies. The last one fits all other regions.
const PARTITIONS: [Partition; 8] = [
    ("aws-cn", "cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    ("aws-us-gov", "us-gov-", "amazonaws.com", "api.aws"),
    ("aws-eusc", "eusc-", "amazonaws.eu", "api.amazonwebservices.eu"),
    ("aws-iso-b", "us-isob-", "sc2s.sgov.gov", "api.aws.scloud"),
    ("aws-iso-e", "eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
    ("aws-iso-f", "us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
    ("aws-iso", "us-iso-", "c2s.ic.gov", "api.aws.ic.gov"),
    ("aws", "", "amazonaws.com", "api.aws"),
];

/// Writes the file if the SDK is told to read it. If that fails, this program starts again without the variable, as the SDK panics when
/// the file is missing.
pub(crate) fn prepare() {
    if env::var_os(VARIABLE).is_none_or(|file| file != FILE) {
        return;
    }
    if let Err(error) = write(&super::region().unwrap_or_default()) {
        tracing::warn!(%error, file = FILE, "the list of partitions cannot be written, so the start takes longer");
        // Does not return if it succeeds.
        let error = restart();
        tracing::error!(%error, "the program cannot be started again without the variable");
    }
}

/// Replaces the file at once, so that another process never reads a part of it.
fn write(region: &str) -> io::Result<()> {
    let new = format!("{FILE}.{}", process::id());
    fs::write(&new, json(region))?;
    fs::rename(new, FILE)
}

fn restart() -> io::Error {
    match env::current_exe() {
        Ok(program) => process::Command::new(program).args(env::args_os().skip(1)).env_remove(VARIABLE).exec(),
        Err(error) => error,
    }
}

/// The list of partitions with the region's alone. As no partition fits `^$`, the SDK takes the one with the id `aws`.
fn json(region: &str) -> String {
    let fits = |(_, prefix, ..): &&Partition| region.starts_with(prefix);
    let (name, _, domain, dual_stack) = PARTITIONS.iter().find(fits).expect("the last one fits all regions");
    format!(
        r#"{{"partitions":[{{"id":"aws","regionRegex":"^$","regions":{{}},"outputs":{{"name":"{name}","dnsSuffix":"{domain}","dualStackDnsSuffix":"{dual_stack}","implicitGlobalRegion":"","supportsFIPS":true,"supportsDualStack":true}}}}]}}"#
    )
}

#[cfg(test)]
mod tests;
