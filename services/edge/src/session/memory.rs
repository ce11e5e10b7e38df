//! A wire without a network, for tests: takes as many bytes as it is told to and remembers each write.

use std::io::{self, IoSlice};
use std::task::Poll;

#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Everything written, one entry per write.
    pub(crate) writes: Vec<Vec<u8>>,
    /// Bytes it still takes; `None` is no limit.
    pub(crate) room: Option<usize>,
}

impl Memory {
    pub(crate) fn written(&self) -> Vec<u8> {
        self.writes.concat()
    }

    pub(super) fn poll_read(&self, _buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        Poll::Pending
    }

    pub(super) fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let offered: Vec<u8> = slices
            .iter()
            .flat_map(|slice| slice.iter().copied())
            .collect();
        let taken = self
            .room
            .map_or(offered.len(), |room| room.min(offered.len()));
        if taken == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.room = self.room.map(|room| room - taken);
        self.writes.push(offered[..taken].to_vec());
        Ok(taken)
    }

    pub(super) fn poll_writable(&self) -> Poll<io::Result<()>> {
        if self.room == Some(0) {
            Poll::Pending
        } else {
            Poll::Ready(Ok(()))
        }
    }
}
