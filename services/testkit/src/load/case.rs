//! What is measured: a name, a load and what it is compared with.

use std::time::Duration;

use super::comers::Comers;
use super::crowd::{self, Crowd};
use super::hostiles::{Hostiles, Hostility};
use super::joiners::Joiners;
use super::pace::Pace;
use super::pairs::{self, Pairs};
use super::stage::Part;
use super::wire::Answer;

/// Subscribers of most fan-outs.
const SUBSCRIBERS: usize = 1_000;
/// Offered load of the fan-outs at a fixed rate.
const DELIVERIES_PER_SECOND: f64 = 20_000.0;
const PAIRS: usize = 500;
/// Few, so that what is published is the load and not what is delivered.
const FLOOD_SUBSCRIBERS: usize = 10;
/// A round of 128 B each fits into a mailbox.
const FLOOD_MESSAGES: usize = 4_096;
/// Of a pair; all together more than half of what an edge lets wait for Redis, so that it stops reading for a while.
const FLOOD_UNDER_WAY: u64 = 32;

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// As `--only` and the targets call it.
    pub name: &'static str,
    /// As people read it.
    pub title: &'static str,
    /// What the clients do.
    pub load: Load,
    /// The floor's figures beside it.
    pub floor: FloorCase,
    /// Where the server may run and on how many lanes.
    pub room: Room,
}

/// Which of the floor's cases an edge's case is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FloorCase {
    /// The floor does the same.
    Same,
    /// The floor does less: this case.
    Of(&'static str),
    /// The case compares the edge with itself.
    Absent,
}

/// Cores and lanes of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// The server's own core, one lane.
    OneCore,
    /// Both cores, so many lanes: one of the two is the driver's as well.
    BothCores(i64),
    /// Two servers, one lane each, and the Redis between them, all on the server's core.
    TwoServers,
}

/// What the clients do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// They connect.
    Connects(Credential),
    /// They rest.
    Rest,
    /// They connect and leave, very often.
    Cycles,
    /// So many connect at once.
    Storm,
    /// They talk.
    Traffic(Traffic),
}

/// What clients show at the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// The publishable key.
    Key,
    /// A token each.
    Token,
}

/// Who talks to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Traffic {
    /// Fan-out in rounds of so many messages of so many bytes.
    Window { messages: usize, data_bytes: usize },
    /// Fan-out to a few in rounds of as much as a publisher gets rid of at once.
    Flood,
    /// Fan-out at a fixed rate, with some unrest beside it.
    Paced(Unrest),
    /// Pairs as fast as they go.
    PairsMaximum(Answer),
    /// Pairs with many requests under way each.
    PairsFlood,
    /// Pairs at so many round trips a second.
    PairsPaced(Answer, u32),
    /// Pairs at a fixed rate beside a very large channel.
    PairsBeside(Neighbour),
    /// Pairs at a fixed rate beside hostile sockets, or beside nobody.
    PairsAmong(Option<Hostility>),
}

/// What happens beside a fan-out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unrest {
    /// Nothing.
    None,
    /// 200 clients a second connect and leave.
    Connects,
    /// 200 times a second a member joins or leaves a room of ten.
    Presence,
}

/// What 10,000 subscribers do beside pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Neighbour {
    /// Nothing.
    Quiet,
    /// Twice a second all of them are sent a message.
    Loud,
}

