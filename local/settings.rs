//! The settings that `cargo local` gives the functions: the environment's and `.env`'s, with its options, and the sandbox's
//! account unless they name one.

use cip::settings::Lookup;
use sandbox::App;
use std::collections::HashMap;

/// Settings by their names, as the functions read them from their environment.
#[derive(Clone, Debug, Default)]
pub struct Settings(HashMap<String, String>);

impl Settings {
    /// The variables that say whose customers they are. If any is set, LiveChat itself is meant.
    const REAL: [&str; 4] =
        ["LIVECHAT_CLIENT_ID", "LIVECHAT_LICENSE_ID", "LIVECHAT_ORGANIZATION_ID", "LIVECHAT_REDIRECT_URI"];

    /// The environment, and under it the file `.env` of the folder that we are in.
    ///
    /// # Errors
    /// If there is a `.env` that cannot be read.
    pub fn read() -> Result<Self, dotenvy::Error> {
        let mut all = HashMap::new();
        match dotenvy::from_path_iter(".env") {
            Ok(lines) => {
                for line in lines {
                    let (name, value) = line?;
                    all.insert(name, value);
                }
            }
            Err(error) if error.not_found() => {}
            Err(error) => return Err(error),
        }
        all.extend(std::env::vars());
        Ok(Self(all))
    }

    /// These, as the functions read them.
    pub fn lookup(&self) -> Lookup<'_> {
        Lookup::new(|name| self.get(name)).with_names(|| self.0.keys().cloned().collect())
    }

    /// Whether they name a real account.
    pub fn are_real(&self) -> bool {
        Self::REAL.iter().any(|name| self.has(name))
    }

    /// Whether one of them is set. One that is empty is not: that is how the functions see it.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| !value.trim().is_empty())
    }

    /// Whether visitors who are not logged in have identities: `GUESTS`. The functions refuse to start with anything but `true`
    /// and `false`.
    pub fn have_guests(&self) -> bool {
        self.get("GUESTS").is_some_and(|value| value.trim() == "true")
    }

    /// The name of the table: `TABLE_NAME`, `livechat-cip` by default.
    pub fn table(&self) -> String {
        self.get("TABLE_NAME").unwrap_or_default()
    }

    /// These, with one that is set to something else.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.insert(name.into(), value.into());
        self
    }

    /// These, with the options `--auth`, which overrides `AUTH`, and `--guests`, which does not override `GUESTS`.
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

    /// These, with the sandbox's account and address.
    #[must_use]
    pub fn with_sandbox(mut self, app: &App, accounts_url: &str) -> Self {
        for (name, value) in [
            ("LIVECHAT_CLIENT_ID", app.client_id.clone()),
            ("LIVECHAT_LICENSE_ID", app.license_id.to_string()),
            ("LIVECHAT_ORGANIZATION_ID", app.organization_id.clone()),
            ("LIVECHAT_REDIRECT_URI", app.redirect_uris.first().cloned().unwrap_or_default()),
            ("LIVECHAT_ACCOUNTS_URL", accounts_url.to_owned()),
        ] {
            self.0.insert(name.into(), value);
        }
        self
    }

    /// One of them.
    pub fn get(&self, name: &str) -> Option<String> {
        let or = |default: &str| {
            let set = self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty());
            Some(set.unwrap_or(default).to_owned())
        };
        match name {
            // On one's own machine nobody else can be anyone.
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
    fn one_real_setting_means_livechat_itself() {
        assert!(!settings(&[("LIVECHAT_ACCOUNTS_URL", "http://127.0.0.1:1"), ("LIVECHAT_CLIENT_ID", " ")]).are_real());
        for name in Settings::REAL {
            assert!(settings(&[(name, "x")]).are_real(), "{name}");
        }
    }

    /// Otherwise the sandbox would start, and nothing would say why.
    #[test]
    fn a_misspelt_setting_is_refused_with_the_name_that_was_meant() {
        let settings = settings(&[("LIVECHAT_CLINT_ID", "x")]);
        assert!(!settings.are_real());
        let line = cip::settings::check_names(&settings.lookup()).expect_err("refused").to_string();
        assert!(line.contains("did you mean LIVECHAT_CLIENT_ID?"), "{line}");
    }

    #[test]
    fn nobody_is_verified_unless_asked_for_and_the_option_goes_before_the_setting() {
        let auth = |set: &[(&str, &str)], option: Option<&str>| {
            settings(set).with_options(option.map(str::to_owned), false).get("AUTH").expect("always set")
        };
        assert_eq!(auth(&[], None), "none");
        assert_eq!(auth(&[("AUTH", "")], None), "none");
        assert_eq!(auth(&[("AUTH", "hmac")], None), "hmac");
        assert_eq!(auth(&[("AUTH", "hmac")], Some("jwt")), "jwt");
    }

    #[test]
    fn guests_are_on_by_option_unless_the_setting_says_otherwise() {
        assert!(!settings(&[]).with_options(None, false).have_guests());
        assert!(settings(&[("GUESTS", " ")]).with_options(None, true).have_guests());
        assert!(settings(&[("GUESTS", "true")]).with_options(None, false).have_guests());
        assert!(!settings(&[("GUESTS", "false")]).with_options(None, true).have_guests());
    }

    #[test]
    fn the_sandbox_brings_an_account_that_the_functions_take() {
        let app = App::for_page("http://127.0.0.1:3000/");
        let with = settings(&[]).with_sandbox(&app, "http://127.0.0.1:3002");
        let livechat = cip::settings::LiveChat::from_lookup(&with.lookup());
        assert_eq!(livechat.expect("good settings").origin, "http://127.0.0.1:3000");
    }
}
