//! What the directory promises: it knows where a peer can be reached.

use super::names::{another_app, app, peer_id, peer_inbox};
use super::patience::eventually;
use super::{Deployment, Edge, End};

/// Edges are counted, not lanes or sessions, and only those of the app.
pub async fn a_peer_is_held_by_as_many_edges_as_listen_to_it(deployment: &impl Deployment) {
    let topic = peer_inbox("bob");
    let mut edges = [deployment.start().await, deployment.start().await];
    assert_eq!(edges_holding_bob(&edges[0]).await, 0);
    let near = edges[0].listener(0, "bob", &topic).await;
    edges[0].listener(1, "bob", &topic).await;
    assert_eq!(
        edges_holding_bob(&edges[1]).await,
        1,
        "two lanes of one edge are one edge"
    );
    let far = edges[1].listener(0, "bob", &topic).await;
    assert_eq!(edges_holding_bob(&edges[0]).await, 2);
    assert_eq!(edges_holding_bob(&edges[1]).await, 2);
    let elsewhere = edges[0]
        .cluster
        .directory
        .edges_holding(&another_app(), &peer_id("bob"))
        .await;
    assert_eq!(elsewhere, Ok(0));
    far.unsubscribe(&topic);
    holding_bob_becomes(&edges[0], 1).await;
    near.unsubscribe(&topic);
    assert_eq!(
        edges_holding_bob(&edges[1]).await,
        1,
        "the edge's other lane still listens"
    );
}

/// An edge that is gone can be reached no more.
pub async fn an_ended_edge_holds_no_peer(deployment: &impl Deployment) {
    for end in End::ALL {
        let witness = deployment.start().await;
        let mut ending = deployment.start().await;
        ending.listener(0, "bob", &peer_inbox("bob")).await;
        assert_eq!(edges_holding_bob(&witness).await, 1);
        end.befall(&ending, deployment).await;
        holding_bob_becomes(&witness, 0).await;
    }
}

async fn edges_holding_bob(edge: &Edge) -> usize {
    edge.cluster
        .directory
        .edges_holding(&app(), &peer_id("bob"))
        .await
        .expect("the backend answers")
}

async fn holding_bob_becomes(edge: &Edge, edges: usize) {
    eventually("the directory learns of a leave", async || {
        (edges_holding_bob(edge).await == edges).then_some(())
    })
    .await;
}
