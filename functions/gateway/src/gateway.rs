//! What the gateway talks to.

use std::sync::Arc;

use chassis::aws::SdkConfig;
use chassis::client::{Connector, SAGA_TIMEOUT, Service};
use chassis::config;

use crate::rate_limit::{Limit, Limiter};
use crate::{Authenticator, Cors};

/// The services behind the gateway, and who lets callers in.
#[derive(Clone)]
pub struct Gateway {
    pub(crate) order: Service,
    pub(crate) inventory: Service,
    pub(crate) payment: Service,
    pub(crate) authenticator: Arc<Authenticator>,
    pub(crate) limiter: Option<Arc<Limiter>>,
    pub(crate) cors: Cors,
}

impl Gateway {
    /// From `ORDER_URL`, `INVENTORY_URL`, `PAYMENT_URL` (base URLs), `RATE_LIMITS_TABLE`, and what [`Connector`],
    /// [`Authenticator`], [`Limit`] and [`Cors`] read.
    pub fn from_env(sdk_config: &SdkConfig) -> anyhow::Result<Self> {
        let connector = Connector::from_env(sdk_config)?;
        let service =
            |name, variable| anyhow::Ok(connector.service(name, config::base_url(variable)?).retrying().with_circuit());
        let order = service("order", "ORDER_URL")?.within(SAGA_TIMEOUT);
        let (inventory, payment) = (service("inventory", "INVENTORY_URL")?, service("payment", "PAYMENT_URL")?);
        let table = config::required("RATE_LIMITS_TABLE")?;
        let limiter = Limiter::new(chassis::aws::dynamodb(sdk_config), table, Limit::from_env()?);
        let gateway = Self::new(order, inventory, payment, Authenticator::from_env()?);
        Ok(gateway.limited(limiter).with_cors(Cors::from_env()?))
    }

    /// Before these services, without rate limits and CORS.
    pub fn new(order: Service, inventory: Service, payment: Service, authenticator: Authenticator) -> Self {
        let (authenticator, limiter, cors) = (Arc::new(authenticator), None, Cors::default());
        Self { order, inventory, payment, authenticator, limiter, cors }
    }

    /// The same gateway, with rate limits.
    #[must_use]
    pub fn limited(self, limiter: Limiter) -> Self {
        Self { limiter: Some(Arc::new(limiter)), ..self }
    }

    /// The same gateway, for pages of these origins too.
    #[must_use]
    pub fn with_cors(self, cors: Cors) -> Self {
        Self { cors, ..self }
    }
}
