//! The comparison of a redirect URI with those of an app.

/// Whether `redirect` is accepted by a list: scheme and host must be equal, the path is compared by prefix, and there must be no
/// query, no fragment and no `..` in the path.
pub(super) fn whitelisted(list: &[String], redirect: &str) -> bool {
    let split = |uri: &str| {
        let after_scheme = uri.find("://")? + 3;
        let path = uri[after_scheme..].find('/').map_or(uri.len(), |slash| after_scheme + slash);
        Some((uri[..path].to_owned(), uri[path..].to_owned()))
    };
    let Some((origin, path)) = split(redirect).filter(|_| !redirect.contains(['?', '#'])) else { return false };
    if path.split('/').any(|part| part == "..") {
        return false;
    }
    list.iter().filter_map(|allowed| split(allowed)).any(|(allowed_origin, allowed_path)| {
        origin == allowed_origin && path.trim_end_matches('/').starts_with(allowed_path.trim_end_matches('/'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_uri_is_compared_as_livechat_does() {
        let list = ["https://shop.example/chat".to_owned()];
        for good in ["https://shop.example/chat", "https://shop.example/chat/", "https://shop.example/chat/eu"] {
            assert!(whitelisted(&list, good), "{good}");
        }
        for bad in [
            "http://shop.example/chat",
            "https://shop.example",
            "https://shop.example.evil/chat",
            "https://shop.example:8443/chat",
            "https://shop.example/chat?a",
            "https://shop.example/chat#a",
            "https://shop.example/chat/../other",
            "https://shop.example/chat/..",
            "shop.example/chat",
            "",
        ] {
            assert!(!whitelisted(&list, bad), "{bad}");
        }
    }
}
