//! The connection on which order counts: what is published, and the scripts that publish.
//!
//! A pipeline as Redis has it: commands that come while the socket is busy leave in one write, answers come in the order of the
//! commands. Only for one server (see [`Sharding::Plain`](super::link::Sharding)); of what one publication cost an edge, the
//! library's way took the larger part (ADR 0015). Like the rest of a link it retries nothing: at the first trouble the connection
//! ends, and whatever was not answered fails.

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{BufMut as _, Bytes, BytesMut};
use fred::bytes_utils::Str;
use fred::error::{Error, ErrorKind};
use fred::prelude::{Config, Value};
use fred::types::config::{ServerConfig, TlsConnector};
use fred::types::scripts::Script;
use redis_protocol::resp2::decode::decode_bytes_mut;
use redis_protocol::resp2::types::BytesFrame;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use super::link::COMMAND_TIMEOUT;

/// Room that is kept for the next commands, whatever a burst took.
const KEPT_BYTES: usize = 1024 * 1024;
/// Room for answers in one read.
const READ_BYTES: usize = 16 * 1024;

/// The end that speaks. Commands of one caller are sent in the order in which it calls.
#[derive(Debug)]
pub(super) struct Pipeline(Arc<Queue>);

/// What waits to be written.
#[derive(Debug, Default)]
struct Queue {
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

/// Who waits for an answer.
#[derive(Debug)]
struct Caller {
    since: Instant,
    answer: oneshot::Sender<Result<BytesFrame, Error>>,
}

impl Pipeline {
    /// Connects to the one server that `config` names. The handle, of a task of `tasks`, ends with the connection, and the
    /// connection with it.
    ///
    /// # Errors
    /// The server cannot be reached, proves to be another one, or refuses the password.
    pub(super) async fn connect(
        config: &Config,
        tasks: &TaskTracker,
    ) -> Result<(Self, AbortOnDropHandle<()>), Error> {
        let ServerConfig::Centralized { server } = &config.server else {
            return Err(Error::new(ErrorKind::Config, "more than one server"));
        };
        let host = &*server.host;
        let connected = async {
            let stream = TcpStream::connect((host, server.port)).await?;
            stream.set_nodelay(true)?;
            match &config.tls {
                None => Ok(Self::over(stream, tasks)),
                Some(tls) => {
                    let TlsConnector::Rustls(connector) = &tls.connector;
                    let name = ServerName::try_from(host.to_owned())
                        .map_err(|error| Error::new(ErrorKind::Tls, error.to_string()))?;
                    Ok(Self::over(connector.connect(name, stream).await?, tasks))
                }
            }
        };
        let connected: Result<_, Error> = timeout(COMMAND_TIMEOUT, connected)
            .await
            .unwrap_or_else(|_| Err(late()));
        let (pipeline, connection) = connected?;
        if let Some(password) = &config.password {
            let mut words = vec![b"AUTH".as_slice()];
            words.extend(config.username.as_ref().map(|name| name.as_bytes()));
            words.push(password.as_bytes());
            pipeline.call(&words).await?;
        }
        Ok((pipeline, connection))
    }

    fn over(
        stream: impl AsyncRead + AsyncWrite + Send + 'static,
        tasks: &TaskTracker,
    ) -> (Self, AbortOnDropHandle<()>) {
        let queue = Arc::new(Queue::default());
        let connection = tasks.spawn(Connection(Arc::clone(&queue)).carry(stream));
        (Self(queue), AbortOnDropHandle::new(connection))
    }

    /// Returns how many connections heard it.
    pub(super) async fn publish(&self, channel: &str, payload: &[u8]) -> Result<u64, Error> {
        let answer = self
            .call(&[b"PUBLISH", channel.as_bytes(), payload])
            .await?;
        let BytesFrame::Integer(heard) = answer else {
            return Err(not_understood());
        };
        Ok(u64::try_from(heard).unwrap_or_default())
    }

    /// Runs a script, which Redis is told if it does not know it.
    pub(super) async fn script(
        &self,
        script: &Script,
        keys: &[Str],
        args: &[Value],
    ) -> Result<Value, Error> {
        let args: Option<Vec<Str>> = args.iter().map(Value::as_bytes_str).collect();
        let args = args.ok_or_else(|| Error::new(ErrorKind::InvalidArgument, "not a text"))?;
        let count = keys.len().to_string();
        let mut words = vec![b"EVALSHA", script.sha1().as_bytes(), count.as_bytes()];
        words.extend(keys.iter().chain(&args).map(|word| word.as_bytes()));
        let answer = match self.call(&words).await {
            Err(error) if error.details().starts_with("NOSCRIPT") => {
                let source = script.lua().map(|source| source.as_bytes());
                self.call(&[b"SCRIPT", b"LOAD", source.unwrap_or_default()])
                    .await?;
                self.call(&words).await?
            }
            answer => answer?,
        };
        value(answer)
    }

