//! The connection to one server: what is published, the scripts that publish, and what is heard of it.
//!
//! A pipeline as Redis has it: commands that come while the socket is busy leave in one write, answers come in the order of the
//! commands. It speaks RESP3, in which messages come on the same connection; so one read brings both, what is heard is in one
//! order with what is answered, and an edge cannot be heard in one world and hear in another. Only for one server (see
//! [`Sharding::Plain`](super::link::Sharding)); of what one publication cost an edge, the library's way took the larger part
//! (ADRs 0015 and 0017). Like the rest of a link it retries nothing: at the first trouble the connection ends, and whatever was
//! not answered fails.

mod queue;
mod resp;

use std::collections::VecDeque;
use std::sync::Arc;

use fred::bytes_utils::Str;
use fred::error::{Error, ErrorKind};
use fred::prelude::{Config, Value};
use fred::types::config::{ServerConfig, TlsConnector};
use fred::types::scripts::Script;
use redis_protocol::resp3::types::BytesFrame;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use self::queue::{Queue, late};
use self::resp::not_understood;
use super::link::{COMMAND_TIMEOUT, End};
use super::messages::{self, Messages};

/// Channels in one SUBSCRIBE.
const SUBSCRIBE_MAX: usize = 500;

/// The end that speaks. Commands of one caller are sent in the order in which it calls.
#[derive(Debug)]
pub(super) struct Pipeline(Arc<Queue>);

impl Pipeline {
    /// Connects to the one server that `config` names. The handle, of a task of `tasks`, ends with the connection, and the
    /// connection with it.
    ///
    /// # Errors
    /// The server cannot be reached, proves to be another one, refuses the password, or does not speak RESP3.
    pub(super) async fn connect(
        config: &Config,
        tasks: &TaskTracker,
    ) -> Result<(Self, Messages, End), Error> {
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
        let (pipeline, messages, connection) = connected?;
        pipeline.greet(config).await?;
        Ok((pipeline, messages, connection))
    }

    fn over(
        stream: impl AsyncRead + AsyncWrite + Send + 'static,
        tasks: &TaskTracker,
    ) -> (Self, Messages, End) {
        let queue = Arc::<Queue>::default();
        let (sender, messages) = messages::channel();
        let connection = Connection(Arc::clone(&queue)).carry(stream, sender);
        let connection = End::new(tasks.spawn(connection));
        (Self(queue), messages, connection)
    }

    /// Agrees on RESP3, says who this is and which database it means.
    async fn greet(&self, config: &Config) -> Result<(), Error> {
        let mut words = vec![b"HELLO".as_slice(), b"3"];
        if let Some(password) = &config.password {
            let username = config.username.as_deref().unwrap_or("default");
            words.extend([b"AUTH", username.as_bytes(), password.as_bytes()]);
        }
        self.call(&words).await?;
        if let Some(database) = config.database {
            let database = database.to_string();
            self.call(&[b"SELECT", database.as_bytes()]).await?;
        }
        Ok(())
    }

    /// Returns how many connections heard it.
    pub(super) async fn publish(&self, channel: &str, payload: &[u8]) -> Result<u64, Error> {
        let words = [b"PUBLISH", channel.as_bytes(), payload];
        resp::count(&self.call(&words).await?)
    }

    /// Publishes without a task that waits: `then` is told, once and in any case.
    pub(super) fn publish_then(
        &self,
        channel: &str,
        payload: &[u8],
        then: impl FnOnce(Result<u64, Error>) + Send + 'static,
    ) {
        let words = [b"PUBLISH", channel.as_bytes(), payload];
        let then = move |answer: Result<BytesFrame, Error>| {
            then(answer.and_then(|frame| resp::count(&frame)));
        };
        self.0.push(&words, 0, Box::new(then));
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
        resp::value(answer)
    }

    /// Subscribes and returns once Redis has.
    pub(super) async fn subscribe(&self, channels: &[Str]) -> Result<(), Error> {
        self.adjust(b"SUBSCRIBE", channels).await
    }

    /// Returns once everything is with the reader that Redis had sent of the channels.
    pub(super) async fn unsubscribe(&self, channels: &[Str]) -> Result<(), Error> {
        self.adjust(b"UNSUBSCRIBE", channels).await
    }

    /// Answered after everything that Redis had sent before.
    pub(super) async fn ping(&self) -> Result<(), Error> {
        self.call(&[b"PING"]).await.map(drop)
    }

    /// Takes leave: what was called before is answered, then the connection ends.
    pub(super) async fn quit(&self) -> Result<(), Error> {
        self.call(&[b"QUIT"]).await.map(drop)
    }

    async fn adjust(&self, command: &[u8], channels: &[Str]) -> Result<(), Error> {
        for some in channels.chunks(SUBSCRIBE_MAX) {
            let mut words = vec![command];
            words.extend(some.iter().map(|channel| channel.as_bytes()));
            self.ask(&words, some.len()).await?;
        }
        Ok(())
    }

    async fn call(&self, words: &[&[u8]]) -> Result<BytesFrame, Error> {
        self.ask(words, 0).await
    }

    async fn ask(&self, words: &[&[u8]], confirmations: usize) -> Result<BytesFrame, Error> {
        let (sender, answer) = oneshot::channel();
        // Whoever has given up needs no answer.
        let then = Box::new(move |answer| drop(sender.send(answer)));
        if !self.0.push(words, confirmations, then) {
            // Whoever tries again and again must not keep the link's keeper from finding out.
            tokio::task::yield_now().await;
        }
        answer.await.unwrap_or_else(|_| Err(not_understood()))
    }
}

/// The connection's task. However it ends, nobody goes on waiting.
struct Connection(Arc<Queue>);

impl Connection {
    /// Runs until something fails, which is its error.
    async fn carry(
        self,
        stream: impl AsyncRead + AsyncWrite,
        messages: messages::Sender,
    ) -> Result<(), Error> {
        let mut due = VecDeque::new();
        let error = self.0.exchange(stream, &mut due, &messages).await;
        tracing::debug!(%error, "the pipeline to Redis has ended");
        for caller in due.into_iter().chain(self.0.end()) {
            caller.tell(Err(error.clone()));
        }
        Err(error)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.end();
    }
}

#[cfg(test)]
mod tests;
