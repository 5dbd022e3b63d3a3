//! The secrets that a caller knows. `Debug` does not show them, but callers with different secrets are different states.

use super::state::Renewing;
use crate::{
    identity::{Cookies, Identity, MaybeSealed, Token},
    renewal::{Action, Phase, holding::Stage, record::Record},
};
use secrecy::SecretString;
use std::iter;

/// All of them, in a fixed order.
pub(super) fn of(renewing: &Renewing) -> Vec<&SecretString> {
    let mut all = Vec::new();
    if let Phase::Holding(holding) = &renewing.renewal.phase {
        all.extend(of_record(&holding.record));
        if let Stage::Calling(attempt) = &holding.stage {
            all.extend(
                attempt
                    .other()
                    .into_iter()
                    .flat_map(|grant| iter::once(&grant.access_token).chain(grant.cookies.iter().flat_map(of_cookies))),
            );
        }
    }
    all.extend(renewing.renewal.fallback.iter().map(|issued| &issued.token.access_token));
    match &renewing.next {
        Action::Commit(commit) => {
            all.extend(of_identity(&commit.identity));
            all.push(&commit.token.access_token);
        }
        Action::Move(moved) => all.extend(of_identity(&moved.identity)),
        Action::Call(call) => all.extend(call.known.iter().flat_map(of_identity)),
        _ => {}
    }
    all
}

fn of_record(record: &Record) -> impl Iterator<Item = &SecretString> {
    let tokens = record.outstanding.0.iter().map(|token| &token.access_token);
    let token = record.token.iter().map(|Token { access_token, .. }| access_token);
    record.identity.iter().flat_map(of_identity).chain(token).chain(tokens)
}

fn of_identity(identity: &Identity) -> impl Iterator<Item = &SecretString> {
    let former = identity.former.iter().filter_map(|former| former.cookies.as_ref());
    identity.cookies.iter().chain(former).filter_map(MaybeSealed::as_open).flat_map(of_cookies)
}

fn of_cookies(cookies: &Cookies) -> [&SecretString; 2] {
    [&cookies.cid, &cookies.cst]
}
