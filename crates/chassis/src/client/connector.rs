//! How a function reaches the others: with or without a signature.

use std::str::FromStr;

use aws_config::SdkConfig;
use reqwest::Url;

use crate::client::Service;
use crate::client::signature::Signer;
use crate::client::transport::{self, Transport};
use crate::config;

/// Makes the services that a function calls. They share their connections.
#[derive(Debug, Clone)]
pub struct Connector {
    transport: Transport,
}

impl Connector {
    /// As `SERVICE_AUTH` says: `aws_iam` signs every request, as function URLs with `AuthType: AWS_IAM` want it; `none`, the
    /// default, sends it as it is.
    pub fn from_env(sdk_config: &SdkConfig) -> anyhow::Result<Self> {
        match config::optional("SERVICE_AUTH")?.unwrap_or(ServiceAuth::None) {
            ServiceAuth::None => Self::plain(),
            ServiceAuth::AwsIam => Self::signing(sdk_config),
        }
    }

    /// Sends requests as they are.
    pub fn plain() -> anyhow::Result<Self> {
        Ok(Self { transport: transport::reqwest()? })
    }

    /// Signs requests with the credentials, and for the region, of the AWS SDK's configuration.
    pub fn signing(sdk_config: &SdkConfig) -> anyhow::Result<Self> {
        Ok(Self { transport: Signer::new(sdk_config)?.before(transport::reqwest()?) })
    }

    /// The service at a base URL, called within 5 s.
    pub fn service(&self, name: &'static str, base: Url) -> Service {
        Service::over(name, base, self.transport.clone())
    }
}

/// How a function shows the others who it is.
#[derive(Debug, PartialEq, Eq)]
enum ServiceAuth {
    None,
    AwsIam,
}

impl FromStr for ServiceAuth {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self::None),
            "aws_iam" => Ok(Self::AwsIam),
            _ => Err(format!("{text:?} is neither aws_iam nor none")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_to_authenticate_is_known_or_an_error() {
        assert_eq!("none".parse(), Ok(ServiceAuth::None));
        assert_eq!("aws_iam".parse(), Ok(ServiceAuth::AwsIam));
        assert_eq!("AWS_IAM".parse::<ServiceAuth>(), Err(r#""AWS_IAM" is neither aws_iam nor none"#.to_owned()));
    }
}
