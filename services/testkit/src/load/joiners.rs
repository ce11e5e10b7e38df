//! Members that join and leave rooms beside other traffic.
//!
//! Owns the churn of presence, on a pace of its own, and checks that every request is acknowledged once.

use std::io;
use std::time::Instant;

use super::links::{LinkId, Links, Owner};
use super::pace::Pace;
use super::stage::{Outcome, Part, histogram};
use super::stream::Tally;
use super::wire::{subscribe, unsubscribe};
use super::{Heard, pass};

/// Members of one room: each change of one is told to the others.
const ROOM: usize = 10;

/// Members of small rooms who join and leave in turn.
#[derive(Debug)]
pub struct Joiners {
    pace: Pace,
    credentials: Vec<String>,
    links: Vec<Option<LinkId>>,
    requests: usize,
    acks: usize,
    tally: Tally,
}

impl Joiners {
    /// So many members, who together join or leave at this rate.
    #[must_use]
    pub fn per_second(members: usize, rate: f64) -> Self {
        Self {
            pace: Pace::per_second(rate),
            credentials: (0..members)
                .map(|n| pass::token(&format!("joiner-{n}")))
                .collect(),
            links: vec![None; members],
            requests: 0,
            acks: 0,
            tally: Tally::default(),
        }
    }
}

impl Part for Joiners {
    fn size(&self) -> usize {
        self.links.len()
    }

    fn enter(&mut self, links: &mut Links, owner: Owner) -> io::Result<LinkId> {
        links.connect(&self.credentials[owner.member], owner)
    }

    fn hear(
        &mut self,
        _links: &mut Links,
        heard: Heard<'_>,
        link: LinkId,
        member: usize,
        _at: Instant,
    ) {
        match heard {
            Heard::Welcome(_) => self.links[member] = Some(link),
            Heard::Ack => self.acks += 1,
            Heard::Refused(_) => self.tally.unanswered += 1,
            Heard::Message(_) | Heard::Direct(_) | Heard::Unknown => self.tally.malformed += 1,
            Heard::Closed => self.tally.broken += 1,
            Heard::Presence | Heard::Ping => {}
        }
    }

    fn is_ready(&self) -> bool {
        self.links.iter().all(Option::is_some)
    }

    fn play(&mut self, links: &mut Links, _me: usize, now: Instant) -> io::Result<Option<Instant>> {
        while self.pace.take(now).is_some() {
            let members = self.links.len();
            let member = self.requests % members;
            let room = format!("room-{}", member / ROOM);
            // All join in the first round, all leave in the second, and so on.
            let frame = if (self.requests / members).is_multiple_of(2) {
                subscribe(&room)
            } else {
                unsubscribe(&room)
            };
            self.requests += 1;
            if let Some(link) = self.links[member] {
                links.send(link, &frame);
            }
        }
        Ok(self.pace.next())
    }

    fn is_settled(&self) -> bool {
        self.acks >= self.requests
    }

    fn begin(&mut self) {
        self.pace.restart();
    }

    fn outcome(&self) -> Outcome {
        let mut tally = self.tally;
        tally.unanswered += self.acks.abs_diff(self.requests) as u64;
        Outcome {
            units: self.acks as u64,
            latency: histogram(),
            tally,
        }
    }
}
