//! The byte stream under a session: the one place that may say socket.
//!
//! A closed set behind two operations, so that the mailbox and the reader need not know what carries them. Everything
//! is non-blocking; readiness belongs to the task that polls.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;

/// What carries a session's bytes.
#[derive(Debug)]
pub(crate) enum Wire {
    /// A plain connection.
    Tcp(TcpStream),
    /// None: bytes are counted and forgotten. On the workbench.
    Counter(Counter),
    /// Bytes in memory.
    #[cfg(test)]
    Memory(super::memory::Memory),
}

/// Takes everything.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    pub(crate) bytes: u64,
    pub(crate) writes: u64,
}

impl Counter {
    fn take(&mut self, bytes: usize) -> usize {
        self.bytes += bytes as u64;
        self.writes += 1;
        bytes
    }
}

impl Wire {
    /// Reads into the front of `buffer`; `Ok(0)` is the end of the stream. A read that did not fill the buffer needs no
    /// second one to learn that the stream is dry.
    pub(crate) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => {
                let mut read = ReadBuf::new(buffer);
                Pin::new(stream)
                    .poll_read(context, &mut read)
                    .map_ok(|()| read.filled().len())
            }
            Self::Counter(_) => Poll::Pending,
            #[cfg(test)]
            Self::Memory(memory) => memory.poll_read(buffer),
        }
    }

    /// One write; `WouldBlock` when nothing fits.
    pub(crate) fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_write(bytes),
            Self::Counter(counter) => Ok(counter.take(bytes.len())),
            #[cfg(test)]
            Self::Memory(memory) => memory.try_write(&[IoSlice::new(bytes)]),
        }
    }

    /// One write of several pieces; `WouldBlock` when nothing fits.
    pub(crate) fn try_write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_write_vectored(slices),
            Self::Counter(counter) => {
                Ok(counter.take(slices.iter().map(|slice| slice.len()).sum()))
            }
            #[cfg(test)]
            Self::Memory(memory) => memory.try_write(slices),
        }
    }

    /// Ends our half of the stream, so that the client sees the end while it can still be drained.
    pub(crate) fn finish(&self) {
        match self {
            // A stream that is broken already has nothing left to end.
            Self::Tcp(stream) => {
                drop(socket2::SockRef::from(stream).shutdown(std::net::Shutdown::Write))
            }
            Self::Counter(_) => {}
            #[cfg(test)]
            Self::Memory(_) => {}
        }
    }

    /// Ready once a write may succeed again after `WouldBlock`.
    pub(crate) fn poll_writable(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => stream.poll_write_ready(context),
            Self::Counter(_) => Poll::Ready(Ok(())),
            #[cfg(test)]
            Self::Memory(memory) => memory.poll_writable(),
        }
    }
}
