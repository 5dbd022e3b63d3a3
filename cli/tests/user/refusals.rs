//! What an operator reads if AWS cannot be used: one line that says what to do.

use axum::{
    Router,
    http::{HeaderMap, StatusCode},
};
use std::process::{Command, Output, Stdio};
use tokio::net::TcpListener;

const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "hidden-key")];
const REGION: (&str, &str) = ("AWS_REGION", "eu-central-1");

/// Runs `cip` in an environment of its own.
async fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cip"));
    // No machine's own files or metadata service.
    command.env_clear().env("HOME", env!("CARGO_TARGET_TMPDIR")).env("AWS_EC2_METADATA_DISABLED", "true");
    command.envs(variables.iter().copied()).args(arguments).stdin(Stdio::null());
    tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("a process")
}

/// The same. Returns the exit code and the one line on stderr.
async fn cip(arguments: &[&str], variables: &[(&str, &str)]) -> (i32, String) {
    let ran = run(arguments, variables).await;
    let line = String::from_utf8(ran.stderr).expect("UTF-8");
    assert!(line.starts_with("cip: ") && line.ends_with(".\n"), "{line}");
    assert_eq!(line.lines().count(), 1, "{line}");
    assert!(!line.contains("hidden-key"), "{line}");
    assert!(ran.stdout.is_empty());
    (ran.status.code().expect("a code"), line)
}

/// AWS, which refuses each request with this code and message. Returns its URL.
async fn aws(code: &'static str, message: &'static str) -> String {
    let respond = async move |headers: HeaderMap| {
        let body = if headers.contains_key("x-amz-target") {
            format!(r#"{{"__type":"com.amazonaws#{code}","message":"{message}"}}"#)
        } else {
            format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
            )
        };
        (StatusCode::BAD_REQUEST, body)
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(respond)).await });
    url
}

/// With keys and a region, by an AWS at this URL.
async fn at(url: &str, arguments: &[&str]) -> (i32, String) {
    cip(arguments, &[KEYS.as_slice(), &[REGION, ("AWS_ENDPOINT_URL", url)]].concat()).await
}

#[tokio::test]
async fn a_missing_region_or_credentials_are_named_before_a_request() {
    for place in ["--stack=shop", "--table=cip"] {
        let arguments = [place, "user", "show", "alice"];
        let (code, said) = cip(&arguments, &KEYS).await;
        assert!(code == 3 && said.contains("--region") && said.contains("AWS_REGION"), "{said}");
        let (code, said) = cip(&arguments, &[REGION]).await;
        assert!(code == 3 && said.contains("no AWS credentials") && said.contains("aws sso login"), "{said}");
        let (code, said) = cip(&[&arguments[..], &["--profile", "nobody"]].concat(), &[REGION]).await;
        assert!(code == 3 && said.contains("The profile nobody"), "{said}");
        let (code, said) = cip(&[&arguments[..], &["--region", "eu central"]].concat(), &KEYS).await;
        assert!(code == 2 && said.contains("\"eu central\" is not a region"), "{said}");
    }
}

#[tokio::test]
async fn a_profile_whose_sign_in_has_ended_says_how_to_sign_in() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config");
    let profile = "[profile work]\nregion = eu-central-1\nsso_session = work\nsso_account_id = 123456789012\nsso_role_name = Operator\n\
                   [sso-session work]\nsso_start_url = https://work.awsapps.com/start\nsso_region = eu-central-1\n";
    std::fs::write(&file, profile).expect("written");
    let variables = [("AWS_CONFIG_FILE", file.to_str().expect("UTF-8"))];
    let (code, said) = cip(&["stats", "--profile", "work"], &variables).await;
    assert!(code == 3 && said.contains("SSO token") && said.contains("aws sso login"), "{said}");
}

#[tokio::test]
async fn a_refusal_of_aws_says_what_to_do() {
    let message = "User: arn:aws:iam::123456789012:user/bob may not do that";
    for (refusal, advice) in [
        ("AccessDenied", "docs/operations.md"),
        ("ExpiredToken", "sign in again"),
        ("InvalidClientTokenId", "aws sts get-caller-identity"),
        ("RequestExpired", "clock"),
    ] {
        let url = aws(refusal, message).await;
        let (code, said) = at(&url, &["stats"]).await;
        assert_eq!(code, 3, "{said}");
        for part in ["cloudformation:DescribeStacks", refusal, message, advice] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
    for (refusal, advice) in [
        ("AccessDeniedException", "docs/operations.md"),
        ("ExpiredTokenException", "sign in again"),
        ("UnrecognizedClientException", "aws sts get-caller-identity"),
        ("ResourceNotFoundException", "--region"),
    ] {
        let url = aws(refusal, message).await;
        for command in [["stats", "--table=cip"].as_slice(), &["user", "show", "alice", "--table=cip"]] {
            let (code, said) = at(&url, command).await;
            assert!(code == 3 && said.contains(refusal) && said.contains(advice), "{said}");
        }
    }
}

#[tokio::test]
async fn a_table_that_doctor_cannot_reach_is_wrong_and_not_skipped_and_the_exit_code_says_so() {
    let url = aws("ExpiredTokenException", "The security token included in the request is expired").await;
    let variables = [KEYS.as_slice(), &[REGION, ("AWS_ENDPOINT_URL", &url)]].concat();
    let ran = run(&["doctor", "--table", "cip"], &variables).await;
    let said = String::from_utf8(ran.stdout).expect("UTF-8");
    assert!(
        ran.status.code() == Some(3) && said.contains("wrong    table") && said.contains("sign in again"),
        "{said}"
    );
}

#[tokio::test]
async fn a_stack_that_does_not_exist_is_named_with_its_region() {
    let url = aws("ValidationError", "Stack with id shop does not exist").await;
    let (code, said) = at(&url, &["stats", "--stack", "shop"]).await;
    assert!(code == 2 && said.contains("no stack shop in eu-central-1"), "{said}");
}

#[tokio::test]
async fn an_aws_that_cannot_be_reached_is_not_a_debug_dump() {
    for command in [["stats", "--stack=shop"].as_slice(), &["user", "show", "alice", "--table=cip"]] {
        let (code, said) = at("http://127.0.0.1:1", command).await;
        assert!(code == 3 && said.contains("Check the network") && !said.contains('{'), "{said}");
    }
}
