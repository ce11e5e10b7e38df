//! The driver's sockets.
//!
//! Owns every link from connect to close, and what each has not managed to send yet. Links leave from several source
//! addresses in turn, so that one address's ports do not run out, and lead to one of several servers. Knows nothing of what
//! the frames mean.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::mem;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Instant;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use slab::Slab;
use socket2::{Domain, Protocol, Socket, Type};

use super::heard::{Frame, next_frame};
use super::{Heard, wire};

/// Which link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkId(usize);

/// On whose behalf a link is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// Which part of the stage.
    pub part: usize,
    /// Which of its members.
    pub member: usize,
}

/// Somebody who listens to links.
pub trait Audience {
    /// A link said something; `at` is when it was read.
    fn hear(
        &mut self,
        links: &mut Links,
        heard: Heard<'_>,
        link: LinkId,
        owner: Owner,
        at: Instant,
    );
}

/// All open links.
#[derive(Debug)]
pub struct Links {
    servers: Vec<SocketAddr>,
    /// How many source addresses are used, from 127.0.0.1 on.
    addresses: u8,
    registry: Registry,
    open: Slab<Link>,
    opened: u64,
}

#[derive(Debug)]
struct Link {
    stream: TcpStream,
    owner: Owner,
    stage: LinkStage,
    /// A frame that has not arrived completely.
    partial: Vec<u8>,
    /// What the socket has not taken.
    unsent: Vec<u8>,
    /// Nothing is read from it any more.
    is_mute: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LinkStage {
    Connecting,
    Upgrading,
    Open,
}

/// Whether a link is worth keeping.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Goes,
    Stays,
}

impl Links {
    pub(super) fn new(servers: &[SocketAddr], addresses: u8, registry: Registry) -> Self {
        Self {
            servers: servers.to_vec(),
            addresses: addresses.max(1),
            registry,
            open: Slab::new(),
            opened: 0,
        }
    }

    /// Opens a link to the first server; its welcome is heard later. `credential` is the query, such as `key=…`.
    ///
    /// # Errors
    /// The system gives no socket, no port or no route.
    pub fn connect(&mut self, credential: &str, owner: Owner) -> io::Result<LinkId> {
        self.connect_at(0, credential, owner)
    }

    /// Opens a link to one of the servers; where there is only one, to that.
    ///
    /// # Errors
    /// As [`Links::connect`].
    pub fn connect_at(
        &mut self,
        server: usize,
        credential: &str,
        owner: Owner,
    ) -> io::Result<LinkId> {
        self.open_at(server, wire::upgrade(credential), owner)
    }

    /// Opens a link to the first server that begins with these bytes, whatever they are.
    ///
    /// # Errors
    /// As [`Links::connect`].
    pub fn open(&mut self, first: Vec<u8>, owner: Owner) -> io::Result<LinkId> {
        self.open_at(0, first, owner)
    }

