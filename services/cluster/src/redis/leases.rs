//! The leases that this edge's sessions hold: claimed, watched, given back.
//!
//! What is held is kept here, so that it can be told again: Redis may lose it. An eviction reaches the loser three ways,
//! and any one is enough: told by the winner, found by the audit, and by a message of its successor (`fences`).
//!
//! The audit reads what was taken over since the last one, from a log of each partition: its cost does not grow with what is
//! held. After every doubt about Redis, and once in a while without one, each lease is compared.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fred::prelude::Value;
use hashbrown::HashMap;
use tokio::time::{Instant, sleep};

use super::keys::LEASE_PARTITIONS;
use super::link::Link;
use super::parcel;
use super::scripts::lease::{
    self, AUDIT, AUDIT_LEASES_MAX, Attached, Believed, Claim, Claimant, HOLDER, LEASE_LIFE, Lost,
    Manners, RELEASE, TAKEOVERS_MAX, Takeover,
};
use super::shared::Shared;
use super::unanswered::Unanswered;
use crate::Unavailable;
use crate::inbox::{Arrival, Eviction};
use crate::leases::{Attach, Fence, Holder, LeaseKey, Turn};
use crate::origin::{Incarnation, SessionId};

/// Releases that Redis could not be told; beyond that a lease runs out by itself.
const UNRELEASED_MAX: usize = 65_536;

/// Audit intervals between two comparisons of each lease, which also keep the records alive.
const COMPARE_EVERY: u32 = 20;

/// What this edge holds.
#[derive(Debug, Default)]
pub(super) struct LeaseTable(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    /// By lease and session: two sessions of one device may meet here while the older one goes.
    held: HashMap<(LeaseKey, SessionId), Held>,
    /// Given back while Redis could not be told.
    unreleased: Vec<(LeaseKey, Claimant, Option<Fence>)>,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    fence: Fence,
    since_us: u64,
}

impl LeaseTable {
    pub(super) async fn attach(
        shared: &Arc<Shared>,
        key: &LeaseKey,
        session: SessionId,
        floor: Fence,
        turn: Turn,
        manners: Manners,
    ) -> Result<Attach, Unavailable> {
        let link = shared
            .links
            .by(shared.deadline())
            .await
            .ok_or(Unavailable)?;
        let dead = shared.edges.dead();
        let (partition, lease) = shared.names.lease(key);
        let claim = Claim {
            lease,
            takeovers: shared.names.takeovers(partition),
            claimant: Claimant {
                incarnation: shared.incarnation,
                session,
            },
            registration: shared.edges.registration(),
            region: &shared.config.region,
            floor: floor.max(shared.fences.known(key.fenced(Fence::NONE).device)),
            manners,
            turn,
            dead: &dead,
        };
        let (keys, args) = lease::attach(claim);
        let unanswered = Unanswered::new(shared, key, session);
        let reply = shared.run(&link, &lease::ATTACH, keys, args).await?;
        let attach = match lease::parse_attach(reply).map_err(|_| Unavailable)? {
            Attached::Granted {
                fence,
                since_us,
                previous,
            } => {
                shared
                    .leases
                    .lock()
                    .held
                    .insert((key.clone(), session), Held { fence, since_us });
                shared.fences.note(key.fenced(fence));
                let previous: Option<Holder> = previous.map(Holder::from);
                if let Some(previous) = previous {
                    evict(shared, &link, previous.incarnation, previous.session, fence).await;
                }
                Attach::Granted { fence, previous }
            }
            Attached::Wait(place) => Attach::Wait(place),
            Attached::Superseded => Attach::Superseded,
            Attached::Refused { holder, .. } => Attach::Refused(holder.into()),
        };
        unanswered.answered();
        Ok(attach)
    }

    pub(super) fn release(shared: &Arc<Shared>, key: &LeaseKey, session: SessionId, fence: Fence) {
        Self::give_back(shared, key, session, Some(fence));
    }

    /// Releases what a session holds with this fence, or with whichever if it never learnt it.
    pub(super) fn give_back(
        shared: &Arc<Shared>,
        key: &LeaseKey,
        session: SessionId,
        fence: Option<Fence>,
    ) {
        {
            let mut table = shared.leases.lock();
            let place = (key.clone(), session);
            if table
                .held
                .get(&place)
                .is_some_and(|held| fence.is_none_or(|fence| held.fence == fence))
            {
                table.held.remove(&place);
            }
            if table.unreleased.len() < UNRELEASED_MAX {
                let claimant = Claimant {
                    incarnation: shared.incarnation,
                    session,
                };
                table.unreleased.push((key.clone(), claimant, fence));
            }
        }
        let task = Arc::clone(shared);
        shared.spawn(async move {
            if let Some(link) = task.links.current() {
                release_pending(&task, &link).await;
            }
        });
    }

