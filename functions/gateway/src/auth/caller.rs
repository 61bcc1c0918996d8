//! The user of a valid token.

use wire::UserId;
use wire::problem::{Problem, ProblemType};

use crate::auth::Scope;

/// The user of a valid token, and what the token allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The token's `sub`.
    pub user_id: UserId,
    /// The token's `scope`: names of scopes, separated by spaces.
    pub scope: String,
}

impl Caller {
    /// A `Forbidden` problem unless the token grants the scope.
    pub fn require_scope(&self, required: Scope) -> Result<(), Problem> {
        let granted = self.scope.split(' ').any(|granted| granted == required.as_str());
        let forbidden = || Problem::new(ProblemType::Forbidden, format!("this needs the scope {}", required.as_str()));
        granted.then_some(()).ok_or_else(forbidden)
    }
}
