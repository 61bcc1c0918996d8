//! A real provider, through its HTTP API. It must answer these requests:
//!
//! | Request | `Idempotency-Key` | Body |
//! |---|---|---|
//! | `POST charges` | `"<reference>"` | `{"reference", "amount_minor", "currency", "token"}` |
//! | `GET charges/<reference>` | | |
//! | `POST charges/<reference>/refund` | `"<reference>:refund"` | `{"amount_minor", "currency"}` |
//!
//! `reference` is the charge's id, `amount_minor` an integer number of the currency's minor units (ISO 4217: 1,000 yen
//! are 1000), and `token` a string or null. The body of every
//! answer is the charge: `{"reference", "status", "reason", "amount_minor", "currency"}`. The status is `approved`, `declined`
//! (with a `reason`, a string), `refunded` or `voided`.
//!
//! - A charge is answered with 200 or 201; a declined charge may also be answered with 402. The same key always gets the same
//!   answer.
//! - A `GET` of a reference that the provider has not seen is answered with 404.
//! - A refund is answered with 200. A reference that was never charged becomes `voided`, and a later charge of it gets that
//!   answer. The request's amount is then what the charge would have been, so that a void has an amount too.
//!
//! A request that can never succeed (an unknown token, a refund that is not possible) is **refused**: 400, 404 or 422 with the body
//! `{"reason": "<code>"}`, a code of lower-case letters and `_`. That is final: nothing was done, and nothing will be.
//!
//! | Other answers | Meaning |
//! |---|---|
//! | 429 | too many requests: nothing was done. `Retry-After` (seconds) is passed on |
//! | 408, 409 (the first request with the key is still under way), 425, 5xx, a body that cannot be parsed, no answer within 2 s, a broken connection | the outcome is unknown |
//! | any other 4xx, such as 401, 403, or a 404 without a reason | the payment function's URL or API key is wrong. It logs an error and answers 503 |
//!
//! The header follows the [IETF draft]: a structured-field string, in quotes.
//!
//! [IETF draft]: https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header

use std::str::FromStr;
use std::time::Duration;

use ::http::header::{AUTHORIZATION, HeaderName, HeaderValue, InvalidHeaderValue, RETRY_AFTER};
use ::http::{Method, Response, StatusCode};
use anyhow::{Context as _, anyhow, ensure};
use bytes::Bytes;
use chassis::client::Service;
use chassis::config;
use serde::{Deserialize, Serialize};
use wire::payment::{Payment, PaymentStatus, ProcessPayment, RefundPayment};
use wire::{Currency, Money, PaymentToken, TransactionId};

use crate::provider::{ProviderError, Reason};

/// The timeout of one request. A charge and the query after it together take less than the 5 s that the order function waits.
const TIMEOUT: Duration = Duration::from_secs(2);

/// What callers are told to wait if the provider does not say, in seconds.
const DEFAULT_RETRY_AFTER: u64 = 2;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A real provider.
#[derive(Debug, Clone)]
pub struct HttpProvider {
    service: Service,
}

impl HttpProvider {
    /// The provider that the environment names. `PAYMENT_PROVIDER_URL` is the base of its URLs. `PAYMENT_PROVIDER_API_KEY` is
    /// the API key, a secret that is sent as a bearer token; if it is unset, no token is sent.
    pub fn from_env() -> anyhow::Result<Self> {
        let settings = (config::base_url("PAYMENT_PROVIDER_URL"), config::optional("PAYMENT_PROVIDER_API_KEY"));
        let (url, api_key) = config::all(settings)?;
        let service = Service::third_party("the payment provider", url)?.with_timeout(TIMEOUT);
        Ok(Self::new(match api_key {
            Some(ApiKey(value)) => service.with_header(AUTHORIZATION, value),
            None => service,
        }))
    }

    /// The provider behind the given service.
    pub fn new(service: Service) -> Self {
        Self { service }
    }