    pub(super) async fn holder(
        shared: &Shared,
        key: &LeaseKey,
    ) -> Result<Option<Holder>, Unavailable> {
        let link = shared
            .links
            .by(shared.deadline())
            .await
            .ok_or(Unavailable)?;
        let (keys, args) = lease::holder(shared.names.lease(key).1);
        let reply = shared.run(&link, &HOLDER, keys, args).await?;
        let held = lease::parse_holder(reply, &shared.edges.dead()).map_err(|_| Unavailable)?;
        Ok(held.map(Holder::from))
    }

    /// Tells Redis of every lease again, and finds those that are lost.
    pub(super) async fn offer_all(&self, shared: &Arc<Shared>) {
        if let Some(link) = shared.links.current() {
            release_pending(shared, &link).await;
            audit(shared, &link, Pace::AtOnce).await;
        }
    }

    /// The last step of an orderly leave.
    pub(super) async fn release_all(&self, shared: &Arc<Shared>) {
        {
            let mut table = self.lock();
            let held: Vec<_> = table.held.drain().collect();
            for ((key, session), held) in held {
                let claimant = Claimant {
                    incarnation: shared.incarnation,
                    session,
                };
                table.unreleased.push((key, claimant, Some(held.fence)));
            }
        }
        if let Some(link) = shared.links.current() {
            release_pending(shared, &link).await;
        }
    }

    /// Whether a session holds a lease, as far as this edge knows.
    pub(super) fn holds(&self, key: &LeaseKey, session: SessionId) -> bool {
        self.lock().held.contains_key(&(key.clone(), session))
    }

    /// Forgets what a session holds below `fence`; returns whether there was anything.
    fn lose(&self, session: SessionId, fence: Fence) -> bool {
        let mut table = self.lock();
        let before = table.held.len();
        table
            .held
            .retain(|(_, holder), held| *holder != session || held.fence >= fence);
        table.held.len() < before
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an audit may take its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    AtOnce,
    Spread,
}

/// Audits in each interval, until the edge leaves.
pub(super) async fn audit_all(shared: Arc<Shared>) {
    let every = shared.config.lease_audit;
    if every.is_zero() {
        return;
    }
    let mut read_up_to = vec![String::from("-"); usize::from(LEASE_PARTITIONS)];
    let compare_every = (every * COMPARE_EVERY).min(LEASE_LIFE / 3);
    let mut compared = Instant::now();
    // One log at a time, evenly: Redis is never asked for all at once.
    let step = every / u32::from(LEASE_PARTITIONS);
    for partition in (0..LEASE_PARTITIONS).cycle() {
        tokio::select! {
            () = sleep(step) => {}
            () = shared.ended.cancelled() => return,
        }
        let Some(link) = shared.links.current() else {
            continue;
        };
        release_pending(&shared, &link).await;
        let from = &mut read_up_to[usize::from(partition)];
        let read = read_takeovers(&shared, &link, partition, from).await;
        if read == Ok(Missed::Some) || compared.elapsed() >= compare_every {
            compared = Instant::now();
            tokio::select! {
                () = audit(&shared, &link, Pace::Spread) => {}
                () = shared.ended.cancelled() => return,
            }
        }
    }
}

/// Whether a log was cut before it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Missed {
    Nothing,
    Some,
}

/// Tells sessions of this edge that lost their device since the last look, whatever became of the news of it.
async fn read_takeovers(
    shared: &Arc<Shared>,
    link: &Link,
    partition: u16,
    from: &mut String,
) -> Result<Missed, Unavailable> {
    let args = vec![
        shared.names.takeovers(partition).into(),
        from.as_str().into(),
        "+".into(),
    ];
    let reply: Value = link.command("XRANGE", args).await.map_err(|error| {
        shared.doubt(link.generation, &error);
        Unavailable
    })?;
    let takeovers = lease::parse_takeovers(reply).map_err(|_| Unavailable)?;
    let missed = if takeovers.len() >= TAKEOVERS_MAX {
        Missed::Some
    } else {
        Missed::Nothing
    };
    for Takeover { id, loser, fence } in takeovers {
        *from = format!("({id}");
        if loser.incarnation == shared.incarnation && shared.leases.lose(loser.session, fence) {
            shared.status.add(|counts| &counts.audit_losses, 1);
            tell(shared, loser.session, fence);
        }
    }
    Ok(missed)
}

