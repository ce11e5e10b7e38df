//! What leases promise: one holder, told once when it loses, and numbers that only grow.

use tokio::task::JoinSet;

use super::claimant::granted;
use super::names::{another_app, channel, peer_id, room_id};
use super::patience::within;
use super::{Deployment, Edge, End};
use crate::inbox::Eviction;
use crate::leases::{Attach, FREE_TAKEOVERS, Fence, LeaseKey, Turn};

/// The first claim succeeds and everybody can see who made it.
pub async fn a_free_lease_is_granted_and_known(deployment: &impl Deployment) {
    let edges = [deployment.start().await, deployment.start().await];
    let alice = edges[0].session(0, "alice");
    assert_eq!(alice.holder().await, None);
    let fence = granted(alice.attach().await);
    assert!(fence > Fence::NONE && fence.0 < 1 << 53);
    assert_eq!(
        edges[1].session(0, "alice").holder().await,
        Some(alice.holding(fence))
    );
}

/// The older session's own lane hears of it, on whichever edge, with the newer fence, and nobody else does.
pub async fn a_takeover_tells_the_older_session_once(deployment: &impl Deployment) {
    let mut edges = [deployment.start().await, deployment.start().await];
    let bystander = edges[0].session(1, "bystander");
    granted(bystander.attach().await);
    let older = edges[0].session(1, "alice");
    let older_fence = granted(older.attach().await);
    let newer = edges[1].session(0, "alice");
    let Attach::Granted { fence, previous } = newer.attach().await else {
        panic!("a takeover was damped")
    };
    assert!(fence > older_fence);
    assert_eq!(previous, Some(older.holding(older_fence)));
    edges[0]
        .lane(1)
        .sees("the eviction", |log| !log.evictions().is_empty())
        .await;
    for edge in &mut edges {
        settle(edge).await;
    }
    assert_eq!(
        edges[0].lane(1).log().evictions(),
        [Eviction {
            session: older.id,
            fence
        }]
    );
    assert_eq!(edges[0].lane(0).log().evictions(), []);
    assert_eq!(edges[1].lane(0).log().evictions(), []);
    assert_eq!(older.holder().await, Some(newer.holding(fence)));
}

/// Whoever wants a lease only if it is free gets it then, is refused otherwise, on whichever edge, and is never damped.
pub async fn a_claim_of_what_is_free_takes_over_from_nobody(deployment: &impl Deployment) {
    let mut edges = [deployment.start().await, deployment.start().await];
    let holder = edges[0].session(1, "alice");
    let fence = granted(holder.attach_if_free().await);
    for _ in 0..2 * FREE_TAKEOVERS {
        for edge in &edges {
            let refused = Attach::Refused(holder.holding(fence));
            assert_eq!(edge.session(0, "alice").attach_if_free().await, refused);
        }
    }
    settle(&mut edges[0]).await;
    assert_eq!(edges[0].lane(1).log().evictions(), []);
    // Its own claim is renewed, and the refused ones have not brought anybody nearer to a wait.
    let renewed = granted(holder.attach_if_free().await);
    assert!(renewed > fence);
    let Attach::Granted { previous, .. } = edges[1].session(0, "alice").attach().await else {
        panic!("a takeover was damped")
    };
    assert_eq!(previous, Some(holder.holding(renewed)));
}

/// A claim that is repeated, since its answer was lost, evicts nobody and is never damped.
pub async fn claiming_what_one_holds_takes_over_from_nobody(deployment: &impl Deployment) {
    let mut edge = deployment.start().await;
    let alice = edge.session(0, "alice");
    let mut last = granted(alice.attach().await);
    for _ in 0..2 * FREE_TAKEOVERS {
        let Attach::Granted {
            fence,
            previous: None,
        } = alice.attach().await
        else {
            panic!("fought itself")
        };
        assert!(fence > last);
        last = fence;
    }
    settle(&mut edge).await;
    assert_eq!(edge.lane(0).log().evictions(), []);
    assert_eq!(alice.holder().await, Some(alice.holding(last)));
}

/// The late clean-up of a session that lost the lease, or of an older grant, removes nobody.
pub async fn only_the_holder_can_release(deployment: &impl Deployment) {
    let edge = deployment.start().await;
    let (older, newer) = (edge.session(0, "alice"), edge.session(1, "alice"));
    let older_fence = granted(older.attach().await);
    let newer_fence = granted(newer.attach().await);
    older.release(older_fence);
    older.release(newer_fence);
    newer.release(older_fence);
    // Answered after the releases were worked off, if they are worked off in order; a later wrong removal shows below.
    granted(edge.session(0, "somebody-else").attach().await);
    assert_eq!(newer.holder().await, Some(newer.holding(newer_fence)));
    let Attach::Granted { previous, .. } = older.attach().await else {
        panic!("a takeover was damped")
    };
    assert_eq!(previous, Some(newer.holding(newer_fence)));
    let fence = granted(newer.attach().await);
    newer.release(fence);
    newer.lease_becomes_free().await;
}

