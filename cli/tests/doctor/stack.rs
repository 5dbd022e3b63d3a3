//! The settings of a stack and of a running `cargo local`.

use super::set_up::SetUp;
use crate::world::{TABLE, serve};
use axum::{
    Json, Router,
    routing::{get, post},
};
use serde_json::json;
use std::fmt::Write;

/// The response of AWS `CloudFormation` to `DescribeStacks` for a stack with these parameters and outputs.
pub(crate) fn stack(parameters: &[(&str, &str)], outputs: &[(&str, &str)]) -> String {
    let mut lists = [String::new(), String::new()];
    for (list, kind, pairs) in [(0, "Parameter", parameters), (1, "Output", outputs)] {
        for (key, value) in pairs {
            let _ =
                write!(lists[list], "<member><{kind}Key>{key}</{kind}Key><{kind}Value>{value}</{kind}Value></member>");
        }
    }
    let [parameters, outputs] = lists;
    format!(
        "<DescribeStacksResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><DescribeStacksResult><Stacks><member>\
         <StackName>livechat-cip</StackName><StackId>arn:aws:cloudformation:eu-central-1:1:stack/livechat-cip/1</StackId>\
         <CreationTime>2026-01-01T00:00:00Z</CreationTime><StackStatus>CREATE_COMPLETE</StackStatus>\
         <Parameters>{parameters}</Parameters><Outputs>{outputs}</Outputs>\
         </member></Stacks></DescribeStacksResult></DescribeStacksResponse>"
    )
}

#[tokio::test]
async fn a_stacks_parameters_are_checked_and_named() {
    let set_up = SetUp::start().await;
    let app = set_up.world.sandbox.app();
    let (issuer, jwks_url, accounts_url) =
        (&set_up.tenant.issuer, set_up.tenant.jwks_url(), set_up.world.sandbox.url());
    for (audience, is_good) in [("livechat", true), ("", false)] {
        let parameters = [
            ("LiveChatClientId", app.client_id.as_str()),
            ("LiveChatOrganizationId", &app.organization_id),
            ("LiveChatRedirectUri", "https://shop.example/"),
            ("LiveChatAccountsUrl", &accounts_url),
            ("AllowedOrigins", "http://localhost:5173"),
            ("Auth", "jwt"),
            ("JwtJwksUrl", &jwks_url),
            ("JwtIssuer", issuer),
            ("JwtAudience", audience),
            ("JwtAudienceClaim", "aud"),
            ("JwtCookie", ""),
        ];
        let response = stack(&parameters, &[("TableName", TABLE), ("BaseUrl", &set_up.api_url)]);
        let cloudformation = serve(Router::new().route("/", post(async || response))).await;
        let environment = [("AWS_ENDPOINT_URL_CLOUDFORMATION", cloudformation.as_str())];
        let found = set_up.run(&["--stack", "livechat-cip", "--call-livechat"], &environment, "").await;
        if is_good {
            assert_eq!((found.wrong(), found.code), (vec![], 0), "{}", found.text);
        } else {
            assert_eq!((found.wrong(), found.code), (vec!["settings".to_owned()], 1), "{}", found.text);
            assert!(found.text.contains("JWT_AUDIENCE is the parameter JwtAudience"), "{}", found.text);
        }
    }
}

#[tokio::test]
async fn a_running_cargo_local_is_checked_with_its_env_file() {
    let set_up = SetUp::start().await;
    let app = set_up.world.sandbox.app();
    let config = json!({
        "livechat": "real", "accountsUrl": set_up.world.sandbox.url(), "organizationId": app.organization_id, "licenseId": null,
        "clientId": app.client_id, "dynamodbUrl": set_up.world.dynamodb_url, "table": TABLE, "auth": "none", "guests": false,
        "developmentLogin": false,
    });
    let local = serve(Router::new().route("/config.json", get(async || Json(config)))).await;
    let settings = [
        ("LIVECHAT_CLIENT_ID", "another-client"),
        ("LIVECHAT_ORGANIZATION_ID", &app.organization_id),
        ("LIVECHAT_REDIRECT_URI", "https://shop.example/"),
        ("LIVECHAT_ACCOUNTS_URL", &set_up.world.sandbox.url()),
    ];
    let at = format!("--local={local}");
    let options = ["--base-url", &set_up.api_url, at.as_str(), "--call-livechat"];
    let found = set_up.run(&options, &settings, "").await;
    assert_eq!(found.wrong(), ["livechat"], "{}", found.text);
    assert!(found.text.contains("cargo local runs with another LIVECHAT_CLIENT_ID"), "{}", found.text);
}
