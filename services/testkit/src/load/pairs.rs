//! Pairs of peers that answer each other.
//!
//! Owns the direct traffic: the asker sends a direct, the answerer sends one back, and that is a round trip. Every fifth
//! request and its answer are large. In a window each pair has so many requests under way; on a pace the pairs take turns,
//! whatever has become of their last request. Where there are two servers each pair has one end on either.

use std::io;
use std::time::Instant;

use hdrhistogram::Histogram;
use serde::Deserialize;

use super::links::{LinkId, Links, Owner};
use super::pace::Pace;
use super::stage::{Outcome, Part, histogram, record};
use super::stream::{Stream, Tally};
use super::wire::{Answer, Template, sequence};
use super::{Heard, pass};

/// `data` of most messages, in bytes of JSON.
const SMALL_BYTES: usize = 200;
/// `data` of every fifth message.
const LARGE_BYTES: usize = 2_048;
const LARGE_EVERY: u64 = 5;

/// Members 2k and 2k+1 are a pair; the even one asks.
#[derive(Debug)]
pub struct Pairs {
    drive: Drive,
    answer: Answer,
    peers: Vec<Peer>,
    welcomed: usize,
    /// Whose turn it is, on a pace.
    turn: usize,
    round_trips: u64,
    outstanding: u64,
    unacked: u64,
    latency: Histogram<u64>,
    tally: Tally,
    frame: Vec<u8>,
}

/// What makes the askers send.
#[derive(Debug, Clone)]
pub enum Drive {
    /// Each pair has so many requests under way; the next follows an answer.
    Window(u64),
    /// Open loop, over all pairs together.
    Paced(Pace),
}

#[derive(Debug, Default)]
struct Peer {
    link: Option<LinkId>,
    /// What its partner is sent: small and large.
    templates: Option<(Template, Template)>,
    id: String,
    sent: u64,
    heard: Stream,
    /// When each request was due, by its number.
    due: Vec<Instant>,
}

impl Pairs {
    /// So many pairs; `answer` says whether directs are acknowledged.
    #[must_use]
    pub fn new(pairs: usize, answer: Answer, drive: Drive) -> Self {
        Self {
            drive,
            answer,
            peers: (0..2 * pairs).map(|_| Peer::default()).collect(),
            welcomed: 0,
            turn: 0,
            round_trips: 0,
            outstanding: 0,
            unacked: 0,
            latency: histogram(),
            tally: Tally::default(),
            frame: Vec::new(),
        }
    }

    /// Learns a member's name; the last one to come lets everybody know whom to write to.
    fn welcome(&mut self, text: &[u8], link: LinkId, member: usize) {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Welcome {
            peer_id: String,
        }
        let Ok(welcome) = serde_json::from_slice::<Welcome>(text) else {
            self.tally.malformed += 1;
            return;
        };
        self.peers[member].id = welcome.peer_id;
        self.peers[member].link = Some(link);
        self.welcomed += 1;
        if self.is_ready() {
            for member in 0..self.peers.len() {
                let to = &self.peers[partner(member)].id;
                let template = |bytes| Template::direct(to, bytes, self.answer);
                self.peers[member].templates = Some((template(SMALL_BYTES), template(LARGE_BYTES)));
            }
        }
    }

    fn send(&mut self, links: &mut Links, member: usize) {
        let peer = &mut self.peers[member];
        let (Some((small, large)), Some(link)) = (&mut peer.templates, peer.link) else {
            return;
        };
        let template = if peer.sent.is_multiple_of(LARGE_EVERY) {
            large
        } else {
            small
        };
        self.frame.clear();
        template.write(peer.sent, &mut self.frame);
        peer.sent += 1;
        if self.answer == Answer::Ack {
            self.unacked += 1;
        }
        links.send(link, &self.frame);
    }

    fn ask(&mut self, links: &mut Links, pair: usize, due: Instant) {
        self.peers[2 * pair].due.push(due);
        self.outstanding += 1;
        self.send(links, 2 * pair);
    }

    fn deliver(&mut self, links: &mut Links, text: &[u8], member: usize, at: Instant) {
        let Some(number) = sequence(text).filter(|number| text.len() > size_bytes(*number)) else {
            self.tally.malformed += 1;
            return;
        };
        let peer = &mut self.peers[member];
        peer.heard.hear(number, &mut self.tally);
        if !member.is_multiple_of(2) {
            self.send(links, member);
            return;
        }
        let due = usize::try_from(number)
            .ok()
            .and_then(|number| peer.due.get(number));
        if let Some(due) = due {
            record(&mut self.latency, *due, at);
        }
        self.round_trips += 1;
        self.outstanding = self.outstanding.saturating_sub(1);
    }
}

impl Part for Pairs {
    fn size(&self) -> usize {
        self.peers.len()
    }

    fn enter(&mut self, links: &mut Links, owner: Owner) -> io::Result<LinkId> {
        links.connect_at(owner.member % 2, &pass::key(), owner)
    }

    fn hear(
        &mut self,
        links: &mut Links,
        heard: Heard<'_>,
        link: LinkId,
        member: usize,
        at: Instant,
    ) {
        match heard {
            Heard::Direct(text) => self.deliver(links, text, member, at),
            Heard::Ack if self.unacked > 0 => self.unacked -= 1,
            Heard::Ack | Heard::Refused(_) => self.tally.unanswered += 1,
            Heard::Welcome(text) => self.welcome(text, link, member),
            Heard::Message(_) | Heard::Unknown => self.tally.malformed += 1,
            Heard::Closed => self.tally.broken += 1,
            Heard::Ping | Heard::Presence => {}
        }
    }

    fn is_ready(&self) -> bool {
        self.welcomed == self.peers.len()
    }

    fn play(&mut self, links: &mut Links, _me: usize, now: Instant) -> io::Result<Option<Instant>> {
        let pairs = self.peers.len() / 2;
        match &mut self.drive {
            Drive::Window(size) => {
                let size = *size;
                for pair in 0..pairs {
                    let asker = &self.peers[2 * pair];
                    for _ in asker.heard.lost(asker.sent)..size {
                        self.ask(links, pair, now);
                    }
                }
                Ok(None)
            }
            Drive::Paced(pace) => {
                let dues: Vec<Instant> = std::iter::from_fn(|| pace.take(now)).collect();
                let next = pace.next();
                for due in dues {
                    self.turn = (self.turn + 1) % pairs;
                    self.ask(links, self.turn, due);
                }
                Ok(next)
            }
        }
    }

    fn is_settled(&self) -> bool {
        self.outstanding == 0 && self.unacked == 0
    }

    fn begin(&mut self) {
        self.round_trips = 0;
        self.latency.reset();
        if let Drive::Paced(pace) = &mut self.drive {
            pace.restart();
        }
    }

    fn outcome(&self) -> Outcome {
        let mut tally = self.tally;
        tally.unanswered += self.unacked;
        tally.lost = (0..self.peers.len())
            .map(|member| {
                self.peers[member]
                    .heard
                    .lost(self.peers[partner(member)].sent)
            })
            .sum();
        Outcome {
            units: self.round_trips,
            latency: self.latency.clone(),
            tally,
        }
    }
}

const fn partner(member: usize) -> usize {
    member ^ 1
}

/// Bytes of `data` in the message with this number.
const fn size_bytes(number: u64) -> usize {
    if number.is_multiple_of(LARGE_EVERY) {
        LARGE_BYTES
    } else {
        SMALL_BYTES
    }
}
