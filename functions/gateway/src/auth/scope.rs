//! What a token can allow: the names in its `scope` ([RFC 8693, section 4.2](https://www.rfc-editor.org/rfc/rfc8693#section-4.2)).

/// To place orders and to cancel them.
pub const ORDERS_WRITE: &str = "orders:write";
/// To see one's own orders and payments.
pub const ORDERS_READ: &str = "orders:read";
/// To set a product's price and stock.
pub const INVENTORY_WRITE: &str = "inventory:write";
