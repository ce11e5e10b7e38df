//! Sockets that mean no good, beside other traffic.
//!
//! Owns a number of places, each of which opens a socket, misbehaves in one way and, when the server has hung up, begins
//! again at its next turn. Places take their turns on a pace, so that how much hostility there is does not depend on how the
//! server answers it. Nothing that happens to these sockets is a fault; what they do to others is measured by others.

use std::io;
use std::time::Instant;

use super::links::{LinkId, Links, Owner};
use super::pace::Pace;
use super::stage::{Outcome, Part, histogram};
use super::stream::Tally;
use super::wire::{self, Template, subscribe};
use super::{Heard, pass};

/// Places of one kind.
pub const PLACES: usize = 100;
/// Turns a second, over all places.
const TURNS_PER_SECOND: f64 = 100.0;
/// Turns of the kinds that cost a server the most: a socket each that is closed for what it did.
const FLOODS_PER_SECOND: f64 = 20.0;
/// Clients of a storm.
const STORM: usize = 2_000;

/// Slow readers: each has the kernel hold some megabytes for it.
const READERS: usize = 10;
/// Turns after which a slow reader hangs up: by then it has been closed, which it does not hear.
const READER_TURNS: usize = 20;

const CHANNEL: &str = "hostile";
/// Above what the edge takes of control frames in a burst.
const PINGS: usize = 600;
/// Above what it takes of short fragments in a message.
const SHORT_FRAGMENTS: usize = 4_200;
/// Beyond the largest request head.
const HEADER_BYTES: usize = 100_000;
const DEPTH: usize = 100_000;
const LARGE_BYTES: usize = 30_000;

/// In which way they misbehave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hostility {
    /// They connect and say nothing.
    Silence,
    /// They send their upgrade request a byte at a time.
    SlowHead,
    /// Their request head is larger than any may be.
    GiantHead,
    /// They send a frame a byte at a time, and never its end.
    SlowFrame,
    /// They send a message in fragments of one byte, and never its end.
    SlowFragments,
    /// They send thousands of fragments of one byte at once.
    FragmentBomb,
    /// They send more pings than any heartbeat needs.
    PingFlood,
    /// They send JSON that is a hundred thousand brackets deep.
    DeepJson,
    /// They subscribe to a busy channel and never read.
    SlowReader,
    /// Two thousand connect at once.
    Storm,
}

/// Hostile sockets of one kind.
#[derive(Debug)]
pub struct Hostiles {
    kind: Hostility,
    pace: Pace,
    places: Vec<Place>,
    turns: usize,
    /// Who fills the channel that slow readers listen to.
    publisher: Option<LinkId>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Place {
    link: Option<LinkId>,
    is_welcome: bool,
    /// Bytes, or fragments, that it has said since it opened.
    said: usize,
}

impl Hostility {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Silence,
        Self::SlowHead,
        Self::GiantHead,
        Self::SlowFrame,
        Self::SlowFragments,
        Self::FragmentBomb,
        Self::PingFlood,
        Self::DeepJson,
        Self::SlowReader,
        Self::Storm,
    ];

    /// Sockets that are open at the same time, about.
    #[must_use]
    pub const fn sockets(self) -> usize {
        match self {
            Self::Storm => STORM,
            Self::SlowReader => READERS,
            Self::Silence
            | Self::SlowHead
            | Self::GiantHead
            | Self::SlowFrame
            | Self::SlowFragments
            | Self::FragmentBomb
            | Self::PingFlood
            | Self::DeepJson => PLACES,
        }
    }

    const fn turns_per_second(self) -> f64 {
        match self {
            Self::Silence | Self::SlowHead | Self::SlowFrame | Self::SlowFragments => {
                TURNS_PER_SECOND
            }
            Self::GiantHead
            | Self::FragmentBomb
            | Self::PingFlood
            | Self::DeepJson
            | Self::SlowReader => FLOODS_PER_SECOND,
            // All in the first moment.
            Self::Storm => 1e9,
        }
    }
}

impl Hostiles {
    /// Sockets of this kind.
    #[must_use]
    pub fn new(kind: Hostility) -> Self {
        Self {
            kind,
            pace: Pace::per_second(kind.turns_per_second()),
            places: vec![Place::default(); kind.sockets()],
            turns: 0,
            publisher: None,
        }
    }

