//! `GET /`, to which a browser is sent for an authorization code.

use crate::lab::Lab;
use axum::http::header;

#[tokio::test]
async fn a_browser_is_redirected_with_a_code_and_the_state() {
    let lab = Lab::new().await;
    let reply = lab.authorize(&[("state", "a&b c"), ("redirect_uri", "https://shop.example/back")]).await;
    assert_eq!(reply.status, 302);
    let location = reply.headers[header::LOCATION].to_str().expect("text");
    let code = location.strip_prefix("https://shop.example/back?code=sandbox%3Acode-").expect("the redirect URI");
    assert!(code.ends_with("&state=a%26b+c"), "{location}");
}

#[tokio::test]
async fn an_invalid_request_gets_a_page_and_no_redirect() {
    let lab = Lab::new().await;
    let long_enough = "x".repeat(43);
    for (params, says) in [
        (vec![("response_type", "token")], "unsupported_response_type"),
        (vec![("client_id", "sandbox-client")], "client_id_not_found"),
        (vec![("redirect_uri", "https://evil.example/")], "invalid_redirect_uri"),
        (vec![("redirect_uri", "https://shop.example/../")], "invalid_redirect_uri"),
        (vec![("redirect_uri", "https://shop.example/?a=b")], "invalid_redirect_uri"),
        (vec![("redirect_uri", "")], "redirect_uri is missing"),
        (vec![("redirect_uri", "https://shop.example/\r\nX-Evil: 1")], "redirect_uri is malformed"),
        (vec![("code_challenge", "short")], "code_challenge"),
        (vec![("code_challenge", &long_enough), ("code_challenge_method", "S512")], "code_challenge_method"),
        (vec![("state", "a"), ("state", "<script>")], "more than once"),
    ] {
        let reply = lab.authorize(&params).await;
        assert_eq!(reply.status, 400, "{params:?}");
        assert!(reply.text.contains(says) && !reply.text.contains("<script>"), "{params:?}: {reply:?}");
        assert!(!reply.headers.contains_key(header::LOCATION), "{params:?}");
    }
}
