//! What joins two floors: each has one pub/sub channel of a Redis, on which the other hears it.
//!
//! Owns the two connections, their RESP, made by hand, and the form of what floors tell each other: frames that are ready
//! to be written, and to whom. Everything that one pass brings in leaves as one PUBLISH in one write.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use mio::net::TcpStream as Stream;
use mio::{Interest, Registry, Token};

use super::super::counters::Counters;
use super::link::Link;

/// Floors that can be joined.
pub(super) const FLOORS: usize = 2;
/// The connection that publishes, and the one that hears.
pub(super) const COMMANDS: Token = Token(usize::MAX - 1);
pub(super) const SUBSCRIBER: Token = Token(usize::MAX - 2);

/// RESP, by the place of the floor whose channel it is.
const SUBSCRIBE: [&[u8]; FLOORS] = [
    b"*2\r\n$9\r\nSUBSCRIBE\r\n$6\r\nfloor0\r\n",
    b"*2\r\n$9\r\nSUBSCRIBE\r\n$6\r\nfloor1\r\n",
];
const SUBSCRIBED: [&[u8]; FLOORS] = [
    b"*3\r\n$9\r\nsubscribe\r\n$6\r\nfloor0\r\n:1\r\n",
    b"*3\r\n$9\r\nsubscribe\r\n$6\r\nfloor1\r\n:1\r\n",
];
const PUBLISH: [&[u8]; FLOORS] = [
    b"*3\r\n$7\r\nPUBLISH\r\n$6\r\nfloor0\r\n$",
    b"*3\r\n$7\r\nPUBLISH\r\n$6\r\nfloor1\r\n$",
];
const MESSAGE: [&[u8]; FLOORS] = [
    b"*3\r\n$7\r\nmessage\r\n$6\r\nfloor0\r\n$",
    b"*3\r\n$7\r\nmessage\r\n$6\r\nfloor1\r\n$",
];
const LINE_END: &[u8] = b"\r\n";
/// Of a PUBLISH: room for its head and the length of what it says.
const HEAD_BYTES: usize = PUBLISH[0].len() + 20 + LINE_END.len();
/// More than most passes bring in: a buffer that grows is an allocation.
const BUFFER_BYTES: usize = 1024 * 1024;

const CHANNEL: u8 = b'c';
const CLIENT: u8 = b'l';

/// Whom a frame is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum To<'a> {
    /// Everybody in the channel of this name, on either floor.
    Channel(&'a [u8]),
    /// The client of this number.
    Client(usize),
}

/// A floor's connections to Redis.
#[derive(Debug)]
pub(super) struct Joint {
    place: usize,
    commands: Link,
    subscriber: Link,
    /// What this pass says, behind room for its head.
    saying: Vec<u8>,
    /// What was heard and not read; keeps its capacity.
    heard: Vec<u8>,
}

impl Joint {
    /// Connects the floor of this place, and returns once Redis has subscribed it.
    pub(super) fn open(redis: SocketAddr, place: usize, registry: &Registry) -> io::Result<Self> {
        let commands = TcpStream::connect(redis)?;
        let mut subscriber = TcpStream::connect(redis)?;
        subscriber.write_all(SUBSCRIBE[other(place)])?;
        let mut answer = [0; SUBSCRIBED[0].len()];
        subscriber.read_exact(&mut answer)?;
        if answer != SUBSCRIBED[other(place)] {
            return Err(io::Error::other("Redis does not let it subscribe"));
        }
        let watched = |stream: TcpStream, token| {
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            let mut stream = Stream::from_std(stream);
            let interest = Interest::READABLE | Interest::WRITABLE;
            registry.register(&mut stream, token, interest)?;
            io::Result::Ok(Link::new(stream))
        };
        let mut saying = Vec::with_capacity(BUFFER_BYTES);
        saying.resize(HEAD_BYTES, 0);
        Ok(Self {
            place,
            commands: watched(commands, COMMANDS)?,
            subscriber: watched(subscriber, SUBSCRIBER)?,
            saying,
            heard: Vec::with_capacity(BUFFER_BYTES),
        })
    }

    /// Adds a frame to what this pass says.
    pub(super) fn say(&mut self, to: To<'_>, frame: &[u8]) {
        put(&mut self.saying, to, frame);
    }

    /// Says it.
    pub(super) fn publish(&mut self, counters: &mut Counters) {
        if self.saying.len() == HEAD_BYTES {
            return;
        }
        let length = self.saying.len() - HEAD_BYTES;
        let mut head = [0; HEAD_BYTES];
        let mut room = head.as_mut_slice();
        room.write_all(PUBLISH[self.place])
            .and_then(|()| write!(room, "{length}\r\n"))
            .expect("there is room for twenty digits");
        // The head ends where what is said begins.
        let begin = room.len();
        self.saying[begin..HEAD_BYTES].copy_from_slice(&head[..HEAD_BYTES - begin]);
        self.saying.extend_from_slice(LINE_END);
        counters.writes_due += 1;
        self.commands.write(&self.saying[begin..], counters);
        self.saying.truncate(HEAD_BYTES);
    }

