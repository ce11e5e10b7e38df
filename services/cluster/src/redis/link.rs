//! The connections to Redis: what is said and heard on one, questions on another. On a Redis Cluster what is heard has one to each
//! node, and the rest as well.
//!
//! A link lives until the first doubt about it; then the keeper makes another, all connections together, so that they
//! never look at different worlds. It retries nothing: whether something may be said twice is known only to the caller.
//!
//! The library's futures take kilobytes. They are boxed, since everything that may ask Redis would carry their room along, from the
//! door's task to a lane's answer.

use std::time::Duration;

use bytes::Bytes;
use fred::bytes_utils::Str;
use fred::clients::Client;
use fred::error::{Error, ErrorKind};
use fred::interfaces::{ClientLike, EventInterface, PubsubInterface};
use fred::prelude::{Builder, Config, Value};
use fred::types::scripts::Script;
use fred::types::{ClusterHash, CustomCommand};
use fred::util::redis_keyslot;
use futures_util::future::try_join_all;
use hashbrown::HashSet;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use super::messages::{MESSAGES_MAX, Messages};
use super::pipeline::Pipeline;
use super::status::Reason;

/// After this long without an answer a command has failed, and the link is suspect.
pub(super) const COMMAND_TIMEOUT: Duration = Duration::from_secs(1);
/// Commands written before the socket is flushed.
const FEED_MAX: u64 = 1_000;
/// SSUBSCRIBE under way: enough that round trips do not count, few enough to be answered within [`COMMAND_TIMEOUT`] also when
/// each is redirected, which has the client ask for the slots.
const SSUBSCRIBE_MAX: usize = 128;

/// How a topology carries pub/sub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sharding {
    /// PUBLISH: a standalone Redis, or the primary that Sentinel names.
    Plain,
    /// SPUBLISH: a Redis Cluster, where PUBLISH would count only one node's subscribers.
    Sharded,
}

/// The connections.
#[derive(Debug)]
pub(super) struct Link {
    /// Tells links of one edge apart, so that an old doubt is not taken for a new one.
    pub(super) generation: u64,
    commands: Client,
    relay: Relay,
}

/// What messages travel on.
#[derive(Debug)]
enum Relay {
    /// One connection for all of it.
    Plain(Pipeline),
    /// The client that listens; the commands' client publishes.
    Sharded(Client),
}

/// Ends when one of the connections has; dropped, it ends them: none is left behind that nobody owns.
#[derive(Debug)]
pub(super) struct Ends {
    commands: End,
    relay: End,
}

/// Of one connection.
pub(super) type End = AbortOnDropHandle<Result<(), Error>>;

impl Link {
    /// # Errors
    /// Redis cannot be reached, refuses the password, or is no primary.
    pub(super) async fn connect(
        config: Config,
        sharding: Sharding,
        generation: u64,
        tasks: &TaskTracker,
    ) -> Result<(Self, Ends, Messages), Error> {
        let commands = client(config.clone(), 64)?;
        let commands_end = End::new(commands.init().await?);
        let (relay, relay_end, messages) = match sharding {
            Sharding::Plain => {
                let (pipeline, messages, end) = Pipeline::connect(&config, tasks).await?;
                (Relay::Plain(pipeline), end, messages)
            }
            Sharding::Sharded => {
                let subscriber = client(config, MESSAGES_MAX)?;
                let messages = Messages::Library(subscriber.message_rx());
                let end = End::new(subscriber.init().await?);
                (Relay::Sharded(subscriber), end, messages)
            }
        };
        let link = Self {
            generation,
            commands,
            relay,
        };
        let ends = Ends {
            commands: commands_end,
            relay: relay_end,
        };
        Ok((link, ends, messages))
    }

    /// The connection that a publication can be left to, if there is one.
    pub(super) fn pipeline(&self) -> Option<&Pipeline> {
        match &self.relay {
            Relay::Plain(pipeline) => Some(pipeline),
            Relay::Sharded(_) => None,
        }
    }

