//! What the gateway talks to.

use std::sync::Arc;

use function::client::Service;
use function::config;

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
        Ok(Self::new(
            Service::orchestrating("order", order?)?,
            Service::new("inventory", inventory?)?,
            Service::new("payment", payment?)?,
            Authenticator::from_env()?,
        ))
    }

    /// Before these services.
    pub fn new(order: Service, inventory: Service, payment: Service, authenticator: Authenticator) -> Self {
        Self { order, inventory, payment, authenticator: Arc::new(authenticator) }
    }
}

/// So that a handler can ask for its [`crate::Caller`].
impl AsRef<Authenticator> for Gateway {
    fn as_ref(&self) -> &Authenticator {
        &self.authenticator
    }
}
