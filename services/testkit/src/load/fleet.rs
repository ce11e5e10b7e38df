//! One loop over all links.
//!
//! Owns the poll and one read buffer for everybody: a link at rest owns no buffer, and a batch of deliveries is read at
//! once.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::{Events, Poll};

use super::links::{Audience, Links};

/// Larger than a batch of 64 deliveries of 1 KiB, so that a batch is one read.
const READ_BYTES: usize = 512 * 1024;
/// Small, so that no link waits behind very many others for its turn.
const EVENTS: usize = 256;
/// The kernel wakes a sleeper up to this much late; what is due sooner is waited for awake.
const WAKE_ERROR: Duration = Duration::from_millis(2);

/// All links and the loop that serves them.
#[derive(Debug)]
pub struct Fleet {
    /// The links, for those who send.
    pub links: Links,
    poll: Poll,
    events: Events,
    buffer: Vec<u8>,
}

impl Fleet {
    /// A fleet that connects to these servers, of which there is one at least, from `addresses` source addresses.
    ///
    /// # Errors
    /// The system gives no poll.
    pub fn new(servers: &[SocketAddr], addresses: u8) -> io::Result<Self> {
        let poll = Poll::new()?;
        let registry = poll.registry().try_clone()?;
        Ok(Self {
            links: Links::new(servers, addresses, registry),
            poll,
            events: Events::with_capacity(EVENTS),
            buffer: vec![0; READ_BYTES],
        })
    }

    /// Serves what is ready; waits for it until `until` at most, and then returns on time rather than late.
    ///
    /// # Errors
    /// The poll fails.
    pub fn turn(&mut self, until: Instant, audience: &mut dyn Audience) -> io::Result<()> {
        let left = until.saturating_duration_since(Instant::now());
        let wait = if left > WAKE_ERROR {
            left - WAKE_ERROR / 2
        } else {
            Duration::ZERO
        };
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            polled => polled?,
        }
        for event in &self.events {
            self.links
                .serve(event.token().0, &mut self.buffer, audience);
        }
        Ok(())
    }
}