/// A number never comes twice for a key, also when nothing of the earlier holder is left.
pub async fn fences_grow_also_after_release(deployment: &impl Deployment) {
    let edges = [deployment.start().await, deployment.start().await];
    let mut last = Fence::NONE;
    for round in 0..20 {
        let session = edges[round % 2].session(0, "alice");
        let fence = granted(session.attach().await);
        assert!(fence > last, "{fence} after {last}");
        last = fence;
        session.release(fence);
        session.lease_becomes_free().await;
    }
}

/// An edge that remembers a higher number than the backend is right, for instance after a failover lost writes.
pub async fn a_fence_is_above_the_callers_floor(deployment: &impl Deployment) {
    let edge = deployment.start().await;
    let session = edge.session(0, "alice");
    let ahead = Fence(granted(session.attach().await).0 + 3_600_000_000);
    let fence = granted(session.claim(ahead, Turn::First).await);
    assert!(fence > ahead);
    session.release(fence);
    session.lease_becomes_free().await;
}

/// Whoever claims at once is put in one row: the last holds the lease and every other one is told by its successor.
pub async fn simultaneous_claims_leave_one_holder(deployment: &impl Deployment) {
    let mut edges = [deployment.start().await, deployment.start().await];
    let mut claims = JoinSet::new();
    // As many as the damping lets through: one grant and the free takeovers.
    for claim in 0..=FREE_TAKEOVERS {
        let session = edges[claim % 2].session(0, "alice");
        claims.spawn(async move {
            let attach = session.attach().await;
            (session, attach)
        });
    }
    let mut row = Vec::new();
    for (session, attach) in within("all claim", claims.join_all()).await {
        let Attach::Granted { fence, previous } = attach else {
            panic!("damped within the free takeovers")
        };
        row.push((fence, previous, session));
    }
    row.sort_by_key(|(fence, ..)| *fence);
    let mut before = None;
    for (fence, previous, session) in &row {
        assert_eq!(
            *previous, before,
            "every claim takes over from the one before it"
        );
        before = Some(session.holding(*fence));
    }
    assert_eq!(row[0].2.holder().await, before);
    for pair in row.windows(2) {
        let [(_, _, older), (fence, _, _)] = pair else {
            continue;
        };
        let eviction = Eviction {
            session: older.id,
            fence: *fence,
        };
        let edge = if older.cluster.incarnation == edges[0].cluster.incarnation {
            0
        } else {
            1
        };
        edges[edge]
            .lane(0)
            .sees("an eviction", |log| log.evictions().contains(&eviction))
            .await;
    }
    let told: usize = edges
        .iter_mut()
        .map(|edge| edge.lane(0).log().evictions().len())
        .sum();
    assert_eq!(told, FREE_TAKEOVERS);
}

/// One phone may hold a session in each dialect, and in each room; devices, peers and apps do not meet.
pub async fn keys_that_differ_are_leased_apart(deployment: &impl Deployment) {
    let edge = deployment.start().await;
    let session = edge.session(0, "alice");
    let phone = "phone".parse().expect("a device id");
    let laptop = "laptop".parse().expect("a device id");
    let base = session.lease_key();
    let keys = [
        LeaseKey {
            app: another_app(),
            ..base.clone()
        },
        LeaseKey {
            dialect: "device",
            ..base.clone()
        },
        LeaseKey {
            peer: peer_id("bob"),
            ..base.clone()
        },
        LeaseKey {
            device: Some(phone),
            ..base.clone()
        },
        LeaseKey {
            device: Some(laptop),
            ..base.clone()
        },
        LeaseKey {
            device: Some("phone".parse().expect("a device id")),
            room: Some(room_id(0)),
            ..base.clone()
        },
        LeaseKey {
            device: Some("phone".parse().expect("a device id")),
            room: Some(room_id(1)),
            ..base.clone()
        },
        base,
    ];
    for key in &keys {
        let claimant = edge.session(0, "alice");
        let attach = claimant
            .cluster
            .leases
            .attach(key, claimant.id, Fence::NONE, Turn::First)
            .await;
        assert!(
            matches!(attach, Ok(Attach::Granted { previous: None, .. })),
            "{key:?} was {attach:?}"
        );
    }
}

/// Nobody is to be told on an edge that is gone, and nobody waits for it.
pub async fn an_ended_edge_holds_no_lease(deployment: &impl Deployment) {
    for end in End::ALL {
        let survivor = deployment.start().await;
        let ending = deployment.start().await;
        let older = ending.session(0, "alice");
        let older_fence = granted(older.attach().await);
        end.befall(&ending, deployment).await;
        let newer = survivor.session(0, "alice");
        newer.lease_becomes_free().await;
        let Attach::Granted {
            fence,
            previous: None,
        } = newer.attach().await
        else {
            panic!("an edge that was {end:?} still held the lease");
        };
        assert!(fence > older_fence);
        newer.release(fence);
        newer.lease_becomes_free().await;
    }
}

/// Lets everything that is on its way to the edge's lanes arrive before it returns, as far as a message of its own can.
async fn settle(edge: &mut Edge) {
    let topic = channel(&format!("settle-{}", edge.cluster.incarnation));
    for lane in [0, 1] {
        let session = edge.listener(lane, "settler", &topic).await;
        edge.published(&session, &topic, "settled").await;
        edge.lane(lane).hears(&topic, "settled").await;
    }
}
