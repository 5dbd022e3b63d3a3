//! What is printed at start: where everything is, and how to use LiveChat itself or the sandbox.

use local::page::Config;

/// The lines. The four routes are at `url`, and pages of `origins` may call them. With `in_memory`, nothing is stored on disk.
pub(crate) fn banner(config: &Config, url: &str, origins: &[String], in_memory: bool) -> String {
    let Config { dynamodb_url, table, .. } = config;
    let kept = if in_memory { "in memory" } else { "kept in .local/" };
    let own_page = match origins {
        [] => "no other page may call yet: set ALLOWED_ORIGINS (docs/own-page.md)".to_owned(),
        origins => format!("may call from {}", origins.join(" ")),
    };
    let livechat = match &config.sandbox_url {
        Some(sandbox) => format!(
            "LiveChat  {sandbox}  the sandbox, a stand-in: not LiveChat\n\
             Real one  to use LiveChat itself, put LIVECHAT_CLIENT_ID, LIVECHAT_ORGANIZATION_ID and LIVECHAT_REDIRECT_URI into .env\n"
        ),
        None => format!(
            "LiveChat  {}  from your settings, with your licence\n\
             Sandbox   remove the LIVECHAT_* settings from .env and the environment, start again\n",
            config.accounts_url
        ),
    };
    format!(
        "Page      {url}/  open it in a browser\n\
         API       {url}  /getToken/{{user}} /getFreshToken/{{user}} /hasToken/{{user}} /invalidate/{{user}}\n\
         Own page  {own_page}\n\
         DynamoDB  {dynamodb_url}  embedded, {kept}, table {table}\n\
         {livechat}"
    )
}