    /// Returns how many edges heard it.
    pub(super) async fn publish(&self, channel: Str, payload: Bytes) -> Result<u64, Error> {
        match &self.relay {
            Relay::Plain(pipeline) => pipeline.publish(&channel, &payload).await,
            Relay::Sharded(_) => Box::pin(self.commands.spublish(channel, payload)).await,
        }
    }

    /// The command that [`Link::publish`] uses, for scripts that publish.
    pub(super) fn publish_command(&self) -> &'static str {
        match self.relay {
            Relay::Plain(_) => "PUBLISH",
            Relay::Sharded(_) => "SPUBLISH",
        }
    }

    pub(super) async fn script(
        &self,
        script: &Script,
        keys: Vec<Str>,
        args: Vec<Value>,
    ) -> Result<Value, Error> {
        match &self.relay {
            Relay::Plain(pipeline) => pipeline.script(script, &keys, &args).await,
            Relay::Sharded(_) => {
                Box::pin(script.evalsha_with_reload(&self.commands, keys, args)).await
            }
        }
    }

    /// Subscribes and returns once Redis has.
    pub(super) async fn subscribe(&self, channels: &[Str]) -> Result<(), Error> {
        match &self.relay {
            Relay::Plain(pipeline) => pipeline.subscribe(channels).await,
            Relay::Sharded(subscriber) => {
                // A channel each: the client expects one answer to a command, and Redis gives one for each channel. They come
                // in the order of the commands on a node's connection, and what a node redirects fails: so the client cannot
                // confuse them, and many may be under way.
                for some in channels.chunks(SSUBSCRIBE_MAX) {
                    let subscribed = some
                        .iter()
                        .map(|channel| subscriber.ssubscribe(channel.clone()));
                    try_join_all(subscribed).await?;
                }
                Ok(())
            }
        }
    }

    /// The client of a Redis Cluster takes it for done once it is written; see [`Link::confirm_unsubscribed`].
    pub(super) async fn unsubscribe(&self, channels: &[Str]) -> Result<(), Error> {
        match &self.relay {
            Relay::Plain(pipeline) => pipeline.unsubscribe(channels).await,
            Relay::Sharded(subscriber) => {
                for channel in channels {
                    subscriber.sunsubscribe(channel.clone()).await?;
                }
                Ok(())
            }
        }
    }

    /// Returns once everything is here that Redis had sent of channels that were unsubscribed.
    pub(super) async fn confirm_unsubscribed(&self, channels: &[Str]) -> Result<(), Error> {
        match &self.relay {
            Relay::Plain(_) => Ok(()),
            Relay::Sharded(subscriber) => {
                // What follows on the same connection is answered behind it, and there is one connection to each node: that of
                // the channel's slot.
                let slots = channels
                    .iter()
                    .map(|channel| redis_keyslot(channel.as_bytes()));
                let slots: HashSet<u16> = slots.collect();
                for slot in slots {
                    let ping = CustomCommand::new("PING", ClusterHash::Custom(slot), false);
                    let answer = subscriber.custom::<Value, Value>(ping, Vec::new());
                    is_alive(answer.await)?;
                }
                Ok(())
            }
        }
    }

    /// How many edges listen to a channel.
    pub(super) async fn listeners(&self, channel: Str) -> Result<u64, Error> {
        let counts: Vec<Value> = match self.relay {
            Relay::Plain(_) => {
                self.command("PUBSUB", vec!["NUMSUB".into(), channel.into()])
                    .await?
            }
            Relay::Sharded(_) => {
                // Answered by the node that owns the slot.
                let slot = redis_keyslot(channel.as_bytes());
                let command = CustomCommand::new("PUBSUB", ClusterHash::Custom(slot), false);
                let args: Vec<Value> = vec!["SHARDNUMSUB".into(), channel.into()];
                self.commands.custom(command, args).await?
            }
        };
        Ok(counts.get(1).and_then(Value::as_u64).unwrap_or(0))
    }

    pub(super) async fn command<R: fred::types::FromValue>(
        &self,
        name: &'static str,
        args: Vec<Value>,
    ) -> Result<R, Error> {
        let command = CustomCommand::new_static(name, ClusterHash::FirstKey, false);
        Box::pin(self.commands.custom(command, args)).await
    }

    /// # Errors
    /// The one server that there is follows another one, or does not answer.
    pub(super) async fn must_be_primary(&self) -> Result<(), Error> {
        if let Relay::Sharded(_) = self.relay {
            return Ok(());
        }
        let role: Vec<Value> = self.command("ROLE", Vec::new()).await?;
        match role.first().and_then(Value::as_str) {
            Some(role) if &*role == "master" => Ok(()),
            Some(_) | None => Err(Error::new(
                ErrorKind::Unknown,
                "READONLY the server is no primary",
            )),
        }
    }

    /// Answered after everything that Redis had sent before.
    pub(super) async fn ping(&self) -> Result<(), Error> {
        match &self.relay {
            Relay::Plain(pipeline) => is_alive(pipeline.ping().await),
            Relay::Sharded(subscriber) => is_alive(subscriber.ping::<Value>(None).await),
        }
    }

    /// Ends all connections; what still waits for an answer fails.
    pub(super) async fn close(&self) {
        let relay = async {
            match &self.relay {
                Relay::Plain(pipeline) => pipeline.quit().await,
                Relay::Sharded(subscriber) => subscriber.quit().await,
            }
        };
        // What was lost anyhow need not be told.
        let _ = tokio::join!(relay, self.commands.quit());
    }
}

