//! The backend over Redis: any number of edges that share one Redis, standalone, behind Sentinel or as a Cluster.
//!
//! The only place that names the Redis library.
//!
//! - [`connect`] makes a `member`, what the five handles call; `shared` is what its tasks share. All of them run on one
//!   thread of their own, the link's.
//! - The link: `topology` says where Redis is, `link` is a set of connections (one of them a `pipeline`), `links` the one in use,
//!   the `keeper` makes and ends them; `pulse` says whether the world stands still, [`status`] how it goes.
//! - What edges say: `outbox` and `publisher` on the way out, `messages` and `reader` on the way in, `parcel` its form, `keys` its
//!   names; `fences` tell who must not be heard, `causes` what has to be heard first.
//! - What edges share: `table` of topics, each an `entry` with its `roster`; `subscriptions` and `holds` bring Redis in line with
//!   it. `edges`, `heartbeat` and `sweep`: who is alive. `leases` (and what is `unanswered` of them), `quotas`, `records`.
//!
//! Redis answers late, or not at all, or not truly (a failover loses writes). What this edge holds is therefore kept here,
//! and told again after every doubt; pub/sub makes news fast and is never its only carrier.

mod causes;
mod config;
mod edges;
mod entry;
mod fences;
mod heartbeat;
mod holds;
mod keeper;
mod keys;
mod leases;
mod link;
mod links;
mod member;
mod messages;
mod meter;
mod outbox;
mod parcel;
mod pipeline;
mod publisher;
mod pulse;
mod quotas;
mod reader;
mod records;
mod roster;
mod said;
mod scripts;
mod shared;
pub mod status;
mod subscriptions;
mod sweep;
mod table;
mod ticker;
mod tls;
mod topology;
mod unanswered;
mod work;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use config::{RedisConfig, RedisConfigError};
pub(crate) use keys::{hash, lease_hash};
pub(crate) use member::Member;
pub(crate) use quotas::App;
pub use status::{LinkState, LinkStatus, Reason};
pub use work::Work;

use self::shared::Shared;
use crate::Cluster;
use crate::bus::Bus;
use crate::directory::Directory;
use crate::inbox::InboxHandle;
use crate::leases::Leases;
use crate::origin::Incarnation;
use crate::presence::Presence;
use crate::pressure::Pressure;
use crate::quotas::Quotas;
use crate::records::Records;

/// Bound of what the lanes have published and Redis has not taken.
const OUTBOX_BYTES: usize = 16 * 1024 * 1024;

/// Makes an edge a member of the cluster; its lane `n` reads the inbox behind `inboxes[n]`. Returns at once: what there is to do
/// with Redis is the [`Work`], and whether it can be reached shows in [`Cluster::link`].
///
/// # Errors
/// The configuration cannot be used.
pub fn connect(
    config: RedisConfig,
    inboxes: Vec<InboxHandle>,
    pressure: Pressure,
) -> Result<(Cluster, Work), RedisConfigError> {
    let topology = topology::Topology::new(&config)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(RedisConfigError::Runtime)?;
    let incarnation = Incarnation::random();
    let names = keys::Names::new(&config.prefix);
    let status = LinkStatus::new();
    let shared = Arc::new(Shared {
        incarnation,
        table: table::Table::new(names.clone()),
        outbox: outbox::Outbox::new(OUTBOX_BYTES, pressure),
        links: links::Links::new(),
        pulse: pulse::Pulse::new(
            topology.moves() && !config.topology_poll.is_zero(),
            !config.probe.is_zero(),
        ),
        subscriptions: subscriptions::Subscriptions::default(),
        edges: edges::Edges::new(incarnation),
        fences: fences::Fences::default(),
        causes: match topology.sharding() {
            link::Sharding::Sharded => Some(causes::Causes::default()),
            link::Sharding::Plain => None,
        },
        leases: leases::LeaseTable::default(),
        quotas: quotas::QuotaTable::default(),
        watchers: records::Watchers::default(),
        gatherings: Arc::default(),
        began: std::time::Instant::now(),
        epochs: AtomicU64::new(unix_us()),
        ended: CancellationToken::new(),
        tasks: TaskTracker::new(),
        runtime: runtime.handle().clone(),
        status: status.clone(),
        inboxes,
        names,
        config,
    });
    shared.spawn(keeper::keep(Arc::clone(&shared), topology));
    shared.spawn(publisher::publish_all(Arc::clone(&shared)));
    shared.spawn(heartbeat::beat(Arc::clone(&shared)));
    shared.spawn(ticker::tick_all(Arc::clone(&shared)));
    shared.spawn(leases::audit_all(Arc::clone(&shared)));
    shared.spawn(quotas::settle_all(Arc::clone(&shared)));
    let work = Work {
        runtime,
        ended: shared.ended.clone(),
        tasks: shared.tasks.clone(),
    };
    let member = Arc::new(Member::new(shared));
    let cluster = Cluster {
        incarnation,
        bus: Bus::redis(Arc::clone(&member)),
        presence: Presence::redis(Arc::clone(&member)),
        leases: Leases::redis(Arc::clone(&member)),
        quotas: Quotas::redis(Arc::clone(&member)),
        directory: Directory::redis(Arc::clone(&member)),
        records: Records::redis(member),
        link: Some(status),
    };
    Ok((cluster, work))
}

/// Where the epochs of this edge's histories begin: above those of any earlier run.
fn unix_us() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(1, |since| u64::try_from(since.as_micros()).unwrap_or(1))
}
