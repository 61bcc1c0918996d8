//! Scopes: what a token can allow ([RFC 8693, section 4.2](https://www.rfc-editor.org/rfc/rfc8693#section-4.2)).

/// A scope that a route can require.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope(&'static str);

/// Placing and cancelling orders.
pub const ORDERS_WRITE: Scope = Scope("orders:write");
/// Reading one's own orders and charges.
pub const ORDERS_READ: Scope = Scope("orders:read");
/// Setting a product's price and stock.
pub const INVENTORY_WRITE: Scope = Scope("inventory:write");

impl Scope {
    /// The scope's name in a token.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}
