//! `local-stack demo`: places one order and prints it, its notification and its complete trace. The end-to-end tests
//! use the same order, list of hops and waits.

use std::time::{Duration, Instant};

use anstyle::Style;
use anyhow::{Context as _, Result, bail, ensure};
use aws_sdk_dynamodb::types::AttributeValue;
use local_trace_viewer::model::SpanKind::{self, Client, Consumer, Internal, Producer, Server};
use local_trace_viewer::tree::{Hop, Tree};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::Value;

use crate::token::{Grant, Signer};
use crate::{Endpoints, Stack, readiness};

/// The user who places the order.
pub const USER: &str = "USER-001";

/// The tutorial's order.
pub const ORDER: &str = r#"{"user_id":"USER-001","product_id":"PROD-123","quantity":2,"amount":199.99}"#;

/// The hops that the order's trace must contain to be complete: service, span name, kind. One hop per step that a
/// reader of the trace looks for, which cannot be derived from template.yaml. Every span with its attributes is in
/// tests/e2e/contract/spans.yaml; the first end-to-end test fails when a hop of this list is renamed or missing.
pub const HOPS: [(&str, &str, SpanKind); 20] = [
    ("gateway", "POST /api/orders", Server),
    ("gateway", "POST /orders", Client),
    ("order", "POST /orders", Server),
    ("order", "order.checkInventory", Internal),
    ("order", "GET /inventory/{product_id}", Client),
    ("inventory", "GET /inventory/{product_id}", Server),
    ("order", "order.reserveInventory", Internal),
    ("inventory", "POST /inventory/reservations", Server),
    ("inventory", "DynamoDB.UpdateItem", Client),
    ("order", "order.processPayment", Internal),
    ("payment", "POST /payment/process", Server),
    ("payment", "DynamoDB.PutItem", Client),
    ("order", "order.confirm", Internal),
    ("order", "DynamoDB.UpdateItem", Client),
    ("order-relay", "send order-notifications", Producer),
    ("notification", "process order-notifications", Consumer),
    ("notification", "send notification-jobs", Producer),
    ("notification-delivery", "process notification-jobs", Consumer),
    ("notification-delivery", "DynamoDB.PutItem", Client),
    ("notification-delivery", "DynamoDB.UpdateItem", Client),
];

/// Longest wait for the notification, and again for the trace.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// A trace that has not grown for this long has arrived: the collector exports spans every 100 ms.
const QUIET: Duration = Duration::from_millis(500);

/// Timeout of one request: longer than the API proxy's own.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(40);

const BOLD: Style = Style::new().bold();

/// A shell command that places the order, with a token that is valid for one hour.
pub(crate) fn curl(endpoints: &Endpoints) -> Result<String> {
    let (api, token) = (&endpoints.api_url, Signer::local()?.token(&Grant::to(USER))?);
    Ok(format!(
        "\
curl -i {api}/api/orders \\
  -H 'content-type: application/json' \\
  -H 'authorization: Bearer {token}' \\
  -d '{ORDER}'"
    ))
}

/// Places the order, waits for its notification and its complete trace, and prints them. `kept` says whether the stack,
/// and with it the trace viewer, keeps running afterwards.
///
/// # Errors
/// When the order fails, the notification does not arrive, or the trace stays incomplete. The error names the missing
/// hops.
pub async fn run(stack: &Stack, kept: bool) -> Result<()> {
    let customer = Customer::new(stack)?;
    let before = customer.stock().await?;
    let placed = Instant::now();
    let (order, trace_id) = customer.place_order().await?;
    let milliseconds = placed.elapsed().as_millis();
    let after = customer.stock().await?;
    anstream::println!("\n{BOLD}The order{BOLD:#}, placed in {milliseconds} ms:\n{order:#}");
    anstream::println!("\n{BOLD}Stock of PROD-123{BOLD:#}: {before} before, {after} after");

    let order_id = order["order_id"].as_str().context("the response has no order_id")?;
    let notification = notification(stack, order_id).await?;
    anstream::println!("\n{BOLD}Its notification{BOLD:#}:\n{notification:#}");

    let tree = complete_trace(stack, &trace_id).await;
    anstream::println!("\n{BOLD}Its trace{BOLD:#}:\n{}", tree.render());
    let missing = tree.missing(&hops());
    if !missing.is_empty() {
        let names: Vec<_> =
            missing.iter().map(|hop| format!("{} {:?} `{}`", hop.service, hop.kind, hop.name)).collect();
        bail!("the trace {trace_id} is not complete; missing hops: {}", names.join(", "));
    }
    let hint = if kept { "" } else { "\n(while the stack runs: `make demo ARGS=--keep` or `make up`)" };
    let (url, hops) = (&stack.endpoints().traces, HOPS.len());
    anstream::println!("All {hops} expected hops are there. Look at it: {BOLD}{url}/trace/{trace_id}{BOLD:#}{hint}\n");
    Ok(())
}

