//! The IAM roles that may call an internal function.
//!
//! A function URL with `AuthType: AWS_IAM` verifies the signature and the permissions of a request, and puts the caller's role in
//! the event (`requestContext.authorizer.iam.userArn`). [`AllowedCallers`] is a second check: a permission that was granted by
//! mistake does not open the function. A caller who may invoke the function directly, without its URL, can forge the event and
//! the role in it. `template.yaml` therefore grants `lambda:InvokeFunction` for calls through the URL only.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use axum::{Extension, Router};

use crate::config;

/// The environment variable with the allowed roles.
const ALLOWED_CALLERS: &str = "ALLOWED_CALLERS";

/// The roles that may call a function. The default allows every caller.
#[derive(Debug, Clone, Default)]
pub struct AllowedCallers(Option<Arc<BTreeSet<Role>>>);

/// An IAM role: its account and its name. The role's path is left out, because the ARN of a session does not contain it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Role {
    partition: String,
    account: String,
    name: String,
}

impl AllowedCallers {
    /// Reads `ALLOWED_CALLERS`: ARNs of IAM roles, separated by commas. If it is unset, every caller is allowed. If it is set but
    /// empty, that is an error.
    pub fn from_env() -> anyhow::Result<Self> {
        std::env::var_os(ALLOWED_CALLERS).map_or_else(|| Ok(Self::default()), |_| config::required(ALLOWED_CALLERS))
    }

    /// Makes a router that `http::app` made answer all other callers with a 403.
    pub fn guard(self, app: Router) -> Router {
        app.layer(Extension(self))
    }

    /// Whether a caller may call. A caller without a role may only if every caller may.
    pub(crate) fn allows(&self, role: Option<&Role>) -> bool {
        self.0.as_ref().is_none_or(|allowed| role.is_some_and(|role| allowed.contains(role)))
    }
}

impl FromStr for AllowedCallers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let role = |arn: &str| Role::from_arn(arn).ok_or_else(|| format!("{arn:?} is not the ARN of an IAM role"));
        let roles = text.split(',').map(str::trim).map(role).collect::<Result<_, _>>()?;
        Ok(Self(Some(Arc::new(roles))))
    }
}

impl Role {
    /// `arn:aws:iam::123456789012:role/some/path/name`
    fn from_arn(arn: &str) -> Option<Self> {
        let (partition, account, resource) = split_arn(arn, "iam")?;
        let name = resource.strip_prefix("role/")?.rsplit('/').next()?;
        Self::new(partition, account, name)
    }

    /// `arn:aws:sts::123456789012:assumed-role/name/session`
    pub(crate) fn from_session_arn(arn: &str) -> Option<Self> {
        let (partition, account, resource) = split_arn(arn, "sts")?;
        let (name, _session) = resource.strip_prefix("assumed-role/")?.split_once('/')?;
        Self::new(partition, account, name)
    }

    fn new(partition: &str, account: &str, name: &str) -> Option<Self> {
        let [partition, account, name] = [partition, account, name].map(str::to_owned);
        let is_account = account.len() == 12 && account.bytes().all(|digit| digit.is_ascii_digit());
        (is_account && !partition.is_empty() && !name.is_empty()).then_some(Self { partition, account, name })
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.name, self.account)
    }
}

/// The partition, the account and the resource of a service's ARN that has no region.
fn split_arn<'a>(arn: &'a str, service: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let parts: Vec<_> = arn.splitn(6, ':').collect();
    match parts[..] {
        ["arn", partition, arn_service, "", account, resource] if arn_service == service => {
            Some((partition, account, resource))
        }
        _ => None,
    }
}