async fn audit(shared: &Arc<Shared>, link: &Link, pace: Pace) {
    let mut partitions: Vec<Vec<(LeaseKey, SessionId, Believed)>> = Vec::new();
    partitions.resize_with(usize::from(LEASE_PARTITIONS), Vec::new);
    for ((key, session), held) in &shared.leases.lock().held {
        let (partition, lease) = shared.names.lease(key);
        let believed = Believed {
            lease,
            claimant: Claimant {
                incarnation: shared.incarnation,
                session: *session,
            },
            fence: held.fence,
            since_us: held.since_us,
        };
        partitions[usize::from(partition)].push((key.clone(), *session, believed));
    }
    // A third of the interval for all of them leaves two thirds for whatever delays one.
    let step = shared.config.lease_audit / u32::from(LEASE_PARTITIONS) / 3;
    for leases in partitions.into_iter().filter(|leases| !leases.is_empty()) {
        for some in leases.chunks(AUDIT_LEASES_MAX) {
            if audit_some(shared, link, some).await.is_err() {
                return;
            }
        }
        if pace == Pace::Spread {
            sleep(step).await;
        }
    }
}

async fn audit_some(
    shared: &Arc<Shared>,
    link: &Link,
    leases: &[(LeaseKey, SessionId, Believed)],
) -> Result<(), Unavailable> {
    let believed: Vec<Believed> = leases
        .iter()
        .map(|(.., believed)| believed.clone())
        .collect();
    let (keys, args) = lease::audit(
        shared.edges.registration(),
        &shared.config.region,
        &believed,
    );
    let reply = shared.run(link, &AUDIT, keys, args).await?;
    let audited = lease::parse_audit(reply).map_err(|_| Unavailable)?;
    for Lost {
        place,
        fence,
        winner,
    } in audited.lost
    {
        let Some((key, session, believed)) = leases.get(place) else {
            continue;
        };
        let mut table = shared.leases.lock();
        let place = (key.clone(), *session);
        if winner == believed.claimant {
            // The answer to an attach was lost: the session holds it with a newer fence than it knows.
            if let Some(held) = table.held.get_mut(&place) {
                held.fence = held.fence.max(fence);
            }
            continue;
        }
        let is_current = table
            .held
            .get(&place)
            .is_some_and(|held| held.fence == believed.fence);
        if is_current {
            table.held.remove(&place);
            drop(table);
            shared.status.add(|counts| &counts.audit_losses, 1);
            tell(shared, *session, fence);
        }
    }
    for ousted in audited.ousted {
        if let Some((.., believed)) = leases.get(ousted.place) {
            let Claimant {
                incarnation,
                session,
            } = ousted.claimant;
            evict(shared, link, incarnation, session, believed.fence).await;
        }
    }
    Ok(())
}

/// Tells a session, wherever it is, that it lost its device.
async fn evict(
    shared: &Arc<Shared>,
    link: &Link,
    edge: Incarnation,
    session: SessionId,
    fence: Fence,
) {
    if edge == shared.incarnation {
        return tell(shared, session, fence);
    }
    let channel = shared.names.edge_channel(edge);
    // News that is lost is found by the audit of the other edge.
    let _ = link.publish(channel, parcel::evict(session, fence)).await;
}

fn tell(shared: &Shared, session: SessionId, fence: Fence) {
    if let Some(inbox) = shared.inboxes.get(usize::from(session.lane().0)) {
        inbox.push(Arrival::Evict(Eviction { session, fence }));
    }
}

/// Tells Redis what was given back; what it cannot be told stays for the next time.
async fn release_pending(shared: &Arc<Shared>, link: &Link) {
    let pending = std::mem::take(&mut shared.leases.lock().unreleased);
    if pending.is_empty() {
        return;
    }
    let mut partitions: HashMap<u16, Vec<_>> = HashMap::new();
    for (key, claimant, fence) in pending {
        let (partition, lease) = shared.names.lease(&key);
        partitions
            .entry(partition)
            .or_default()
            .push((key, (lease, claimant, fence)));
    }
    for released in partitions.into_values() {
        for some in released.chunks(AUDIT_LEASES_MAX) {
            let leases: Vec<_> = some.iter().map(|(_, release)| release.clone()).collect();
            let (keys, args) = lease::release(&leases);
            if shared.run(link, &RELEASE, keys, args).await.is_err() {
                let again = some
                    .iter()
                    .map(|(key, (_, claimant, fence))| (key.clone(), *claimant, *fence));
                shared.leases.lock().unreleased.extend(again);
            }
        }
    }
}
