//! Makes the services that a function calls, with or without AWS signatures.

use std::str::FromStr;

use aws_config::SdkConfig;
use reqwest::Url;

use crate::client::signer::Signer;
use crate::client::transport::reqwest;
use crate::client::{Service, Transport};
use crate::config;

/// Makes [`Service`]s that share one connection pool and one way to authenticate.
#[derive(Debug, Clone)]
pub struct Connector {
    transport: Transport,
}

impl Connector {
    /// Sends requests as `auth` says, with the credentials and for the region of the AWS SDK's configuration.
    pub fn new(auth: ServiceAuth, sdk_config: &SdkConfig) -> anyhow::Result<Self> {
        match auth {
            ServiceAuth::None => Self::unsigned(),
            ServiceAuth::AwsIam => Self::signed(sdk_config),
        }
    }

    /// Sends requests unsigned.
    pub fn unsigned() -> anyhow::Result<Self> {
        Ok(Self { transport: reqwest()? })
    }

    /// Signs requests with the credentials and for the region of the AWS SDK's configuration.
    pub fn signed(sdk_config: &SdkConfig) -> anyhow::Result<Self> {
        Ok(Self { transport: Signer::new(sdk_config)?.wrap(reqwest()?) })
    }

    /// The service at a base URL. Its calls time out after 5 s.
    pub fn service(&self, name: &'static str, base: Url) -> Service {
        Service::with_transport(name, base, self.transport.clone())
    }
}

/// How a function authenticates itself to the services that it calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ServiceAuth {
    /// Requests are sent unsigned.
    #[default]
    None,
    /// Requests are signed, as function URLs with `AuthType: AWS_IAM` require.
    AwsIam,
}

impl ServiceAuth {
    /// Reads `SERVICE_AUTH`: `aws_iam`, or `none`, the default.
    pub fn from_env() -> anyhow::Result<Self> {
        Ok(config::optional("SERVICE_AUTH")?.unwrap_or_default())
    }
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
    fn service_auth_is_none_or_aws_iam() {
        assert_eq!("none".parse(), Ok(ServiceAuth::None));
        assert_eq!("aws_iam".parse(), Ok(ServiceAuth::AwsIam));
        assert_eq!("AWS_IAM".parse::<ServiceAuth>(), Err(r#""AWS_IAM" is neither aws_iam nor none"#.to_owned()));
    }
}
