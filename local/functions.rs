//! The four functions, with their settings, store and LiveChat account.

use crate::Result;
use axum::{Router, extract::Request};
use cip::{livechat::Accounts, operation::Renewer, store::Store};
use local::{authorizer::Authorizer, gateway::Gateway, page, settings::Settings};
use sandbox::{Sandbox, database};

/// The functions behind API Gateway, and the account that they use.
pub(crate) struct Functions {
    gateway: Gateway,
    accounts: Accounts,
}

impl Functions {
    /// The functions with these settings, over the table in the database at `dynamodb_url`.
    ///
    /// # Errors
    /// One line that names the setting that is missing or invalid.
    pub(crate) async fn connect(settings: &Settings, dynamodb_url: &str) -> Result<Self> {
        let cip::settings::Settings { common, livechat, renewals } =
            cip::settings::Settings::from_lookup(&settings.lookup())?;
        let accounts = Accounts::new(livechat)?;
        let store = Store::new(database::client(dynamodb_url), &common.table_name);
        let renewer = Renewer::new(store.clone(), accounts.clone(), renewals, common.groups.clone());
        let authorizer = Authorizer::read(settings).await?;
        let gateway = Gateway::connect(common, renewer, store, accounts.clone()).await?.with_authorizer(authorizer);
        Ok(Self { gateway, accounts })
    }

    /// What the page needs to know: the settings, and where the parts are.
    pub(crate) fn describe(&self, settings: &Settings, parts: Parts<'_>) -> page::Config {
        let livechat = self.accounts.settings();
        let account = livechat.account();
        page::Config {
            livechat: if parts.sandbox.is_some() { "sandbox" } else { "real" },
            accounts_url: livechat.accounts_url.to_string(),
            organization_id: account.organization_id,
            license_id: account.license_id,
            client_id: livechat.client_id.clone(),
            grant: settings.get("LIVECHAT_GRANT"),
            sandbox_agent: parts
                .sandbox
                .map(|sandbox| sandbox.app().agent.credentials())
                .filter(|credentials| settings.get("LIVECHAT_AGENT_CREDENTIALS").as_deref() == Some(credentials)),
            sandbox_url: parts.sandbox.map(Sandbox::url),
            dynamodb_url: parts.dynamodb_url,
            table: settings.table(),
            auth: settings.get("AUTH").unwrap_or_default(),
            guests: settings.have_guests(),
            normalization: settings.get("USER_ID_NORMALIZATION").filter(|value| value.trim().starts_with("nfc")),
            groups: settings.get("GROUPS"),
            adopts_guests: settings.adopt_guests(),
            development_login: parts.development_login,
        }
    }

    /// The four routes; any path goes to a function, which returns 404 for an unknown one.
    pub(crate) fn router(&self) -> Router {
        let gateway = self.gateway.clone();
        Router::new().fallback(move |request: Request| async move { gateway.serve(request).await })
    }
}

/// What runs beside the functions.
pub(crate) struct Parts<'a> {
    pub(crate) sandbox: Option<&'a Sandbox>,
    pub(crate) dynamodb_url: String,
    /// Whether development credentials are issued.
    pub(crate) development_login: bool,
}
