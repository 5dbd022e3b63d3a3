//! What an operation needs to know of a request.

use super::{
    Function,
    request::{Path, Request},
};
use crate::{
    auth::Sender,
    error::Error,
    identity::{Group, Subject, UserId},
    operation::{Call, Name, Operation},
    time::Deadline,
};
use lambda_http::http::{HeaderValue, Method, header::CONTENT_TYPE};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

impl<O: Operation> Function<O> {
    /// The call that a request makes.
    ///
    /// # Errors
    /// The first thing that is wrong with the request, in this order: path, method, group, caller, content.
    pub(super) async fn read_call(&self, request: &Request, deadline: Deadline) -> Result<Call, Error> {
        let user = read_user(O::NAME, &request.path)?;
        if let Some(in_route) = &request.route_user {
            check_same(user.as_ref(), in_route)?;
        }
        if !matches!(request.method, Method::GET | Method::POST) {
            return Err(Error::MethodNotAllowed);
        }
        let group = read_group(request)?;
        let sender = Sender { headers: &request.headers, gateway: Some(&request.gateway), user_in_path: user };
        let caller = self.auth.caller(sender, deadline).await?;
        if group.is_some_and(|group| !self.groups.allow(group)) {
            return Err(Error::UnknownGroup { refusal: None });
        }
        let logout = O::NAME == Name::Invalidate && read_logout(request)?;
        let subject = Subject { principal: caller.principal, group };
        Ok(Call { subject, was_guest: caller.was_guest, details: caller.details, logout })
    }
}

fn read_group(request: &Request) -> Result<Option<Group>, Error> {
    match request.query.all("group").as_deref() {
        None | Some([]) => Ok(None),
        Some([group]) => Ok(Some(Group::parse(group)?)),
        Some(_) => Err(Error::InvalidRequest("`group` must be given once.".into())),
    }
}

/// Whether an `invalidate` is a logout. The widget's own calls have no content, or content that is not JSON.
fn read_logout(request: &Request) -> Result<bool, Error> {
    let content_type = request.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    if request.method != Method::POST || !essence.eq_ignore_ascii_case(b"application/json") {
        return Ok(false);
    }
    let content = request.content.as_deref();
    if content.is_some_and(<[u8]>::is_empty) {
        return Ok(false);
    }
    let members: Option<Map<String, Value>> = content.and_then(|content| serde_json::from_slice(content).ok());
    match members.as_ref().map(|members| members.get("logout")) {
        Some(None) => Ok(false),
        Some(Some(Value::Bool(logout))) => Ok(*logout),
        _ => Err(Error::InvalidRequest("The content must be JSON such as {\"logout\": true}, or be left out.".into())),
    }
}

/// The `{user}` of `/getToken/{user}`. A stage or a base path may come before.
fn read_user(operation: Name, path: &Path) -> Result<Option<UserId>, Error> {
    let (Path::Decoded(text) | Path::Encoded(text)) = path;
    let user = match after_name(operation, text)? {
        "" => return Ok(None),
        user => user,
    };
    match path {
        Path::Decoded(_) => Ok(Some(UserId::parse(user)?)),
        Path::Encoded(_) => {
            let user = percent_decode_str(user).decode_utf8();
            let user = user.map_err(|_| Error::InvalidRequest("The user id is not percent-encoded UTF-8.".into()))?;
            Ok(Some(UserId::parse(&user)?))
        }
    }
}

/// What comes after the first segment of a path that is the operation's name, without the slash between.
fn after_name(operation: Name, path: &str) -> Result<&str, Error> {
    let mut rest = Some(path.strip_prefix('/').unwrap_or(path));
    while let Some(segments) = rest {
        let (first, others) =
            segments.split_once('/').map_or((segments, None), |(first, others)| (first, Some(others)));
        if first == operation.as_str() {
            return Ok(others.unwrap_or_default());
        }
        rest = others;
    }
    Err(Error::NotFound)
}

/// An HTTP API may cut a decoded path at a `?`. Then `a%3Fb` would arrive as `a`, another user. If the route's parameter shows
/// that, the request is refused. The parameter is decoded or not, depending on the gateway.
fn check_same(user: Option<&UserId>, in_route: &str) -> Result<(), Error> {
    let is_same = user.is_some_and(|user| {
        user.as_str() == in_route
            || percent_decode_str(in_route).decode_utf8().is_ok_and(|in_route| user.as_str() == in_route)
    });
    if is_same {
        return Ok(());
    }
    Err(Error::InvalidRequest("The gateway passed only a part of the user id. A `?` in it can be the reason.".into()))
}
