//! The whole edge, put together.
//!
//! [`Edge::start`] opens both listeners and starts the lanes; [`Edge::drain`] ends it in order: not ready, no newcomers,
//! everybody sent away at a pace, everything given back.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use cluster::{Cluster, Inbox, LaneId, Pressure, in_process, redis};
use prometheus::Registry;
use protocol::EdgeId;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::calls::{Exchange, Surroundings, WakeError};
use crate::config::{Config, DeviceConfig, Flags, RoomConfig};
use crate::dialects;
use crate::dialects::realtime::Limits;
use crate::http;
use crate::issuers;
use crate::lane::{self, LaneConfig, LaneHandle, LaneShare, Placement};
use crate::limit::{ConnectLimit, Rate};
use crate::membership::Membership;
use crate::membership::audit::{follow_members, follow_verdicts};
use crate::metrics::Metrics;
use crate::parts::Parts;
use crate::readiness::{DRAINING, Readiness};
use crate::revocation::{Revocations, follow_revocations};
use crate::tenancy::{TenancyHandle, watch_file};
use crate::turn::Turn;

/// Bound of a lane's inbox. Half of it is enough to stop an edge's own clients from reading on.
const INBOX_BYTES: usize = 32 * 1024 * 1024;
/// Sessions sent away per second and lane, when the grace period allows it.
const DRAIN_PACE: u32 = 500;

/// A running edge.
#[derive(Debug)]
pub struct Edge {
    /// Where clients connect.
    pub address: SocketAddr,
    /// Where the operator does.
    pub admin_address: SocketAddr,
    parts: Arc<Parts>,
    threads: Vec<JoinHandle<()>>,
}

