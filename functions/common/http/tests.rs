//! Events to subjects, results to responses.

use super::*;
use crate::{
    context::Context,
    identity::{Group, Issued, LeaseSeq, Lifetime, Principal, Token, UnixMs},
    operation::{Call, Name, Reply},
    renewal::{Obtained, Source, Why},
    settings::{Account, AuthSettings, Common, ConfigError, Lookup},
};
use serde_json::{Value, json, value::to_raw_value};

/// A `getToken` that returns the subject that it was called for, as the entity id.
struct Echo;

impl Operation for Echo {
    const NAME: Name = Name::GetToken;

    type Settings = ();

    fn read(lookup: &Lookup<'_>) -> Result<(Common, ()), ConfigError> {
        Ok((Common::from_lookup(lookup)?, ()))
    }

    async fn connect(_: &Common, (): ()) -> Result<Self, lambda_http::Error> {
        Ok(Self)
    }

    fn account(&self) -> Account {
        Account { license_id: Some(1), organization_id: Some("o".into()) }
    }

    async fn call(&self, Call { subject, .. }: &Call, _: &Context) -> Result<Reply, Error> {
        let Principal::User(user) = &subject.principal else { panic!("nobody is a guest here") };
        assert_ne!(user.as_str(), "panic", "as this test wants");
        let group = subject.group.map_or(String::new(), |Group(number)| format!("|{number}"));
        let issued = Issued {
            entity_id: format!("{}{group}", user.as_str()),
            token: Token {
                access_token: "t".into(),
                lifetime: Lifetime { created: UnixMs::new(5), expires_in_ms: 28_800_000 },
                seq: LeaseSeq::new(1),
            },
            details: None,
        };
        Ok(Reply::Token(Obtained { issued, source: Source::LiveChat { why: Why::Miss, collapsed: false } }))
    }
}

/// Sends an event to [`Echo`].
async fn call(event: &Value) -> Value {
    let settings = AuthSettings::from_lookup(&Lookup::new(|name| (name == "AUTH").then(|| "none".into())));
    let auth = crate::connect_auth(settings.expect("good settings")).await.expect("nothing to fetch");
    let function = Function { operation: Echo, auth, groups: Groups::default() };
    let payload = to_raw_value(event).expect("JSON");
    let event = Event { payload, request_id: "request-1".into(), deadline: Deadline::of_invocation(None) };
    serde_json::to_value(function.handle(event).await).expect("JSON")
}

fn body(answer: &Value) -> Value {
    serde_json::from_str(answer["body"].as_str().expect("a body")).expect("JSON")
}

fn http_api(method: &str, path: &str, query: &str) -> Value {
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query,
        "headers": {"host": "abc.execute-api.eu-central-1.amazonaws.com"},
        "requestContext": {
            "domainName": "abc.execute-api.eu-central-1.amazonaws.com", "stage": "$default",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "t"}
        },
        "isBase64Encoded": false
    })
}

fn function_url(path: &str) -> Value {
    let mut event = http_api("GET", path, "");
    event["requestContext"]["domainName"] = json!("abc.lambda-url.eu-central-1.on.aws");
    event
}

fn rest_api(path: &str) -> Value {
    json!({
        "resource": "/getToken/{user+}", "path": path, "httpMethod": "GET",
        "headers": {"Host": "abc.execute-api.eu-central-1.amazonaws.com"},
        "multiValueHeaders": {"Host": ["abc.execute-api.eu-central-1.amazonaws.com"]},
        "queryStringParameters": {"group": "3"}, "multiValueQueryStringParameters": {"group": ["3"]},
        "pathParameters": null, "stageVariables": null,
        "requestContext": {"accountId": "1", "stage": "prod", "httpMethod": "GET", "path": "/prod/x", "identity": {}},
        "body": null, "isBase64Encoded": false
    })
}

async fn subject_of(event: &Value) -> Result<String, (u64, String)> {
    let answer = call(event).await;
    let status = answer["statusCode"].as_u64().expect("a status");
    match status {
        200 => Ok(body(&answer)["entityId"].as_str().expect("an entity id").to_owned()),
        _ => Err((status, body(&answer)["code"].as_str().expect("a code").to_owned())),
    }
}

