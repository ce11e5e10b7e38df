//! The bare floor: the least that a server can do and still be driven by the same driver.
//!
//! One thread, one poll, frames made by hand, no limits, no identity, no presence. Everything that one pass over the ready
//! sockets brings in is joined per receiver and leaves in one write each. It believes its clients, so it must never be seen
//! by any but the load driver. Invariant: at its pace nothing is allocated per delivery; it counts what it writes and
//! allocates, so that this can be checked.

mod asked;
mod link;

use std::collections::HashMap;
use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::mem;
use std::net::SocketAddr;

use mio::net::{TcpListener, TcpStream as Stream};
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

use self::asked::{Asked, next_asked, peer_id};
use self::link::{Link, text_frame};
use super::counters::{Counters, PATH};

const LISTENER: Token = Token(usize::MAX);
const READ_BYTES: usize = 512 * 1024;
/// Small passes would cut batches, large ones cost nothing.
const EVENTS: usize = 1_024;

/// The server.
#[derive(Debug)]
pub struct Floor {
    poll: Poll,
    listener: TcpListener,
    links: Slab<Link>,
    names: HashMap<Vec<u8>, usize>,
    channels: Vec<Channel>,
    /// Channels and links that this pass has something for.
    dirty_channels: Vec<usize>,
    dirty_links: Vec<usize>,
    frame: Vec<u8>,
    counters: Counters,
    /// How often the allocator was called so far.
    allocations: fn() -> u64,
}

#[derive(Debug, Default)]
struct Channel {
    subscribers: Vec<usize>,
    batch: Vec<u8>,
    messages: u64,
}

