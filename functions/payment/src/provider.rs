//! Who charges. A provider is asked by the charge's id: it does a thing once for one id, however often it is asked.

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
    /// Charges nobody: the payment token decides.
    Simulated(Simulated),
    /// Charges by a real provider's HTTP API.
    Http(HttpProvider),
}

/// The provider gives no answer that can be read: whether it did what it was asked is not known.
#[derive(Debug, thiserror::Error)]
#[error("what the payment provider did is not known")]
pub struct Unknown(#[from] pub(crate) anyhow::Error);

impl Provider {
    /// The one that `PAYMENT_PROVIDER` names: `simulated`, or `http`, whose own variables [`HttpProvider::from_env`] reads.
    pub fn from_env(store: &Store) -> anyhow::Result<Self> {
        match config::required::<String>("PAYMENT_PROVIDER")?.as_str() {
            "simulated" => Ok(Self::Simulated(Simulated::new(store.clone()))),
            "http" => Ok(Self::Http(HttpProvider::from_env()?)),
            other => bail!("PAYMENT_PROVIDER is wrong: {other:?} is neither simulated nor http"),
        }
    }

    /// Asks for a charge, and gives it as the provider has it: approved or declined, or undone already.
    pub async fn charge(&self, request: &ProcessPayment) -> Result<Payment, Unknown> {
        match self {
            Self::Simulated(provider) => provider.charge(request).await,
            Self::Http(provider) => provider.charge(request).await,
        }
    }

    /// Looks a charge up in the provider's books.
    pub async fn query(&self, id: TransactionId) -> Result<Option<Payment>, Unknown> {
        match self {
            Self::Simulated(provider) => provider.query(id).await,
            Self::Http(provider) => provider.query(id).await,
        }
    }

    /// Asks to undo a charge: refunded, voided where it was never made (and now never will be), or declined.
    pub async fn refund(&self, id: TransactionId, request: &RefundPayment) -> Result<Payment, Unknown> {
        match self {
            Self::Simulated(provider) => provider.refund(id, request).await,
            Self::Http(provider) => provider.refund(id, request).await,
        }
    }
}
