//! Cleans up after an edge that is gone: its members leave, once, and its sessions no longer count.
//!
//! Its leases need nothing: a lease of a dead registration counts as nobody's. Doing it twice changes nothing; a claim only
//! spares the others the work.

use std::sync::Arc;

use fred::error::Error;
use fred::prelude::Value;

use super::entry::{Extent, HoldCall};
use super::holds::hold_as;
use super::keys::PARTITIONS;
use super::link::Link;
use super::shared::Shared;
use crate::origin::Incarnation;

/// How long others leave the work to whoever claimed it.
const CLAIM_MS: i64 = 10_000;
/// Topics and partitions worked on at once.
const PACE: usize = 64;

/// Sweeps, unless somebody else does.
pub(super) async fn sweep(shared: &Arc<Shared>, edge: Incarnation) {
    let Some(link) = shared.links.current() else {
        return;
    };
    match claim(shared, &link, edge).await {
        Ok(true) => {}
        Ok(false) => return,
        Err(error) => {
            shared.doubt(link.generation, &error);
            return;
        }
    }
    tracing::info!(%edge, "an edge is gone, cleaning up after it");
    match sweep_all(shared, &link, edge).await {
        Ok(topics) => {
            shared.status.add(|counts| &counts.sweeps, 1);
            tracing::info!(%edge, topics, "cleaned up");
        }
        // It stays registered, so the next look finds it again.
        Err(reason) => tracing::warn!(%edge, %reason, "could not clean up, trying again later"),
    }
}

async fn claim(shared: &Shared, link: &Link, edge: Incarnation) -> Result<bool, Error> {
    let args: Vec<Value> = vec![
        shared.names.sweep_claim(edge).into(),
        shared.incarnation.to_string().into(),
        "NX".into(),
        "PX".into(),
        CLAIM_MS.into(),
    ];
    let claimed: Value = link.command("SET", args).await?;
    Ok(!claimed.is_null())
}

async fn sweep_all(shared: &Arc<Shared>, link: &Link, edge: Incarnation) -> Result<usize, String> {
    let mut topics = 0;
    let partitions: Vec<u16> = (0..PARTITIONS).collect();
    for some in partitions.chunks(PACE) {
        let indexes = some.iter().map(|partition| {
            let index = shared.names.member_index(*partition, edge);
            link.command::<Vec<String>>("SMEMBERS", vec![index.into()])
        });
        let channels = futures_util::future::try_join_all(indexes)
            .await
            .map_err(|error| error.to_string())?
            .concat();
        topics += channels.len();
        for some in channels.chunks(PACE) {
            let calls: Vec<HoldCall> = some.iter().map(|channel| nothing(channel)).collect();
            let holds = calls.iter().map(|call| hold_as(shared, link, edge, call));
            futures_util::future::try_join_all(holds)
                .await
                .map_err(|error| error.to_string())?;
        }
    }
    shared
        .quotas
        .forget(shared, link, edge)
        .await
        .map_err(|error| error.to_string())?;
    let forgotten = vec![shared.names.registrations().into(), edge.to_string().into()];
    link.command::<Value>("SREM", forgotten)
        .await
        .map_err(|error| error.to_string())?;
    Ok(topics)
}

/// Takes back what carries a registration of this edge: the present one in an orderly leave, a former one once everything
/// has been told again.
pub(super) async fn forget(shared: &Arc<Shared>, registration: Incarnation) {
    let Some(link) = shared.links.current() else {
        return;
    };
    if let Err(reason) = sweep_all(shared, &link, registration).await {
        tracing::warn!(%reason, "could not give back members; another edge will");
    }
}

/// The edge holds nobody in this topic any more.
fn nothing(channel: &str) -> HoldCall {
    HoldCall {
        channel: channel.into(),
        joins: Vec::new(),
        leaves: Vec::new(),
        extent: Extent::All,
        wants_roster: false,
    }
}
