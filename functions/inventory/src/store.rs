//! The inventory table. A product is the item `PRODUCT#{product_id}`, an order's reservation `RESERVATION#{order_id}`.
//!
//! Stock moves only in transactions of the reservation and every product of it, each under its condition: so an order's pieces
//! move together, at most once, and never below zero.

use std::collections::HashMap;

use anyhow::Context as _;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, Put, ReturnValue, TransactWriteItem, Update};
use serde::{Deserialize, Serialize};
use wire::inventory::{Product, PutProduct, Reservation, ReservationState};
use wire::{Line, OrderId, ProductId, UnitPrice};

use crate::stock::{Due, Settlement};

/// The table of products and reservations.
#[derive(Debug, Clone)]
pub struct Store {
    client: Client,
    table: String,
}

/// Why stock was not moved. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Fewer pieces than asked for.
    #[error("{product_id}: {requested} ordered, {available} available")]
    OutOfStock {
        /// The product that is short.
        product_id: ProductId,
        /// How many were asked for.
        requested: u32,
        /// How many there are.
        available: u32,
    },
    /// The catalogue has no such product.
    #[error("there is no product {0}")]
    UnknownProduct(ProductId),
    /// The reservation has ended the other way already.
    #[error("the reservation is settled already")]
    Settled,
    /// There is no reservation to settle.
    #[error("the order has no reservation")]
    NoReservation,
}

/// How often a transaction that met another one is tried.
const ATTEMPTS: u32 = 8;

impl Store {
    /// The table of that name.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// A product of the catalogue.
    pub async fn product(&self, id: &ProductId) -> anyhow::Result<Option<Product>> {
        let item = self.get(product_key(id)).await?;
        item.map(|item| serde_dynamo::from_item::<_, ProductItem>(item)?.try_into()).transpose()
    }

    /// Enters a product, or changes it; what is reserved and sold stays.
    pub async fn put_product(&self, id: &ProductId, product: &PutProduct) -> anyhow::Result<Product> {
        let updated = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", s(product_key(id)))
            .update_expression(
                "SET product_id = :id, #name = :name, unit_price_millis = :price, currency = :currency, stock = :stock, \
                 reserved = if_not_exists(reserved, :zero), sold = if_not_exists(sold, :zero)",
            )
            .expression_attribute_names("#name", "name")
            .expression_attribute_values(":id", s(id))
            .expression_attribute_values(":name", s(&product.name))
            .expression_attribute_values(":price", n(product.unit_price.millis()))
            .expression_attribute_values(":currency", s(&product.currency))
            .expression_attribute_values(":stock", n(product.available))
            .expression_attribute_values(":zero", n(0))
            .return_values(ReturnValue::AllNew)
            .send()
            .await?;
        let item = updated.attributes.context("UpdateItem gave no attributes")?;
        serde_dynamo::from_item::<_, ProductItem>(item)?.try_into()
    }

    /// Holds the pieces for an order: all of them or none. Asked again, it gives the order's reservation as it is.
    pub async fn reserve(&self, order: OrderId, lines: &[Line]) -> anyhow::Result<Result<Reservation, Refusal>> {
        self.take(order, lines, ReservationState::Reserved, "reserved").await
    }

    /// Sells the pieces to an order at once. Asked again, it gives the order's reservation as it is.
    pub async fn deduct(&self, order: OrderId, lines: &[Line]) -> anyhow::Result<Result<Reservation, Refusal>> {
        self.take(order, lines, ReservationState::Confirmed, "sold").await
    }

    async fn take(
        &self,
        order: OrderId,
        lines: &[Line],
        state: ReservationState,
        to: &str,
    ) -> anyhow::Result<Result<Reservation, Refusal>> {
        let reservation = Reservation { order_id: order, state, items: lines.to_vec() };
        let put = self.put_reservation(&reservation)?;
        let moves = lines.iter().map(|line| self.move_pieces(line, "stock", to)).collect::<anyhow::Result<Vec<_>>>()?;
        let items: Vec<_> = std::iter::once(put).chain(moves).collect();
        match self.transact(&items).await? {
            Transacted::Done => Ok(Ok(reservation)),
            Transacted::ConditionFailed(0) => match self.reservation(order).await?.context("a reservation vanished")? {
                Reservation { state: ReservationState::Released, .. } => Ok(Err(Refusal::Settled)),
                known => Ok(Ok(known)),
            },
            Transacted::ConditionFailed(index) => Ok(Err(self.shortage(&lines[index - 1]).await?)),
        }
    }

