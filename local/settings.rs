//! The settings that `cargo local` gives the functions: from the environment, from `.env` and from its options. If they name no
//! LiveChat account, the sandbox's account is used.

use cip::settings::{Lookup, env_file};
use sandbox::App;
use std::{collections::HashMap, path::Path};

/// The file with settings, in the current folder.
const FILE: &str = ".env";

/// An error about a setting, with the line of the file that sets it, if that is where it is set.
pub fn locate(error: &str) -> String {
    env_file::locate(Path::new(FILE), error)
}

/// A warning for each variable of the file that is not a setting, but resembles one.
pub fn warnings() -> Vec<String> {
    env_file::warnings(Path::new(FILE))
}

/// Settings by name. On AWS, the functions read the same names from their environment.
#[derive(Clone, Debug, Default)]
pub struct Settings(HashMap<String, String>);

impl Settings {
    /// The settings that name a LiveChat account. If any is set, LiveChat itself is used, not the sandbox.
    const REAL: [&str; 4] =
        ["LIVECHAT_CLIENT_ID", "LIVECHAT_LICENSE_ID", "LIVECHAT_ORGANIZATION_ID", "LIVECHAT_REDIRECT_URI"];

    /// Reads the file `.env` in the current folder, and the environment, which overrides it.
    ///
    /// # Errors
    /// One line that says what is wrong with `.env`.
    pub fn read() -> Result<Self, String> {
        let mut all = env_file::read(Path::new(FILE))?;
        all.extend(std::env::vars());
        Ok(Self(all))
    }

