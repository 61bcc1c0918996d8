//! What the gateway talks to.

use std::sync::Arc;

use function::client::Service;
use function::config;
use reqwest::Url;

use crate::Authenticator;

/// The services behind the gateway, and who lets callers in.
#[derive(Clone)]
pub struct Gateway {
    pub(crate) order: Service,
    pub(crate) inventory: Service,
    pub(crate) payment: Service,
    pub(crate) authenticator: Arc<Authenticator>,
}

impl Gateway {
    /// From `ORDER_URL`, `INVENTORY_URL`, `PAYMENT_URL` (base URLs) and what [`Authenticator::from_env`] reads.
    pub fn from_env() -> anyhow::Result<Self> {
        let [order, inventory, payment] = ["ORDER_URL", "INVENTORY_URL", "PAYMENT_URL"].map(config::base_url);
        Self::new(order?, inventory?, payment?, Authenticator::from_env()?)
    }

    /// Before the services at these base URLs.
    pub fn new(order: Url, inventory: Url, payment: Url, authenticator: Authenticator) -> anyhow::Result<Self> {
        Ok(Self {
            order: Service::orchestrating("order", order)?,
            inventory: Service::new("inventory", inventory)?,
            payment: Service::new("payment", payment)?,
            authenticator: Arc::new(authenticator),
        })
    }
}

/// So that a handler can ask for its [`crate::Caller`].
impl AsRef<Authenticator> for Gateway {
    fn as_ref(&self) -> &Authenticator {
        &self.authenticator
    }
}