    /// A place that is free opens a socket, one that is taken goes on.
    fn take_turn(&mut self, links: &mut Links, me: usize, member: usize) -> io::Result<()> {
        match self.places[member].link {
            Some(link) => self.go_on(links, link, member),
            None => {
                let owner = Owner { part: me, member };
                let link = match self.kind {
                    Hostility::Silence | Hostility::SlowHead => links.open(Vec::new(), owner)?,
                    Hostility::GiantHead => links.open(giant_head(), owner)?,
                    Hostility::SlowFrame
                    | Hostility::SlowFragments
                    | Hostility::FragmentBomb
                    | Hostility::PingFlood
                    | Hostility::DeepJson
                    | Hostility::SlowReader
                    | Hostility::Storm => links.connect(&pass::key(), owner)?,
                };
                self.places[member] = Place {
                    link: Some(link),
                    ..Place::default()
                };
            }
        }
        Ok(())
    }

    fn go_on(&mut self, links: &mut Links, link: LinkId, member: usize) {
        let place = &mut self.places[member];
        let next = match self.kind {
            Hostility::SlowHead => {
                let head = wire::upgrade(&pass::key());
                // Never the last one, which would make it a request.
                let at = place.said.min(head.len() - 2);
                head[at..=at].to_vec()
            }
            Hostility::SlowFrame if place.is_welcome => {
                let frame = wire::text(&" ".repeat(LARGE_BYTES));
                frame[place.said..=place.said].to_vec()
            }
            Hostility::SlowFragments if place.is_welcome => wire::fragment(place.said),
            Hostility::SlowReader => {
                if let Some(publisher) = self.publisher {
                    let mut frame = Vec::new();
                    Template::publish(CHANNEL, LARGE_BYTES).write(0, &mut frame);
                    links.send(publisher, &frame);
                }
                place.said += 1;
                if member > 0 && place.said > READER_TURNS {
                    links.abandon(link);
                    *place = Place::default();
                }
                return;
            }
            Hostility::Silence
            | Hostility::GiantHead
            | Hostility::SlowFrame
            | Hostility::SlowFragments
            | Hostility::FragmentBomb
            | Hostility::PingFlood
            | Hostility::DeepJson
            | Hostility::Storm => return,
        };
        place.said += 1;
        links.send(link, &next);
    }

    /// What a session begins with.
    fn begin_session(&mut self, links: &mut Links, link: LinkId, member: usize) {
        self.places[member].is_welcome = true;
        match self.kind {
            Hostility::FragmentBomb => {
                let bomb: Vec<u8> = (0..SHORT_FRAGMENTS).flat_map(wire::fragment).collect();
                links.send(link, &bomb);
            }
            Hostility::PingFlood => links.send(link, &wire::ping().repeat(PINGS)),
            Hostility::DeepJson => links.send(link, &wire::text(&"[".repeat(DEPTH))),
            Hostility::SlowReader if member == 0 => self.publisher = Some(link),
            Hostility::SlowReader => {
                links.send(link, &subscribe(CHANNEL));
                links.mute(link);
            }
            Hostility::Silence
            | Hostility::SlowHead
            | Hostility::GiantHead
            | Hostility::SlowFrame
            | Hostility::SlowFragments
            | Hostility::Storm => {}
        }
    }
}

impl Part for Hostiles {
    /// They come when the play has begun: what they cost is measured against what was there before.
    fn size(&self) -> usize {
        0
    }

    fn enter(&mut self, links: &mut Links, owner: Owner) -> io::Result<LinkId> {
        links.connect(&pass::key(), owner)
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
            Heard::Welcome(_) => self.begin_session(links, link, member),
            Heard::Closed => self.places[member] = Place::default(),
            Heard::Message(_)
            | Heard::Direct(_)
            | Heard::Ack
            | Heard::Presence
            | Heard::Refused(_)
            | Heard::Ping
            | Heard::Unknown => {}
        }
    }

    fn is_ready(&self) -> bool {
        true
    }

    fn play(&mut self, links: &mut Links, me: usize, now: Instant) -> io::Result<Option<Instant>> {
        if self.kind == Hostility::Storm && self.turns >= STORM {
            return Ok(None);
        }
        while self.pace.take(now).is_some() {
            let member = self.turns % self.places.len();
            self.turns += 1;
            self.take_turn(links, me, member)?;
            if self.kind == Hostility::Storm && self.turns >= STORM {
                return Ok(None);
            }
        }
        Ok(self.pace.next())
    }

    fn begin(&mut self) {
        self.pace.restart();
    }

    fn outcome(&self) -> Outcome {
        Outcome {
            units: self.turns as u64,
            latency: histogram(),
            tally: Tally::default(),
        }
    }
}

fn giant_head() -> Vec<u8> {
    let filler = "x".repeat(HEADER_BYTES);
    format!("GET /v1?key=k HTTP/1.1\r\nHost: localhost\r\nX-Filler: {filler}\r\n\r\n").into_bytes()
}