/// A client of the API, with a token.
struct Customer {
    http: reqwest::Client,
    api_url: String,
    token: String,
}

impl Customer {
    fn new(stack: &Stack) -> Result<Self> {
        let http = reqwest::Client::builder().no_proxy().timeout(REQUEST_TIMEOUT).build()?;
        let token = Signer::local()?.token(&Grant::to(USER))?;
        Ok(Self { http, api_url: stack.endpoints().api_url.clone(), token })
    }

    /// The order in the gateway's response, and the id of its trace.
    async fn place_order(&self) -> Result<(Value, String)> {
        let request = self.http.post(format!("{}/api/orders", self.api_url)).body(ORDER);
        let request = request.header(CONTENT_TYPE, "application/json");
        let response = request.header(AUTHORIZATION, format!("Bearer {}", self.token)).send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.text().await?;
        ensure!(status.is_success(), "the order failed with {status}: {body}");
        let trace_id = headers.get("x-trace-id").context("the response has no x-trace-id header")?.to_str()?;
        Ok((serde_json::from_str(&body).context("the response is not JSON")?, trace_id.to_owned()))
    }

    /// The available units of PROD-123.
    async fn stock(&self) -> Result<Value> {
        let request = self.http.get(format!("{}/api/inventory/PROD-123", self.api_url));
        let response = request.header(AUTHORIZATION, format!("Bearer {}", self.token)).send().await?;
        let product: Value = response.error_for_status().context("cannot read the stock of PROD-123")?.json().await?;
        Ok(product["available"].clone())
    }
}

/// Waits until an order's notification is delivered; returns its item in the notifications table.
///
/// # Errors
/// When it is not delivered within [`DEADLINE`].
pub async fn notification(stack: &Stack, order_id: &str) -> Result<Value> {
    let table = stack.resources().tables.get("NotificationsTable");
    let table = &table.context("template.yaml has no NotificationsTable")?.name;
    let dynamodb = aws_sdk_dynamodb::Client::new(&stack.endpoints().sdk_config());
    let query = dynamodb.query().table_name(table).key_condition_expression("order_id = :order_id");
    let query = query.expression_attribute_values(":order_id", AttributeValue::S(order_id.to_owned()));
    let item = readiness::until("the delivered notification", DEADLINE, || async {
        let items = query.clone().send().await.ok()?.items?;
        items.into_iter().find(|item| item.get("status") == Some(&AttributeValue::S("DELIVERED".to_owned())))
    })
    .await?;
    Ok(serde_dynamo::from_item(item)?)
}

/// Waits until an order's trace, with the traces that are joined to it by links, has every hop and does not grow any
/// more. At [`DEADLINE`], returns the trace as it is then.
pub async fn complete_trace(stack: &Stack, trace_id: &str) -> Tree {
    let (mut spans, mut grown_at) = (0, Instant::now());
    let probe = || {
        let found = stack.traces().linked_trace(trace_id);
        if found.len() != spans {
            (spans, grown_at) = (found.len(), Instant::now());
        }
        let tree = Tree::build(&found, trace_id);
        let complete = tree.missing(&hops()).is_empty() && grown_at.elapsed() > QUIET;
        async move { complete.then_some(tree) }
    };
    match readiness::until("the complete trace", DEADLINE, probe).await {
        Ok(tree) => tree,
        Err(_) => Tree::build(&stack.traces().linked_trace(trace_id), trace_id),
    }
}

/// [`HOPS`] in the form that [`Tree::missing`] takes.
pub fn hops() -> Vec<Hop> {
    HOPS.iter().map(|(service, name, kind)| Hop::new(*service, *name, *kind)).collect()
}