    /// Sends what Redis had not taken, and reads how many floors heard, which nobody wants to know.
    pub(super) fn attend(&mut self, buffer: &mut [u8], counters: &mut Counters) -> io::Result<()> {
        self.commands.flush(counters);
        drain(&mut self.commands, buffer, |_| ())
    }

    /// Reads what the other floor said, and hands each frame on.
    pub(super) fn hear(
        &mut self,
        buffer: &mut [u8],
        mut take: impl FnMut(To<'_>, &[u8]),
    ) -> io::Result<()> {
        let heard = &mut self.heard;
        drain(&mut self.subscriber, buffer, |bytes| {
            heard.extend_from_slice(bytes);
        })?;
        let mut read = 0;
        while let Some((mut said, length)) = next_message(other(self.place), &self.heard[read..])? {
            while let Some((to, frame, rest)) = next_frame(said) {
                take(to, frame);
                said = rest;
            }
            read += length;
        }
        self.heard.drain(..read);
        Ok(())
    }
}

/// Reads all there is. A floor without its Redis has no purpose, so the end of the stream is an error.
fn drain(link: &mut Link, buffer: &mut [u8], mut take: impl FnMut(&[u8])) -> io::Result<()> {
    loop {
        match link.read(buffer) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(length) => take(&buffer[..length]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// Appends whom a frame is for, then its length and the frame.
fn put(out: &mut Vec<u8>, to: To<'_>, frame: &[u8]) {
    match to {
        To::Channel(name) => {
            out.push(CHANNEL);
            out.extend_from_slice(&(name.len() as u64).to_be_bytes());
            out.extend_from_slice(name);
        }
        To::Client(number) => {
            out.push(CLIENT);
            out.extend_from_slice(&(number as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&(frame.len() as u64).to_be_bytes());
    out.extend_from_slice(frame);
}

/// The first frame, whom it is for, and the rest; nothing at the end.
fn next_frame(said: &[u8]) -> Option<(To<'_>, &[u8], &[u8])> {
    let (kind, rest) = said.split_first()?;
    let (number, rest) = number(rest)?;
    let (to, rest) = match *kind {
        CHANNEL => {
            let (name, rest) = rest.split_at_checked(number)?;
            (To::Channel(name), rest)
        }
        _ => (To::Client(number), rest),
    };
    let (length, rest) = self::number(rest)?;
    let (frame, rest) = rest.split_at_checked(length)?;
    Some((to, frame, rest))
}

fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((usize::try_from(u64::from_be_bytes(*number)).ok()?, rest))
}

const fn other(place: usize) -> usize {
    FLOORS - 1 - place
}

/// What the first message of the floor in `place` says and how long it is on the wire; `None` while it is not complete.
fn next_message(place: usize, bytes: &[u8]) -> io::Result<Option<(&[u8], usize)>> {
    let head = MESSAGE[place];
    let Some(rest) = bytes.strip_prefix(head) else {
        return if bytes.len() < head.len() {
            Ok(None)
        } else {
            Err(io::Error::other("Redis says something else"))
        };
    };
    let Some(digits) = memchr::memchr(b'\r', rest) else {
        return Ok(None);
    };
    let length = rest[..digits]
        .iter()
        .fold(0, |length, digit| length * 10 + usize::from(digit - b'0'));
    let begin = head.len() + digits + LINE_END.len();
    let said = bytes.get(begin..begin + length + LINE_END.len());
    Ok(said.map(|said| (&said[..length], begin + said.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_floor_says_another_reads_also_when_it_comes_in_two_parts() {
        let mut said = Vec::new();
        put(&mut said, To::Channel(b"crowd"), b"to all");
        put(&mut said, To::Client(7), b"");
        let mut wire = MESSAGE[1].to_vec();
        wire.extend_from_slice(format!("{}\r\n", said.len()).as_bytes());
        wire.extend_from_slice(&said);
        wire.extend_from_slice(b"\r\n*3");
        let whole = wire.len() - b"*3".len();
        for cut in 0..whole {
            assert_eq!(next_message(1, &wire[..cut]).unwrap(), None, "{cut}");
        }
        let (read, length) = next_message(1, &wire).unwrap().unwrap();
        assert_eq!((read, length), (said.as_slice(), whole));
        let (to, frame, rest) = next_frame(read).unwrap();
        assert_eq!((to, frame), (To::Channel(b"crowd"), b"to all".as_slice()));
        let (to, frame, rest) = next_frame(rest).unwrap();
        assert_eq!((to, frame, rest), (To::Client(7), &b""[..], &b""[..]));
        assert_eq!(next_frame(rest), None);
    }

    #[test]
    fn what_is_no_message_of_the_channel_is_an_error() {
        assert!(next_message(0, b"-NOAUTH Authentication required.\r\n").is_err());
    }
}
