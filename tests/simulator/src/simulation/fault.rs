//! The faults that are injected, and how often.

use crate::simulation::Random;

/// A fault that the simulator can inject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// The request never arrives.
    LostRequest,
    /// The request is carried out, but the response never arrives.
    LostResponse,
    /// The request is rejected with a transient error (throttling, a transaction conflict or a server error) and not carried out.
    TransientError,
    /// The request arrives late, possibly after its caller has timed out.
    DelayedRequest,
    /// The request is carried out, but the response arrives late.
    DelayedResponse,
    /// The request arrives twice.
    DuplicateRequest,
    /// The caller crashes before it sends the request.
    CrashBeforeRequest,
    /// The caller crashes while the request is on its way. The request is still carried out.
    CrashDuringRequest,
    /// The caller crashes as soon as the request has been carried out.
    CrashAfterRequest,
    /// The receiver is away for a long time: it accepts the request and never answers.
    HungCall,
    /// A record of the DynamoDB stream is never delivered.
    LostStreamRecord,
    /// A batch or a message is delivered again although it was handled.
    Redelivery,
}

/// The receiver of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Target {
    /// DynamoDB.
    Table,
    /// Another function.
    Function,
    /// The payment provider.
    Provider,
    /// Kafka.
    Topic,
    /// SQS.
    Queue,
}

impl Fault {
    /// The name in logs and summaries.
    pub fn name(self) -> &'static str {
        match self {
            Self::LostRequest => "lost request",
            Self::LostResponse => "lost response",
            Self::TransientError => "transient error",
            Self::DelayedRequest => "delayed request",
            Self::DelayedResponse => "delayed response",
            Self::DuplicateRequest => "duplicate request",
            Self::CrashBeforeRequest => "crash before request",
            Self::CrashDuringRequest => "crash during request",
            Self::CrashAfterRequest => "crash after request",
            Self::HungCall => "hung call",
            Self::LostStreamRecord => "lost stream record",
            Self::Redelivery => "redelivery",
        }
    }

    /// The faults that a call to a target can have.
    fn of(target: Target) -> &'static [Self] {
        use Fault::{
            CrashAfterRequest, CrashBeforeRequest, CrashDuringRequest, DelayedRequest, DelayedResponse,
            DuplicateRequest, LostRequest, LostResponse, TransientError,
        };
        match target {
            // No duplicates: the SDK already sends a request again when its response is lost or late.
            Target::Table | Target::Queue => &[
                LostRequest,
                LostResponse,
                TransientError,
                DelayedRequest,
                DelayedResponse,
                CrashBeforeRequest,
                CrashDuringRequest,
                CrashAfterRequest,
            ],
            Target::Function | Target::Provider => &[
                LostRequest,
                LostResponse,
                TransientError,
                DelayedRequest,
                DelayedResponse,
                DuplicateRequest,
                CrashBeforeRequest,
                CrashDuringRequest,
                CrashAfterRequest,
            ],
            Target::Topic => &[
                LostRequest,
                LostResponse,
                DelayedRequest,
                DelayedResponse,
                CrashBeforeRequest,
                CrashDuringRequest,
                CrashAfterRequest,
            ],
        }
    }

    /// Whether the fault ends the caller.
    pub(super) fn is_crash(self) -> bool {
        matches!(self, Self::CrashBeforeRequest | Self::CrashDuringRequest | Self::CrashAfterRequest)
    }
}

/// How often faults are injected in a trial.
#[derive(Debug)]
pub(super) struct FaultRates {
    /// Faults per thousand calls.
    permille: u32,
    /// A target whose calls fail more often, with its faults per thousand calls.
    hot_spot: Option<(Target, u32)>,
    /// The only fault that is injected into calls, if the trial has just one.
    only: Option<Fault>,
}

impl FaultRates {
    pub(super) fn draw(random: &mut Random) -> Self {
        let permille = random.one_of([0, 2, 5, 10, 20, 40, 80]);
        let hot_spot = random.permille(400).then(|| {
            let target =
                random.one_of([Target::Table, Target::Function, Target::Provider, Target::Topic, Target::Queue]);
            (target, random.one_of([50, 100, 300]))
        });
        let only = random.permille(250).then(|| {
            random.one_of([
                Fault::LostRequest,
                Fault::LostResponse,
                Fault::TransientError,
                Fault::DelayedRequest,
                Fault::DelayedResponse,
                Fault::CrashBeforeRequest,
                Fault::CrashDuringRequest,
                Fault::CrashAfterRequest,
            ])
        });
        Self { permille, hot_spot, only }
    }

    /// No faults at all.
    pub(super) fn zero() -> Self {
        Self { permille: 0, hot_spot: None, only: None }
    }

    /// The fault of a call, if it has one.
    pub(super) fn fault_of_call(&self, target: Target, random: &mut Random) -> Option<Fault> {
        let hot = self.hot_spot.filter(|(hot, _)| *hot == target).map(|(_, permille)| permille);
        if !random.permille(hot.unwrap_or(self.permille)) {
            return None;
        }
        let faults = Fault::of(target);
        match self.only {
            Some(only) => Some(only).filter(|only| faults.contains(only)),
            None => Some(faults[random.index(faults.len())]),
        }
    }

    /// Whether to inject a fault that does not belong to a call.
    pub(super) fn fault_outside_calls(&self, random: &mut Random) -> bool {
        random.permille(self.permille)
    }
}
