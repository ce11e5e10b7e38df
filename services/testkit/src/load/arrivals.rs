//! Clients that only connect.
//!
//! Owns the connect traffic: a given number of clients, each measured from its connect to its welcome.

use std::io;
use std::time::Instant;

use hdrhistogram::Histogram;

use super::links::{LinkId, Links, Owner};
use super::stage::{Outcome, Part, histogram, record};
use super::stream::Tally;
use super::{Heard, pass};

/// Clients on their way in.
#[derive(Debug)]
pub struct Arrivals {
    /// The query of each client.
    credentials: Vec<String>,
    entered: Vec<Instant>,
    welcomed: u64,
    latency: Histogram<u64>,
    tally: Tally,
}

impl Arrivals {
    /// Clients with the publishable key.
    #[must_use]
    pub fn with_key(count: usize) -> Self {
        Self::new(vec![pass::key(); count])
    }

    /// Clients with a token each; minted here, so that minting is not measured.
    #[must_use]
    pub fn with_tokens(count: usize) -> Self {
        Self::new(
            (0..count)
                .map(|n| pass::token(&format!("arrival-{n}")))
                .collect(),
        )
    }

    fn new(credentials: Vec<String>) -> Self {
        Self {
            credentials,
            entered: Vec::new(),
            welcomed: 0,
            latency: histogram(),
            tally: Tally::default(),
        }
    }
}

impl Part for Arrivals {
    fn size(&self) -> usize {
        self.credentials.len()
    }

    fn enter(&mut self, links: &mut Links, owner: Owner) -> io::Result<LinkId> {
        self.entered.push(Instant::now());
        links.connect(&self.credentials[owner.member], owner)
    }

    fn hear(
        &mut self,
        _links: &mut Links,
        heard: Heard<'_>,
        _link: LinkId,
        member: usize,
        at: Instant,
    ) {
        match heard {
            Heard::Welcome(_) => {
                self.welcomed += 1;
                record(&mut self.latency, self.entered[member], at);
            }
            Heard::Closed => self.tally.broken += 1,
            Heard::Message(_)
            | Heard::Direct(_)
            | Heard::Ack
            | Heard::Refused(_)
            | Heard::Unknown => {
                self.tally.malformed += 1;
            }
            Heard::Ping | Heard::Presence => {}
        }
    }

    fn is_ready(&self) -> bool {
        self.welcomed == self.credentials.len() as u64
    }

    fn outcome(&self) -> Outcome {
        Outcome {
            units: self.welcomed,
            latency: self.latency.clone(),
            tally: self.tally,
        }
    }
}
