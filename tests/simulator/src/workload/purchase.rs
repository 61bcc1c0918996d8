//! Everything that a customer requested for one order, and the responses.

use wire::OrderId;

use crate::workload::Response;

/// The requests with one idempotency key, or one request without a key, and their responses.
#[derive(Debug, Clone)]
pub(crate) struct Purchase {
    pub(crate) user: String,
    pub(crate) key: Option<String>,
    pub(crate) body: String,
    /// A different body that is sent with the same key by mistake.
    pub(crate) other_body: Option<String>,
    pub(crate) responses: Vec<Response>,
    pub(crate) other_responses: Vec<Response>,
    pub(crate) cancellations: Vec<Response>,
}

impl Purchase {
    /// The order id that the key determines.
    pub(crate) fn expected_order_id(&self) -> Option<String> {
        let key = self.key.as_ref()?;
        Some(OrderId::named(&["POST /orders", &self.user, key, "0"]).to_string())
    }
}
