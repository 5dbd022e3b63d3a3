//! The options of `cargo local`.

use clap::{Args, Parser, Subcommand};
use local::log::Format;
use sandbox::access;
use std::net::IpAddr;

/// The backend of a LiveChat Custom Identity Provider on this machine: the four routes, DynamoDB, and a stand-in for LiveChat.
#[derive(Parser)]
#[command(name = "cargo local", bin_name = "cargo local", version)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) options: Options,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Only the stand-in for accounts.livechat.com.
    Sandbox {
        /// Port to listen on; 0 for a free one.
        #[arg(long, default_value_t = 3002)]
        port: u16,
        /// A redirect URI that it accepts; can be given more than once.
        #[arg(long, default_value = "http://127.0.0.1:3000/")]
        redirect_uri: Vec<String>,
        /// Another name to accept in `Host`; can be given more than once.
        #[arg(long, value_name = "NAME")]
        allow_host: Vec<String>,
    },
}

#[derive(Args)]
pub(crate) struct Options {
    /// Port of the four routes and the page; 0 for free ones everywhere.
    #[arg(long, default_value_t = 3000)]
    pub(crate) port: u16,
    /// Port of the embedded DynamoDB [default: PORT + 1].
    #[arg(long)]
    dynamodb_port: Option<u16>,
    /// Port of the sandbox [default: PORT + 2].
    #[arg(long)]
    sandbox_port: Option<u16>,
    /// Serve DynamoDB and the sandbox on this address too, for functions in containers: `sam local` on Linux reaches this
    /// machine as 172.17.0.1.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) also_on: Option<IpAddr>,
    /// Another name to accept in `Host` on all ports, such as that of a tunnel; can be given more than once.
    #[arg(long, value_name = "NAME")]
    pub(crate) allow_host: Vec<String>,
    /// Keep nothing: the database and the development secret live in memory, not in `.local/`.
    #[arg(long)]
    pub(crate) memory: bool,
    /// How callers are verified [default: the setting AUTH, else none]. If the settings have no key or secret for it, one is
    /// created for development, and printed with example requests.
    #[arg(long, value_name = "AUTH", value_parser = ["none", "jwt", "hmac", "authorizer"])]
    pub(crate) auth: Option<String>,
    /// Give visitors who are not logged in an identity too. The setting GUESTS overrides this option.
    #[arg(long)]
    pub(crate) guests: bool,
    /// How calls are logged.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    pub(crate) log: Format,
}

impl Options {
    /// The port of the embedded DynamoDB; 0 for a free one.
    pub(crate) fn dynamodb_port(&self) -> u16 {
        self.dynamodb_port.unwrap_or_else(|| self.port_after(1))
    }

    /// The port of the sandbox; 0 for a free one.
    pub(crate) fn sandbox_port(&self) -> u16 {
        self.sandbox_port.unwrap_or_else(|| self.port_after(2))
    }

    fn port_after(&self, step: u16) -> u16 {
        if self.port == 0 { 0 } else { self.port.saturating_add(step) }
    }
}

/// The names in `Host` that the functions may use for DynamoDB and the sandbox: `more`, and the name that this machine has in
/// the containers of `sam local`.
pub(crate) fn with_containers(more: &[String]) -> Vec<String> {
    [&[access::OF_CONTAINERS.to_owned()], more].concat()
}