    /// Ends an order's reservation. Releasing what was never reserved leaves a mark, so that a reservation that comes late is
    /// refused.
    pub async fn settle(&self, order: OrderId, settlement: Settlement) -> anyhow::Result<Result<Reservation, Refusal>> {
        let state = settlement.state();
        let Some(known) = self.reservation(order).await? else {
            if settlement == Settlement::Confirm {
                return Ok(Err(Refusal::NoReservation));
            }
            let mark = Reservation { order_id: order, state, items: Vec::new() };
            return match self.transact(&[self.put_reservation(&mark)?]).await? {
                Transacted::Done => Ok(Ok(mark)),
                Transacted::ConditionFailed(_) => anyhow::bail!("the order was reserved while it was released"),
            };
        };
        match settlement.due(known.state) {
            Due::Nothing => return Ok(Ok(known)),
            Due::Refuse => return Ok(Err(Refusal::Settled)),
            Due::Move => {}
        }
        let to = if settlement == Settlement::Confirm { "sold" } else { "stock" };
        let settled = Update::builder()
            .table_name(&self.table)
            .key("pk", s(reservation_key(order)))
            .update_expression("SET #state = :state")
            .condition_expression("#state = :reserved")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":state", serde_dynamo::to_attribute_value(state)?)
            .expression_attribute_values(":reserved", serde_dynamo::to_attribute_value(ReservationState::Reserved)?)
            .build()?;
        let settled = TransactWriteItem::builder().update(settled).build();
        let moves = known.items.iter().map(|line| self.move_pieces(line, "reserved", to));
        let items = std::iter::once(Ok(settled)).chain(moves).collect::<anyhow::Result<Vec<_>>>()?;
        match self.transact(&items).await? {
            Transacted::Done => Ok(Ok(Reservation { state, ..known })),
            Transacted::ConditionFailed(0) => match self.reservation(order).await?.context("a reservation vanished")? {
                other if other.state == state => Ok(Ok(other)),
                _ => Ok(Err(Refusal::Settled)),
            },
            Transacted::ConditionFailed(_) => anyhow::bail!("fewer pieces reserved than {order} holds"),
        }
    }

    /// An order's reservation.
    pub async fn reservation(&self, order: OrderId) -> anyhow::Result<Option<Reservation>> {
        let item = self.get(reservation_key(order)).await?;
        Ok(item.map(serde_dynamo::from_item).transpose()?)
    }

    async fn shortage(&self, line: &Line) -> anyhow::Result<Refusal> {
        let Some(product) = self.product(&line.product_id).await? else {
            return Ok(Refusal::UnknownProduct(line.product_id.clone()));
        };
        let Line { product_id, quantity: requested } = line.clone();
        Ok(Refusal::OutOfStock { product_id, requested, available: product.available })
    }

    async fn get(&self, key: String) -> anyhow::Result<Option<HashMap<String, AttributeValue>>> {
        let get = self.client.get_item().table_name(&self.table).key("pk", s(key)).consistent_read(true);
        Ok(get.send().await?.item)
    }

    fn put_reservation(&self, reservation: &Reservation) -> anyhow::Result<TransactWriteItem> {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(serde_dynamo::to_item(reservation)?))
            .item("pk", s(reservation_key(reservation.order_id)))
            .condition_expression("attribute_not_exists(pk)")
            .build()?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    fn move_pieces(&self, line: &Line, from: &str, to: &str) -> anyhow::Result<TransactWriteItem> {
        let update = Update::builder()
            .table_name(&self.table)
            .key("pk", s(product_key(&line.product_id)))
            .update_expression("SET #from = #from - :pieces, #to = #to + :pieces")
            .condition_expression("#from >= :pieces")
            .expression_attribute_names("#from", from)
            .expression_attribute_names("#to", to)
            .expression_attribute_values(":pieces", n(line.quantity))
            .build()?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// Writes all items or none. A transaction that met another one on an item is tried again.
    async fn transact(&self, items: &[TransactWriteItem]) -> anyhow::Result<Transacted> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let sent = self.client.transact_write_items().set_transact_items(Some(items.to_vec())).send().await;
            let error = match sent {
                Ok(_) => return Ok(Transacted::Done),
                Err(error) => error,
            };
            let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error()
            else {
                return Err(error.into());
            };
            let codes = cancelled.cancellation_reasons().iter().map(|reason| reason.code().unwrap_or("None"));
            let codes: Vec<_> = codes.collect();
            if let Some(index) = codes.iter().position(|code| *code == "ConditionalCheckFailed") {
                return Ok(Transacted::ConditionFailed(index));
            }
            if attempt == ATTEMPTS || !codes.contains(&"TransactionConflict") {
                return Err(error.into());
            }
            tokio::time::sleep(backoff(attempt)).await;
        }
    }
}

enum Transacted {
    Done,
    /// The first item, in order, whose condition did not hold.
    ConditionFailed(usize),
}

/// Up to 10 ms × 2^attempt, by chance, so that those who met don't meet again.
fn backoff(attempt: u32) -> std::time::Duration {
    let chance = uuid::Uuid::new_v4().as_u128() % 1_000;
    std::time::Duration::from_micros((10_000_u64 << attempt.min(6)) * chance as u64 / 1_000)
}

#[derive(Debug, Serialize, Deserialize)]
struct ProductItem {
    product_id: ProductId,
    name: String,
    unit_price_millis: i64,
    currency: wire::Currency,
    stock: u32,
    reserved: u32,
    sold: u32,
}

impl TryFrom<ProductItem> for Product {
    type Error = anyhow::Error;

    fn try_from(item: ProductItem) -> anyhow::Result<Self> {
        let ProductItem { product_id, name, unit_price_millis, currency, stock, reserved, sold } = item;
        let unit_price = UnitPrice::from_millis(unit_price_millis)?;
        Ok(Self { product_id, name, unit_price, currency, available: stock, reserved, sold })
    }
}

fn product_key(id: &ProductId) -> String {
    format!("PRODUCT#{id}")
}

fn reservation_key(order: OrderId) -> String {
    format!("RESERVATION#{order}")
}

fn s(text: impl ToString) -> AttributeValue {
    AttributeValue::S(text.to_string())
}

fn n(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}
