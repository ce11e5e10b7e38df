//! Sessions that have done everything once and then rest.
//!
//! Owns the traffic of the memory measurement: each member has a token with metadata, a channel of its own, has published
//! once to its neighbour's channel, has heard its other neighbour once and has answered a ping. What a server allocates on
//! first use is then allocated.

use std::io;
use std::time::Instant;

use super::links::{LinkId, Links, Owner};
use super::stage::{Outcome, Part, histogram};
use super::stream::{Stream, Tally};
use super::wire::{Template, sequence, subscribe};
use super::{Heard, pass};

const DATA_BYTES: usize = 128;

/// Members in a ring.
#[derive(Debug)]
pub struct Sleepers {
    credentials: Vec<String>,
    links: Vec<Option<LinkId>>,
    heard: Vec<Stream>,
    pinged: Vec<bool>,
    pings: Pings,
    subscribed: usize,
    messages: usize,
    tally: Tally,
}

/// Whether the server sends pings at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pings {
    /// Ready means pinged.
    Awaited,
    /// The floor sends none.
    Absent,
}

impl Sleepers {
    /// So many sessions.
    #[must_use]
    pub fn new(count: usize, pings: Pings) -> Self {
        Self {
            credentials: (0..count)
                .map(|n| pass::token(&format!("sleeper-{n}")))
                .collect(),
            links: vec![None; count],
            heard: (0..count).map(|_| Stream::default()).collect(),
            pinged: vec![false; count],
            pings,
            subscribed: 0,
            messages: 0,
            tally: Tally::default(),
        }
    }

    /// Everybody listens: everybody tells the next one something.
    fn publish(&self, links: &mut Links) {
        let mut frame = Vec::new();
        for (member, link) in self.links.iter().enumerate() {
            let next = (member + 1) % self.links.len();
            frame.clear();
            Template::publish(&channel(next), DATA_BYTES).write(0, &mut frame);
            if let Some(link) = link {
                links.send(*link, &frame);
            }
        }
    }
}

impl Part for Sleepers {
    fn size(&self) -> usize {
        self.credentials.len()
    }

    fn enter(&mut self, links: &mut Links, owner: Owner) -> io::Result<LinkId> {
        links.connect(&self.credentials[owner.member], owner)
    }

    fn hear(
        &mut self,
        links: &mut Links,
        heard: Heard<'_>,
        link: LinkId,
        member: usize,
        _at: Instant,
    ) {
        match heard {
            Heard::Welcome(_) => {
                self.links[member] = Some(link);
                links.send(link, &subscribe(&channel(member)));
            }
            Heard::Ack => {
                self.subscribed += 1;
                if self.subscribed == self.size() {
                    self.publish(links);
                }
            }
            Heard::Message(text) => match sequence(text) {
                Some(number) => {
                    self.heard[member].hear(number, &mut self.tally);
                    self.messages += 1;
                }
                None => self.tally.malformed += 1,
            },
            Heard::Ping => self.pinged[member] = true,
            Heard::Refused(_) => self.tally.unanswered += 1,
            Heard::Direct(_) | Heard::Unknown => self.tally.malformed += 1,
            Heard::Closed => self.tally.broken += 1,
            Heard::Presence => {}
        }
    }

    fn is_ready(&self) -> bool {
        self.messages >= self.size()
            && match self.pings {
                Pings::Awaited => self.pinged.iter().all(|pinged| *pinged),
                Pings::Absent => true,
            }
    }

    fn outcome(&self) -> Outcome {
        let mut tally = self.tally;
        tally.lost = self.heard.iter().map(|stream| stream.lost(1)).sum();
        Outcome {
            units: self.size() as u64,
            latency: histogram(),
            tally,
        }
    }
}

fn channel(member: usize) -> String {
    format!("sleeper-{member}")
}
