//! Who charges. A provider is asked by the charge's id, and answers the same for the same id, however often it is asked.

use std::str::FromStr;

use wire::payment::ProcessPayment;

/// A payment provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// Charges nobody. The payment token decides:
    ///
    /// | Token | Answer |
    /// |---|---|
    /// | none, `tok_approve` | approved |
    /// | `tok_decline_insufficient_funds` | declined: `insufficient_funds` |
    /// | `tok_decline_expired_card` | declined: `expired_card` |
    /// | any other | declined: `unknown_token` |
    Simulated,
}

/// A provider's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Charged.
    Approved,
    /// Not charged, for this reason, in the provider's word.
    Declined(String),
}

impl Provider {
    /// Asks for a charge.
    pub fn charge(self, payment: &ProcessPayment) -> Answer {
        match self {
            Self::Simulated => match payment.payment_token.as_deref() {
                None | Some("tok_approve") => Answer::Approved,
                Some("tok_decline_insufficient_funds") => Answer::Declined("insufficient_funds".into()),
                Some("tok_decline_expired_card") => Answer::Declined("expired_card".into()),
                Some(_) => Answer::Declined("unknown_token".into()),
            },
        }
    }
}

impl FromStr for Provider {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "simulated" => Ok(Self::Simulated),
            other => Err(format!("unknown provider {other:?}; known: simulated")),
        }
    }
}
