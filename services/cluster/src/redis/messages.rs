//! What Redis sends of the channels that a link subscribed to, on its way to the reader.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use fred::bytes_utils::Str;
use fred::types::Message as LibraryMessage;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{broadcast, mpsc};

/// Messages between the socket and the reader, which share a thread: a turn of the socket brings a few hundred.
pub(super) const MESSAGES_MAX: usize = 16_384;

/// One message.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) channel: Str,
    pub(super) payload: Bytes,
}

/// What is next.
#[derive(Debug)]
pub(super) enum Received {
    Message(Message),
    /// So many did not fit.
    Lagged(u64),
}

/// The reading end.
#[derive(Debug)]
pub(super) enum Messages {
    /// What a [`Pipeline`](super::pipeline::Pipeline) brings.
    Pipeline(mpsc::Receiver<Message>, Lost),
    /// What the library's client brings.
    Library(broadcast::Receiver<LibraryMessage>),
}

/// The writing end of a pipeline.
#[derive(Debug)]
pub(super) struct Sender(mpsc::Sender<Message>, Lost);

/// How many did not fit since somebody last looked.
#[derive(Clone, Debug, Default)]
pub(super) struct Lost(Arc<AtomicU64>);

/// A queue of at most [`MESSAGES_MAX`].
pub(super) fn channel() -> (Sender, Messages) {
    let (sender, receiver) = mpsc::channel(MESSAGES_MAX);
    let lost = Lost::default();
    (
        Sender(sender, lost.clone()),
        Messages::Pipeline(receiver, lost),
    )
}

impl Sender {
    /// Appends; what does not fit is counted. A reader that is gone misses nothing.
    pub(super) fn send(&self, message: Message) {
        if let Err(TrySendError::Full(_)) = self.0.try_send(message) {
            self.1.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Messages {
    /// The next one; `None` once the connection has ended and everything was read. Cancel-safe.
    pub(super) async fn recv(&mut self) -> Option<Received> {
        match self {
            Self::Pipeline(receiver, lost) => match lost.take() {
                Some(lagged) => Some(lagged),
                None => receiver.recv().await.map(Received::Message),
            },
            Self::Library(receiver) => match receiver.recv().await {
                Ok(message) => Some(of_library(message)),
                Err(RecvError::Lagged(missed)) => Some(Received::Lagged(missed)),
                Err(RecvError::Closed) => None,
            },
        }
    }

    /// The next one, if it is there.
    pub(super) fn try_recv(&mut self) -> Option<Received> {
        match self {
            Self::Pipeline(receiver, lost) => match lost.take() {
                Some(lagged) => Some(lagged),
                None => receiver.try_recv().ok().map(Received::Message),
            },
            Self::Library(receiver) => match receiver.try_recv() {
                Ok(message) => Some(of_library(message)),
                Err(TryRecvError::Lagged(missed)) => Some(Received::Lagged(missed)),
                Err(TryRecvError::Empty | TryRecvError::Closed) => None,
            },
        }
    }
}

impl Lost {
    fn take(&self) -> Option<Received> {
        let missed = self.0.swap(0, Ordering::Relaxed);
        (missed > 0).then_some(Received::Lagged(missed))
    }
}

fn of_library(message: LibraryMessage) -> Received {
    Received::Message(Message {
        channel: message.channel,
        payload: message.value.into_bytes().unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Message {
        Message {
            channel: "c".into(),
            payload: Bytes::new(),
        }
    }

    #[tokio::test]
    async fn what_does_not_fit_is_counted_and_what_fits_is_read() {
        let (sender, mut messages) = channel();
        for _ in 0..MESSAGES_MAX + 3 {
            sender.send(message());
        }
        assert!(matches!(messages.recv().await, Some(Received::Lagged(3))));
        for _ in 0..MESSAGES_MAX {
            assert!(matches!(messages.try_recv(), Some(Received::Message(_))));
        }
        assert!(messages.try_recv().is_none());
        sender.send(message());
        drop(sender);
        assert!(matches!(messages.recv().await, Some(Received::Message(_))));
        assert!(messages.recv().await.is_none());
    }
}
