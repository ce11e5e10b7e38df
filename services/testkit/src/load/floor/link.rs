//! One client of the floor, or its connection to Redis.

use std::io::{self, Read as _, Write as _};

use super::super::counters::Counters;
use super::Stream;
use super::asked::peer_id;

/// A socket and what it has not taken.
#[derive(Debug)]
pub(super) struct Link {
    stream: Stream,
    pub(super) upgraded: bool,
    /// A frame that has not arrived completely.
    pub(super) partial: Vec<u8>,
    /// Keeps its capacity, so that a pair that goes on talking allocates once.
    pub(super) unsent: Vec<u8>,
    /// Has something for this pass.
    pub(super) dirty: bool,
    pub(super) channels: Vec<usize>,
}

impl Link {
    pub(super) fn new(stream: Stream) -> Self {
        Self {
            stream,
            upgraded: false,
            partial: Vec::new(),
            unsent: Vec::new(),
            dirty: false,
            channels: Vec::new(),
        }
    }

    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }

    /// Writes a batch, or queues it behind what the socket has not taken.
    pub(super) fn write(&mut self, batch: &[u8], counters: &mut Counters) {
        if self.unsent.is_empty() {
            counters.writes += 1;
            let sent = self.stream.write(batch).unwrap_or(0);
            self.unsent.extend_from_slice(&batch[sent..]);
        } else {
            self.unsent.extend_from_slice(batch);
        }
    }

    /// Writes what is queued.
    pub(super) fn flush(&mut self, counters: &mut Counters) {
        if !self.unsent.is_empty() {
            counters.writes += 1;
            let sent = self.stream.write(&self.unsent).unwrap_or(0);
            self.unsent.drain(..sent);
        }
    }

    /// Answers the upgrade and welcomes the client in one write. The accept value belongs to the one key that the driver
    /// sends (RFC 6455 §1.3).
    pub(super) fn upgrade(&mut self, number: usize) {
        self.upgraded = true;
        self.unsent.extend_from_slice(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
              Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
        );
        let welcome: &[u8] = br#"","expiresAt":null,"serverTime":0,"maxMessageSize":65536}"#;
        let peer = peer_id(number);
        text_frame(
            &mut self.unsent,
            &[br#"{"type":"welcome","peerId":""#, &peer, welcome],
        );
    }

    /// Answers the driver's question; the socket is dropped after it.
    pub(super) fn answer(&mut self, counters: &Counters) {
        let body = serde_json::to_string(counters).unwrap_or_default();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        // A driver that has gone does not want the answer.
        drop(self.stream.write(format!("{head}{body}").as_bytes()));
    }
}

/// Appends one unmasked text frame made of these pieces.
pub(super) fn text_frame(out: &mut Vec<u8>, pieces: &[&[u8]]) {
    let length = pieces.iter().map(|piece| piece.len()).sum::<usize>();
    out.push(0x81);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(length @ 0..=125), _) => out.push(length),
        (_, Ok(length)) => {
            out.push(126);
            out.extend_from_slice(&length.to_be_bytes());
        }
        (_, Err(_)) => {
            out.push(127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    for piece in pieces {
        out.extend_from_slice(piece);
    }
}
