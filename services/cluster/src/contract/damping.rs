//! What leases promise when they are fought over: the first takeovers are free, further ones wait their turn.

use tokio::time::sleep;

use super::claimant::{granted, waits};
use super::{Deployment, Edge};
use crate::leases::{Attach, FREE_TAKEOVERS, Holder, TAKEOVER_WAIT};

/// Two clients that both insist cannot fight at network speed; the damped one gets its turn all the same.
pub async fn the_fourth_takeover_waits_while_the_holder_keeps_the_lease(
    deployment: &impl Deployment,
) {
    let edges = [deployment.start().await, deployment.start().await];
    let holding_now = fight(&edges).await;
    let newcomer = edges[1].session(1, "alice");
    let place = waits(newcomer.attach().await);
    assert_eq!(
        newcomer.holder().await,
        Some(holding_now),
        "the older session serves meanwhile"
    );
    sleep(TAKEOVER_WAIT).await;
    let Attach::Granted { fence, previous } = newcomer.attach_after(place).await else {
        panic!("the only waiter was refused");
    };
    assert_eq!(previous, Some(holding_now));
    assert_eq!(newcomer.holder().await, Some(newcomer.holding(fence)));
}

/// Of several that wait the last one gets the lease; the others learn that they are too late, before it and after it.
pub async fn only_the_newest_waiter_is_kept(deployment: &impl Deployment) {
    let edges = [deployment.start().await, deployment.start().await];
    fight(&edges).await;
    let waiters = [0, 1, 0].map(|edge| edges[edge].session(0, "alice"));
    let mut places = Vec::new();
    for waiter in &waiters {
        places.push(waits(waiter.attach().await));
    }
    sleep(TAKEOVER_WAIT).await;
    assert_eq!(waiters[0].attach_after(places[0]).await, Attach::Superseded);
    let fence = granted(waiters[2].attach_after(places[2]).await);
    assert_eq!(waiters[1].attach_after(places[1]).await, Attach::Superseded);
    assert_eq!(waiters[0].holder().await, Some(waiters[2].holding(fence)));
}

/// Who finds the lease free is newer than who waits for it: the waiter must not take it back.
pub async fn a_newcomer_to_a_free_lease_supersedes_whoever_waits(deployment: &impl Deployment) {
    let edges = [deployment.start().await, deployment.start().await];
    let holding_now = fight(&edges).await;
    let waiter = edges[0].session(0, "alice");
    let place = waits(waiter.attach().await);
    let leaver = &edges[usize::from(holding_now.incarnation != edges[0].cluster.incarnation)];
    leaver
        .cluster
        .leases
        .release(&waiter.lease_key(), holding_now.session, holding_now.fence);
    waiter.lease_becomes_free().await;
    let newcomer = edges[1].session(1, "alice");
    let fence = granted(newcomer.attach().await);
    sleep(TAKEOVER_WAIT).await;
    assert_eq!(waiter.attach_after(place).await, Attach::Superseded);
    assert_eq!(waiter.holder().await, Some(newcomer.holding(fence)));
}

/// Uses up the free takeovers of alice's lease, on both edges in turn; returns who holds it in the end.
async fn fight(edges: &[Edge; 2]) -> Holder {
    let mut last = None;
    for claim in 0..=FREE_TAKEOVERS {
        let session = edges[claim % 2].session(0, "alice");
        last = Some(session.holding(granted(session.attach().await)));
    }
    last.expect("the range above is not empty")
}
