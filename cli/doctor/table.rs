//! The table: its shape, and what protects it.

use super::{report::Report, source::Source};
use crate::refusal::advice;
use aws_sdk_dynamodb::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    operation::describe_table::DescribeTableError,
    types::{
        BillingMode, ContinuousBackupsStatus, KeyType, PointInTimeRecoveryStatus, ScalarAttributeType,
        TableDescription, TableStatus, TimeToLiveStatus,
    },
};
use cip::store::operator::{KEY, TTL};

pub(super) async fn check(report: &mut Report, source: &Source) {
    let Some(place) = &source.place else {
        report.skipped("table", "No installation is looked at: use --stack, --local or --table.");
        return;
    };
    let Ok(table) = place.table() else { return };
    let client = place.dynamodb();
    match client.describe_table().table_name(table).send().await {
        Ok(response) => {
            if let Some(description) = response.table {
                check_shape(report, table, &description);
                if source.local().is_none() {
                    check_billing(report, table, &description);
                }
            }
        }
        Err(error) if error.as_service_error().is_some_and(DescribeTableError::is_resource_not_found_exception) => {
            let fix = "Is it in another region or account (--region, --profile)? aws dynamodb list-tables shows those that are there.";
            report.wrong("table", format!("There is no table {table}."), fix);
            return;
        }
        Err(error) if error.code().is_some_and(|code| code.starts_with("AccessDenied")) => {
            report.skipped("table", format!("dynamodb:DescribeTable: {}.", why(&error)));
        }
        Err(error) => {
            let fix =
                error.code().and_then(advice).unwrap_or("Is the network up, and are --region and --profile right?");
            report.unreachable("table", format!("{table} cannot be reached: {}.", why(&error)), fix);
            return;
        }
    }
    check_expiry(report, &client, table).await;
    if source.local().is_some() {
        report.skipped("table", "The table of cargo local has no backups and no protection.");
    } else {
        check_recovery(report, &client, table).await;
    }
}

fn check_shape(report: &mut Report, table: &str, description: &TableDescription) {
    let type_of = |name: &str| {
        let defined = description.attribute_definitions().iter().find(|one| one.attribute_name() == name);
        defined.map(|defined| defined.attribute_type().clone())
    };
    let key: Vec<_> = description.key_schema().iter().map(|one| (one.attribute_name(), one.key_type())).collect();
    let is_right = key == [(KEY[0], &KeyType::Hash), (KEY[1], &KeyType::Range)]
        && KEY.iter().all(|name| type_of(name) == Some(ScalarAttributeType::S));
    if !is_right {
        let fix = format!(
            "A key cannot be changed. Create a table with the partition key {} and the sort key {}, both strings, or let the stack create it.",
            KEY[0], KEY[1]
        );
        report.wrong("table", format!("{table} has another key than the functions use."), fix);
    } else if description.table_status() == Some(&TableStatus::Active) {
        report.ok("table", format!("{table} is there, with the right key."));
    } else {
        report.warning("table", format!("{table} is not active yet."), "Wait, and try again.");
    }
}

fn check_billing(report: &mut Report, table: &str, description: &TableDescription) {
    let mode = description.billing_mode_summary().and_then(|summary| summary.billing_mode());
    if mode == Some(&BillingMode::PayPerRequest) {
        report.ok("table", "It is billed on demand.");
    } else {
        let fix = format!("aws dynamodb update-table --table-name {table} --billing-mode PAY_PER_REQUEST");
        report.warning("table", "It has a fixed capacity: beyond that, calls fail.", fix);
    }
    if description.deletion_protection_enabled() == Some(true) {
        report.ok("table", "It is protected from deletion.");
    } else {
        let fix = format!("aws dynamodb update-table --table-name {table} --deletion-protection-enabled");
        report.warning("table", "It is not protected from deletion.", fix);
    }
}

async fn check_expiry(report: &mut Report, client: &Client, table: &str) {
    let response = match client.describe_time_to_live().table_name(table).send().await {
        Ok(response) => response,
        Err(error) => return report.skipped("table", format!("dynamodb:DescribeTimeToLive: {}.", why(&error))),
    };
    let fix = format!(
        "aws dynamodb update-time-to-live --table-name {table} --time-to-live-specification Enabled=true,AttributeName={TTL}"
    );
    let expiry = response
        .time_to_live_description
        .unwrap_or_else(|| aws_sdk_dynamodb::types::TimeToLiveDescription::builder().build());
    let is_on = matches!(expiry.time_to_live_status(), Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling));
    match expiry.attribute_name().filter(|_| is_on) {
        Some(TTL) => report.ok("table", format!("Time to live is on, with the attribute {TTL}.")),
        Some(other) => {
            let first = format!(
                "First turn it off: … --time-to-live-specification Enabled=false,AttributeName={other}. An hour later:\n{fix}"
            );
            report.wrong("table", format!("Time to live is on with the attribute {other}, not {TTL}."), first);
        }
        None => report.wrong("table", "Time to live is off: what has expired is kept, and the table grows.", fix),
    }
}

async fn check_recovery(report: &mut Report, client: &Client, table: &str) {
    let response = match client.describe_continuous_backups().table_name(table).send().await {
        Ok(response) => response,
        Err(error) => return report.skipped("table", format!("dynamodb:DescribeContinuousBackups: {}.", why(&error))),
    };
    let backups = response
        .continuous_backups_description
        .filter(|backups| *backups.continuous_backups_status() == ContinuousBackupsStatus::Enabled);
    let recovery = backups.and_then(|backups| backups.point_in_time_recovery_description);
    let is_on = recovery
        .is_some_and(|recovery| recovery.point_in_time_recovery_status() == Some(&PointInTimeRecoveryStatus::Enabled));
    if is_on {
        report.ok("table", "It can be restored to a point in time.");
    } else {
        let fix = format!(
            "aws dynamodb update-continuous-backups --table-name {table} --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true"
        );
        report.warning("table", "It cannot be restored to a point in time: lost identities are lost.", fix);
    }
}

/// AWS's code, or what happened to the request.
fn why<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> String {
    match error.code() {
        Some(code) => format!("refused ({code})"),
        None if matches!(error, SdkError::TimeoutError(_)) => "no response in time".into(),
        None => "no response. Are there credentials, and is the region right?".into(),
    }
}
