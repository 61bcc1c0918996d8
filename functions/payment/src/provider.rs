//! The payment provider. Every request to it names the charge's id, and it charges and refunds at most once per id, however
//! often a request is repeated.

mod http;
mod simulated;

use anyhow::bail;
use chassis::config;
use wire::TransactionId;
use wire::payment::{Payment, ProcessPayment, RefundPayment};

pub use http::HttpProvider;
pub use simulated::Simulated;

use crate::Store;

/// A payment provider.
#[derive(Debug, Clone)]
pub enum Provider {
    /// Moves no money: the payment token decides the outcome.
    Simulated(Simulated),
    /// Charges through a real provider's HTTP API.
    Http(HttpProvider),
}

/// The provider gave no answer that can be read: it may or may not have done what was requested.
#[derive(Debug, thiserror::Error)]
#[error("the outcome at the payment provider is unknown")]
pub struct UnknownOutcome(#[from] pub(crate) anyhow::Error);

/// A provider's settings.
#[derive(Debug)]
pub enum ConfiguredProvider {
    /// [`Provider::Simulated`] needs no settings, but a store.
    Simulated,
    /// [`Provider::Http`]
    Http(HttpProvider),
}

impl ConfiguredProvider {
    /// The provider that `PAYMENT_PROVIDER` names: `simulated`, or `http`, which has variables of its own
    /// ([`HttpProvider::from_env`]).
    pub fn from_env() -> anyhow::Result<Self> {
        match config::required::<String>("PAYMENT_PROVIDER")?.as_str() {
            "simulated" => Ok(Self::Simulated),
            "http" => Ok(Self::Http(HttpProvider::from_env()?)),
            other => bail!("PAYMENT_PROVIDER is wrong: {other:?} is neither simulated nor http"),
        }
    }

    /// The provider. The simulated one keeps its charges in the store.
    pub fn with_store(self, store: &Store) -> Provider {
        match self {
            Self::Simulated => Provider::Simulated(Simulated::new(store.clone())),
            Self::Http(provider) => Provider::Http(provider),
        }
    }
}

impl Provider {
    /// Requests a charge and returns it as the provider has it: approved, declined, or already refunded or voided.
    pub async fn charge(&self, request: &ProcessPayment) -> Result<Payment, UnknownOutcome> {
        match self {
            Self::Simulated(provider) => provider.charge(request).await,
            Self::Http(provider) => provider.charge(request).await,
        }
    }

    /// Looks up a charge. `None`: the provider has no such charge.
    pub async fn query(&self, id: TransactionId) -> Result<Option<Payment>, UnknownOutcome> {
        match self {
            Self::Simulated(provider) => provider.query(id).await,
            Self::Http(provider) => provider.query(id).await,
        }
    }

    /// Requests a refund and returns the charge as the provider has it: refunded, voided (it was never made, and never will
    /// be), or declined.
    pub async fn refund(&self, id: TransactionId, request: &RefundPayment) -> Result<Payment, UnknownOutcome> {
        match self {
            Self::Simulated(provider) => provider.refund(id, request).await,
            Self::Http(provider) => provider.refund(id, request).await,
        }
    }
}
