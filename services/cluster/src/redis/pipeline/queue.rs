//! What waits to be written, and who waits for the answers.

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::BytesMut;
use fred::error::{Error, ErrorKind};
use redis_protocol::resp3::decode::complete::decode_bytes_mut;
use redis_protocol::resp3::types::BytesFrame;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::resp::{self, Push};
use crate::redis::link::COMMAND_TIMEOUT;
use crate::redis::messages::Sender;

/// Room that is kept for the next commands, whatever a burst took.
const KEPT_BYTES: usize = 1024 * 1024;
/// Room for what one read may bring: the largest parcel, so that most come in one.
const READ_BYTES: usize = 64 * 1024;
/// What is left of it is used up before there is new room: messages that are not read yet keep the old.
const READ_BYTES_MIN: usize = 4 * 1024;

/// What becomes of an answer.
pub(super) type Then = Box<dyn FnOnce(Result<BytesFrame, Error>) + Send>;

/// Commands on their way to the connection.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pending: Mutex<Pending>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct Pending {
    commands: BytesMut,
    callers: VecDeque<Caller>,
    /// The connection has ended: nothing will be written any more.
    has_ended: bool,
}

/// Who waits for an answer, and is told in any case: dropped, that the connection has ended.
pub(super) struct Caller {
    since: Instant,
    /// Channels that Redis has yet to confirm; a command that has such is answered with nothing else, unless it is refused.
    confirmations: usize,
    then: Option<Then>,
}

impl Queue {
    /// Appends a command, which is confirmed so many times or else answered. Returns whether it will be written; if it will
    /// not, the caller has been told already.
    pub(super) fn push(&self, words: &[&[u8]], confirmations: usize, then: Then) -> bool {
        let caller = Caller {
            since: Instant::now(),
            confirmations,
            then: Some(then),
        };
        let mut pending = self.pending();
        if pending.has_ended {
            return false;
        }
        let is_first = pending.callers.is_empty();
        resp::put_command(&mut pending.commands, words);
        pending.callers.push_back(caller);
        drop(pending);
        if is_first {
            self.filled.notify_one();
        }
        true
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is something to write. Cancel-safe.
    async fn filled(&self) {
        while self.pending().callers.is_empty() {
            self.filled.notified().await;
        }
    }

    /// Takes no more. Returns who still waits to be written.
    pub(super) fn end(&self) -> VecDeque<Caller> {
        let mut pending = self.pending();
        pending.has_ended = true;
        mem::take(&mut pending.callers)
    }

    /// Writes and reads until something fails; `due` are those who have no answer by then.
    pub(super) async fn exchange(
        &self,
        stream: impl AsyncRead + AsyncWrite,
        due: &mut VecDeque<Caller>,
        messages: &Sender,
    ) -> Error {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let mut outgoing = BytesMut::new();
        let mut incoming = BytesMut::with_capacity(READ_BYTES);
        let overdue = sleep_until(Instant::now() + COMMAND_TIMEOUT);
        tokio::pin!(overdue);
        loop {
            let progress: io::Result<()> = tokio::select! {
                biased;
                read = reader.read_buf(&mut incoming) => match read {
                    Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
                    Ok(_) => match take_in(&mut incoming, due, messages) {
                        Ok(()) => {
                            if incoming.capacity() - incoming.len() < READ_BYTES_MIN {
                                incoming.reserve(READ_BYTES);
                            }
                            Ok(())
                        }
                        Err(error) => return error,
                    },
                    Err(error) => Err(error),
                },
                written = writer.write_buf(&mut outgoing), if !outgoing.is_empty() => {
                    if outgoing.is_empty() && outgoing.capacity() > KEPT_BYTES {
                        outgoing = BytesMut::new();
                    }
                    written.map(drop)
                }
                () = self.filled(), if outgoing.is_empty() => {
                    let mut pending = self.pending();
                    mem::swap(&mut outgoing, &mut pending.commands);
                    due.append(&mut pending.callers);
                    Ok(())
                }
                () = &mut overdue, if !due.is_empty() => {
                    let oldest = due.front().map_or_else(Instant::now, |caller| caller.since);
                    if oldest.elapsed() >= COMMAND_TIMEOUT {
                        return late();
                    }
                    overdue.as_mut().reset(oldest + COMMAND_TIMEOUT);
                    Ok(())
                }
            };
            if let Err(error) = progress {
                return error.into();
            }
        }
    }
}

/// Hands out everything that is whole: messages to the reader, answers to who is next.
fn take_in(
    incoming: &mut BytesMut,
    due: &mut VecDeque<Caller>,
    messages: &Sender,
) -> Result<(), Error> {
    while let Some((frame, _, _)) = decode_bytes_mut(incoming)? {
        let answer = if let BytesFrame::Push { data, .. } = frame {
            match resp::push(data)? {
                Push::Message(message) => {
                    messages.send(message);
                    continue;
                }
                Push::Other => continue,
                Push::Confirmation => {
                    let caller = due.front_mut().filter(|caller| caller.confirmations > 0);
                    let caller = caller.ok_or_else(resp::not_understood)?;
                    caller.confirmations -= 1;
                    if caller.confirmations > 0 {
                        continue;
                    }
                    Ok(BytesFrame::Null)
                }
            }
        } else {
            resp::answer(frame)
        };
        let caller = due.pop_front().ok_or_else(resp::not_understood)?;
        caller.tell(answer);
    }
    Ok(())
}

impl Caller {
    pub(super) fn tell(mut self, answer: Result<BytesFrame, Error>) {
        if let Some(then) = self.then.take() {
            then(answer);
        }
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        if let Some(then) = self.then.take() {
            then(Err(Error::new(
                ErrorKind::Canceled,
                "the connection has ended",
            )));
        }
    }
}

impl std::fmt::Debug for Caller {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Caller")
            .field("since", &self.since)
            .field("confirmations", &self.confirmations)
            .finish_non_exhaustive()
    }
}

pub(super) fn late() -> Error {
    Error::new(ErrorKind::Timeout, "no answer in time")
}