    /// Takes leave: what was called before is answered, then the connection ends.
    pub(super) async fn quit(&self) -> Result<(), Error> {
        self.call(&[b"QUIT"]).await.map(drop)
    }

    async fn call(&self, words: &[&[u8]]) -> Result<BytesFrame, Error> {
        if let Some(answered) = self.0.push(words) {
            return answered.await.unwrap_or_else(|_| Err(ended()));
        }
        // Whoever tries again and again must not keep the link's keeper from finding out.
        tokio::task::yield_now().await;
        Err(ended())
    }
}

impl Queue {
    /// Appends a command; `None` if nothing will be written any more.
    fn push(&self, words: &[&[u8]]) -> Option<oneshot::Receiver<Result<BytesFrame, Error>>> {
        let (answer, answered) = oneshot::channel();
        let mut pending = self.pending();
        if pending.has_ended {
            return None;
        }
        let is_first = pending.callers.is_empty();
        put_command(&mut pending.commands, words);
        let since = Instant::now();
        pending.callers.push_back(Caller { since, answer });
        drop(pending);
        if is_first {
            self.filled.notify_one();
        }
        Some(answered)
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
    fn end(&self) -> VecDeque<Caller> {
        let mut pending = self.pending();
        pending.has_ended = true;
        mem::take(&mut pending.callers)
    }

    /// Writes and reads until something fails; `due` are those who have no answer by then.
    async fn exchange(
        &self,
        stream: impl AsyncRead + AsyncWrite,
        due: &mut VecDeque<Caller>,
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
                    Ok(_) => match settle(&mut incoming, due) {
                        Ok(()) => Ok(()),
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
            incoming.reserve(READ_BYTES);
        }
    }
}

/// The connection's task. However it ends, nobody goes on waiting.
struct Connection(Arc<Queue>);

impl Connection {
    /// Runs until something fails.
    async fn carry(self, stream: impl AsyncRead + AsyncWrite) {
        let mut due = VecDeque::new();
        let error = self.0.exchange(stream, &mut due).await;
        tracing::debug!(%error, "the pipeline to Redis has ended");
        for caller in due.into_iter().chain(self.0.end()) {
            drop(caller.answer.send(Err(error.clone())));
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Hands out every answer that is whole.
fn settle(incoming: &mut BytesMut, due: &mut VecDeque<Caller>) -> Result<(), Error> {
    while let Some((frame, _, _)) = decode_bytes_mut(incoming)? {
        let Some(caller) = due.pop_front() else {
            return Err(not_understood());
        };
        let answer = if let BytesFrame::Error(text) = &frame {
            Err(refusal(text))
        } else {
            Ok(frame)
        };
        // Whoever has given up needs no answer.
        drop(caller.answer.send(answer));
    }
    Ok(())
}

/// Appends a command: an array of bulk strings.
fn put_command(commands: &mut BytesMut, words: &[&[u8]]) {
    put_number(commands, b'*', words.len());
    for word in words {
        put_number(commands, b'$', word.len());
        commands.put_slice(word);
        commands.put_slice(b"\r\n");
    }
}

fn put_number(commands: &mut BytesMut, kind: u8, number: usize) {
    commands.put_u8(kind);
    commands.put_slice(itoa::Buffer::new().format(number).as_bytes());
    commands.put_slice(b"\r\n");
}

/// The answer as the library would give it.
fn value(frame: BytesFrame) -> Result<Value, Error> {
    let text = |bytes: Bytes| match Str::from_inner(bytes) {
        Ok(text) => Value::String(text),
        Err(error) => Value::Bytes(error.into_inner()),
    };
    Ok(match frame {
        BytesFrame::SimpleString(bytes) | BytesFrame::BulkString(bytes) => text(bytes),
        BytesFrame::Integer(number) => Value::Integer(number),
        BytesFrame::Null => Value::Null,
        BytesFrame::Error(text) => return Err(refusal(&text)),
        BytesFrame::Array(frames) => {
            Value::Array(frames.into_iter().map(value).collect::<Result<_, _>>()?)
        }
    })
}

/// Redis answered that it would not.
fn refusal(text: &str) -> Error {
    let kind = match text.split(' ').next() {
        Some("NOAUTH" | "WRONGPASS") => ErrorKind::Auth,
        Some(_) | None => ErrorKind::Unknown,
    };
    Error::new(kind, text.to_owned())
}

fn late() -> Error {
    Error::new(ErrorKind::Timeout, "no answer in time")
}

fn ended() -> Error {
    Error::new(ErrorKind::Canceled, "the connection has ended")
}

fn not_understood() -> Error {
    Error::new(
        ErrorKind::Protocol,
        "an answer that nobody has asked for, or of another kind",
    )
}

#[cfg(test)]
mod tests;