impl Ends {
    pub(super) async fn wait(&mut self) {
        tokio::select! {
            _ = &mut self.commands => {}
            _ = &mut self.relay => {}
        }
    }
}

/// A Redis that cannot save refuses even a PING; that is an answer, in its place.
fn is_alive<T>(answer: Result<T, Error>) -> Result<(), Error> {
    match answer {
        Err(error) if !refuses_writes(&error) => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// A connection that fails fast: no retries, no reconnects, nothing kept for later.
pub(super) fn client(config: Config, messages_max: usize) -> Result<Client, Error> {
    Builder::from_config(config)
        .with_performance_config(|performance| {
            performance.default_command_timeout = COMMAND_TIMEOUT;
            performance.broadcast_channel_capacity = messages_max;
            performance.max_feed_count = FEED_MAX;
        })
        .with_connection_config(|connection| {
            connection.connection_timeout = COMMAND_TIMEOUT;
            connection.internal_command_timeout = COMMAND_TIMEOUT;
            connection.max_command_attempts = 1;
            connection.tcp.nodelay = Some(true);
        })
        .build()
}

/// Whether Redis answers, but writes nothing down: too few replicas, no disk to save to, no memory.
pub(super) fn refuses_writes(error: &Error) -> bool {
    let refusals = ["NOREPLICAS", "MISCONF", "OOM"];
    refusals
        .iter()
        .any(|word| error.details().starts_with(word))
}

/// What an error puts in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// The link: whether the command was carried out is not known, and others will fare no better.
    Link,
    /// The command alone: Redis answered that it would not.
    Command,
}

/// Why a link has to be given up after this error; `None` if the command alone failed.
pub(super) fn reason_of(error: &Error) -> Option<Reason> {
    let refusals = ["READONLY", "MASTERDOWN", "LOADING"];
    if refusals
        .iter()
        .any(|word| error.details().starts_with(word))
    {
        return Some(Reason::NotPrimary);
    }
    match error.kind() {
        ErrorKind::Timeout => Some(Reason::Timeout),
        ErrorKind::Auth => Some(Reason::Refused),
        ErrorKind::Cluster => Some(Reason::Moved),
        ErrorKind::IO | ErrorKind::Canceled | ErrorKind::Routing | ErrorKind::Tls => {
            Some(Reason::Disconnected)
        }
        ErrorKind::Config
        | ErrorKind::Url
        | ErrorKind::Protocol
        | ErrorKind::InvalidCommand
        | ErrorKind::InvalidArgument
        | ErrorKind::NotFound
        | ErrorKind::Backpressure
        | ErrorKind::Parse
        | ErrorKind::Sentinel
        | ErrorKind::Unknown => None,
    }
}
