//! How a reservation ends. `stock + reserved + sold` of a product stays what it is.

use wire::inventory::ReservationState;

/// What an order's end does to its reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// The pieces are sold.
    Confirm,
    /// The pieces can be ordered again.
    Release,
}

/// What is left to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// The pieces have to be moved.
    Move,
    /// They were moved before.
    Nothing,
    /// It ended the other way, for good.
    Refuse,
}

impl Settlement {
    /// The state that it leads to.
    pub fn state(self) -> ReservationState {
        match self {
            Self::Confirm => ReservationState::Confirmed,
            Self::Release => ReservationState::Released,
        }
    }

    pub(crate) fn due(self, state: ReservationState) -> Due {
        match state {
            ReservationState::Reserved => Due::Move,
            state if state == self.state() => Due::Nothing,
            _ => Due::Refuse,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reservation_ends_once() {
        use ReservationState::{Confirmed, Released, Reserved};
        assert_eq!(Settlement::Confirm.due(Reserved), Due::Move);
        assert_eq!(Settlement::Confirm.due(Confirmed), Due::Nothing);
        assert_eq!(Settlement::Confirm.due(Released), Due::Refuse);
        assert_eq!(Settlement::Release.due(Confirmed), Due::Refuse);
    }
}
