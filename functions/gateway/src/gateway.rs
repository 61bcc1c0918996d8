//! The state that the gateway's handlers and middleware share.

use std::sync::Arc;
use std::time::Duration;

use chassis::client::{Connector, Service, ServiceAuth};
use chassis::{aws, config};

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
    /// Reads `ORDER_URL`, `INVENTORY_URL` and `PAYMENT_URL` (base URLs), `RATE_LIMITS_TABLE`, and the variables of
    /// [`aws::sdk_config`], [`ServiceAuth`], [`Authenticator`], [`Limit`] and [`Cors`].
    pub async fn from_env() -> anyhow::Result<Self> {
        let (sdk_config, auth, urls, table, limit, authenticator, cors) = config::all((
            aws::sdk_config().await,
            ServiceAuth::from_env(),
            config::all((
                config::base_url("ORDER_URL"),
                config::base_url("INVENTORY_URL"),
                config::base_url("PAYMENT_URL"),
            )),
            config::required("RATE_LIMITS_TABLE"),
            Limit::from_env(),
            Authenticator::from_env(),
            Cors::from_env(),
        ))?;
        let connector = Connector::new(auth, &sdk_config)?;
        let service = |name, url| connector.service(name, url).with_retry().with_circuit_breaker();
        let (order_url, inventory_url, payment_url) = urls;
        let limiter = Limiter::new(aws::dynamodb(&sdk_config), table, limit);
        Ok(Self {
            order: service("order", order_url).with_timeout(ORDER_TIMEOUT),
            inventory: service("inventory", inventory_url),
            payment: service("payment", payment_url),
            authenticator: Arc::new(authenticator),
            limiter: Some(Arc::new(limiter)),
            cors,
        })
    }
}
