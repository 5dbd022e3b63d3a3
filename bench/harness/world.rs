//! DynamoDB and LiveChat, in this process, and the settings with which a function reaches them.

use crate::{
    Result,
    count::Counter,
    process::Environment,
    subject::{Kind, Subject},
    tls::Tls,
};
use aws_sdk_dynamodb::Client;
use sandbox::{App, Sandbox, database};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{fs, net::SocketAddr, path::PathBuf};
use tokio::net::TcpListener;

/// The settings that the tests use too.
const SETTINGS: &str = include_str!("../../tests/events/env.json");
const TEMPLATE: &str = include_str!("../../template.yaml");
/// The system's certificates on Debian.
const SYSTEM_CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";
const REDIRECT_URI: &str = "http://127.0.0.1:3000/";

/// How a function connects to DynamoDB. LiveChat is reached by plain HTTP: the functions trust only Mozilla's certificates there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Transport {
    Plain,
    Tls,
    /// Through the proxy that counts requests.
    Counted,
}

impl Transport {
    pub(crate) const MEASURED: [Self; 2] = [Self::Plain, Self::Tls];
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) client: Client,
    pub(crate) table: String,
    pub(crate) sandbox: Sandbox,
    pub(crate) counter: Counter,
    dynamodb_url: String,
    tls: Tls,
    settings: Environment,
    certificates: Certificates,
}

impl World {
    /// Starts LiveChat's stand-in, and an embedded DynamoDB unless there is another one at `dynamodb_url`.
    pub(crate) async fn start(dynamodb_url: Option<&str>) -> Result<Self> {
        let dynamodb_url = match dynamodb_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => start_database().await?,
        };
        let settings = settings()?;
        let table = settings.get("TABLE_NAME").ok_or("no TABLE_NAME")?.clone();
        let client = database::client(&dynamodb_url);
        database::create_table(&client, &table).await?;
        let address: SocketAddr =
            dynamodb_url.trim_start_matches("http://").replace("localhost", "127.0.0.1").parse()?;
        let tls = Tls::start(address).await?;
        let certificates = Certificates::write(&tls.authority)?;
        let app = App::for_page(REDIRECT_URI);
        let sandbox = Sandbox::start(TcpListener::bind("127.0.0.1:0").await?, app, None)?;
        let counter = Counter::start(&dynamodb_url).await?;
        Ok(Self { client, table, sandbox, counter, dynamodb_url, tls, settings, certificates })
    }

    /// The environment in which Lambda would start this function.
    pub(crate) fn environment(&self, subject: &Subject, transport: Transport) -> Environment {
        let endpoint = match transport {
            Transport::Plain => &self.dynamodb_url,
            Transport::Tls => &self.tls.url,
            Transport::Counted => &self.counter.url,
        };
        let mut environment = self.on_aws(subject);
        environment.insert("AWS_ENDPOINT_URL_DYNAMODB".into(), endpoint.clone());
        let (variable, file) = match subject.kind {
            // The file has one certificate: on AWS these programs read none.
            Kind::Compiled => ("SSL_CERT_FILE", &self.certificates.own),
            Kind::WithSystemCertificates => ("SSL_CERT_FILE", &self.certificates.with_system),
            Kind::Node => ("NODE_EXTRA_CA_CERTS", &self.certificates.own),
        };
        environment.insert(variable.into(), file.to_string_lossy().into_owned());
        environment
    }

    /// The environment without an endpoint for DynamoDB, as on AWS. Only for starts: there is no DynamoDB then.
    pub(crate) fn on_aws(&self, subject: &Subject) -> Environment {
        let mut environment = self.common();
        if subject.is_ours() {
            environment.extend(of_template());
        }
        environment
    }

    /// What all programs get.
    pub(crate) fn common(&self) -> Environment {
        let mut environment = self.settings.clone();
        environment.insert("LIVECHAT_ACCOUNTS_URL".into(), self.sandbox.url());
        environment
    }
}

async fn start_database() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let hosts = ["127.0.0.1", "localhost"].map(str::to_owned);
    database::start_for(vec![listener], None, &hosts).map_err(|error| error.to_string().into())
}

/// What Lambda sets, and the functions' settings.
fn settings() -> Result<Environment> {
    let of_lambda = [
        ("AWS_LAMBDA_FUNCTION_NAME", "bench"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("RENEWALS_PER_MINUTE", "1000000"),
        // As on Lambda, a function has no home directory with settings of the SDK.
        ("HOME", "/nonexistent"),
        ("PATH", &std::env::var("PATH").unwrap_or_default()),
    ];
    let settings: Value = serde_json::from_str(SETTINGS)?;
    let settings: Environment = serde_json::from_value(settings["Parameters"].clone())?;
    let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let environment = of_lambda.into_iter().chain(database::ENVIRONMENT).map(own);
    Ok(settings.into_iter().filter(|(name, _)| name != "AWS_ENDPOINT_URL_DYNAMODB").chain(environment).collect())
}

/// The variables that make our functions faster, as the template sets them.
fn of_template() -> impl Iterator<Item = (String, String)> {
    let lines = TEMPLATE.lines().filter_map(|line| line.trim().split_once(": "));
    lines
        .filter(|(name, _)| ["SMITHY_CLIENT_SDK_CUSTOM_PARTITION", "GLIBC_TUNABLES"].contains(name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
}

/// Files with certificates. They are removed when this value is dropped.
#[derive(Debug)]
struct Certificates {
    folder: PathBuf,
    /// The authority of the proxy before DynamoDB.
    own: PathBuf,
    /// The same, and the system's.
    with_system: PathBuf,
}

impl Certificates {
    fn write(authority: &str) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("livechat-cip-bench-{:016x}", fastrand::u64(..)));
        fs::create_dir(&folder)?;
        let certificates = Self { own: folder.join("own.pem"), with_system: folder.join("all.pem"), folder };
        fs::write(&certificates.own, authority)?;
        let system = fs::read_to_string(SYSTEM_CERTIFICATES)?;
        fs::write(&certificates.with_system, format!("{system}\n{authority}"))?;
        Ok(certificates)
    }
}

impl Drop for Certificates {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
