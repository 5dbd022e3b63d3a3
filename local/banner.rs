//! What is printed at start: where everything is, and how to use LiveChat itself or the sandbox.

use local::page::Config;

/// The lines. The four routes are at `url`. With `in_memory`, nothing is stored on disk.
pub(crate) fn banner(config: &Config, url: &str, in_memory: bool) -> String {
    let Config { dynamodb_url, table, .. } = config;
    let kept = if in_memory { "in memory" } else { "kept in .local/" };
    let livechat = match &config.sandbox_url {
        Some(sandbox) => format!(
            "LiveChat  {sandbox}  the sandbox, a stand-in: not LiveChat\n\
             Real one  put LIVECHAT_CLIENT_ID, LIVECHAT_ORGANIZATION_ID and LIVECHAT_REDIRECT_URI into .env, start again\n"
        ),
        None => format!(
            "LiveChat  {}  from your settings, with your licence\n\
             Sandbox   remove the LIVECHAT_* settings from .env and the environment, start again\n",
            config.accounts_url
        ),
    };
    format!(
        "API       {url}  /getToken/{{user}} /getFreshToken/{{user}} /hasToken/{{user}} /invalidate/{{user}}; page at /\n\
         DynamoDB  {dynamodb_url}  embedded, {kept}, table {table}\n\
         {livechat}"
    )
}
