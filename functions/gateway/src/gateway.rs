//! The state that the gateway's handlers and middleware share.

use std::sync::Arc;
use std::time::Duration;

use chassis::aws::SdkConfig;
use chassis::client::{Connector, Service};
use chassis::config;

use crate::rate_limit::{Limit, Limiter};
use crate::{Authenticator, Cors};

/// Timeout of a call to order, which calls other services itself: more than the 20 s after which order answers in any case, and less
/// than the 28 s that the gateway has for a request.
const ORDER_TIMEOUT: Duration = Duration::from_secs(25);

/// The services behind the gateway, and how it treats its callers.
#[derive(Clone)]
pub struct Gateway {
    /// The order service.
    pub order: Service,
    /// The inventory service.
    pub inventory: Service,
    /// The payment service.
    pub payment: Service,
    /// Checks the callers' tokens.
    pub authenticator: Arc<Authenticator>,
    /// Limits each principal's rate. `None` turns rate limits off.
    pub limiter: Option<Arc<Limiter>>,
    /// The web pages that may call the gateway from a browser.
    pub cors: Cors,
}

impl Gateway {
    /// Reads `ORDER_URL`, `INVENTORY_URL` and `PAYMENT_URL` (base URLs), `RATE_LIMITS_TABLE`, and the variables of [`Connector`],
    /// [`Authenticator`], [`Limit`] and [`Cors`].
    pub fn from_env(sdk_config: &SdkConfig) -> anyhow::Result<Self> {
        let connector = Connector::from_env(sdk_config)?;
        let service = |name, url_variable| {
            let service = connector.service(name, config::base_url(url_variable)?);
            anyhow::Ok(service.with_retry().with_circuit_breaker())
        };
        let table = config::required("RATE_LIMITS_TABLE")?;
        let limiter = Limiter::new(chassis::aws::dynamodb(sdk_config), table, Limit::from_env()?);
        Ok(Self {
            order: service("order", "ORDER_URL")?.with_timeout(ORDER_TIMEOUT),
            inventory: service("inventory", "INVENTORY_URL")?,
            payment: service("payment", "PAYMENT_URL")?,
            authenticator: Arc::new(Authenticator::from_env()?),
            limiter: Some(Arc::new(limiter)),
            cors: Cors::from_env()?,
        })
    }
}
