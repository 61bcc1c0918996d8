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

/// Why a provider has not done what was requested.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// It may have been done all the same.
    #[error(transparent)]
    UnknownOutcome(#[from] UnknownOutcome),
    /// The provider refuses this request for good: repeating it changes nothing.
    #[error("the payment provider refuses the request: {0}")]
    Refused(Reason),
    /// The provider does not accept this function's requests: the URL, the API key or what it may do is wrong. An operator must
    /// act; nothing is known about the charge.
    #[error("the payment provider does not accept our requests")]
    Misconfigured(#[source] anyhow::Error),
    /// The provider wants fewer requests. Nothing was done.
    #[error("the payment provider is busy")]
    Busy {
        /// When a retry may succeed, in seconds.
        retry_after: u64,
    },
}

impl From<anyhow::Error> for ProviderError {
    fn from(error: anyhow::Error) -> Self {
        Self::UnknownOutcome(error.into())
    }
}

/// A provider's reason for refusing a request: a short code. Any other text is replaced, because it may repeat the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(String);

impl Reason {
    pub(crate) fn new(text: &str) -> Self {
        let is_code = |text: &str| text.bytes().all(|c| c.is_ascii_lowercase() || c == b'_') && text.len() <= 64;
        Self(if is_code(text) && !text.is_empty() { text } else { "no_code" }.to_owned())
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

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
    pub async fn charge(&self, request: &ProcessPayment) -> Result<Payment, ProviderError> {
        match self {
            Self::Simulated(provider) => provider.charge(request).await,
            Self::Http(provider) => provider.charge(request).await,
        }
    }

    /// Looks up a charge. `None`: the provider has no such charge.
    pub async fn query(&self, id: TransactionId) -> Result<Option<Payment>, ProviderError> {
        match self {
            Self::Simulated(provider) => provider.query(id).await,
            Self::Http(provider) => provider.query(id).await,
        }
    }

    /// Requests a refund and returns the charge as the provider has it: refunded, voided (it was never made, and never will
    /// be), or declined.
    pub async fn refund(&self, id: TransactionId, request: &RefundPayment) -> Result<Payment, ProviderError> {
        match self {
            Self::Simulated(provider) => provider.refund(id, request).await,
            Self::Http(provider) => provider.refund(id, request).await,
        }
    }
}
