//! What can go wrong with a call, and how often it does.

use crate::kernel::Chance;

/// What can go wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// The request does not arrive.
    LostRequest,
    /// It is carried out, and the answer does not arrive.
    LostAnswer,
    /// It is refused for no reason of its own: throttled, in another's way, not served.
    Refused,
    /// It arrives late, maybe after its caller has given up.
    LateRequest,
    /// It is carried out, and the answer comes late.
    LateAnswer,
    /// It arrives twice.
    Twice,
    /// The caller dies before it is sent.
    DiesBefore,
    /// The caller dies while it is on its way.
    DiesWaiting,
    /// The caller dies when it is carried out.
    DiesAfter,
    /// A record of the stream is not given to anybody.
    LostRecord,
    /// A batch or a message is given again.
    GivenAgain,
}

/// Whom a call goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Place {
    /// DynamoDB.
    Table,
    /// Another function.
    Function,
    /// The payment provider.
    Provider,
    /// Kafka.
    Topic,
}

impl Fault {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::LostRequest => "lost request",
            Self::LostAnswer => "lost answer",
            Self::Refused => "refused",
            Self::LateRequest => "late request",
            Self::LateAnswer => "late answer",
            Self::Twice => "twice",
            Self::DiesBefore => "dies before",
            Self::DiesWaiting => "dies waiting",
            Self::DiesAfter => "dies after",
            Self::LostRecord => "lost record",
            Self::GivenAgain => "given again",
        }
    }

    /// The faults that a call to a place can meet.
    fn of(place: Place) -> &'static [Self] {
        use Fault::{
            DiesAfter, DiesBefore, DiesWaiting, LateAnswer, LateRequest, LostAnswer, LostRequest, Refused, Twice,
        };
        match place {
            // What comes twice there, the SDK has sent twice.
            Place::Table => {
                &[LostRequest, LostAnswer, Refused, LateRequest, LateAnswer, DiesBefore, DiesWaiting, DiesAfter]
            }
            Place::Function | Place::Provider => {
                &[LostRequest, LostAnswer, Refused, LateRequest, LateAnswer, Twice, DiesBefore, DiesWaiting, DiesAfter]
            }
            Place::Topic => &[LostRequest, LostAnswer, LateRequest, LateAnswer, DiesBefore, DiesWaiting, DiesAfter],
        }
    }

    pub(super) fn kills(self) -> bool {
        matches!(self, Self::DiesBefore | Self::DiesWaiting | Self::DiesAfter)
    }
}

/// How often what goes wrong in a world.
#[derive(Debug)]
pub(super) struct Weather {
    /// Calls of a thousand.
    permille: u32,
    /// The place at which it goes wrong more often, if there is one.
    storm: Option<(Place, u32)>,
    /// The one fault that there is, if it is only one.
    only: Option<Fault>,
}

impl Weather {
    pub(super) fn draw(chance: &mut Chance) -> Self {
        let permille = chance.one_of([0, 2, 5, 10, 20, 40, 80]);
        let storm = chance.permille(400).then(|| {
            let place = chance.one_of([Place::Table, Place::Function, Place::Provider, Place::Topic]);
            (place, chance.one_of([50, 100, 300]))
        });
        let only = chance.permille(250).then(|| {
            chance.one_of([
                Fault::LostRequest,
                Fault::LostAnswer,
                Fault::Refused,
                Fault::LateRequest,
                Fault::LateAnswer,
                Fault::DiesBefore,
                Fault::DiesWaiting,
                Fault::DiesAfter,
            ])
        });
        Self { permille, storm, only }
    }

    pub(super) fn calm() -> Self {
        Self { permille: 0, storm: None, only: None }
    }

    /// Whether something goes wrong with a call, and what.
    pub(super) fn strike(&self, place: Place, chance: &mut Chance) -> Option<Fault> {
        let stormy = self.storm.filter(|(there, _)| *there == place).map(|(_, permille)| permille);
        if !chance.permille(stormy.unwrap_or(self.permille)) {
            return None;
        }
        let faults = Fault::of(place);
        match self.only {
            Some(only) => Some(only).filter(|only| faults.contains(only)),
            None => Some(faults[chance.index(faults.len())]),
        }
    }

    /// Whether something goes wrong that is not a call's.
    pub(super) fn strikes_otherwise(&self, chance: &mut Chance) -> bool {
        chance.permille(self.permille)
    }
}
