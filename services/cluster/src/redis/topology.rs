//! Where Redis is: one server, the primary that Sentinel names, or a cluster's slots.
//!
//! In a planned failover the old primary goes on as one for about ten seconds for whoever is connected to it, without any
//! error; so the answer of Sentinel counts, not the server's own.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use fred::clients::Client;
use fred::error::Error;
use fred::interfaces::ClientLike;
use fred::prelude::{Config, Value};
use fred::types::CustomCommand;
use fred::types::config::{Server, ServerConfig};

use super::config::{RedisConfig, RedisConfigError};
use super::link::{Link, Sharding, client};
use super::tls::tls;

/// The configured way to Redis.
#[derive(Debug)]
pub(super) struct Topology {
    config: Config,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Standalone,
    Sentinel(Sentinels),
    Cluster,
}

#[derive(Debug)]
struct Sentinels {
    hosts: Vec<Server>,
    service: String,
    username: Option<String>,
    password: Option<String>,
    /// The one that answered last.
    asked: Option<Client>,
    next: usize,
}

/// What a link was made for; another value later means that the world has moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Location {
    /// There is only one place.
    Fixed,
    /// The primary.
    Primary(Server),
    /// A hash of who owns which slots.
    Slots(u64),
}

impl Topology {
    pub(super) fn new(config: &RedisConfig) -> Result<Self, RedisConfigError> {
        let url = |error: Error| RedisConfigError::Url(error.details().to_owned());
        let mut fred = Config::from_url(&config.url).map_err(url)?;
        if config.url.starts_with("rediss") {
            fred.tls = Some(tls(config)?);
        }
        let kind = match &fred.server {
            ServerConfig::Centralized { .. } => Kind::Standalone,
            ServerConfig::Clustered { .. } => Kind::Cluster,
            ServerConfig::Sentinel {
                hosts,
                service_name,
                username,
                password,
            } => Kind::Sentinel(Sentinels {
                hosts: hosts.clone(),
                service: service_name.clone(),
                username: username.clone(),
                password: password.clone(),
                asked: None,
                next: 0,
            }),
        };
        Ok(Self { config: fred, kind })
    }

    pub(super) fn sharding(&self) -> Sharding {
        match self.kind {
            Kind::Standalone | Kind::Sentinel(_) => Sharding::Plain,
            Kind::Cluster => Sharding::Sharded,
        }
    }

    /// True when a location can change.
    pub(super) fn moves(&self) -> bool {
        !matches!(self.kind, Kind::Standalone)
    }

    /// What to connect to now.
    pub(super) async fn target(&mut self) -> Result<(Config, Location), Error> {
        let mut config = self.config.clone();
        let location = match &mut self.kind {
            Kind::Standalone | Kind::Cluster => Location::Fixed,
            Kind::Sentinel(sentinels) => {
                let primary = sentinels.primary(&self.config).await?;
                config.server = ServerConfig::Centralized {
                    server: primary.clone(),
                };
                Location::Primary(primary)
            }
        };
        Ok((config, location))
    }

    /// Where a link would lead now.
    pub(super) async fn locate(&mut self, link: &Link) -> Result<Location, Error> {
        match &mut self.kind {
            Kind::Standalone => Ok(Location::Fixed),
            Kind::Sentinel(sentinels) => {
                sentinels.primary(&self.config).await.map(Location::Primary)
            }
            Kind::Cluster => {
                let slots: Value = link.command("CLUSTER", vec!["SLOTS".into()]).await?;
                Ok(Location::Slots(primaries_hash(slots)))
            }
        }
    }
}

impl Sentinels {
    /// Asks the Sentinel that answered last, then each of the others once.
    async fn primary(&mut self, config: &Config) -> Result<Server, Error> {
        let mut last = None;
        for _ in 0..=self.hosts.len() {
            match self.ask(config).await {
                Ok(primary) => return Ok(primary),
                Err(error) => {
                    self.asked = None;
                    self.next += 1;
                    last = Some(error);
                }
            }
        }
        Err(last.unwrap_or_else(|| Error::new(fred::error::ErrorKind::Config, "no Sentinel")))
    }

    async fn ask(&mut self, config: &Config) -> Result<Server, Error> {
        if self.asked.is_none() {
            let host = &self.hosts[self.next % self.hosts.len()];
            let mut config = config.clone();
            config.server = ServerConfig::Centralized {
                server: host.clone(),
            };
            config.username.clone_from(&self.username);
            config.password.clone_from(&self.password);
            config.database = None;
            let sentinel = client(config, 8)?;
            sentinel.init().await?;
            self.asked = Some(sentinel);
        }
        let Some(sentinel) = &self.asked else {
            return Err(Error::new(fred::error::ErrorKind::Config, "no Sentinel"));
        };
        let command = CustomCommand::new_static("SENTINEL", None::<u16>, false);
        let args: Vec<Value> = vec![
            "GET-MASTER-ADDR-BY-NAME".into(),
            self.service.as_str().into(),
        ];
        let (host, port): (String, u16) = sentinel.custom(command, args).await?;
        Ok(Server::new(host, port))
    }
}

/// Who owns which slots: ranges and primaries, replicas left out, in an order of their own.
fn primaries_hash(slots: Value) -> u64 {
    let mut ranges: Vec<String> = slots
        .into_array()
        .into_iter()
        .map(|range| {
            let mut range = range.into_array();
            range.truncate(3);
            let primary = range.pop().map(Value::into_array).unwrap_or_default();
            let words: Vec<String> = range
                .into_iter()
                .chain(primary.into_iter().take(2))
                .filter_map(|value| value.as_string())
                .collect();
            words.join(" ")
        })
        .collect();
    ranges.sort();
    let mut hasher = DefaultHasher::new();
    ranges.hash(&mut hasher);
    hasher.finish()
}