impl Floor {
    /// Listens on a free port of the loopback address. `allocations` tells how often the allocator was called so far.
    ///
    /// # Errors
    /// The system gives no socket or no poll.
    pub fn open(allocations: fn() -> u64) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Self {
            poll,
            listener,
            links: Slab::new(),
            names: HashMap::new(),
            channels: Vec::new(),
            dirty_channels: Vec::new(),
            dirty_links: Vec::new(),
            frame: Vec::new(),
            counters: Counters::default(),
            allocations,
        })
    }

    /// Where clients connect.
    ///
    /// # Errors
    /// The socket is gone.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until the process is killed.
    ///
    /// # Errors
    /// The poll fails.
    pub fn serve(mut self) -> io::Result<Infallible> {
        let mut events = Events::with_capacity(EVENTS);
        let mut buffer = vec![0; READ_BYTES];
        loop {
            match self.poll.poll(&mut events, None) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            for event in &events {
                if event.token() == LISTENER {
                    self.accept()?;
                } else {
                    self.read(event.token().0, &mut buffer);
                }
            }
            let before = (self.allocations)();
            // Replies and directs first: a link that is empty again takes its batch in a write of its own.
            self.write_links();
            self.write_channels();
            self.counters.allocations += (self.allocations)() - before;
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let mut stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(_) => continue,
            };
            stream.set_nodelay(true)?;
            let entry = self.links.vacant_entry();
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll
                .registry()
                .register(&mut stream, Token(entry.key()), interest)?;
            entry.insert(Link::new(stream));
        }
    }

    fn read(&mut self, key: usize, buffer: &mut [u8]) {
        loop {
            let Some(link) = self.links.get_mut(key) else {
                return;
            };
            // What this pass has added leaves at its end, in one write.
            if !link.dirty {
                link.flush(&mut self.counters);
            }
            let length = match link.read(buffer) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => break,
            };
            let partial = mem::take(&mut link.partial);
            if partial.is_empty() {
                self.take_in(key, &buffer[..length]);
            } else {
                let joined = [partial.as_slice(), &buffer[..length]].concat();
                self.take_in(key, &joined);
            }
            if length < buffer.len() {
                return;
            }
        }
        self.remove(key);
    }

    fn take_in(&mut self, key: usize, mut bytes: &[u8]) {
        let Some(link) = self.links.get_mut(key) else {
            return;
        };
        if !link.upgraded {
            let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else {
                link.partial = bytes.to_vec();
                return;
            };
            if bytes.starts_with(format!("GET {PATH} ").as_bytes()) {
                link.answer(&self.counters);
                self.remove(key);
                return;
            }
            link.upgrade(key);
            self.mark(key);
            bytes = &bytes[end + 4..];
        }
        while let Some((asked, length)) = next_asked(bytes) {
            bytes = &bytes[length..];
            let before = (self.allocations)();
            self.carry_out(key, asked);
            match asked {
                Asked::Publish { .. } | Asked::Send { .. } => {
                    self.counters.allocations += (self.allocations)() - before;
                }
                Asked::Subscribe { .. }
                | Asked::Unsubscribe { .. }
                | Asked::Close
                | Asked::Nothing => {}
            }
        }
        if let Some(link) = self.links.get_mut(key)
            && !bytes.is_empty()
        {
            link.partial = bytes.to_vec();
        }
    }

    fn carry_out(&mut self, key: usize, asked: Asked<'_>) {
        match asked {
            Asked::Subscribe { channel, request } => {
                let channel = self.channel(channel);
                self.channels[channel].subscribers.push(key);
                if let Some(link) = self.links.get_mut(key) {
                    link.channels.push(channel);
                }
                self.ack(key, request);
            }
            Asked::Unsubscribe { channel, request } => {
                let channel = self.channel(channel);
                self.channels[channel]
                    .subscribers
                    .retain(|other| *other != key);
                self.ack(key, request);
            }
            Asked::Publish { channel, data } => {
                let name = channel;
                let channel = self.channel(name);
                let from = peer_id(key);
                text_frame(
                    &mut self.channels[channel].batch,
                    &[
                        br#"{"type":"message","channel":""#,
                        name,
                        br#"","from":""#,
                        &from,
                        br#"","data":"#,
                        data,
                        b"}",
                    ],
                );
                if self.channels[channel].messages == 0 {
                    self.dirty_channels.push(channel);
                }
                self.channels[channel].messages += 1;
            }
            Asked::Send { to, data } => {
                self.frame.clear();
                let from = peer_id(key);
                text_frame(
                    &mut self.frame,
                    &[
                        br#"{"type":"direct","from":""#,
                        &from,
                        br#"","data":"#,
                        data,
                        b"}",
                    ],
                );
                if let Some(link) = self.links.get_mut(to) {
                    link.unsent.extend_from_slice(&self.frame);
                    self.counters.deliveries += 1;
                    self.mark(to);
                }
            }
            Asked::Close => self.remove(key),
            Asked::Nothing => {}
        }
    }

    fn ack(&mut self, key: usize, request: &[u8]) {
        if let Some(link) = self.links.get_mut(key) {
            text_frame(
                &mut link.unsent,
                &[br#"{"type":"ack","requestId":""#, request, br#""}"#],
            );
            self.mark(key);
        }
    }

    /// Notes that a link has something to write in this pass.
    fn mark(&mut self, key: usize) {
        if let Some(link) = self.links.get_mut(key)
            && !mem::replace(&mut link.dirty, true)
        {
            self.dirty_links.push(key);
        }
    }

    fn channel(&mut self, name: &[u8]) -> usize {
        if let Some(channel) = self.names.get(name) {
            return *channel;
        }
        self.channels.push(Channel::default());
        self.names.insert(name.to_vec(), self.channels.len() - 1);
        self.channels.len() - 1
    }

    fn write_links(&mut self) {
        for key in self.dirty_links.drain(..) {
            if let Some(link) = self.links.get_mut(key) {
                link.dirty = false;
                self.counters.writes_due += 1;
                link.flush(&mut self.counters);
            }
        }
    }

    fn write_channels(&mut self) {
        for channel in self.dirty_channels.drain(..) {
            let channel = &mut self.channels[channel];
            let receivers = channel.subscribers.len() as u64;
            self.counters.writes_due += receivers;
            self.counters.deliveries += receivers * mem::take(&mut channel.messages);
            for key in &channel.subscribers {
                if let Some(link) = self.links.get_mut(*key) {
                    link.write(&channel.batch, &mut self.counters);
                }
            }
            channel.batch.clear();
        }
    }

    fn remove(&mut self, key: usize) {
        if let Some(link) = self.links.try_remove(key) {
            for channel in link.channels {
                self.channels[channel]
                    .subscribers
                    .retain(|other| *other != key);
            }
        }
    }
}