    /// These settings, in the type that the functions read.
    pub fn lookup(&self) -> Lookup<'_> {
        Lookup::new(|name| self.get(name)).with_names(|| self.0.keys().cloned().collect())
    }

    /// Whether they name a real account.
    pub fn are_real(&self) -> bool {
        Self::REAL.iter().any(|name| self.has(name))
    }

    /// Whether a setting is set. As in the functions, an empty value counts as not set.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| !value.trim().is_empty())
    }

    /// Whether visitors who are not logged in have identities: `GUESTS`. The functions refuse any value except `true` and `false`.
    pub fn have_guests(&self) -> bool {
        self.get("GUESTS").is_some_and(|value| value.trim() == "true")
    }

    /// Whether a user who logs in takes over the guest's customer: `ADOPT_GUESTS`.
    pub fn adopt_guests(&self) -> bool {
        self.have_guests() && self.get("ADOPT_GUESTS").is_none_or(|value| value.trim() != "false")
    }

    /// The name of the table: `TABLE_NAME`, `livechat-cip` by default.
    pub fn table(&self) -> String {
        self.get("TABLE_NAME").unwrap_or_default()
    }

    /// These settings, with this one set to `value`.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.insert(name.into(), value.into());
        self
    }

    /// These settings, with the options `--auth`, which overrides `AUTH`, and `--guests`, which does not override `GUESTS`.
    #[must_use]
    pub fn with_options(mut self, auth: Option<String>, guests: bool) -> Self {
        if let Some(auth) = auth {
            self = self.with("AUTH", auth);
        }
        if guests && !self.has("GUESTS") {
            self = self.with("GUESTS", "true");
        }
        self
    }

    /// These settings, with the sandbox's account and address. If they have `LIVECHAT_GRANT` and no agent's credentials, these are those of
    /// the sandbox's agent.
    #[must_use]
    pub fn with_sandbox(mut self, app: &App, url: &str) -> Self {
        for (name, value) in [
            ("LIVECHAT_CLIENT_ID", app.client_id.clone()),
            ("LIVECHAT_LICENSE_ID", app.license_id.to_string()),
            ("LIVECHAT_ORGANIZATION_ID", app.organization_id.clone()),
            ("LIVECHAT_REDIRECT_URI", app.redirect_uris.first().cloned().unwrap_or_default()),
            ("LIVECHAT_ACCOUNTS_URL", url.to_owned()),
            ("LIVECHAT_API_URL", url.to_owned()),
        ] {
            self.0.insert(name.into(), value);
        }
        let has_agent = self.has("LIVECHAT_AGENT_CREDENTIALS") || self.has("LIVECHAT_AGENT_CREDENTIALS_ARN");
        if self.has("LIVECHAT_GRANT") && !has_agent {
            self.0.insert("LIVECHAT_AGENT_CREDENTIALS".into(), app.agent.credentials());
        }
        self
    }

    /// The value of a setting, or its default in `cargo local`.
    pub fn get(&self, name: &str) -> Option<String> {
        let or = |default: &str| {
            let set = self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty());
            Some(set.unwrap_or(default).to_owned())
        };
        match name {
            // Only this machine can call, so callers need not be verified.
            "AUTH" => or("none"),
            "TABLE_NAME" => or("livechat-cip"),
            "AWS_LAMBDA_FUNCTION_NAME" => None,
            _ => self.0.get(name).cloned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Settings {
        Settings(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn one_setting_of_an_account_selects_livechat_itself() {
        assert!(!settings(&[("LIVECHAT_ACCOUNTS_URL", "http://127.0.0.1:1"), ("LIVECHAT_CLIENT_ID", " ")]).are_real());
        for name in Settings::REAL {
            assert!(settings(&[(name, "x")]).are_real(), "{name}");
        }
    }

    /// Guards against: the sandbox starts, and nothing says why.
    #[test]
    fn the_refusal_of_a_misspelt_setting_suggests_the_right_name() {
        let settings = settings(&[("LIVECHAT_CLINT_ID", "x")]);
        assert!(!settings.are_real());
        let line = cip::settings::check_names(&settings.lookup()).expect_err("refused").to_string();
        assert!(line.contains("did you mean LIVECHAT_CLIENT_ID?"), "{line}");
    }

    #[test]
    fn auth_is_none_by_default_and_the_option_overrides_the_setting() {
        let auth = |set: &[(&str, &str)], option: Option<&str>| {
            settings(set).with_options(option.map(str::to_owned), false).get("AUTH").expect("always set")
        };
        assert_eq!(auth(&[], None), "none");
        assert_eq!(auth(&[("AUTH", "")], None), "none");
        assert_eq!(auth(&[("AUTH", "hmac")], None), "hmac");
        assert_eq!(auth(&[("AUTH", "hmac")], Some("jwt")), "jwt");
    }

    #[test]
    fn the_option_enables_guests_and_the_setting_overrides_it() {
        assert!(!settings(&[]).with_options(None, false).have_guests());
        assert!(settings(&[("GUESTS", " ")]).with_options(None, true).have_guests());
        assert!(settings(&[("GUESTS", "true")]).with_options(None, false).have_guests());
        assert!(!settings(&[("GUESTS", "false")]).with_options(None, true).have_guests());
        assert!(settings(&[]).with_options(None, true).adopt_guests());
        assert!(!settings(&[]).with_options(None, false).adopt_guests());
        assert!(!settings(&[("ADOPT_GUESTS", "false")]).with_options(None, true).adopt_guests());
    }

    #[test]
    fn the_functions_accept_the_account_of_the_sandbox() {
        let app = App::for_page("http://127.0.0.1:3000/");
        let with = settings(&[]).with_sandbox(&app, "http://127.0.0.1:3002");
        let livechat = cip::settings::LiveChat::from_lookup(&with.lookup());
        assert_eq!(livechat.expect("good settings").origin, "http://127.0.0.1:3000");
    }

    #[test]
    fn the_agent_of_the_sandbox_is_used_if_a_grant_is_set_without_credentials() {
        use cip::renewal::Grants::{AgentToken, Cookie, CookieThenAgentToken};
        const OWN: &str = r#"{"client_id": "own", "client_secret": "s", "refresh_token": "r"}"#;
        let grants = |set: &[(&str, &str)]| {
            let with = settings(set).with_sandbox(&App::for_page("http://127.0.0.1:3000/"), "http://127.0.0.1:3002");
            let livechat = cip::settings::LiveChat::from_lookup(&with.lookup()).expect("good settings");
            let client_id = livechat.agent.map(|agent| match agent {
                cip::settings::AgentCredentialsSource::Inline(agent) => agent.client_id,
                cip::settings::AgentCredentialsSource::Stored(arn) => arn,
            });
            (livechat.grants, client_id)
        };
        let sandbox = || Some("sandbox-agent-client".to_owned());
        assert_eq!(grants(&[]), (Cookie, None));
        assert_eq!(grants(&[("LIVECHAT_GRANT", "cookie")]), (CookieThenAgentToken, sandbox()));
        assert_eq!(grants(&[("LIVECHAT_GRANT", "agent_token")]), (AgentToken, sandbox()));
        let own = [("LIVECHAT_GRANT", "agent_token"), ("LIVECHAT_AGENT_CREDENTIALS", OWN)];
        assert_eq!(grants(&own), (AgentToken, Some("own".into())));
        let stored = [("LIVECHAT_GRANT", "cookie"), ("LIVECHAT_AGENT_CREDENTIALS_ARN", "arn:aws:x")];
        assert_eq!(grants(&stored), (CookieThenAgentToken, Some("arn:aws:x".into())));
    }
}
