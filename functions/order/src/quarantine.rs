//! What order-recovery is invoked with: its schedule's event, or an operator's request about the quarantine.
//!
//! | Payload | Answer |
//! |---|---|
//! | the event of its schedule, or anything without `quarantine` | the result of a run |
//! | `{"quarantine": "list"}` | the orders in quarantine |
//! | `{"quarantine": {"release": ["<order id>", …]}}` | how many of them are released: recovery continues with them in its next run |

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wire::OrderId;

use crate::recovery::{Recovered, recover};
use crate::{QuarantinedOrder, Saga};

/// The payload of an invocation. Other fields are those of the schedule's event.
#[derive(Debug, Deserialize)]
pub struct Request {
    #[serde(default)]
    quarantine: Option<QuarantineRequest>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum QuarantineRequest {
    List,
    Release(Vec<OrderId>),
}

/// The answer of an invocation.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Response {
    /// The result of a run.
    Recovered(Recovered),
    /// The orders in quarantine: at most 100, the oldest first.
    Quarantine {
        /// The orders.
        quarantine: Vec<QuarantinedOrder>,
    },
    /// How many orders have left the quarantine.
    Released {
        /// Their number.
        released: usize,
    },
}

impl Request {
    /// Carries the request out, in at most `time`.
    pub async fn handle(self, saga: &Saga, time: Duration) -> anyhow::Result<Response> {
        let now = (saga.clock)();
        match self.quarantine {
            None => Ok(Response::Recovered(recover(saga, now, time).await?)),
            Some(QuarantineRequest::List) => Ok(Response::Quarantine { quarantine: saga.store.quarantined().await? }),
            Some(QuarantineRequest::Release(ids)) => {
                let mut released = 0;
                for id in ids {
                    released += usize::from(saga.store.release(id, now).await?);
                }
                Ok(Response::Released { released })
            }
        }
    }
}