impl Case {
    /// All cases, in the order of the table.
    pub const ALL: [Self; 40] = [
        Self::alone(
            "connect-key",
            "connect with a key",
            Load::Connects(Credential::Key),
        ),
        Self::alone(
            "connect-jwt",
            "connect with a JWT",
            Load::Connects(Credential::Token),
        ),
        Self::alone("idle", "idle sessions", Load::Rest),
        Self::alone(
            "fanout-128-w64",
            "fan-out 128 B, window 64",
            window(64, 128),
        ),
        Self::alone(
            "fanout-1k-w64",
            "fan-out 1 KiB, window 64",
            window(64, 1_024),
        ),
        Self::alone("fanout-128-w1", "fan-out 128 B, window 1", window(1, 128)),
        Self::alone("fanout-1k-w1", "fan-out 1 KiB, window 1", window(1, 1_024)),
        Self::alone(
            "fanout-fixed",
            "fan-out 128 B, 20 k deliveries/s",
            Load::Traffic(Traffic::Paced(Unrest::None)),
        ),
        Self::alone(
            "churn-connect",
            "20 k deliveries/s beside 200 connects/s",
            Load::Traffic(Traffic::Paced(Unrest::Connects)),
        ),
        Self::alone(
            "churn-presence",
            "20 k deliveries/s beside 200 joins or leaves/s",
            Load::Traffic(Traffic::Paced(Unrest::Presence)),
        ),
        Self::alone(
            "pairs-max",
            "500 pairs, maximum",
            Load::Traffic(Traffic::PairsMaximum(Answer::Silence)),
        ),
        Self::acked(
            "pairs-max-acks",
            "500 pairs, maximum, acks",
            Traffic::PairsMaximum(Answer::Ack),
            "pairs-max",
        ),
        Self::alone(
            "pairs-fixed",
            "500 pairs, 1,000 round trips/s",
            Load::Traffic(Traffic::PairsPaced(Answer::Silence, 1_000)),
        ),
        Self::acked(
            "pairs-fixed-acks",
            "500 pairs, 1,000 round trips/s, acks",
            Traffic::PairsPaced(Answer::Ack, 1_000),
            "pairs-fixed",
        ),
        Self::alone(
            "beside-quiet",
            "50 pairs beside 10,000 silent subscribers",
            Load::Traffic(Traffic::PairsBeside(Neighbour::Quiet)),
        ),
        Self::alone(
            "beside-loud",
            "50 pairs beside a fan-out to 10,000",
            Load::Traffic(Traffic::PairsBeside(Neighbour::Loud)),
        ),
        Self::lanes("lanes-1", "500 pairs, 5,000 round trips/s, one lane", 1),
        Self::lanes("lanes-2", "500 pairs, 5,000 round trips/s, two lanes", 2),
        Self::own("leak", "100,000 clients connect and leave", Load::Cycles),
        Self::own("storm", "2,000 clients connect at once", Load::Storm),
        Self::among("hostile-none", "50 pairs beside nobody", None),
        Self::hostile(
            "hostile-silence",
            "50 pairs beside sockets that say nothing",
            Hostility::Silence,
        ),
        Self::hostile(
            "hostile-slow-head",
            "50 pairs beside requests byte by byte",
            Hostility::SlowHead,
        ),
        Self::hostile(
            "hostile-giant-head",
            "50 pairs beside request heads of 100 kB",
            Hostility::GiantHead,
        ),
        Self::hostile(
            "hostile-slow-frame",
            "50 pairs beside frames byte by byte",
            Hostility::SlowFrame,
        ),
        Self::hostile(
            "hostile-slow-fragments",
            "50 pairs beside one-byte fragments without end",
            Hostility::SlowFragments,
        ),
        Self::hostile(
            "hostile-fragment-bomb",
            "50 pairs beside bombs of 4,200 fragments",
            Hostility::FragmentBomb,
        ),
        Self::hostile(
            "hostile-ping-flood",
            "50 pairs beside floods of 600 pings",
            Hostility::PingFlood,
        ),
        Self::hostile(
            "hostile-deep-json",
            "50 pairs beside 100,000 brackets",
            Hostility::DeepJson,
        ),
        Self::hostile(
            "hostile-slow-reader",
            "50 pairs beside clients that never read",
            Hostility::SlowReader,
        ),
        Self::hostile(
            "hostile-storm",
            "50 pairs beside 2,000 connects at once",
            Hostility::Storm,
        ),
        Self::cross(
            "cross-fanout-128-w64",
            "across: fan-out 128 B, window 64",
            window(64, 128),
        ),
        Self::cross(
            "cross-fanout-1k-w64",
            "across: fan-out 1 KiB, window 64",
            window(64, 1_024),
        ),
        Self::cross(
            "cross-fanout-128-w1",
            "across: fan-out 128 B, window 1",
            window(1, 128),
        ),
        Self::cross(
            "cross-fanout-flood",
            "across: fan-out to 10, window 4,096",
            Load::Traffic(Traffic::Flood),
        ),
        Self::cross(
            "cross-pairs-max",
            "across: 500 pairs, maximum",
            Load::Traffic(Traffic::PairsMaximum(Answer::Silence)),
        ),
        Self {
            room: Room::TwoServers,
            ..Self::acked(
                "cross-pairs-max-acks",
                "across: 500 pairs, maximum, acks",
                Traffic::PairsMaximum(Answer::Ack),
                "cross-pairs-max",
            )
        },
        Self::cross(
            "cross-pairs-flood",
            "across: 500 pairs, 32 under way each",
            Load::Traffic(Traffic::PairsFlood),
        ),
        Self::cross(
            "cross-pairs-fixed",
            "across: 500 pairs, 1,000 round trips/s",
            Load::Traffic(Traffic::PairsPaced(Answer::Silence, 1_000)),
        ),
        Self::cross(
            "cross-pairs-5k",
            "across: 500 pairs, 5,000 messages/s",
            Load::Traffic(Traffic::PairsPaced(Answer::Silence, 2_500)),
        ),
    ];

    const fn cross(name: &'static str, title: &'static str, load: Load) -> Self {
        Self {
            room: Room::TwoServers,
            ..Self::alone(name, title, load)
        }
    }

    /// What has no counterpart of the floor.
    const fn own(name: &'static str, title: &'static str, load: Load) -> Self {
        Self {
            floor: FloorCase::Absent,
            ..Self::alone(name, title, load)
        }
    }

    const fn hostile(name: &'static str, title: &'static str, kind: Hostility) -> Self {
        Self::among(name, title, Some(kind))
    }