/// The edge could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A listener could not be opened.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// A thread or its runtime could not be made.
    #[error("cannot start a lane")]
    Lane(#[source] io::Error),
    /// Redis cannot be used as configured.
    #[error("redis")]
    Redis(#[from] redis::RedisConfigError),
    /// Devices cannot be woken as configured.
    #[error(transparent)]
    Wake(#[from] WakeError),
    /// Two metrics have one name.
    #[error("cannot register the metrics")]
    Metrics(#[from] prometheus::Error),
}

impl Edge {
    /// Opens the listeners and starts everything.
    ///
    /// # Errors
    /// An address is taken, or the system gives no threads.
    pub async fn start(
        config: Config,
        edge_id: EdgeId,
        tenancy: TenancyHandle,
    ) -> Result<Self, StartError> {
        let clients = listen(config.listen).await?;
        let operators = listen(config.admin_listen).await?;
        let registry = Registry::new();
        let metrics = Metrics::register(&registry)?;
        let pressure = Pressure::default();
        let inboxes: Vec<Inbox> = (0..lane_count(config.lanes))
            .map(|lane| Inbox::new(LaneId(lane), INBOX_BYTES, pressure.clone()))
            .collect();
        let (cluster, link) = enter_cluster(&config, &edge_id, &inboxes, &pressure)?;
        let tasks = TaskTracker::new();
        let drain = CancellationToken::new();
        let surroundings = Surroundings {
            config: &config,
            cluster: &cluster,
            tenancy: tenancy.clone(),
            metrics: metrics.clone(),
            tasks: tasks.clone(),
            drain: drain.clone(),
        };
        let exchange = Exchange::new(surroundings, inboxes.iter().map(Inbox::handle).collect())?;
        let share = LaneShare {
            cluster: cluster.clone(),
            exchange: Some(exchange.clone()),
            pressure,
            metrics: metrics.clone(),
            serials: Arc::new(AtomicU64::new(1)),
            tasks: tasks.clone(),
        };
        let (lanes, threads) = start_lanes(inboxes, link, &share, &config)?;
        let parts = Arc::new(Parts {
            turn: Turn::new(&config.turn),
            connects: ConnectLimit::new(config.limits.connects_per_minute, Instant::now()),
            session_limits: session_limits(&config),
            room_limits: room_limits(&config.room),
            device_limits: device_limits(&config.device),
            exchange,
            revocations: Revocations::new(cluster.records.clone()),
            membership: Membership::new(&config.room, &cluster, &metrics),
            edge_id,
            tenancy,
            registry,
            metrics,
            readiness: Readiness::new(cluster.link.clone()),
            cluster,
            drain,
            abort: CancellationToken::new(),
            tasks,
            latecomers: TaskTracker::new(),
            scrape: tokio::sync::Mutex::default(),
            lanes: Placement::new(lanes),
            config,
        });
        let (address, admin_address) = (local_address(&clients)?, local_address(&operators)?);
        http::serve_clients(clients, &parts);
        http::serve_operators(operators, &parts);
        parts.tasks.spawn(follow_tenancy(Arc::clone(&parts)));
        parts.tasks.spawn(keep_issuers_fresh(&parts));
        parts.tasks.spawn(follow_members(Arc::clone(&parts)));
        parts.tasks.spawn(follow_revocations(Arc::clone(&parts)));
        parts.tasks.spawn(follow_verdicts(Arc::clone(&parts)));
        Ok(Self {
            address,
            admin_address,
            parts,
            threads,
        })
    }

    /// Keeps apps and keys as the configuration file says, until the edge leaves. `running` is the configuration it was
    /// started with.
    pub fn follow_config(&self, running: Config, flags: Flags) {
        let parts = &self.parts;
        let Some(path) = running.file.clone() else {
            return;
        };
        let load = move || Config::load(&flags);
        let reloads = parts.metrics.reloads.clone();
        let count = move |reload| reloads.count(reload);
        let watch = watch_file(
            path,
            parts.tenancy.clone(),
            running,
            load,
            count,
            parts.drain.clone(),
        );
        parts.tasks.spawn(watch);
    }

    /// Leaves in order, in at most the configured grace period.
    pub async fn drain(self) {
        let grace = self.parts.config.timing.drain;
        let deadline = tokio::time::Instant::now() + grace;
        self.parts.readiness.block(DRAINING);
        self.parts.metrics.draining.set(1);
        self.parts.drain.cancel();
        let sessions = u32::try_from(self.parts.metrics.sessions.get()).unwrap_or(0);
        let spread = drain_spread(sessions, self.threads.len(), grace);
        tracing::info!(sessions, spread_ms = spread.as_millis(), "draining");
        if tokio::time::timeout_at(deadline, self.send_away(spread))
            .await
            .is_err()
        {
            let left = self.parts.metrics.sessions.get();
            tracing::warn!(sessions = left, "grace period over, cutting the rest");
            self.parts.abort.cancel();
        }
        self.parts.cluster.withdraw().await;
        tracing::info!("drained");
    }
}

impl Edge {
    /// Ends when the last session and the last connection have, and nobody is expected back any more.
    async fn send_away(&self, spread: Duration) {
        for lane in self.parts.lanes.all() {
            if lane.drain(spread).await.is_err() {
                tracing::error!("a lane ended before it was told to");
            }
        }
        self.parts.tasks.close();
        self.parts.tasks.wait().await;
    }
}

/// Slow enough for the other edges, fast enough to leave clients half of the grace period for their goodbyes.
fn drain_spread(sessions: u32, lanes: usize, grace: Duration) -> Duration {
    let pace = DRAIN_PACE * u32::try_from(lanes).unwrap_or(1).max(1);
    (Duration::from_secs(1) * sessions / pace).min(grace / 2)
}

fn lane_count(configured: usize) -> u8 {
    let lanes = match configured {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        lanes => lanes,
    };
    u8::try_from(lanes).unwrap_or(u8::MAX)
}

/// Alone, with everything in this process, or over Redis if there is one.
fn enter_cluster(
    config: &Config,
    edge_id: &EdgeId,
    inboxes: &[Inbox],
    pressure: &Pressure,
) -> Result<(Cluster, Option<redis::Work>), redis::RedisConfigError> {
    let handles = inboxes.iter().map(Inbox::handle).collect();
    let named_members = config.limits.presence_named_members;
    let Some(url) = &config.redis_url else {
        let cluster = in_process::World::new(named_members).enter(handles);
        return Ok((cluster, None));
    };
    let config = redis::RedisConfig {
        url: url.expose().to_owned(),
        prefix: config.redis.prefix.clone(),
        ca_file: config.redis.ca_file.clone(),
        edge: edge_id.to_string(),
        region: config.region.clone(),
        named_members: named_members as usize,
        edge_ttl: config.timing.edge_ttl,
        lease_audit: config.timing.lease_audit,
        topology_poll: config.redis.topology_poll,
        probe: config.redis.probe,
    };
    let (cluster, link) = redis::connect(config, handles, pressure.clone())?;
    Ok((cluster, Some(link)))
}

/// A single lane runs the link beside its sessions: what they say to Redis and hear from it then wakes no other thread. Of
/// several lanes none is burdened with it, and it has a thread of its own.
fn start_lanes(
    inboxes: Vec<Inbox>,
    mut link: Option<redis::Work>,
    share: &LaneShare,
    config: &Config,
) -> Result<(Vec<LaneHandle>, Vec<JoinHandle<()>>), StartError> {
    let lane_config = LaneConfig {
        mailbox_bytes: config.limits.mailbox_bytes as usize,
        ping: config.timing.ping,
        pong: config.timing.pong,
        handshake: config.timing.handshake,
        slice: lane::SLICE,
        presence_grace: config.timing.presence_grace,
    };
    if inboxes.len() > 1
        && let Some(link) = link.take()
    {
        link.spawn().map_err(StartError::Lane)?;
    }
    let started: Result<Vec<_>, io::Error> = inboxes
        .into_iter()
        .map(|inbox| lane::spawn(inbox, link.take(), share.clone(), lane_config))
        .collect();
    Ok(started.map_err(StartError::Lane)?.into_iter().unzip())
}

fn session_limits(config: &Config) -> Limits {
    Limits {
        messages: Rate {
            per_second: config.limits.messages_per_second,
            burst: config.limits.message_burst,
        },
        channels: config.limits.channels_per_session,
    }
}

fn room_limits(config: &RoomConfig) -> dialects::room::Limits {
    dialects::room::Limits {
        messages: Rate {
            per_second: config.messages_per_second,
            burst: config.message_burst,
        },
        frame_bytes: config.frame_bytes,
    }
}

fn device_limits(config: &DeviceConfig) -> dialects::device::Limits {
    dialects::device::Limits {
        requests: Rate {
            per_second: config.requests_per_second,
            burst: config.request_burst,
        },
        frame_bytes: config.frame_bytes,
        keepalive_interval: config.keepalive_interval,
    }
}

/// Tells the lanes whenever apps and keys have changed.
async fn follow_tenancy(parts: Arc<Parts>) {
    let mut versions = parts.tenancy.watch();
    loop {
        tokio::select! {
            () = parts.drain.cancelled() => return,
            changed = versions.changed() => if changed.is_err() { return },
        }
        let tenancy = parts.tenancy.load();
        for lane in parts.lanes.all() {
            if lane.rebind(Arc::clone(&tenancy)).await.is_err() {
                return;
            }
        }
    }
}

/// Fetches the keys of issuers, until the edge leaves.
fn keep_issuers_fresh(parts: &Parts) -> impl Future<Output = ()> + use<> {
    let tenancy = parts.tenancy.clone();
    let rings = move || {
        let tenancy = tenancy.load();
        let rings = tenancy.issuers().map(|issuer| Arc::clone(&issuer.keys));
        rings.collect()
    };
    issuers::keep_fresh(
        rings,
        parts.tenancy.watch(),
        parts.metrics.issuers.clone(),
        parts.drain.clone(),
    )
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    let listen = async {
        let listener = TcpListener::bind(address).await?;
        // Frames are written whole, so waiting for more to send only delays them. Accepted sockets inherit it.
        socket2::SockRef::from(&listener).set_tcp_nodelay(true)?;
        Ok(listener)
    };
    listen
        .await
        .map_err(|source| StartError::Listen { address, source })
}

fn local_address(listener: &TcpListener) -> Result<SocketAddr, StartError> {
    listener.local_addr().map_err(StartError::Lane)
}