    pub(super) async fn charge(&self, request: &ProcessPayment) -> Result<Payment, ProviderError> {
        let id = TransactionId::of(request.order_id);
        let ProcessPayment { amount, currency, payment_token, .. } = request;
        let token = payment_token.as_ref().map(PaymentToken::as_str);
        let amount_minor = minor_units(*amount, currency)?;
        let body = ChargeRequest { reference: id, amount_minor, currency, token };
        let response = self.post("charges", "/charges", id.to_string(), &body).await?;
        parse_charge(&response, id)
    }

    pub(super) async fn query(&self, id: TransactionId) -> Result<Option<Payment>, ProviderError> {
        let path = format!("charges/{id}");
        let response = self.service.send(Method::GET, &path, "/charges/{reference}", None::<&()>).await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        parse_charge(&response, id).map(Some)
    }

    pub(super) async fn refund(&self, id: TransactionId, request: &RefundPayment) -> Result<Payment, ProviderError> {
        let RefundPayment { amount, currency } = request;
        let body = RefundRequest { amount_minor: minor_units(*amount, currency)?, currency };
        let path = format!("charges/{id}/refund");
        let response = self.post(&path, "/charges/{reference}/refund", format!("{id}:refund"), &body).await?;
        parse_charge(&response, id)
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

/// The API key as a header value that is marked as sensitive, so that it is never logged.
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

/// The amount as the provider wants it. One with fractions that the currency does not have can never be charged.
fn minor_units(amount: Money, currency: &Currency) -> Result<i64, ProviderError> {
    amount.in_minor_units(currency).map_err(|_| ProviderError::Refused(Reason::new("fraction_of_a_minor_unit")))
}

/// The body of a refusal.
#[derive(Deserialize)]
struct Refusal {
    reason: String,
}

/// Parses the charge in an answer. An answer without a charge is an error.
fn parse_charge(response: &Response<Bytes>, id: TransactionId) -> Result<Payment, ProviderError> {
    let status = response.status();
    match status.as_u16() {
        200 | 201 | 402 => Ok(parse_body(response, id)?),
        408 | 409 | 425 => Err(anyhow!("the provider has not completed a request for {id} ({status})").into()),
        429 => {
            let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
            Err(ProviderError::Busy { retry_after: retry_after.unwrap_or(DEFAULT_RETRY_AFTER) })
        }
        400..500 => match serde_json::from_slice(response.body()) {
            // Without a reason it may be the answer of another server, at a wrong URL.
            Ok(Refusal { reason }) if matches!(status.as_u16(), 400 | 404 | 422) => {
                Err(ProviderError::Refused(Reason::new(&reason)))
            }
            _ => Err(ProviderError::Misconfigured(anyhow!(
                "the provider answered {status}: check PAYMENT_PROVIDER_URL and PAYMENT_PROVIDER_API_KEY"
            ))),
        },
        _ => Err(anyhow!("the provider answered {status}").into()),
    }
}

fn parse_body(response: &Response<Bytes>, id: TransactionId) -> anyhow::Result<Payment> {
    let status = response.status();
    let charge: Charge = serde_json::from_slice(response.body()).context("the provider's answer cannot be parsed")?;
    ensure!(charge.reference == id, "the provider answered for {}, not for {id}", charge.reference);
    let declined = charge.status == ChargeStatus::Declined;
    ensure!(
        status != StatusCode::PAYMENT_REQUIRED || declined,
        "the provider answered {status} for a charge that is not declined"
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
        amount: Money::from_minor_units(charge.amount_minor, &charge.currency)?,
        currency: charge.currency,
        decline_reason: charge.reason.filter(|_| declined),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn api_key_is_sent_as_bearer_token_and_never_shown() {
        let ApiKey(value) = "5ecret".parse().unwrap();
        assert_eq!(value, "Bearer 5ecret");
        let service = Service::third_party("the payment provider", "http://provider.example".parse().unwrap()).unwrap();
        let provider = HttpProvider::new(service.with_header(AUTHORIZATION, value));
        assert!(!format!("{provider:?}").contains("5ecret"), "{provider:?}");
    }
}