    const fn among(name: &'static str, title: &'static str, kind: Option<Hostility>) -> Self {
        Self::own(name, title, Load::Traffic(Traffic::PairsAmong(kind)))
    }

    const fn alone(name: &'static str, title: &'static str, load: Load) -> Self {
        Self {
            name,
            title,
            load,
            floor: FloorCase::Same,
            room: Room::OneCore,
        }
    }

    /// The floor acknowledges no directs, so the case is compared with what it does without.
    const fn acked(
        name: &'static str,
        title: &'static str,
        traffic: Traffic,
        floor: &'static str,
    ) -> Self {
        Self {
            floor: FloorCase::Of(floor),
            ..Self::alone(name, title, Load::Traffic(traffic))
        }
    }

    const fn lanes(name: &'static str, title: &'static str, lanes: i64) -> Self {
        let load = Load::Traffic(Traffic::PairsPaced(Answer::Silence, 5_000));
        Self {
            floor: FloorCase::Absent,
            room: Room::BothCores(lanes),
            ..Self::alone(name, title, load)
        }
    }
}

impl Traffic {
    /// The parts that play it; the first is measured.
    #[must_use]
    pub fn parts(self) -> Vec<Box<dyn Part>> {
        match self {
            Self::Window {
                messages,
                data_bytes,
            } => {
                vec![Box::new(Crowd::new(
                    SUBSCRIBERS,
                    data_bytes,
                    crowd::Drive::Window(messages),
                ))]
            }
            Self::Flood => {
                let drive = crowd::Drive::Window(FLOOD_MESSAGES);
                vec![Box::new(Crowd::new(FLOOD_SUBSCRIBERS, 128, drive))]
            }
            Self::Paced(unrest) => {
                let pace = Pace::per_second(DELIVERIES_PER_SECOND / SUBSCRIBERS as f64);
                let crowd = Box::new(Crowd::new(SUBSCRIBERS, 128, crowd::Drive::Paced(pace)));
                match unrest {
                    Unrest::None => vec![crowd],
                    Unrest::Connects => vec![crowd, Box::new(Comers::per_second(200.0))],
                    Unrest::Presence => vec![crowd, Box::new(Joiners::per_second(100, 200.0))],
                }
            }
            Self::PairsMaximum(answer) => {
                vec![Box::new(Pairs::new(PAIRS, answer, pairs::Drive::Window(1)))]
            }
            Self::PairsFlood => {
                let drive = pairs::Drive::Window(FLOOD_UNDER_WAY);
                vec![Box::new(Pairs::new(PAIRS, Answer::Silence, drive))]
            }
            Self::PairsPaced(answer, rate) => {
                let drive = pairs::Drive::Paced(Pace::per_second(f64::from(rate)));
                vec![Box::new(Pairs::new(PAIRS, answer, drive))]
            }
            Self::PairsBeside(neighbour) => {
                let drive = match neighbour {
                    Neighbour::Quiet => crowd::Drive::Still,
                    Neighbour::Loud => crowd::Drive::Paced(Pace::per_second(2.0)),
                };
                let paced = pairs::Drive::Paced(Pace::per_second(500.0));
                vec![
                    Box::new(Pairs::new(50, Answer::Silence, paced)),
                    Box::new(Crowd::new(10_000, 128, drive)),
                ]
            }
            Self::PairsAmong(kind) => {
                let paced = pairs::Drive::Paced(Pace::per_second(500.0));
                let pairs = Pairs::new(50, Answer::Silence, paced);
                let mut parts: Vec<Box<dyn Part>> = vec![Box::new(pairs)];
                parts.extend(kind.map(|kind| Box::new(Hostiles::new(kind)) as Box<dyn Part>));
                parts
            }
        }
    }

    /// Sockets beside the members, whose memory counts.
    #[must_use]
    pub const fn strangers(self) -> usize {
        match self {
            Self::PairsAmong(Some(kind)) => kind.sockets(),
            Self::PairsAmong(None)
            | Self::Window { .. }
            | Self::Flood
            | Self::Paced(_)
            | Self::PairsMaximum(_)
            | Self::PairsFlood
            | Self::PairsPaced(..)
            | Self::PairsBeside(_) => 0,
        }
    }

    /// How long it takes at least until its percentiles rest on enough messages.
    #[must_use]
    pub const fn shortest(self) -> Duration {
        match self {
            Self::Window { .. } | Self::Flood | Self::PairsMaximum(_) | Self::PairsFlood => {
                Duration::from_secs(1)
            }
            Self::Paced(_) | Self::PairsPaced(..) | Self::PairsBeside(_) => Duration::from_secs(5),
            // Long enough for deadlines of five seconds to pass.
            Self::PairsAmong(_) => Duration::from_secs(10),
        }
    }
}

const fn window(messages: usize, data_bytes: usize) -> Load {
    Load::Traffic(Traffic::Window {
        messages,
        data_bytes,
    })
}
