//! Clients that come and go beside other traffic.
//!
//! Owns the churn of connections, on a pace of its own, and checks that every client is welcomed.

use std::io;
use std::time::Instant;

use super::links::{LinkId, Links, Owner};
use super::pace::Pace;
use super::stage::{Outcome, Part, histogram};
use super::stream::Tally;
use super::{Heard, pass};

/// Tokens that the comers take in turn; a peer's older session is long gone when its token's turn comes again.
const COMERS: usize = 1_000;

/// Clients that connect, are welcomed and leave.
#[derive(Debug)]
pub struct Comers {
    drive: Drive,
    credentials: Vec<String>,
    connected: usize,
    welcomed: usize,
    gone: usize,
    tally: Tally,
}

/// What makes them come.
#[derive(Debug)]
enum Drive {
    /// Open loop.
    Paced(Pace),
    /// So many in all, each after one that has left.
    InARow(usize),
}

/// Comers in a row that are there at the same time.
const AT_ONCE: usize = 64;

impl Comers {
    /// Connects at this rate.
    #[must_use]
    pub fn per_second(rate: f64) -> Self {
        Self::new(Drive::Paced(Pace::per_second(rate)))
    }

    /// Connects so many, some dozens at a time.
    #[must_use]
    pub fn in_a_row(count: usize) -> Self {
        Self::new(Drive::InARow(count))
    }

    fn new(drive: Drive) -> Self {
        Self {
            drive,
            credentials: (0..COMERS)
                .map(|n| pass::token(&format!("comer-{n}")))
                .collect(),
            connected: 0,
            welcomed: 0,
            gone: 0,
            tally: Tally::default(),
        }
    }
}

impl Part for Comers {
    fn size(&self) -> usize {
        0
    }

    fn enter(&mut self, links: &mut Links, owner: Owner) -> io::Result<LinkId> {
        self.connected += 1;
        links.connect(&self.credentials[owner.member % COMERS], owner)
    }

    fn hear(
        &mut self,
        links: &mut Links,
        heard: Heard<'_>,
        link: LinkId,
        _member: usize,
        _at: Instant,
    ) {
        match heard {
            Heard::Welcome(_) => {
                self.welcomed += 1;
                links.close(link);
            }
            Heard::Closed => self.gone += 1,
            Heard::Message(_)
            | Heard::Direct(_)
            | Heard::Ack
            | Heard::Presence
            | Heard::Refused(_)
            | Heard::Unknown => self.tally.malformed += 1,
            Heard::Ping => {}
        }
    }

    fn is_ready(&self) -> bool {
        true
    }

    fn play(&mut self, links: &mut Links, me: usize, now: Instant) -> io::Result<Option<Instant>> {
        let (mut due, next) = match &mut self.drive {
            Drive::Paced(pace) => {
                let due = std::iter::from_fn(|| pace.take(now)).count();
                (due, pace.next())
            }
            Drive::InARow(count) => {
                let room = AT_ONCE.saturating_sub(self.connected - self.gone);
                (room.min(*count - self.connected), None)
            }
        };
        while due > 0 {
            let owner = Owner {
                part: me,
                member: self.connected,
            };
            self.enter(links, owner)?;
            due -= 1;
        }
        Ok(next)
    }

    fn is_settled(&self) -> bool {
        let all_came = match self.drive {
            Drive::Paced(_) => true,
            Drive::InARow(count) => self.connected == count,
        };
        all_came && self.gone == self.connected
    }

    fn begin(&mut self) {
        match &mut self.drive {
            Drive::Paced(pace) => pace.restart(),
            Drive::InARow(_) => {}
        }
    }

    fn outcome(&self) -> Outcome {
        let mut tally = self.tally;
        tally.unanswered += (self.connected - self.welcomed) as u64;
        Outcome {
            units: self.welcomed as u64,
            latency: histogram(),
            tally,
        }
    }
}
