//! A real provider, by its HTTP API:
//!
//! | Request | `Idempotency-Key` | Body |
//! |---|---|---|
//! | `POST charges` | `"<reference>"` | `{"reference", "amount_minor", "currency", "token"}` |
//! | `GET charges/<reference>` | | |
//! | `POST charges/<reference>/refund` | `"<reference>:refund"` | `{"amount_minor", "currency"}` |
//!
//! `reference` is the charge's id, `amount_minor` an integer of cents, `token` a string or null. Every answer is the charge:
//! `{"reference", "status", "reason", "amount_minor", "currency"}` with the status `approved`, `declined` (for a `reason`, in
//! a string), `refunded` or `voided`.
//!
//! - A charge is answered by 200 or 201, a declined one also by 402. The same key gets the same answer for ever.
//! - A `GET` of a reference that the provider has not seen is a 404.
//! - A refund is answered by 200. A reference that was never charged is `voided`: a charge that comes later gets that answer. The
//!   amount is what the charge would have been, so that a void has one too.
//!
//! Anything else is no answer, and what happened is not known: a timeout (2 s), a connection that breaks, a 5xx, what can't be
//! read, and a 409 (the first request with the key is still under way). Any other 4xx says that our request or configuration
//! is wrong, never that a card was declined.
//!
//! The header is the [IETF draft]'s: a structured-field string, in quotes.
//!
//! [IETF draft]: https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header

use std::str::FromStr;
use std::time::Duration;

use ::http::header::{AUTHORIZATION, HeaderName, HeaderValue, InvalidHeaderValue};
use ::http::{Method, Response, StatusCode};
use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use chassis::client::Service;
use chassis::config;
use serde::{Deserialize, Serialize};
use wire::payment::{Payment, PaymentStatus, ProcessPayment, RefundPayment};
use wire::{Currency, Money, PaymentToken, TransactionId};

use crate::provider::Unknown;

/// Longest wait for one answer: a charge and the look into the books after it end before the order function's 5 s do.
const TIMEOUT: Duration = Duration::from_secs(2);

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A real provider.
#[derive(Debug, Clone)]
pub struct HttpProvider {
    service: Service,
}

impl HttpProvider {
    /// The provider that the environment names: `PAYMENT_PROVIDER_URL` is the base of its URLs, `PAYMENT_PROVIDER_API_KEY` our
    /// key (a secret, sent as a bearer token; none is sent where it is unset).
    pub fn from_env() -> anyhow::Result<Self> {
        let url = config::base_url("PAYMENT_PROVIDER_URL")?;
        let api_key: Option<ApiKey> = config::optional("PAYMENT_PROVIDER_API_KEY")?;
        let service = Service::new("the payment provider", url)?.within(TIMEOUT);
        Ok(Self::over(
            api_key.into_iter().fold(service, |service, ApiKey(value)| service.with_header(AUTHORIZATION, value)),
        ))
    }

    /// The provider behind a service of the caller's choice.
    pub fn over(service: Service) -> Self {
        Self { service }
    }

    pub(super) async fn charge(&self, request: &ProcessPayment) -> Result<Payment, Unknown> {
        let id = TransactionId::of(request.order_id);
        let ProcessPayment { amount, currency, payment_token, .. } = request;
        let token = payment_token.as_ref().map(PaymentToken::as_str);
        let body = ChargeRequest { reference: id, amount_minor: amount.minor(), currency, token };
        let response = self.post("charges", "/charges", id.to_string(), &body).await?;
        Ok(charge_in(&response, id)?)
    }

    pub(super) async fn query(&self, id: TransactionId) -> Result<Option<Payment>, Unknown> {
        let path = format!("charges/{id}");
        let response = self.service.send(Method::GET, &path, "/charges/{reference}", None::<&()>).await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        Ok(Some(charge_in(&response, id)?))
    }

    pub(super) async fn refund(&self, id: TransactionId, request: &RefundPayment) -> Result<Payment, Unknown> {
        let body = RefundRequest { amount_minor: request.amount.minor(), currency: &request.currency };
        let path = format!("charges/{id}/refund");
        let response = self.post(&path, "/charges/{reference}/refund", format!("{id}:refund"), &body).await?;
        Ok(charge_in(&response, id)?)
    }

    async fn post(
        &self,
        path: &str,
        template: &'static str,
        key: String,
        body: &impl Serialize,
    ) -> anyhow::Result<Response<Bytes>> {
        let key = HeaderValue::try_from(format!("\"{key}\""))?;
        self.service.clone().with_header(IDEMPOTENCY_KEY, key).send(Method::POST, path, template, Some(body)).await
    }
}

/// Our key as a header's value that no log shows.
struct ApiKey(HeaderValue);

impl FromStr for ApiKey {
    type Err = InvalidHeaderValue;

    fn from_str(key: &str) -> Result<Self, InvalidHeaderValue> {
        let mut value = HeaderValue::try_from(format!("Bearer {key}"))?;
        value.set_sensitive(true);
        Ok(Self(value))
    }
}

#[derive(Serialize)]
struct ChargeRequest<'a> {
    reference: TransactionId,
    amount_minor: i64,
    currency: &'a Currency,
    token: Option<&'a str>,
}

#[derive(Serialize)]
struct RefundRequest<'a> {
    amount_minor: i64,
    currency: &'a Currency,
}

#[derive(Deserialize)]
struct Charge {
    reference: TransactionId,
    status: ChargeStatus,
    #[serde(default)]
    reason: Option<String>,
    amount_minor: i64,
    currency: Currency,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ChargeStatus {
    Approved,
    Declined,
    Refunded,
    Voided,
}

/// The charge that an answer tells of.
fn charge_in(response: &Response<Bytes>, id: TransactionId) -> anyhow::Result<Payment> {
    let status = response.status();
    match status {
        StatusCode::OK | StatusCode::CREATED | StatusCode::PAYMENT_REQUIRED => {}
        StatusCode::CONFLICT => bail!("the provider is still busy with another request for {id}"),
        _ if status.is_client_error() => bail!("the provider refused our request ({status}): is it configured right?"),
        _ => bail!("the provider answered {status}"),
    }
    let charge: Charge = serde_json::from_slice(response.body()).context("the provider's answer can't be read")?;
    ensure!(charge.reference == id, "the provider answered for {}, not for {id}", charge.reference);
    let declined = charge.status == ChargeStatus::Declined;
    ensure!(
        status != StatusCode::PAYMENT_REQUIRED || declined,
        "the provider answered {status} for what is not declined"
    );
    Ok(Payment {
        transaction_id: id,
        order_id: id.order(),
        status: match charge.status {
            ChargeStatus::Approved => PaymentStatus::Approved,
            ChargeStatus::Declined => PaymentStatus::Declined,
            ChargeStatus::Refunded => PaymentStatus::Refunded,
            ChargeStatus::Voided => PaymentStatus::Voided,
        },
        amount: Money::from_minor(charge.amount_minor)?,
        currency: charge.currency,
        decline_reason: charge.reason.filter(|_| declined),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_key_is_sent_and_never_shown() {
        let ApiKey(value) = "5ecret".parse().unwrap();
        assert_eq!(value, "Bearer 5ecret");
        let service = Service::new("the payment provider", "http://provider.example".parse().unwrap()).unwrap();
        let provider = HttpProvider::over(service.with_header(AUTHORIZATION, value));
        assert!(!format!("{provider:?}").contains("5ecret"), "{provider:?}");
    }
}
