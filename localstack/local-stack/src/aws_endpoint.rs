//! An AWS emulator that already runs, which the stack uses instead of starting MiniStack: LocalStack, or another program
//! that serves its API. It is never AWS: the stack would create tables and queues there, and pay for every test.

use std::collections::HashMap;
use std::env;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use reqwest::{Client, Url};
use serde::Deserialize;
use tokio::net::lookup_host;

/// Longest time for one response of the emulator's health check.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The domains of AWS's own endpoints, some of which have private addresses.
const AWS_DOMAINS: [&str; 4] = ["amazonaws.com", "amazonaws.com.cn", "api.aws", "api.amazonwebservices.com.cn"];

/// The services that the stack needs, as the health check names them.
const SERVICES: [&str; 3] = ["dynamodb", "dynamodbstreams", "sqs"];

/// The URL of an AWS emulator, without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsEndpoint {
    url: String,
    host: String,
    port: u16,
}

/// The response of `/_localstack/health`.
#[derive(Deserialize)]
struct Health {
    version: String,
    #[serde(default)]
    edition: String,
    #[serde(default)]
    services: HashMap<String, String>,
}

impl FromStr for AwsEndpoint {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let url = Url::parse(text).context("not a URL such as http://127.0.0.1:4566")?;
        ensure!(["http", "https"].contains(&url.scheme()), "not an http or https URL");
        ensure!(url.path() == "/" && url.query().is_none(), "a URL without a path is expected");
        let host = url.host_str().context("the URL has no host")?.trim_matches(['[', ']']).to_owned();
        let port = url.port_or_known_default().context("the URL has no port")?;
        let domain = host.trim_end_matches('.');
        let is_aws = |aws: &&str| domain.strip_suffix(*aws).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        ensure!(
            !AWS_DOMAINS.iter().any(is_aws),
            "this is AWS itself, and the local stack uses emulators only; to deploy to AWS, use sam"
        );
        if let Ok(address) = host.parse() {
            ensure_local(address)?;
        }
        Ok(Self { url: url.as_str().trim_end_matches('/').to_owned(), host, port })
    }
}

impl fmt::Display for AwsEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

impl AwsEndpoint {
    /// The variable of the environment that names it.
    pub const VARIABLE: &str = "AWS_ENDPOINT_URL";

    /// The endpoint that the environment names, for the tests. The program's own command line reads it too.
    ///
    /// # Errors
    /// When the variable is not the URL of an emulator.
    pub fn from_env() -> Result<Option<Self>> {
        let url = env::var(Self::VARIABLE).ok();
        url.map(|url| url.parse().with_context(|| format!("{}={url}", Self::VARIABLE))).transpose()
    }

    /// The program that answers there, with its version.
    ///
    /// # Errors
    /// When nothing answers, the program is not an emulator, it lacks a service, or its address is a public one.
    pub(crate) async fn program(&self) -> Result<String> {
        self.identify().await.with_context(|| format!("{}={self}", Self::VARIABLE))
    }

    async fn identify(&self) -> Result<String> {
        let addresses: Vec<_> = lookup_host((self.host.as_str(), self.port))
            .await
            .with_context(|| format!("the name {} is unknown", self.host))?
            .collect();
        for address in addresses {
            ensure_local(address.ip())?;
        }
        let client = Client::builder().no_proxy().timeout(TIMEOUT).build().context("cannot build an HTTP client")?;
        let response = match client.get(format!("{self}/_localstack/health")).send().await {
            Ok(response) => response,
            Err(error) if error.is_connect() => bail!("nothing listens there: start the emulator first"),
            Err(error) if error.is_timeout() => bail!("no response within {} s", TIMEOUT.as_secs()),
            Err(error) => return Err(error).context("its health check"),
        };
        let status = response.status();
        let health = response.json::<Health>().await.ok().filter(|_| status.is_success());
        let Health { version, edition, services } = health.with_context(|| {
            format!("neither LocalStack nor MiniStack answers there: /_localstack/health is a {status} or not theirs")
        })?;
        for service in SERVICES {
            let state = services.get(service).map_or("missing", String::as_str);
            ensure!(["available", "running"].contains(&state), "its service {service} is {state}");
        }
        let ministack = client.get(format!("{self}/_ministack/health")).send().await;
        Ok(match ministack.is_ok_and(|response| response.status().is_success()) {
            true => format!("MiniStack {version}"),
            // A LocalStack from pip does not know its edition.
            false if ["", "unknown"].contains(&&*edition) => format!("LocalStack {version}"),
            false => format!("LocalStack {version} {edition}"),
        })
    }
}

/// Emulators run on this machine, in its containers or in the same private network.
fn ensure_local(address: IpAddr) -> Result<()> {
    let is_local = match address.to_canonical() {
        IpAddr::V4(address) => address.is_loopback() || address.is_private(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local(),
    };
    ensure!(is_local, "{address} is neither a loopback nor a private address, and the local stack uses emulators only");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_and_private_addresses_are_accepted() {
        for url in [
            "http://127.0.0.1:4566",
            "http://localhost:4566/",
            "http://[::1]:4566",
            "http://172.17.0.1:4566",
            "http://192.168.1.20:4566",
            "https://localhost.localstack.cloud:4566",
        ] {
            assert_eq!(url.parse::<AwsEndpoint>().unwrap().to_string(), url.trim_end_matches('/'));
        }
    }

    #[test]
    fn aws_and_public_addresses_are_refused() {
        for (url, reason) in [
            ("https://dynamodb.eu-central-1.amazonaws.com", "this is AWS itself"),
            ("https://DYNAMODB.eu-central-1.AmazonAWS.com.", "this is AWS itself"),
            ("https://vpce-1-a.sqs.eu-central-1.vpce.amazonaws.com", "this is AWS itself"),
            ("https://sqs.cn-north-1.amazonaws.com.cn", "this is AWS itself"),
            ("https://dynamodb.eu-central-1.api.aws", "this is AWS itself"),
            ("http://203.0.113.5:4566", "203.0.113.5 is neither"),
            ("http://169.254.169.254", "169.254.169.254 is neither"),
            ("http://[2001:db8::1]:4566", "2001:db8::1 is neither"),
            ("http://[::ffff:203.0.113.5]:4566", "::ffff:203.0.113.5 is neither"),
            ("127.0.0.1:4566", "not a"),
            ("localhost:4566", "not an http or https URL"),
            ("http://127.0.0.1:4566/path", "a URL without a path"),
        ] {
            let error = format!("{:#}", url.parse::<AwsEndpoint>().unwrap_err());
            assert!(error.starts_with(reason), "{url}: {error}");
        }
    }

    #[tokio::test]
    async fn endpoint_without_a_listener_is_one_line_that_says_what_to_do() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let error = url.parse::<AwsEndpoint>().unwrap().program().await.unwrap_err();
        assert_eq!(
            format!("{error:#}"),
            format!("AWS_ENDPOINT_URL={url}: nothing listens there: start the emulator first")
        );
    }

    #[tokio::test]
    async fn server_that_is_no_emulator_is_an_error() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, axum::Router::new()).await });
        let error = format!("{:#}", url.parse::<AwsEndpoint>().unwrap().program().await.unwrap_err());
        assert!(error.contains("neither LocalStack nor MiniStack answers there"), "{error}");
    }
}
