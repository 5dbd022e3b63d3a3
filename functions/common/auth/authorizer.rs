//! `AUTH=authorizer`: API Gateway has verified the caller, and names the user in the event's request context. Headers are
//! never read, as any caller can set them.
//!
//! Sources: *Work with API Gateway HTTP APIs: Lambda integrations*, payloads 2.0 and 1.0, and *REST APIs: `$context`
//! variables* in Amazon API Gateway's developer guide.

use super::{Verified, claims::ClaimName, details::DetailRules, normalization::Normalization};
use crate::{
    auth::{Credential, Error},
    identity::CustomerDetails,
};
use lambda_http::{
    aws_lambda_events::apigw::{
        ApiGatewayProxyRequestContext, ApiGatewayRequestAuthorizer, ApiGatewayV2httpRequestContext,
    },
    request::RequestContext,
};
use serde_json::Value;
use std::borrow::Cow;

/// Which claim is the user's id: `AUTHORIZER_CLAIM`.
#[derive(Clone, Debug)]
pub(crate) struct Authorizer {
    claim: ClaimName,
    details: DetailRules,
    normalization: Normalization,
}

/// What the gateway says about the caller.
enum Context<'a> {
    /// No authorizer was called.
    Nobody,
    /// An authorizer accepted the caller: the user's id, or what is wrong with the claim.
    Somebody(Result<Cow<'a, str>, &'static str>, Option<CustomerDetails>),
}

impl Authorizer {
    /// The user is this claim, normalized. Agents may see the claims in `details`.
    pub(crate) fn new(claim: ClaimName, details: DetailRules, normalization: Normalization) -> Self {
        Self { claim, details, normalization }
    }

    /// The user that the gateway verified; `None` if no authorizer was called.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] if the claim has no usable value, [`Error::InvalidRequest`] if it is not a user id.
    pub(super) fn user(&self, gateway: Option<&RequestContext>) -> Result<Option<Verified>, Error> {
        let context = match gateway {
            Some(RequestContext::ApiGatewayV2(context)) => self.of_http_api(context),
            Some(RequestContext::ApiGatewayV1(context)) => self.of_rest_api(context),
            _ => Context::Nobody,
        };
        match context {
            Context::Nobody => Ok(None),
            Context::Somebody(Ok(id), details) => {
                Ok(Some(Verified { user: self.normalization.user_id(&id)?, details }))
            }
            // Never a guest: a misspelt AUTHORIZER_CLAIM must not turn every user into one.
            Context::Somebody(Err(what), _) => Err(Error::Unauthenticated {
                expected: Credential::Gateway,
                cause: format!("in the authorizer's claims, {what} (see AUTHORIZER_CLAIM)").into(),
            }),
        }
    }

    /// `authorizer.jwt.claims`, `authorizer.lambda` or `authorizer.iam`. Function URLs have the last one.
    fn of_http_api<'a>(&self, context: &'a ApiGatewayV2httpRequestContext) -> Context<'a> {
        let Some(ApiGatewayRequestAuthorizer { jwt, fields, iam, .. }) = &context.authorizer else {
            return Context::Nobody;
        };
        if let Some(jwt) = jwt {
            let id = self.claim.find_flat(|name| jwt.claims.get(name)).filter(|id| !id.is_empty());
            return Context::Somebody(
                id.map(|id| id.as_str().into()).ok_or(MISSING),
                self.details.read_flat(&jwt.claims),
            );
        }
        if let Some(iam) = iam {
            let cognito =
                iam.cognito_identity.as_ref().map(|identity| identity.identity_id.as_deref().unwrap_or_default());
            return Context::Somebody(self.of_iam(iam.user_arn.as_deref(), cognito), None);
        }
        if fields.is_empty() {
            return Context::Nobody;
        }
        self.somebody(|name| fields.get(name))
    }

    /// `authorizer.claims` (Cognito, or an HTTP API's JWT authorizer in payload format 1.0), `authorizer` (Lambda), or
    /// `identity` (IAM): only the members that the gateway itself sets are read.
    fn of_rest_api<'a>(&self, context: &'a ApiGatewayProxyRequestContext) -> Context<'a> {
        let fields = &context.authorizer.fields;
        if let Some(Value::Object(claims)) = fields.get("claims") {
            return self.somebody(|name| claims.get(name));
        }
        if fields.values().any(|value| !value.is_null()) {
            return self.somebody(|name| fields.get(name));
        }
        let identity = &context.identity;
        if identity.user_arn.is_none() && identity.cognito_identity_id.is_none() {
            return Context::Nobody;
        }
        Context::Somebody(self.of_iam(identity.user_arn.as_deref(), identity.cognito_identity_id.as_deref()), None)
    }

    fn somebody<'a>(&self, get: impl Fn(&str) -> Option<&'a Value>) -> Context<'a> {
        Context::Somebody(self.claim.user_id(&get), self.details.read(&get))
    }

    /// All users of a Cognito identity pool share a role, and so an ARN: only the identity id tells them apart.
    fn of_iam<'a>(&self, user_arn: Option<&'a str>, cognito: Option<&'a str>) -> Result<Cow<'a, str>, &'static str> {
        let id = match (self.claim.as_str(), cognito) {
            ("cognitoIdentityId", cognito) => cognito,
            ("userArn", None) => user_arn,
            _ => None,
        };
        id.filter(|id| !id.is_empty()).map(Cow::from).ok_or(MISSING)
    }
}

const MISSING: &str = "the user claim is missing";
