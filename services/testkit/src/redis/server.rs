//! A Redis that stands alone.

use std::ops::{Deref, DerefMut};

use super::{Port, RedisProcess, process::Program};
use crate::Host;

/// One server, empty at the start, on a port of its own.
#[derive(Debug)]
pub struct RedisServer(RedisProcess);

impl RedisServer {
    /// Starts a server and waits until it answers.
    pub async fn start() -> Self {
        Self::with("").await
    }

    /// Starts a server with further lines of `redis.conf`.
    pub async fn with(settings: &str) -> Self {
        let settings = format!("{STORELESS}bind 127.0.0.1\n{settings}");
        let process =
            RedisProcess::start(Program::Server, Host::local(), Port::lease(), &settings).await;
        Self(process)
    }

    /// The URL that an edge takes.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}", self.0.address())
    }

    /// Removes everything, as an operator's mistake would.
    pub async fn flush(&self) {
        self.0.command(&["FLUSHALL"]).await.accepted();
    }

    /// Kills the server and starts it again at once: same port, no data, all connections reset.
    pub async fn restart_empty(&mut self) {
        self.0.kill().await;
        self.0.revive().await;
    }
}

impl Deref for RedisServer {
    type Target = RedisProcess;

    fn deref(&self) -> &RedisProcess {
        &self.0
    }
}

impl DerefMut for RedisServer {
    fn deref_mut(&mut self) -> &mut RedisProcess {
        &mut self.0
    }
}

/// Nothing reaches the disk; replicas attach at once.
pub(super) const STORELESS: &str =
    "save \"\"\nappendonly no\nrepl-diskless-sync yes\nrepl-diskless-sync-delay 0\n";

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;
    use crate::redis::Reply;

    #[tokio::test]
    async fn a_restarted_server_has_the_same_port_and_no_data() {
        let mut redis = RedisServer::start().await;
        let url = redis.url();
        redis.command(&["SET", "key", "value"]).await.accepted();
        assert_eq!(redis.command(&["GET", "key"]).await.text(), "value");
        redis.restart_empty().await;
        assert_eq!(redis.url(), url);
        assert_eq!(redis.command(&["GET", "key"]).await, Reply::Nil);
    }

    #[tokio::test]
    async fn a_frozen_server_takes_connections_and_answers_when_it_goes_on() {
        let redis = RedisServer::start().await;
        redis.freeze().await;
        let mut connection = redis.connect().await.unwrap();
        let early = timeout(Duration::from_millis(200), connection.command(&["PING"])).await;
        assert!(early.is_err(), "a frozen server answered {early:?}");
        redis.thaw();
        assert_eq!(connection.reply().await.unwrap().text(), "PONG");
    }

    #[tokio::test]
    async fn a_killed_server_refuses_connections() {
        let mut redis = RedisServer::start().await;
        let mut connection = redis.connect().await.unwrap();
        redis.kill().await;
        assert!(connection.command(&["PING"]).await.is_err());
        assert!(redis.connect().await.is_err());
    }

    #[tokio::test]
    async fn its_counters_tell_what_was_called() {
        let redis = RedisServer::start().await;
        let before = redis.command_stats().await;
        let mut connection = redis.connect().await.unwrap();
        let replies = connection.repeat(&["PUBLISH", "topic", "x"], 2500).await;
        assert_eq!(replies.unwrap().len(), 2500);
        let between = redis.command_stats().await.since(&before);
        assert_eq!(between.calls("publish"), 2500);
    }
}
