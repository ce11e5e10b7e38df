//! The bytes under HTTP.
//!
//! They are the socket's, but for one thing: the response that accepts an upgrade is not written. It is kept, and leaves in one
//! write with the session's first frame, since a write is the largest part of what a connect costs.

use std::io::{self, IoSlice, Write as _};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::connection::Connection;
use crate::lane::Upgraded;

/// A client's byte stream, as HTTP sees it.
#[derive(Debug)]
pub(super) struct Stream {
    socket: TcpStream,
    connection: Arc<Connection>,
    response: Vec<u8>,
}

impl Stream {
    pub(super) const fn new(socket: TcpStream, connection: Arc<Connection>) -> Self {
        Self {
            socket,
            connection,
            response: Vec::new(),
        }
    }

    /// What is left when HTTP is over; `unread` is what it has read too much.
    ///
    /// # Errors
    /// The runtime cannot let go of the socket.
    pub(super) fn into_upgraded(self, unread: &[u8]) -> io::Result<Upgraded> {
        Ok(Upgraded {
            socket: self.socket.into_std()?,
            response: self.response,
            // A copy, if there is anything: the session would keep the connection's whole read buffer alive for ever.
            unread: Bytes::copy_from_slice(unread),
        })
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(context, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.connection.is_upgraded() {
            return Poll::Ready(self.response.write_vectored(slices));
        }
        Pin::new(&mut self.socket).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}
