//! One publisher and many subscribers of one channel.
//!
//! Owns the fan-out traffic. In a window the publisher sends a number of messages in one write and the next ones once all of
//! them have reached everybody; on a pace it sends one at a time, whatever has become of those before. Where there are two
//! servers the publisher is on one and all subscribers are on the other, so that every delivery has crossed.

use std::io;
use std::time::Instant;

use hdrhistogram::Histogram;

use super::links::{LinkId, Links, Owner};
use super::pace::Pace;
use super::stage::{Outcome, Part, histogram, record};
use super::stream::{Stream, Tally};
use super::wire::{Template, sequence, subscribe};
use super::{Heard, pass};

const CHANNEL: &str = "crowd";

/// A publisher, member 0, and its subscribers.
#[derive(Debug)]
pub struct Crowd {
    drive: Drive,
    data_bytes: usize,
    template: Template,
    publisher: Option<LinkId>,
    ready: usize,
    streams: Vec<Stream>,
    /// When each message was due, by its number.
    due: Vec<Instant>,
    /// Deliveries that are under way.
    outstanding: u64,
    deliveries: u64,
    latency: Histogram<u64>,
    tally: Tally,
}

/// What makes the publisher send.
#[derive(Debug, Clone)]
pub enum Drive {
    /// So many messages per round; the next round begins when all are delivered.
    Window(usize),
    /// Open loop.
    Paced(Pace),
    /// It sends nothing.
    Still,
}

impl Crowd {
    /// A crowd of `subscribers` that are sent `data_bytes` of `data` at a time.
    #[must_use]
    pub fn new(subscribers: usize, data_bytes: usize, drive: Drive) -> Self {
        Self {
            drive,
            data_bytes,
            template: Template::publish(CHANNEL, data_bytes),
            publisher: None,
            ready: 0,
            streams: (0..subscribers).map(|_| Stream::default()).collect(),
            due: Vec::new(),
            outstanding: 0,
            deliveries: 0,
            latency: histogram(),
            tally: Tally::default(),
        }
    }

    fn publish(&mut self, dues: impl Iterator<Item = Instant>, links: &mut Links) {
        let Some(publisher) = self.publisher else {
            return;
        };
        let mut frames = Vec::new();
        for due in dues {
            self.template.write(self.due.len() as u64, &mut frames);
            self.due.push(due);
            self.outstanding += self.streams.len() as u64;
        }
        if !frames.is_empty() {
            links.send(publisher, &frames);
        }
    }

    fn deliver(&mut self, text: &[u8], member: usize, at: Instant) {
        let number = sequence(text).filter(|_| text.len() > self.data_bytes);
        let due =
            number.and_then(|number| Some((number, *self.due.get(usize::try_from(number).ok()?)?)));
        let (Some((number, due)), Some(stream)) =
            (due, self.streams.get_mut(member.wrapping_sub(1)))
        else {
            self.tally.malformed += 1;
            return;
        };
        stream.hear(number, &mut self.tally);
        record(&mut self.latency, due, at);
        self.deliveries += 1;
        self.outstanding = self.outstanding.saturating_sub(1);
    }
}

impl Part for Crowd {
    fn size(&self) -> usize {
        1 + self.streams.len()
    }

    fn enter(&mut self, links: &mut Links, owner: Owner) -> io::Result<LinkId> {
        links.connect_at(owner.member.min(1), &pass::key(), owner)
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
            Heard::Message(text) => self.deliver(text, member, at),
            Heard::Welcome(_) if member == 0 => {
                self.publisher = Some(link);
                self.ready += 1;
            }
            Heard::Welcome(_) => links.send(link, &subscribe(CHANNEL)),
            Heard::Ack => self.ready += 1,
            Heard::Refused(_) => self.tally.unanswered += 1,
            Heard::Direct(_) | Heard::Unknown => self.tally.malformed += 1,
            Heard::Closed => self.tally.broken += 1,
            Heard::Ping | Heard::Presence => {}
        }
    }

    fn is_ready(&self) -> bool {
        self.ready == self.size()
    }

    fn play(&mut self, links: &mut Links, _me: usize, now: Instant) -> io::Result<Option<Instant>> {
        match &mut self.drive {
            Drive::Window(size) => {
                let size = if self.outstanding == 0 { *size } else { 0 };
                self.publish(std::iter::repeat_n(now, size), links);
                Ok(None)
            }
            Drive::Paced(pace) => {
                let dues: Vec<Instant> = std::iter::from_fn(|| pace.take(now)).collect();
                let next = pace.next();
                // Each leaves by itself: what is late must not be turned into a batch.
                for due in dues {
                    self.publish(std::iter::once(due), links);
                }
                Ok(next)
            }
            Drive::Still => Ok(None),
        }
    }

    fn is_settled(&self) -> bool {
        self.outstanding == 0
    }

    fn begin(&mut self) {
        self.deliveries = 0;
        self.latency.reset();
        // Time has passed between warm-up and play; without this the schedule would try to catch up with it.
        if let Drive::Paced(pace) = &mut self.drive {
            pace.restart();
        }
    }

    fn outcome(&self) -> Outcome {
        let sent = self.due.len() as u64;
        let mut tally = self.tally;
        tally.lost = self.streams.iter().map(|stream| stream.lost(sent)).sum();
        Outcome {
            units: self.deliveries,
            latency: self.latency.clone(),
            tally,
        }
    }
}
