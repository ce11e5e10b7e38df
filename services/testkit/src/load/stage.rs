//! Parts that play at the same time on one fleet.
//!
//! Owns the order of a run: everybody connects and gets ready, the parts play for a while, what is under way arrives. A part
//! owns its members' traffic and judges it; parts do not know of each other.

use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use hdrhistogram::Histogram;

use super::Heard;
use super::fleet::Fleet;
use super::links::{Audience, LinkId, Links, Owner};
use super::stream::Tally;

/// A group of clients with one purpose.
pub trait Part: Debug {
    /// How many members connect before the play.
    fn size(&self) -> usize;
    /// Connects one member.
    ///
    /// # Errors
    /// See [`Links::connect`].
    fn enter(&mut self, links: &mut Links, owner: Owner) -> io::Result<LinkId>;
    /// Takes in what a member heard.
    fn hear(
        &mut self,
        links: &mut Links,
        heard: Heard<'_>,
        link: LinkId,
        member: usize,
        at: Instant,
    );
    /// Whether the members may play.
    fn is_ready(&self) -> bool;
    /// Sends what is due; returns when to be asked again, unless something is heard before. `me` is the part's own number. A
    /// part whose connecting is all there is to it plays nothing.
    fn play(
        &mut self,
        _links: &mut Links,
        _me: usize,
        _now: Instant,
    ) -> io::Result<Option<Instant>> {
        Ok(None)
    }
    /// Whether everything that was sent has arrived.
    fn is_settled(&self) -> bool {
        true
    }
    /// Forgets what was measured so far, but not what went wrong.
    fn begin(&mut self) {}
    /// What came of it.
    fn outcome(&self) -> Outcome;
}

/// What one part measured.
#[derive(Debug)]
pub struct Outcome {
    /// Deliveries, round trips or connections since the last [`Part::begin`].
    pub units: u64,
    /// From the moment a message was due to its arrival, in nanoseconds.
    pub latency: Histogram<u64>,
    /// What went wrong since the part connected.
    pub tally: Tally,
}

/// All parts and their fleet.
#[derive(Debug)]
pub struct Stage {
    fleet: Fleet,
    cast: Cast,
}

#[derive(Debug)]
struct Cast {
    parts: Vec<Box<dyn Part>>,
    welcomed: usize,
}

impl Stage {
    /// A stage in front of these servers, one at least; the first part is the one that is measured.
    ///
    /// # Errors
    /// The system gives no poll.
    pub fn new(
        servers: &[SocketAddr],
        addresses: u8,
        parts: Vec<Box<dyn Part>>,
    ) -> io::Result<Self> {
        Ok(Self {
            fleet: Fleet::new(servers, addresses)?,
            cast: Cast { parts, welcomed: 0 },
        })
    }

    /// Connects all members, at most `at_once` at the same time, and waits until every part is ready.
    ///
    /// # Errors
    /// A connect fails, or not everybody is ready at the deadline.
    pub fn gather(&mut self, at_once: usize, deadline: Duration) -> anyhow::Result<()> {
        let deadline = Instant::now() + deadline;
        let mut owners = self.cast.owners();
        let mut opened = 0;
        loop {
            while opened < self.cast.welcomed + at_once
                && let Some(owner) = owners.next()
            {
                self.cast.parts[owner.part]
                    .enter(&mut self.fleet.links, owner)
                    .context("cannot connect")?;
                opened += 1;
            }
            if self.cast.parts.iter().all(|part| part.is_ready()) {
                return Ok(());
            }
            if Instant::now() > deadline {
                let (welcomed, open) = (self.cast.welcomed, self.fleet.links.count());
                bail!(
                    "not everybody got ready: {opened} connected, {welcomed} welcomed, {open} open"
                );
            }
            self.fleet.turn(deadline, &mut self.cast)?;
        }
    }

    /// Lets the parts play.
    ///
    /// # Errors
    /// The poll fails.
    pub fn play(&mut self, duration: Duration) -> io::Result<()> {
        let end = Instant::now() + duration;
        loop {
            let now = Instant::now();
            if now >= end {
                return Ok(());
            }
            let mut until = end;
            for (me, part) in self.cast.parts.iter_mut().enumerate() {
                if let Some(next) = part.play(&mut self.fleet.links, me, now)? {
                    until = until.min(next);
                }
            }
            self.fleet.turn(until, &mut self.cast)?;
        }
    }

    /// Lets the parts play until there is nothing left to play.
    ///
    /// # Errors
    /// The poll fails, or there is something left at the deadline.
    pub fn play_out(&mut self, deadline: Duration) -> anyhow::Result<()> {
        let end = Instant::now() + deadline;
        loop {
            let now = Instant::now();
            let mut until = end;
            for (me, part) in self.cast.parts.iter_mut().enumerate() {
                if let Some(next) = part.play(&mut self.fleet.links, me, now)? {
                    until = until.min(next);
                }
            }
            if self.cast.parts.iter().all(|part| part.is_settled()) {
                return Ok(());
            }
            if now > end {
                bail!("not played out in {deadline:?}");
            }
            self.fleet.turn(until, &mut self.cast)?;
        }
    }

    /// Listens without sending, until all that was sent has arrived or `patience` is over: what is then missing is lost.
    ///
    /// # Errors
    /// The poll fails.
    pub fn settle(&mut self, patience: Duration) -> io::Result<()> {
        let end = Instant::now() + patience;
        while Instant::now() < end && !self.cast.parts.iter().all(|part| part.is_settled()) {
            self.fleet.turn(end, &mut self.cast)?;
        }
        Ok(())
    }

    /// Listens without sending for a fixed time.
    ///
    /// # Errors
    /// The poll fails.
    pub fn rest(&mut self, duration: Duration) -> io::Result<()> {
        let end = Instant::now() + duration;
        while Instant::now() < end {
            self.fleet.turn(end, &mut self.cast)?;
        }
        Ok(())
    }

    /// Forgets what was measured so far.
    pub fn begin(&mut self) {
        for part in &mut self.cast.parts {
            part.begin();
        }
    }

    /// What the first part measured, with what went wrong in any.
    ///
    /// # Errors
    /// There is no part.
    pub fn outcome(&self) -> anyhow::Result<Outcome> {
        let (first, others) = self
            .cast
            .parts
            .split_first()
            .context("a stage without parts")?;
        let mut outcome = first.outcome();
        for part in others {
            outcome.tally.add(part.outcome().tally);
        }
        Ok(outcome)
    }
}

impl Cast {
    /// All members; the first members of the first part come first.
    fn owners(&self) -> impl Iterator<Item = Owner> + use<> {
        let sizes: Vec<usize> = self.parts.iter().map(|part| part.size()).collect();
        sizes
            .into_iter()
            .enumerate()
            .flat_map(|(part, size)| (0..size).map(move |member| Owner { part, member }))
    }
}

impl Audience for Cast {
    fn hear(
        &mut self,
        links: &mut Links,
        heard: Heard<'_>,
        link: LinkId,
        owner: Owner,
        at: Instant,
    ) {
        if let Heard::Welcome(_) = heard {
            self.welcomed += 1;
        }
        self.parts[owner.part].hear(links, heard, link, owner.member, at);
    }
}

/// A histogram of nanoseconds up to a minute, exact to a thousandth.
#[must_use]
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3)
        .expect("the bounds are in order and the digits few")
}

/// Adds the time between two moments.
pub fn record(histogram: &mut Histogram<u64>, due: Instant, at: Instant) {
    let nanoseconds = at.saturating_duration_since(due).as_nanos();
    histogram.saturating_record(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
}