    fn open_at(&mut self, server: usize, first: Vec<u8>, owner: Owner) -> io::Result<LinkId> {
        let turn = u8::try_from(self.opened % u64::from(self.addresses))
            .expect("a remainder of a byte is a byte");
        self.opened += 1;
        let source = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 1 + turn));
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        socket.bind(&SocketAddr::new(source, 0).into())?;
        let server = self.servers[server % self.servers.len()];
        match socket.connect(&server.into()) {
            Err(error) if error.raw_os_error() != Some(nix::libc::EINPROGRESS) => {
                return Err(error);
            }
            Ok(()) | Err(_) => {}
        }
        let entry = self.open.vacant_entry();
        let key = entry.key();
        let mut stream = TcpStream::from_std(socket.into());
        self.registry.register(
            &mut stream,
            Token(key),
            Interest::READABLE | Interest::WRITABLE,
        )?;
        entry.insert(Link {
            stream,
            owner,
            stage: LinkStage::Connecting,
            partial: Vec::new(),
            unsent: first,
            is_mute: false,
        });
        Ok(LinkId(key))
    }

    /// Sends whole frames, now or as soon as the socket takes them.
    pub fn send(&mut self, link: LinkId, frames: &[u8]) {
        if let Some(link) = self.open.get_mut(link.0) {
            link.send(frames);
        }
    }

    /// Reads nothing more from a link.
    pub fn mute(&mut self, link: LinkId) {
        if let Some(link) = self.open.get_mut(link.0) {
            link.is_mute = true;
        }
    }

    /// Hangs up without a word.
    pub fn abandon(&mut self, link: LinkId) {
        self.open.try_remove(link.0);
    }

    /// Says goodbye; the server then ends the stream.
    pub fn close(&mut self, link: LinkId) {
        self.send(link, &wire::close());
    }

    /// How many links there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.open.len()
    }

    /// Writes and reads what a ready socket allows.
    pub(super) fn serve(&mut self, key: usize, buffer: &mut [u8], audience: &mut dyn Audience) {
        let Some(link) = self.open.get_mut(key) else {
            return;
        };
        let owner = link.owner;
        if link.stage == LinkStage::Connecting {
            link.stage = LinkStage::Upgrading;
        }
        if !link.unsent.is_empty() {
            let unsent = mem::take(&mut link.unsent);
            link.send(&unsent);
        }
        if link.is_mute {
            return;
        }
        loop {
            let Some(link) = self.open.get_mut(key) else {
                return;
            };
            let length = match link.stream.read(buffer) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => break,
            };
            let at = Instant::now();
            let partial = mem::take(&mut link.partial);
            let fate = if partial.is_empty() {
                self.take_in(key, &buffer[..length], at, audience)
            } else {
                let joined = [partial.as_slice(), &buffer[..length]].concat();
                self.take_in(key, &joined, at, audience)
            };
            if fate == Fate::Goes {
                break;
            }
            // A short read has emptied the socket; what comes later raises a new event.
            if length < buffer.len() {
                return;
            }
        }
        self.open.try_remove(key);
        audience.hear(self, Heard::Closed, LinkId(key), owner, Instant::now());
    }

    /// Hands every whole frame on and keeps the rest.
    fn take_in(
        &mut self,
        key: usize,
        mut bytes: &[u8],
        at: Instant,
        audience: &mut dyn Audience,
    ) -> Fate {
        let Some(link) = self.open.get_mut(key) else {
            return Fate::Goes;
        };
        let owner = link.owner;
        if link.stage != LinkStage::Open {
            let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else {
                link.partial = bytes.to_vec();
                return Fate::Stays;
            };
            if !bytes.starts_with(b"HTTP/1.1 101") {
                return Fate::Goes;
            }
            link.stage = LinkStage::Open;
            bytes = &bytes[end + 4..];
        }
        while let Some((frame, length)) = next_frame(bytes) {
            bytes = &bytes[length..];
            let heard = match frame {
                Frame::Text(text) => Heard::text(text),
                Frame::Ping(payload) => {
                    self.send(LinkId(key), &wire::pong(payload));
                    Heard::Ping
                }
                Frame::Close => return Fate::Goes,
                Frame::Other => Heard::Unknown,
            };
            audience.hear(self, heard, LinkId(key), owner, at);
        }
        if let Some(link) = self.open.get_mut(key)
            && !bytes.is_empty()
        {
            link.partial = bytes.to_vec();
        }
        Fate::Stays
    }
}

impl Link {
    fn send(&mut self, frames: &[u8]) {
        if self.stage == LinkStage::Connecting || !self.unsent.is_empty() {
            self.unsent.extend_from_slice(frames);
            return;
        }
        // An error shows again when the link is read, which is where its end is noticed.
        let sent = self.stream.write(frames).unwrap_or(0);
        self.unsent.extend_from_slice(&frames[sent..]);
    }
}
