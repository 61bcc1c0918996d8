//! Who may call a function that is not for everyone.
//!
//! A function URL with `AuthType: AWS_IAM` checks a request's signature and permissions, and names the caller's role in the event
//! (`requestContext.authorizer.iam.userArn`). [`AllowedCallers`] is the second lock: a permission that was given by mistake does
//! not open the function. Whoever may invoke the function without its URL can make up the whole event, and with it this name. So
//! `lambda:InvokeFunction` is given for calls by way of the URL only (`template.yaml`).

use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Router};
use lambda_http::RequestExt as _;
use lambda_http::request::RequestContext;
use wire::problem::{Problem, ProblemType};

use crate::config;
use crate::http::Error;

/// The variable that names the callers.
const ALLOWED_CALLERS: &str = "ALLOWED_CALLERS";

/// The roles that may call a function; without any, everyone may.
#[derive(Debug, Clone, Default)]
pub struct AllowedCallers(Option<Arc<BTreeSet<Role>>>);

/// A role in its account. Its path is not part of its identity, and not in the name that it acts by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Role {
    partition: String,
    account: String,
    name: String,
}

impl AllowedCallers {
    /// From `ALLOWED_CALLERS`: the ARNs of IAM roles, with commas between them. Everyone may call where it is unset; set but
    /// empty, it is an error.
    pub fn from_env() -> anyhow::Result<Self> {
        std::env::var_os(ALLOWED_CALLERS).map_or_else(|| Ok(Self::default()), |_| config::required(ALLOWED_CALLERS))
    }

    /// A router made by [`crate::http::app`] that answers these callers, and all others with a 403.
    pub fn guard(self, app: Router) -> Router {
        app.layer(Extension(self))
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
        let (partition, account, resource) = parts(arn, "iam")?;
        let name = resource.strip_prefix("role/")?.rsplit('/').next()?;
        Self::new(partition, account, name)
    }

    /// `arn:aws:sts::123456789012:assumed-role/name/session`
    fn from_session_arn(arn: &str) -> Option<Self> {
        let (partition, account, resource) = parts(arn, "sts")?;
        let (name, _session) = resource.strip_prefix("assumed-role/")?.split_once('/')?;
        Self::new(partition, account, name)
    }

    fn new(partition: &str, account: &str, name: &str) -> Option<Self> {
        let [partition, account, name] = [partition, account, name].map(str::to_owned);
        let is_account = account.len() == 12 && account.bytes().all(|digit| digit.is_ascii_digit());
        (is_account && !partition.is_empty() && !name.is_empty()).then_some(Self { partition, account, name })
    }
}

/// Answers a request if its caller is one of those that [`AllowedCallers::guard`] left with it. Inside of the request's span.
pub(crate) async fn refuse_strangers(request: Request, next: Next) -> Response {
    let Some(AllowedCallers(Some(allowed))) = request.extensions().get() else { return next.run(request).await };
    let caller = caller(&request);
    if caller.as_ref().is_some_and(|caller| allowed.contains(caller)) {
        return next.run(request).await;
    }
    // Of the caller only the role: a session may be named after a person.
    let role = caller.map(|caller| format!("{} of {}", caller.name, caller.account));
    tracing::warn!(role, "a caller that is not in {ALLOWED_CALLERS} was refused");
    Error::from(Problem::new(ProblemType::Forbidden, "the function is not for this caller")).into_response()
}

/// The role by which a function URL was called.
fn caller(request: &Request) -> Option<Role> {
    let Some(RequestContext::ApiGatewayV2(context)) = request.request_context_ref() else { return None };
    Role::from_session_arn(context.authorizer.as_ref()?.iam.as_ref()?.user_arn.as_ref()?)
}

/// The partition, the account and the resource of a service's ARN, where there is no region in it.
fn parts<'a>(arn: &'a str, service: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let parts: Vec<_> = arn.splitn(6, ':').collect();
    match parts[..] {
        ["arn", partition, of, "", account, resource] if of == service => Some((partition, account, resource)),
        _ => None,
    }
}
