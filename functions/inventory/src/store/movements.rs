//! Reading the movements of a product.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use wire::movement::{Movement, MovementPage};
use wire::{MovementId, ProductId};

use crate::Store;
use crate::movements::Cursor;
use crate::store::item::{MOVEMENTS, MovementItem, key, movement_key};
use crate::store::{number, text};

impl Store {
    /// A movement of a product.
    pub(crate) async fn movement(&self, product: &ProductId, id: &MovementId) -> anyhow::Result<Option<Movement>> {
        let item = self.get(vec![movement_key(product, id)]).await?.into_values().next();
        Ok(item.map(serde_dynamo::from_item::<_, MovementItem>).transpose()?.map(Movement::from))
    }

    /// One page of a product's movements, the newest first. A movement may be missing for some milliseconds after it was recorded:
    /// the index is eventually consistent.
    pub(crate) async fn movements(
        &self,
        product: &ProductId,
        limit: u8,
        cursor: Option<&Cursor>,
    ) -> anyhow::Result<MovementPage> {
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(MOVEMENTS)
            .key_condition_expression("movement_of = :product")
            .expression_attribute_values(":product", text(product))
            .scan_index_forward(false)
            .limit(limit.into())
            .set_exclusive_start_key(cursor.map(|cursor| start_key(product, cursor)));
        let page = query.send().await?;
        let items: Vec<MovementItem> = serde_dynamo::from_items(page.items.unwrap_or_default())?;
        let movements: Vec<Movement> = items.into_iter().map(Movement::from).collect();
        let last = page.last_evaluated_key.and(movements.last());
        Ok(MovementPage { next_cursor: last.map(|last| Cursor::after(last).to_string()), movements })
    }
}

fn start_key(product: &ProductId, cursor: &Cursor) -> HashMap<String, AttributeValue> {
    let mut start = key(movement_key(product, &cursor.movement_id));
    start.insert("movement_of".to_owned(), text(product));
    start.insert("recorded_at_ms".to_owned(), number(cursor.recorded_at_ms));
    start
}
