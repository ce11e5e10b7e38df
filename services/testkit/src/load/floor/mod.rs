//! The bare floor: the least that a server can do and still be driven by the same driver.
//!
//! One thread, one poll, frames made by hand, no limits, no identity, no presence. Everything that one pass over the ready
//! sockets brings in is joined per receiver and leaves in one write each. It believes its clients, so it must never be seen
//! by any but the load driver. Two of them can be joined over Redis. Invariant: at its pace nothing is allocated per
//! delivery; it counts what it writes and allocates, so that this can be checked.

mod asked;
mod joint;
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
use self::joint::{COMMANDS, FLOORS, Joint, SUBSCRIBER, To};
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
    /// Which of the floors that are joined this is.
    place: usize,
    joint: Option<Joint>,
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
            place: 0,
            joint: None,
            counters: Counters::default(),
            allocations,
        })
    }

    /// Joins it to the other floor of this Redis; `place` is 0 for one of the two, 1 for the other.
    ///
    /// # Errors
    /// There is no such place, or no such Redis.
    pub fn join(&mut self, redis: SocketAddr, place: usize) -> io::Result<()> {
        if place >= FLOORS {
            return Err(io::Error::other("there are the places 0 and 1"));
        }
        self.place = place;
        self.joint = Some(Joint::open(redis, place, self.poll.registry())?);
        Ok(())
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
    /// The poll fails, or the Redis that it is joined over is gone.
    pub fn serve(mut self) -> io::Result<Infallible> {
        let mut events = Events::with_capacity(EVENTS);
        let mut buffer = vec![0; READ_BYTES];
        loop {
            match self.poll.poll(&mut events, None) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept()?,
                    COMMANDS => self.attend(&mut buffer)?,
                    SUBSCRIBER => self.hear(&mut buffer)?,
                    Token(key) => self.read(key, &mut buffer),
                }
            }
            let before = (self.allocations)();
            if let Some(joint) = &mut self.joint {
                joint.publish(&mut self.counters);
            }
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
            let number = key * FLOORS + self.place;
            link.upgrade(number);
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
                let from = peer_id(self.number(key));
                let text: [&[u8]; 7] = [
                    br#"{"type":"message","channel":""#,
                    channel,
                    br#"","from":""#,
                    &from,
                    br#"","data":"#,
                    data,
                    b"}",
                ];
                self.say(To::Channel(channel), &text);
            }
            Asked::Send { to, data } => {
                let from = peer_id(self.number(key));
                let text: [&[u8]; 5] = [
                    br#"{"type":"direct","from":""#,
                    &from,
                    br#"","data":"#,
                    data,
                    b"}",
                ];
                self.say(To::Client(to), &text);
            }
            Asked::Close => self.remove(key),
            Asked::Nothing => {}
        }
    }

    /// The number of a client among those of all floors.
    fn number(&self, key: usize) -> usize {
        key * FLOORS + self.place
    }

    /// Frames a text and delivers it: here, or by the other floor, or both.
    fn say(&mut self, to: To<'_>, text: &[&[u8]]) {
        let mut frame = mem::take(&mut self.frame);
        frame.clear();
        text_frame(&mut frame, text);
        match to {
            To::Client(number) if number % FLOORS != self.place => {
                if let Some(joint) = &mut self.joint {
                    joint.say(to, &frame);
                }
            }
            To::Client(_) => self.deliver(to, &frame),
            To::Channel(_) => {
                if let Some(joint) = &mut self.joint {
                    joint.say(to, &frame);
                }
                self.deliver(to, &frame);
            }
        }
        self.frame = frame;
    }

    /// Adds a frame to what this pass writes.
    fn deliver(&mut self, to: To<'_>, frame: &[u8]) {
        match to {
            To::Channel(name) => {
                let index = self.channel(name);
                let channel = &mut self.channels[index];
                channel.batch.extend_from_slice(frame);
                if channel.messages == 0 {
                    self.dirty_channels.push(index);
                }
                channel.messages += 1;
            }
            To::Client(number) => {
                let key = number / FLOORS;
                if let Some(link) = self.links.get_mut(key) {
                    link.unsent.extend_from_slice(frame);
                    self.counters.deliveries += 1;
                    self.mark(key);
                }
            }
        }
    }

    fn attend(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        match &mut self.joint {
            Some(joint) => joint.attend(buffer, &mut self.counters),
            None => Ok(()),
        }
    }

    fn hear(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        let Some(mut joint) = self.joint.take() else {
            return Ok(());
        };
        let before = (self.allocations)();
        let heard = joint.hear(buffer, |to, frame| self.deliver(to, frame));
        self.counters.allocations += (self.allocations)() - before;
        self.joint = Some(joint);
        heard
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