#[tokio::test]
async fn the_token_object_is_exactly_the_documented_one() {
    let answer = call(&http_api("GET", "/getToken/alice", "")).await;
    assert_eq!(
        body(&answer),
        json!({
            "accessToken": "t", "entityId": "alice", "expiresIn": 28_800_000, "tokenType": "Bearer",
            "creationDate": 5, "licenseId": 1, "organizationId": "o"
        })
    );
    assert_eq!(answer["headers"]["cache-control"], "no-store");
    assert_eq!(answer["headers"]["content-type"], "application/json");
    assert_eq!(answer["headers"]["cache-status"], "livechat-cip; fwd=miss");
    assert_eq!(answer["isBase64Encoded"], false);
}

#[tokio::test]
async fn http_apis_pass_user_ids_decoded() {
    for user in [
        "alice",
        "a@b.example",
        "a/b",
        "a b",
        "a+b",
        "100%",
        "a%2Fb",
        "日本 👩‍🚀",
        "..",
        "a?b",
        "a#b",
        "[x]",
        "getToken/x",
    ] {
        assert_eq!(subject_of(&http_api("GET", &format!("/getToken/{user}"), "")).await, Ok(user.into()));
        assert_eq!(subject_of(&http_api("POST", &format!("/prod/getToken/{user}"), "")).await, Ok(user.into()));
    }
}

#[tokio::test]
async fn rest_apis_and_function_urls_pass_user_ids_as_sent() {
    for (path, user) in [
        ("alice", "alice"),
        ("a%2Fb", "a/b"),
        ("a/b", "a/b"),
        ("a%20b", "a b"),
        ("a+b", "a+b"),
        ("a%252Fb", "a%2Fb"),
        ("%F0%9F%91%8B", "👋"),
        ("a b{}", "a b{}"),
        ("%zz", "%zz"),
    ] {
        let path = format!("/getToken/{path}");
        assert_eq!(subject_of(&function_url(&path)).await, Ok(user.into()), "{path}");
        assert_eq!(subject_of(&rest_api(&path)).await, Ok(format!("{user}|3")), "{path}");
    }
}

#[tokio::test]
async fn an_http_api_with_payload_format_1_decodes_too() {
    let mut event = rest_api("/getToken/a%2Fb c");
    event["version"] = json!("1.0");
    assert_eq!(subject_of(&event).await, Ok("a%2Fb c|3".into()));
}

#[tokio::test]
async fn a_group_is_a_plain_number_given_once() {
    let with = |query: &str| http_api("GET", "/getToken/a", query);
    assert_eq!(subject_of(&with("group=3")).await, Ok("a|3".into()));
    assert_eq!(subject_of(&with("other=%zz&group=0&x")).await, Ok("a|0".into()));
    for query in
        ["group=", "group", "group=3&group=4", "group=+3", "group=3.0", "group=%00", "group=٣", "group=99999999999"]
    {
        assert_eq!(subject_of(&with(query)).await, Err((400, "invalid_request".into())), "{query}");
    }
}

#[tokio::test]
async fn a_request_without_a_user_is_refused() {
    for path in ["/getToken", "/getToken/", "/prod/getToken"] {
        assert_eq!(subject_of(&http_api("GET", path, "")).await, Err((400, "invalid_request".into())), "{path}");
    }
}

#[tokio::test]
async fn other_paths_and_methods_are_refused() {
    for path in ["", "/", "//", "/hasToken/a", "/gettoken/a", "/getTokens/a", "/x/y/z", "getTokenx"] {
        assert_eq!(subject_of(&http_api("GET", path, "")).await, Err((404, "not_found".into())), "{path}");
    }
    for method in ["PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "BREW"] {
        let answer = call(&http_api(method, "/getToken/a", "")).await;
        assert_eq!(answer["statusCode"], 405, "{method}");
        assert_eq!(answer["headers"]["allow"], "GET, POST");
    }
}

