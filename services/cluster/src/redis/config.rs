//! What the Redis backend has to be told.

use std::path::PathBuf;
use std::time::Duration;

/// How an edge becomes a member of a cluster over Redis.
#[derive(Clone, Debug)]
pub struct RedisConfig {
    /// `redis://`, `redis-sentinel://` or `redis-cluster://`, each also as `rediss…` with TLS, with user and password.
    pub url: String,
    /// What every name in Redis begins with: deployments that share a Redis have different ones.
    pub prefix: String,
    /// Certificates (PEM) to trust beside those of the system, for TLS.
    pub ca_file: Option<PathBuf>,
    /// The edge's own name, shown to operators.
    pub edge: String,
    /// Where the edge runs, kept in its leases.
    pub region: String,
    /// Members above which a topic stops naming them; 0 means it never stops.
    pub named_members: usize,
    /// Life of the edge's sign of life.
    pub edge_ttl: Duration,
    /// Time within which every lease is compared with Redis once; zero switches it off.
    pub lease_audit: Duration,
    /// How often the primary (Sentinel) or the slots (Cluster) are looked up; zero switches it off.
    pub topology_poll: Duration,
    /// How often the way through Redis is tried; zero switches it off.
    pub probe: Duration,
}

/// The backend cannot be used as configured.
#[derive(Debug, thiserror::Error)]
pub enum RedisConfigError {
    /// The URL cannot be understood. The text is not echoed, it may hold a password.
    #[error("the Redis URL cannot be understood: {0}")]
    Url(String),
    /// The certificates cannot be used.
    #[error("cannot use the certificates in {file}: {reason}")]
    Certificates {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// No runtime could be made.
    #[error("cannot make the link's runtime")]
    Runtime(#[source] std::io::Error),
}