#[tokio::test]
async fn problems_have_the_format_of_rfc_9457() {
    let answer = call(&http_api("GET", "/getToken/a%0ab", "group=x")).await;
    assert_eq!(answer["headers"]["content-type"], "application/problem+json");
    assert_eq!(answer["headers"]["cache-control"], "no-store");
    assert_eq!(
        body(&answer),
        json!({
            "title": "The request cannot be understood", "status": 400, "code": "invalid_request",
            "detail": "`group` must be a LiveChat group's number, such as 3.", "requestId": "request-1"
        })
    );
}

#[tokio::test]
async fn malformed_requests_get_a_response() {
    let long = format!("/getToken/{}", "x".repeat(100_000));
    let odd_paths = ["/getToken/a\nb", "/getToken/\u{0}", "/getToken/\u{7f}", long.as_str(), ":99999/getToken"];
    for event in odd_paths.iter().flat_map(|path| [http_api("GET", path, ""), function_url(path), rest_api(path)]) {
        let (status, _) = subject_of(&event).await.expect_err("a refusal");
        assert!((400..500).contains(&status), "{status} for {}", &event.to_string()[..100]);
    }
    let mut odd = http_api("GET", "/getToken/a", "%%%&=&\"<>` {}|\\^[]é\u{0}#?");
    let mut empty_list = rest_api("/getToken/a");
    empty_list["multiValueQueryStringParameters"] = json!({"a": []});
    assert_eq!(subject_of(&empty_list).await, Err((400, "invalid_request".into())));
    odd["headers"] = json!({"host": "a b:c/d", "x-forwarded-proto": "1 2", "authorization": "é"});
    odd["body"] = json!("§§");
    odd["isBase64Encoded"] = json!(true);
    odd["requestContext"]["stage"] = json!("a b");
    odd["requestContext"]["domainName"] = json!("not a host");
    assert_eq!(subject_of(&odd).await, Ok("a".into()));
}

#[tokio::test]
async fn a_truncated_user_id_is_refused() {
    let with = |path: &str, parameter: &str| {
        let mut event = http_api("GET", path, "");
        event["pathParameters"] = json!({"user": parameter});
        event
    };
    for parameter in ["a b/c", "a%20b/c", "a%20b%2Fc"] {
        assert_eq!(subject_of(&with("/getToken/a b/c", parameter)).await, Ok("a b/c".into()), "{parameter}");
    }
    for (path, parameter) in
        [("/getToken/a", "a?b"), ("/getToken/a", "a%3Fb"), ("/getToken/a", "%ff"), ("/getToken", "a")]
    {
        let cut = subject_of(&with(path, parameter)).await;
        assert_eq!(cut, Err((400, "invalid_request".into())), "{path} {parameter}");
    }
}

#[tokio::test]
async fn a_user_id_that_is_not_utf8_is_refused() {
    assert_eq!(subject_of(&function_url("/getToken/%ff")).await, Err((400, "invalid_request".into())));
}

#[tokio::test]
async fn an_event_that_is_not_http_is_refused() {
    for event in [json!({}), json!(null), json!([1]), json!("x"), json!({"Records": []}), json!({"version": "2.0"})] {
        let answer = call(&event).await;
        assert_eq!(answer["statusCode"], 400, "{event}");
        assert_eq!(body(&answer)["code"], "invalid_request");
    }
}

#[tokio::test]
async fn a_rest_api_gets_refusals_in_its_own_payload_format() {
    let mut without_value = rest_api("/getToken/a");
    without_value["multiValueQueryStringParameters"] = json!({"a": []});
    for event in [rest_api(&format!("/getToken/{}", "x".repeat(100_000))), without_value] {
        let answer = call(&event).await;
        assert_eq!(answer["statusCode"], 400);
        assert_eq!(answer["multiValueHeaders"]["content-type"], json!(["application/problem+json"]));
        assert!(answer.get("cookies").is_none(), "{answer}");
    }
}

#[tokio::test]
async fn a_panic_in_an_operation_becomes_a_500() {
    let answer = call(&http_api("GET", "/getToken/panic", "")).await;
    assert_eq!(answer["statusCode"], 500);
    assert_eq!(body(&answer)["code"], "internal");
    assert!(!answer.to_string().contains("as this test wants"));
}
